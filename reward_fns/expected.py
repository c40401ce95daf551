"""Grounding without annotation: are the asserted findings those that the true diagnosis is known for?"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from reward_fns.answers import Completion, readings
from reward_fns.grounding import FREE_UNKNOWN, asserted_findings
from skin_r1.concepts import expectations

LEAST_IMAGES = 10  # fewer annotated images of a diagnosis say nothing


def expected_grounding_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    diagnosis: Sequence[str | None],
    annotation: Sequence[str],
    **columns: Any,
) -> list[float | None]:
    """F1 that the asserted findings would have on average over cases of the true diagnosis; for label-only cases.

    With p(f) = P(f | diagnosis) from the counts of `knowledge/expectations.tsv`, (k + 1/2) / (n + 1), asserted findings
    S, and findings that the table does not hold for this diagnosis beyond `FREE_UNKNOWN` U (names that are no finding
    among them):

        reward = 2 sum of p(f) over S / (|S| + U + sum of p(f) over all findings of the table)

    a ratio of expectations. Typical findings pay, unusual ones and long lists cost, and one typical finding alone pays
    less than all of them. It is weak evidence: it says what is usual, not what is there, so give it a small weight.

    Returns:
        One value per completion in [0, 1]. None where the case is annotated, or its diagnosis is unknown or has fewer
        than `LEAST_IMAGES` annotated images; 0 where the text does not parse or asserts no finding.
    """
    scores: list[float | None] = []
    for reading, truth, kind in zip(readings(completions), diagnosis, annotation, strict=True):
        usual = _usual(truth) if truth is not None and kind != "dense" else {}
        if not usual:
            scores.append(None)
        elif reading is None:
            scores.append(0.0)
        else:
            asserted, strangers = asserted_findings(reading)
            known = [usual[slug] for slug in asserted if slug in usual]
            unknown = max(0, len(asserted) - len(known) + strangers - FREE_UNKNOWN)
            scores.append(2 * math.fsum(known) / (len(known) + unknown + math.fsum(usual.values())))
    return scores


@cache
def _usual(diagnosis: str) -> Mapping[str, float]:
    """P(finding | diagnosis) of the findings annotated on enough images of the diagnosis."""
    return MappingProxyType(
        {
            finding: count.rate
            for (slug, finding), count in expectations().items()
            if slug == diagnosis and count.total >= LEAST_IMAGES
        }
    )
