"""Is the reasoning neither empty nor endless?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, readings

LEAST, MOST, END = 6, 220, 440  # words


def brevity_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """1 for reasoning of 6 to 220 words; below it grows linearly with the words, above it falls linearly to 0 at 440.

    The band is ours: a composed rationale has 10 to 120 words. A text that does not parse scores 0.
    """
    return [0.0 if reading is None else _band(len(reading.think.split())) for reading in readings(completions)]


def _band(words: int) -> float:
    if words < LEAST:
        return words / LEAST
    return 1.0 if words <= MOST else max(0.0, (END - words) / (END - MOST))
