"""Is the reasoning neither empty nor endless?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Answer, Completion, answers

LEAST, MOST, END = 6, 320, 640  # words
LONGEST = 10  # characters of a word and the space behind it, at most: a text without spaces has an end too


def brevity_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """1 for reasoning of 6 to 320 words; below it grows linearly with the words, above it falls linearly to 0 at 640.

    The band is ours: a composed rationale has 10 to 310 words. What fills the lower end are different words: one that is
    repeated, in whatever case or with whatever mark or number, counts once. At the upper end every word counts, and so does
    every tenth character. A text that does not parse scores 0.
    """
    return [0.0 if answer is None else _score(answer) for answer in answers(completions)]


def _score(answer: Answer) -> float:
    every = max(len(answer.words), len(answer.think) // LONGEST)
    return min(len(set(answer.words)) / LEAST, max(0.0, (END - every) / (END - MOST)), 1.0)
