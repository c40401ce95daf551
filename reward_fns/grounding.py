"""Are the findings that the model asserts, in its reasoning and in its answer, the ones that are there?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from reward_fns.columns import concepts
from reward_fns.diagnosis import diagnosis_reward
from skin_r1.concepts import excluded_by

RECALL_WEIGHT = 0.5  # beta squared: recall counts half as much as precision
WRONG_PENALTY = 0.25  # times the share of what was asserted that is wrong
EXCLUDED_PENALTY = 0.25  # per asserted pair that cannot both hold
FREE_UNKNOWN = 2  # asserted findings of unknown truth beyond these count as wrong


def grounding_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    concepts_present: Sequence[Sequence[str] | None],
    concepts_absent: Sequence[Sequence[str] | None],
    **columns: Any,
) -> list[float | None]:
    """Precision-weighted F of the asserted findings, less penalties for wrong and for incompatible ones.

    Paid are only hits H: present findings that stand in the JSON object and that the reasoning asserts. Counted against
    them is whatever stands in either place: wrong W (annotated absent; or present but denied by the reasoning) and, beyond
    the first `FREE_UNKNOWN`, what is unknown U (in neither list, or no finding of ours). A present finding in one place
    only is neither. With P present findings and X asserted pairs that exclude each other:

        precision p = H / (H + W + U),  recall r = H / P
        reward = max(0, 1.5 p r / (0.5 p + r) - 0.25 W / (H + W + U) - 0.25 X)

    The first term is van Rijsbergen's F with beta squared 0.5 (Information Retrieval, 2nd ed. 1979, chapter 7).
    A finding of unknown truth is neither paid nor punished, but only two are free, so that listing the whole vocabulary
    loses; listing nothing loses because nothing is hit. Where nothing is present, whatever asserts nothing wrong is right.

    Returns:
        One value per completion in [0, 1]; None where the case has no annotation at all.

    >>> from skin_r1.reading import render
    >>> gold = render("An ulcer is seen.", ["ulcer"], [], "melanoma", "malignant")
    >>> grounding_reward(completions=[gold, gold], concepts_present=[["ulcer"], ["scale"]], concepts_absent=[[], ["ulcer"]])
    [1.0, 0.0]
    """
    return [
        _score(answer, frozenset(present), frozenset(absent)) if present or absent else None
        for answer, present, absent in zip(
            answers(completions),
            concepts("concepts_present", concepts_present, 0),
            concepts("concepts_absent", concepts_absent, 0),
            strict=True,
        )
    ]


def gated_grounding_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    diagnosis: Sequence[str | None],
    concepts_present: Sequence[Sequence[str] | None],
    concepts_absent: Sequence[Sequence[str] | None],
    **columns: Any,
) -> list[float | None]:
    """`grounding_reward` times the credit of the diagnosis: right grounds of a wrong diagnosis earn in proportion.

    Returns:
        One value per completion in [0, 1]; None where the case has no annotation or no diagnosis.

    Raises:
        UserError: a true diagnosis or an annotated finding is no slug of ours.
    """
    grounds = grounding_reward(
        completions=completions, concepts_present=concepts_present, concepts_absent=concepts_absent
    )
    credits = diagnosis_reward(completions=completions, diagnosis=diagnosis)
    return [None if g is None or c is None else g * c for g, c in zip(grounds, credits, strict=True)]


def clashes(asserted: frozenset[str]) -> int:
    """How many pairs of these findings cannot both hold."""
    return sum(len(excluded_by(slug) & asserted) for slug in asserted) // 2


def _score(answer: Answer | None, present: frozenset[str], absent: frozenset[str]) -> float:
    if answer is None:
        return 0.0
    asserted, denied = answer.asserted, answer.told[1]
    hits = len(answer.upheld & present)
    wrong = len(asserted & absent) + len(denied & present)
    unknown = max(0, len(asserted - present - absent) + answer.strangers - FREE_UNKNOWN)
    counted = hits + wrong + unknown
    if not present:
        value = 1.0 if not counted else 0.0
    elif not hits:
        return 0.0
    else:
        precision, recall = hits / counted, hits / len(present)
        value = (1 + RECALL_WEIGHT) * precision * recall / (RECALL_WEIGHT * precision + recall)
        value -= WRONG_PENALTY * wrong / counted
    return max(0.0, value - EXCLUDED_PENALTY * clashes(asserted))
