"""Is the malignancy right, and if not, how dangerous is the mistake?"""

from collections.abc import Mapping, Sequence
from typing import Any

from reward_fns.answers import Completion, answers
from reward_fns.columns import malignancies
from skin_r1.ontology import load_ontology

# What is paid for saying b where a is true; anything else that differs is paid 0. Our weights: a missed malignancy costs
# all, a false alarm four fifths, a grade too high or too low half, the wrong word for "no tumor that harms" half.
PAY: Mapping[tuple[str, str], float] = {
    ("malignant", "premalignant"): 0.5,
    ("premalignant", "malignant"): 0.5,
    ("benign", "non-neoplastic"): 0.5,
    ("non-neoplastic", "benign"): 0.5,
    ("benign", "premalignant"): 0.2,
    ("benign", "malignant"): 0.2,
    ("non-neoplastic", "premalignant"): 0.2,
    ("non-neoplastic", "malignant"): 0.2,
    ("indeterminate", "premalignant"): 0.2,
    ("indeterminate", "malignant"): 0.2,
}
SETTLED = ("malignant", "premalignant", "benign", "non-neoplastic")  # of a diagnosis; "indeterminate" bets on nothing


def malignancy_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    malignancy: Sequence[str | None],
    **columns: Any,
) -> list[float | None]:
    """1 where the JSON's malignancy is the case's; a mistake is paid by `PAY`, a missed malignancy nothing.

    Asymmetric, as triage is: calling a malignant lesion harmless is paid 0, the reverse 0.2. Evading is not paid either:
    "indeterminate" earns 0 wherever the truth is known. A malignancy that is not that of the diagnosis named beside it is
    paid no more than that one would be: two fields are no two bets. One exact field is read: words in the reasoning
    ("non-malignant") cannot be mistaken for it.

    Returns:
        One value per completion in [0, 1]; None where the case's malignancy is unknown.

    Raises:
        UserError: a true malignancy is none of the five.

    >>> malignancy_reward(completions=["benign"], malignancy=["benign"])
    [0.0]
    """
    paid: list[float | None] = []
    for answer, truth in zip(answers(completions), malignancies(malignancy), strict=True):
        if truth is None:
            paid.append(None)
        elif answer is None:
            paid.append(0.0)
        else:
            named = answer.reading.diagnosis_slug
            own = load_ontology().malignancy(named) if named else None
            bets = {answer.reading.malignancy, own} if own in SETTLED else {answer.reading.malignancy}
            paid.append(min(1.0 if bet == truth else PAY.get((truth, bet), 0.0) for bet in bets))
    return paid
