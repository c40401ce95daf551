"""Are the findings that the model asserts the ones that are there?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, readings
from skin_r1.concepts import excluded_by, mentions
from skin_r1.reading import Reading

ABSENT_PENALTY = 0.25  # per asserted finding that is annotated absent
EXCLUDED_PENALTY = 0.25  # per asserted pair that cannot both hold
FREE_UNKNOWN = 2  # asserted findings of unknown truth beyond these count as wrong


def grounding_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    concepts_present: Sequence[Sequence[str]],
    concepts_absent: Sequence[Sequence[str]],
    **columns: Any,
) -> list[float | None]:
    """F1 of asserted against present findings, less a penalty for each one annotated absent or excluded by another.

    Asserted are the findings of the JSON object that the reasoning does not deny. With hits H, asserted findings that
    are annotated absent A, unknown names and findings beyond `FREE_UNKNOWN` U, exclusive pairs X and present P:

        precision = H / (H + A + U),  recall = H / P,  reward = max(0, F1 - 0.25 A' - 0.25 X),  A' = A / (H + A + U)

    A finding in neither list is unknown: it is neither paid nor punished, but only two are free, so that listing the
    whole vocabulary loses. Where nothing is present, asserting nothing scores 1.

    Returns:
        One value per completion in [0, 1]; None where the case has no annotation at all.

    >>> gold = '<think>An ulcer.</think>{"findings": ["ulcer"], "differential": [], "diagnosis": "x", "malignancy": "benign"}'
    >>> grounding_reward(completions=[gold, gold], concepts_present=[["ulcer"], ["scale"]], concepts_absent=[[], ["ulcer"]])
    [1.0, 0.0]
    """
    return [
        _score(reading, frozenset(present), frozenset(absent)) if present or absent else None
        for reading, present, absent in zip(readings(completions), concepts_present, concepts_absent, strict=True)
    ]


def asserted_findings(reading: Reading) -> tuple[frozenset[str], int]:
    """Findings that the JSON asserts and the reasoning does not deny, and how many names are no finding of ours."""
    denied = {mention.slug for mention in mentions(reading.think) if mention.negated}
    affirmed = {mention.slug for mention in mentions(reading.think) if not mention.negated}
    known = frozenset(slug for slug in reading.finding_slugs if slug is not None)
    return known - (denied - affirmed), sum(slug is None for slug in reading.finding_slugs)


def _score(reading: Reading | None, present: frozenset[str], absent: frozenset[str]) -> float:
    if reading is None:
        return 0.0
    asserted, strangers = asserted_findings(reading)
    hits, wrong = len(asserted & present), len(asserted & absent)
    unknown = len(asserted - present - absent) + strangers
    counted = hits + wrong + max(0, unknown - FREE_UNKNOWN)
    if not present and not counted:
        return 1.0
    if not hits:
        return 0.0
    precision, recall = hits / counted, hits / len(present)
    f1 = 2 * precision * recall / (precision + recall)
    clashes = sum(len(excluded_by(slug) & asserted) for slug in asserted) // 2
    return max(0.0, f1 - ABSENT_PENALTY * wrong / counted - EXCLUDED_PENALTY * clashes)
