"""The cases that can still be asked about: in memory only, for a limited time, within a limited number of bytes."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from skin_r1.serve.answer.triage import LEVELS
from skin_r1.serve.refused import Refused

if TYPE_CHECKING:
    from skin_r1.serve.intake.requests import Ask


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        id: 32 hexadecimal digits, not to be guessed.
        caller: id of the key that made it; no other may read it.
        ask: the form's fields, without the uploaded files.
        messages: the chat so far, OpenAI shape, with the cleaned pictures.
        level: of triage; it never falls.
    """

    id: str
    caller: str
    ask: "Ask"
    messages: tuple[dict[str, Any], ...]
    level: str


class Cases:
    """The store; for one event loop, so it needs no lock. Nothing is written to disk, and a restart forgets all."""

    def __init__(
        self, seconds: float = 1800.0, max_bytes: int = 256 * 2**20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep each case for `seconds` after its last turn, the least recently used leave first beyond `max_bytes`.

        Args:
            seconds: above 0.
            max_bytes: of all cases together, pictures as they are sent to the engine.
            clock: seconds that never jump back, whatever happens to the wall clock.
        """
        self._seconds, self._max_bytes, self._clock = seconds, max_bytes, clock
        self._kept: OrderedDict[str, tuple[Case, float, int]] = OrderedDict()  # case, last turn, bytes; oldest first
        self._bytes = 0

    def __len__(self) -> int:
        """Cases that can still be asked about."""
        self._forget_old()
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """What the kept cases take, about."""
        return self._bytes

    def add(self, caller: str, ask: "Ask", messages: Sequence[dict[str, Any]], level: str) -> str | None:
        """Keep a new case; its id, or None where it alone is larger than the store."""
        case = Case(secrets.token_hex(16), caller, replace(ask, images=()), tuple(messages), level)
        self.keep(case)
        return case.id if case.id in self._kept else None

    def keep(self, case: Case) -> None:
        """Keep a case as it is now; its time begins anew. Of two turns at once the later one stays, at the higher level."""
        if case.id in self._kept:
            level = max(case.level, self._kept[case.id][0].level, key=LEVELS.index)
            case = replace(case, level=level)
            self._drop(case.id)
        size = sum(_size(part) for message in case.messages for part in message["content"])
        self._kept[case.id] = (case, self._clock(), size)
        self._bytes += size
        self._forget_old()
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def get(self, id_: str, caller: str) -> Case:
        """The caller's case.

        Raises:
            Refused: 404; the same for a case that never was, has gone, or is another caller's.
        """
        self._forget_old()
        found = self._kept.get(id_)
        if found is None or found[0].caller != caller:
            raise Refused(404, "case_not_found", "there is no such case, or it is too old: send the picture again")
        return found[0]

    def _drop(self, id_: str) -> None:
        if (gone := self._kept.pop(id_, None)) is not None:
            self._bytes -= gone[2]

    def _forget_old(self) -> None:
        oldest = self._clock() - self._seconds
        while self._kept and (first := next(iter(self._kept.values())))[1] <= oldest:
            self._drop(first[0].id)


def _size(part: dict[str, Any]) -> int:
    """Bytes of a part of a message, but for a small constant: base64 is ASCII, and other text has 4 bytes a sign at most."""
    return len(part["image_url"]["url"]) if part["type"] == "image_url" else 4 * len(part["text"]) + 1000
