"""How near is the named diagnosis to the true one, in the ontology's tree?"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from reward_fns.columns import diagnoses
from skin_r1.ontology import load_ontology

WRONG_MALIGNANCY_CAP = 0.25  # calling a melanoma a nevus is never nearly right
CONFUSABLE = {frozenset({"premalignant", "malignant"})}  # a grade apart, not the opposite
PARENT = 0.5


def diagnosis_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    diagnosis: Sequence[str | None],
    **columns: Any,
) -> list[float | None]:
    """Graded by the tree.

    | Named | Credit |
    |---|---|
    | the true diagnosis, by any of its names | 1 |
    | an ancestor at depth a of a truth at depth t (a root has depth 0) | 0.5 a / (t - 1): its parent 0.5, a root 0 |
    | its child, or its sibling | 0.5 |
    | a node that shares its grandparent, or meets it one step further than a sibling, below a root | 0.25 |
    | a node that meets it at a root only, an unknown name, two diagnoses in one string, what does not parse | 0 |

    The steps 1, 0.5, 0.25, 0 are those of the hierarchical accuracy of Melan-Dx (npj Digit Med 2026, doi
    10.1038/s41746-026-02357-3); the depth credit of ancestors is ours: a shelf as wide as "tumor" is worth nothing, and so
    is sharing no more than that, or a model would always name one. Where the malignancies differ, the credit is at most
    0.25, unless one is premalignant and the other malignant.

    Args:
        prompts: not read.
        completions: texts or TRL messages.
        diagnosis: true slugs; None where the label does not resolve, which gives None.
        columns: not read.

    Raises:
        UserError: a true diagnosis is no slug of the ontology.

    >>> gold = '<think>seen</think>{"findings": [], "differential": [], "diagnosis": "melanoma", "malignancy": "malignant"}'
    >>> diagnosis_reward(completions=[gold, "melanoma"], diagnosis=["melanoma", "melanoma"])
    [1.0, 0.0]
    """
    return [score(answer, truth) for answer, truth in zip(answers(completions), diagnoses(diagnosis), strict=True)]


def score(answer: Answer | None, truth: str | None) -> float | None:
    """Pay of one answer; see `diagnosis_reward`."""
    if truth is None:
        return None
    named = answer.reading.diagnosis_slug if answer is not None else None
    return credit(named, truth) if named is not None else 0.0


@lru_cache(maxsize=1 << 16)
def credit(named: str, truth: str) -> float:
    """Credit of naming one node where another is true, in [0, 1]."""
    if named == truth:
        return 1.0
    ontology = load_ontology()
    above = ontology.ancestors(truth)
    if named in above:
        depth = len(ontology.ancestors(named))
        near = PARENT * depth / (len(above) - 1) if depth else 0.0
    else:
        shared = set(ontology.path(named)) & set(ontology.path(truth))
        near = ontology.hierarchical_credit(named, truth) if len(shared) > 1 else 0.0  # a root in common is nothing
    said, true = ontology.malignancy(named), ontology.malignancy(truth)
    if said != true and frozenset({said, true}) not in CONFUSABLE:
        return min(near, WRONG_MALIGNANCY_CAP)
    return near
