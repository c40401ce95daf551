"""Is the malignancy right?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, readings


def malignancy_reward(
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Completion] = (),
    *,
    malignancy: Sequence[str | None],
    **columns: Any,
) -> list[float | None]:
    """1 where the JSON's malignancy equals the case's, else 0; None where the case's is unknown.

    One exact field: words in the reasoning ("non-malignant") cannot be mistaken for it.

    >>> malignancy_reward(completions=["benign"], malignancy=["benign"])
    [0.0]
    """
    return [
        None if truth is None else float(reading is not None and reading.malignancy == truth)
        for reading, truth in zip(readings(completions), malignancy, strict=True)
    ]
