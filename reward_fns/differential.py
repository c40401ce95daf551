"""Are the other diagnoses that were considered the right ones, likeliest first?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reward_fns.answers import Completion, readings
from skin_r1.reading import Reading


def differential_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    differential: Sequence[Sequence[Mapping[str, Any]]],
    **columns: Any,
) -> list[float | None]:
    """Normalised discounted gain of the named ranking (the diagnosis, then the differential) by the case's weights.

    The gain at rank r (from 1) is weight / log2(r + 1), divided by the gain of the best order of as many names as the
    case holds (Järvelin and Kekäläinen 2002, doi 10.1145/582415.582418). Names beyond the case's number are not
    counted, a repeated name counts once, so a long list gains nothing.

    Returns:
        One value per completion in [0, 1]; None where the case has no weight above 0.
    """
    return [
        _score(reading, weights) if weights else None
        for reading, weights in zip(readings(completions), map(_positive, differential), strict=True)
    ]


def _positive(differential: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {item["diagnosis"]: float(item["weight"]) for item in differential if item["weight"] > 0}


def _score(reading: Reading | None, weights: Mapping[str, float]) -> float:
    if reading is None:
        return 0.0
    named = list(dict.fromkeys([reading.diagnosis_slug, *reading.differential_slugs]))[: len(weights)]
    gain = _gain([weights.get(slug, 0.0) if slug else 0.0 for slug in named])
    return min(1.0, gain / _gain(sorted(weights.values(), reverse=True)))


def _gain(weights: Sequence[float]) -> float:
    return math.fsum(weight / math.log2(rank + 1) for rank, weight in enumerate(weights, start=1))
