"""Does the diagnosis fit what was said, and does the differential fit the case?"""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from reward_fns.differential import ranked
from skin_r1.distill.differential.graph import SILENT, known
from skin_r1.ontology import load_ontology
from skin_r1.plausible import RARE

NEUTRAL = 0.5  # neither expected nor implausible
COMMON = 0.5  # a finding that surely more than half of the cases show is missed when it is denied


def consistency(asserted: Collection[str], denied: Collection[str], diagnosis: str | None) -> float | None:
    """How well the findings carry the diagnosis of the same answer, in [0, 1]; the truth is not looked at.

    Mean over the asserted findings: 1 where a rule calls the finding typical or supporting of the diagnosis, or the lower end
    of the 95 % interval of its counted share reaches 0.15; 0 where a rule calls it rare or excluding, or the upper end stays
    below 0.05; else 0.5, also where rules and counts are silent. A denied finding that is typical, or shown by surely more
    than half of the cases, adds a 0; other denials add nothing. An excluding finding makes the diagnosis untenable: 0 at all.
    Rules and counts are those of `skin_r1.distill.differential.graph.known`, with rules of ancestors.

    Returns:
        None without a diagnosis of which anything is known, or without any finding.
    """
    if diagnosis is None or diagnosis not in load_ontology().nodes or not (carried := _carried(diagnosis)):
        return None
    scores = [carried[slug][0] if slug in carried else NEUTRAL for slug in asserted]
    scores += [0.0 for slug in denied if slug not in asserted and slug in carried and carried[slug][1]]
    if not scores:
        return None
    excluded = any(known(diagnosis)[slug].role == "excludes" for slug in asserted if slug in carried)
    return 0.0 if excluded else sum(scores) / len(scores)


@cache
def _carried(diagnosis: str) -> Mapping[str, tuple[float, bool]]:
    """Finding -> (how far it carries the diagnosis, whether the diagnosis needs it)."""
    out = {}
    for slug, about in known(diagnosis).items():
        low, high = about.share or (0.0, 1.0)
        if about.role is not None:
            carries = float(about.favors)
        else:
            carries = 1.0 if low >= SILENT else 0.0 if high < RARE else NEUTRAL
        out[slug] = carries, about.role == "typical" or low > COMMON
    return out


def differential_quality(
    row: Mapping[str, Any], differential: Sequence[str | None], diagnosis: str | None
) -> float | None:
    """Normalised discounted cumulative gain of the other diagnoses that the answer names, in [0, 1].

    The gain at rank r (from 1) is weight / log2(r + 1), divided by the gain of the best order (Järvelin and Kekäläinen 2002,
    doi 10.1145/582415.582418). Weights are the case's soft labels; without any, 1 for the true diagnosis and half of the edge
    weight for its four nearest look-alikes (`reward_fns.differential.ranked`). The answer's own diagnosis is left out on both
    sides, so a wrong answer can still be mended by naming the right one first. A repeated name and the answer itself are
    skipped, an unknown name takes its place, and only as many places are read as there are weights: a long list gains
    nothing.

    Args:
        row: a Case row; its `differential` and `diagnosis` are read.
        differential: slugs as the answer ranks them; None for a name that the ontology does not know.
        diagnosis: slug of the answer, or None.

    Returns:
        None where the case has neither soft labels nor a diagnosis with look-alikes, or none beside the answer.
    """
    weights = {item["diagnosis"]: float(item["weight"]) for item in row["differential"] or () if item["weight"] > 0}
    if not weights and row["diagnosis"] in load_ontology().nodes:
        weights = dict(ranked(row["diagnosis"]))
    left = {slug: weight for slug, weight in weights.items() if slug != diagnosis}
    if not left:
        return None
    places: list[str | None] = []
    seen = {diagnosis}
    for slug in differential:
        if slug is None or slug not in seen:
            places.append(slug)
        if slug is not None:
            seen.add(slug)
    gain = _gain([left.get(slug, 0.0) if slug else 0.0 for slug in places[: len(left)]])
    return min(1.0, gain / _gain(sorted(left.values(), reverse=True)))


def _gain(weights: Sequence[float]) -> float:
    return math.fsum(weight / math.log2(rank + 1) for rank, weight in enumerate(weights, start=1))
