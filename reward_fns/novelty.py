"""Does the reasoning change when the answer does, or is it one template for all?"""

from collections.abc import Sequence
from functools import lru_cache
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
    if not case_id:
        return [0.0 if answer is None else _score(answer, ()) for answer in read]
    groups: dict[str, list[Answer]] = {}
    for answer, case in zip(read, case_id, strict=True):
        groups.setdefault(case, []).extend([answer] if answer is not None else [])
    return [
        0.0 if answer is None else _score(answer, groups[case]) for answer, case in zip(read, case_id, strict=True)
    ]


def _score(answer: Answer, group: Sequence[Answer]) -> float:
    others = [_alike(answer.words, other.words) for other in group if _differs(answer, other)]
    shared = sum(others) / len(others) if others else 0.0
    return min(1.0, _distinct(answer.words) / DISTINCT) * (1 - max(0.0, shared - FREE) / (1 - FREE))


def _differs(a: Answer, b: Answer) -> bool:
    return a.reading.diagnosis_slug != b.reading.diagnosis_slug or a.listed != b.listed


def _alike(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    ours, theirs = _runs(a)[0], _runs(b)[0]
    return len(ours & theirs) / len(ours | theirs)


def _distinct(words: tuple[str, ...]) -> float:
    runs, count = _runs(words)
    return len(runs) / count


@lru_cache(maxsize=1024)
def _runs(words: tuple[str, ...]) -> tuple[frozenset[tuple[str, ...]], int]:
    """The set of 4-word runs of a text, and how many there are; a shorter text is one run."""
    plain = tuple(word.strip(digits) for word in words)  # "is1 is2 is3" says one word
    runs = [plain[at : at + SHINGLE] for at in range(max(1, len(words) - SHINGLE + 1))]
    return frozenset(runs), len(runs)
