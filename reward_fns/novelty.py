"""Does the reasoning change when the answer does, or is it one template for all?"""

from collections.abc import Sequence
from itertools import combinations
from string import digits
from typing import Any

from reward_fns.answers import Answer, Completion, answers

SHINGLE = 4  # words
FREE = 0.5  # so much may two reasonings share, for there are only so many words for a lesion
DISTINCT = 0.8  # a reasoning with this share of distinct runs does not repeat itself


def novelty_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    case_id: Sequence[str] | None = None,
    **columns: Any,
) -> list[float | None]:
    """1 where answers of the same case that differ rest on reasonings that differ, and no reasoning repeats itself.

    For answer i, s_i is its mean similarity (Jaccard index of sets of 4-word runs) with those other answers of the same case
    that name another diagnosis or other findings; 0 where there is none: to be sure of one answer is no collapse. d_i is
    the share of its own 4-word runs that are distinct.

        reward = min(1, d_i / 0.8) * (1 - max(0, s_i - 0.5) / 0.5)

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
    runs = [_runs(answer.words) for answer in group]
    distinct = [frozenset(each) for each in runs]
    alike: list[list[float]] = [[] for _ in group]
    for i, j in combinations(range(len(group)), 2):
        if _differs(group[i], group[j]):
            both = len(distinct[i] & distinct[j])
            share = both / (len(distinct[i]) + len(distinct[j]) - both)
            alike[i].append(share)
            alike[j].append(share)
    return [
        min(1.0, len(own) / len(every) / DISTINCT) * (1 - max(0.0, _mean(shares) - FREE) / (1 - FREE))
        for own, every, shares in zip(distinct, runs, alike, strict=True)
    ]


def _differs(a: Answer, b: Answer) -> bool:
    return a.reading.diagnosis_slug != b.reading.diagnosis_slug or a.listed != b.listed


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _runs(words: Sequence[str]) -> list[str]:
    """The 4-word runs of a text; a shorter text is one run."""
    # "is1 is2 is3" says one word
    plain = words if "".join(words).isalpha() else [word.strip(digits) for word in words]
    following = [plain[at:] for at in range(min(SHINGLE, len(plain)))]
    return list(map(" ".join, zip(*following, strict=False)))
