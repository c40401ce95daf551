"""How near is the named diagnosis to the true one, in the ontology's tree?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, readings
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading

WRONG_MALIGNANCY_CAP = 0.25  # calling a melanoma a nevus is never nearly right
CONFUSABLE = {frozenset({"premalignant", "malignant"})}  # a grade apart, not the opposite


def diagnosis_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    diagnosis: Sequence[str | None],
    **columns: Any,
) -> list[float | None]:
    """Graded by the tree: 1 exact or synonym, 0.5 parent, child or sibling, 0.25 same grandparent, else 0.

    Steps as in the hierarchical accuracy of Melan-Dx (npj Digit Med 2026, doi 10.1038/s41746-026-02357-3). Where the
    malignancies of the named and the true diagnosis differ, the credit is at most 0.25, unless one is premalignant and
    the other malignant. A differential that
    repeats the diagnosis is fine; an unknown name, a text that does not parse, or two diagnoses in one string score 0.

    Args:
        prompts: not read.
        completions: texts or TRL messages.
        diagnosis: true slugs; None where the label does not resolve, which gives None.
        columns: not read.

    >>> gold = '<think>seen</think>{"findings": [], "differential": [], "diagnosis": "melanoma", "malignancy": "malignant"}'
    >>> diagnosis_reward(completions=[gold, "melanoma"], diagnosis=["melanoma", "melanoma"])
    [1.0, 0.0]
    """
    return [_score(reading, truth) for reading, truth in zip(readings(completions), diagnosis, strict=True)]


def _score(reading: Reading | None, truth: str | None) -> float | None:
    if truth is None:
        return None
    if reading is None or reading.diagnosis_slug is None:
        return 0.0
    ontology = load_ontology()
    credit = ontology.hierarchical_credit(reading.diagnosis_slug, truth)
    said, true = ontology.malignancy(reading.diagnosis_slug), ontology.malignancy(truth)
    if credit < 1.0 and said != true and frozenset({said, true}) not in CONFUSABLE:
        return min(credit, WRONG_MALIGNANCY_CAP)
    return credit
