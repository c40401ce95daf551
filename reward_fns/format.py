"""Does the completion follow the answer format?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, answers


def format_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """1 where `skin_r1.reading.parse` accepts the completion and its reasoning has a word, else 0.

    Give it a small weight: it saturates first. It also gates all the others: what does not parse is paid 0 by every reward.

    >>> format_reward(completions=["melanoma"])
    [0.0]
    """
    return [0.0 if answer is None else 1.0 for answer in answers(completions)]
