"""One reading per completion: what every reward starts from."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from skin_r1.reading import ParseFailure, Reading, message_text, parse

Completion = str | Sequence[Mapping[str, Any]]

# Seven rewards read the same completions of a step: one parse serves them all.
_read = lru_cache(maxsize=4096)(parse)


def readings(completions: Sequence[Completion]) -> list[Reading | None]:
    """The reading of each completion, None where it does not parse.

    Args:
        completions: texts, or TRL's lists of messages whose last is the assistant's.
    """
    return [_reading(completion) for completion in completions]


def _reading(completion: Completion) -> Reading | None:
    text = completion if isinstance(completion, str) else message_text(completion[-1]) if completion else ""
    read: Reading | ParseFailure = _read(text)
    return read if isinstance(read, Reading) else None
