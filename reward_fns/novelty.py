"""Does the reasoning change when the answer does, or is it one template for all?"""

from collections.abc import Sequence
from itertools import combinations
from string import digits
from typing import Any

from reward_fns.answers import Answer, Completion, answers

SHINGLE = 4  # words
STEM = 3  # letters of a word that are compared: one letter more, or another ending, makes no new word
FREE = 0.5  # so much of their runs may two reasonings share, for there are only so many words for a lesion
FREE_STEMS = 0.8  # and so much of their words: 99 in 100 terse answers of the composer share less
DISTINCT = 0.8  # a reasoning with this share of distinct runs does not repeat itself
# Words that can be strewn into any sentence.
_FILLERS = frozenset(
    "a actually again all also an and any are as at basically be been both but by can certainly clearly could "
    "definitely do does each even evidently for from had has have here how i if in indeed into is it its just less "
    "may maybe might more most no nor not notably now obviously of on one only or over overall perhaps plainly quite "
    "rather really simply so some still such surely than that the their then there these they this those thus to too "
    "truly under up very visibly was we well were what which with without would yet".split()
)


def novelty_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    case_id: Sequence[str] | None = None,
    **columns: Any,
) -> list[float | None]:
    """1 where answers of the same case that differ rest on reasonings that differ, and no reasoning repeats itself.

    For answer i, s_i is its mean similarity (Jaccard index of sets of 4-word runs) with those other answers of the same case
    that name another diagnosis or other findings; 0 where there is none: to be sure of one answer is no collapse. w_i is
    the same of the sets of its words, each by its first three letters, without fillers: a template stays one with a filler
    after every few words, with its sentences in another order, or with a letter added here and there. Words of the
    answer's own diagnosis count in none of these: to put another name into it makes no new reasoning. d_i is the share of
    its own 4-word runs that are distinct.

        reward = min(1, d_i / 0.8) * (1 - max(0, (s_i - 0.5) / 0.5, (w_i - 0.8) / 0.2))

    It is the one reward that looks at the other completions: groups must lie whole in one process, that is, a multiple of
    `num_generations` in `per_device_train_batch_size` times `steps_per_generation`. Without `case_id` every completion
    stands alone.

    Returns:
        One value per completion in [0, 1]; 0 where the text does not parse.
    """
    read = answers(completions)
    groups: dict[object, dict[int, Answer]] = {}
    for at, (answer, case) in enumerate(zip(read, case_id or range(len(read)), strict=True)):
        if answer is not None:
            groups.setdefault(case, {})[at] = answer
    paid: list[float | None] = [0.0] * len(read)
    for group in groups.values():
        for at, value in zip(group, _scores([*group.values()]), strict=True):
            paid[at] = value
    return paid


def _scores(group: Sequence[Answer]) -> list[float]:
    runs = [_runs(answer.reasons) for answer in group]
    distinct = [frozenset(each) for each in runs]
    stems = [_stems(answer.reasons) for answer in group]
    alike: list[list[tuple[float, float]]] = [[] for _ in group]
    for i, j in combinations(range(len(group)), 2):
        if _differs(group[i], group[j]):
            shares = _jaccard(distinct[i], distinct[j]), _jaccard(stems[i], stems[j])
            alike[i].append(shares)
            alike[j].append(shares)
    return [
        min(1.0, len(own) / len(every) / DISTINCT) * (1 - _template(shares))
        for own, every, shares in zip(distinct, runs, alike, strict=True)
    ]


def _template(shares: Sequence[tuple[float, float]]) -> float:
    """How much of a template a reasoning is, by the runs and the stems that it shares with the others."""
    if not shares:
        return 0.0
    of_runs, of_stems = (sum(each) / len(shares) for each in zip(*shares, strict=True))
    return max(0.0, (of_runs - FREE) / (1 - FREE), (of_stems - FREE_STEMS) / (1 - FREE_STEMS))


def _jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    both = len(a & b)
    return both / max(1, len(a) + len(b) - both)


def _differs(a: Answer, b: Answer) -> bool:
    return a.reading.diagnosis_slug != b.reading.diagnosis_slug or a.listed != b.listed


def _stems(words: Sequence[str]) -> frozenset[str]:
    """The beginnings of the words that are no fillers."""
    return frozenset([word[:STEM] for word in frozenset(words) - _FILLERS])


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    """The 4-word runs of a text; a shorter text is one run."""
    # "is1 is2 is3" says one word
    plain = words if "".join(words).isalpha() else [word.strip(digits) for word in words]
    following = [plain[at:] for at in range(min(SHINGLE, len(plain)))]
    return list(zip(*following, strict=False))
