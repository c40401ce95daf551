"""Are the other diagnoses that were considered the right ones, likeliest first?"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from reward_fns.columns import diagnoses, rankings
from skin_r1.differentials import neighbors
from skin_r1.reading import MAX_DIFFERENTIAL

NEIGHBORS = 4  # look-alikes of the graph that are asked for
NEIGHBOR_SHARE = 0.5  # a look-alike is worth at most half of the diagnosis itself


def differential_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    differential: Sequence[Sequence[Mapping[str, Any]] | None],
    diagnosis: Sequence[str | None] | None = None,
    **columns: Any,
) -> list[float | None]:
    """Normalised discounted gain of the named ranking: the diagnosis, then the differential.

    The gain at rank r (from 1) is weight / log2(r + 1), divided by the gain of the best order (Järvelin and Kekäläinen
    2002, doi 10.1145/582415.582418). Weights are the case's own (dermatologists' votes); a case without any takes 1 for
    its diagnosis and half of the edge weight for each of its four nearest look-alikes (`knowledge/differentials.tsv`).
    Only as many names as there are weights are read, a repeated name counts once, and an unknown one takes its place, so
    a long list gains nothing.

    Returns:
        One value per completion in [0, 1]; None where the case has neither weights nor a diagnosis with look-alikes.

    Raises:
        UserError: a true diagnosis, or one of the weighted ones, is no slug of the ontology.
    """
    truths = diagnoses(diagnosis or [None] * len(completions))
    paid: list[float | None] = []
    for answer, own, truth in zip(answers(completions), rankings(differential, 0), truths, strict=True):
        weights = _positive(own) or (ranked(truth) if truth is not None else {})
        paid.append(None if not weights else 0.0 if answer is None else _score(answer, weights))
    return paid


@cache
def ranked(diagnosis: str) -> Mapping[str, float]:
    """The diagnosis and its look-alikes with their weights, likeliest first; empty without look-alikes."""
    near = neighbors(diagnosis)[:NEIGHBORS]
    if not near:
        return {}
    return MappingProxyType({diagnosis: 1.0} | {edge.b: NEIGHBOR_SHARE * edge.weight for edge in near})


def _positive(differential: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {item["diagnosis"]: float(item["weight"]) for item in differential if item["weight"] > 0}


def _score(answer: Answer, weights: Mapping[str, float]) -> float:
    named = [answer.reading.diagnosis_slug, *answer.reading.differential_slugs]
    room = min(len(weights), 1 + MAX_DIFFERENTIAL)  # an answer cannot name more
    places = [slug for at, slug in enumerate(named) if slug is None or slug not in named[:at]][:room]
    gain = _gain([weights.get(slug, 0.0) if slug else 0.0 for slug in places])
    return min(1.0, gain / _gain(sorted(weights.values(), reverse=True)[:room]))


def _gain(weights: Sequence[float]) -> float:
    return math.fsum(weight / math.log2(rank + 1) for rank, weight in enumerate(weights, start=1))
