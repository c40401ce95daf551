"""Is the reasoning neither empty nor endless?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, answers

LEAST, MOST, END = 6, 220, 440  # words


def brevity_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """1 for reasoning of 6 to 220 words; below it grows linearly with the words, above it falls linearly to 0 at 440.

    The band is ours: a composed rationale has 10 to 120 words. Words are counted once per sentence that says something
    new: a sentence repeated to fill the band counts once. A text that does not parse scores 0.
    """
    return [0.0 if answer is None else _score(answer.reading.think) for answer in answers(completions)]


def _score(think: str) -> float:
    every = len(think.split())
    fresh = len([word for sentence in {s.strip() for s in think.split(".")} for word in sentence.split()])
    return min(fresh / LEAST, _end(every), 1.0)


def _end(words: int) -> float:
    return max(0.0, (END - words) / (END - MOST))
