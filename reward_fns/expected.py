"""Grounding without annotation: are the asserted findings those that the true diagnosis is known for?"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from reward_fns.answers import Completion, readings
from reward_fns.grounding import asserted_findings
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
    """Mean support of the asserted findings by the true diagnosis, for cases that carry the label only.

    Support of a finding is P(finding | diagnosis) / (P(finding | diagnosis) + P(finding)), from the counts of
    `knowledge/expectations.tsv` with (k + 1/2) / (n + 1): 0.5 where the diagnosis does not matter, near 1 where the
    finding is typical of it, near 0 where it is not seen in it. It is weak evidence: it says what is usual, not what is
    there, so give it a small weight. None where the case is annotated, where no diagnosis is known, or where the table
    knows none of the asserted findings; 0 where the text does not parse or asserts no finding.
    """
    scores: list[float | None] = []
    for reading, truth, kind in zip(readings(completions), diagnosis, annotation, strict=True):
        if truth is None or kind == "dense" or not _table_knows(truth):
            scores.append(None)
        elif reading is None:
            scores.append(0.0)
        else:
            asserted, _ = asserted_findings(reading)
            supports = [s for s in (_support(truth, slug) for slug in asserted) if s is not None]
            scores.append(math.fsum(supports) / len(supports) if supports else 0.0)
    return scores


@cache
def _table_knows(diagnosis: str) -> bool:
    return any(d == diagnosis and count.total >= LEAST_IMAGES for (d, _), count in expectations().items())


@cache
def _marginal(finding: str) -> float:
    counts = [count for (_, slug), count in expectations().items() if slug == finding]
    return (sum(c.positives for c in counts) + 0.5) / (sum(c.total for c in counts) + 1)


@cache
def _support(diagnosis: str, finding: str) -> float | None:
    count = expectations().get((diagnosis, finding))
    if count is None or count.total < LEAST_IMAGES:
        return None
    p = (count.positives + 0.5) / (count.total + 1)
    return p / (p + _marginal(finding))
