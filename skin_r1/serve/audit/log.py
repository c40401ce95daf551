"""The audit log while the server runs: no request is answered that has no line on the disk.

One thread writes. It takes all lines that wait, and writes and syncs them together (group commit), so that many requests
at once wait for one sync, not for one each. If it cannot, every request that waits is refused; the next one tries anew,
so the log goes on by itself once the disk has space.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from skin_r1.serve.audit.store import Store
from skin_r1.serve.refused import Refused

BATCH = 1024  # lines written with one sync
RETRY_AFTER = 10  # seconds that a refused client is told to wait
TICK = 600.0  # seconds between two looks for segments that are due to be deleted
_CHAIN_KEYS = {"seq", "time", "previous", "hash"}
_log = logging.getLogger("skin_r1.audit")


class Audit:
    """The open log; one process at a time writes it."""

    def __init__(self, folder: Path, days: int | None = None, store_content: bool = False) -> None:
        """Open or create the log, and begin to write.

        Args:
            folder: holds the segments, `head.json`, `key` and `lock`.
            days: segments whose last line is older are deleted, and the chain records it; None keeps all.
            store_content: keep the field `content` of a line; else it is dropped.

        Raises:
            UserError: another process has it open, it cannot be written, or its newest segment or its head was changed.
        """
        self._store = Store(folder)
        self._days, self._store_content = days, store_content
        self._queue: SimpleQueue[tuple[str, Future[None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def fingerprint(self, data: bytes) -> str:
        """HMAC-SHA-256 of a picture's SHA-256: who holds the log's key, and nobody else, can find equal pictures."""
        return hmac.new(self._store.key, hashlib.sha256(data).digest(), hashlib.sha256).hexdigest()

    def begin(self, **fields: Any) -> "Entry":
        """Hand the opening line of a request to the writer; call it inside the event loop, await the entry before answering.

        Args:
            fields: JSON values without content of the request, but for the field `content`; `request` is its id.
        """
        return Entry(self, fields)

    def append(self, event: str, fields: dict[str, Any]) -> "asyncio.Future[None]":
        """Hand one line to the writer. The future is done when the line is on the disk, else it holds the `Refused`.

        Raises:
            Refused: 503 `audit_unavailable`: the log was closed.
            ValueError: a field has a name that the chain uses itself.
        """
        if not self._thread.is_alive():
            raise _unavailable()
        if clash := _CHAIN_KEYS & fields.keys():
            raise ValueError(f"the chain itself writes these fields: {', '.join(sorted(clash))}")
        kept = {key: value for key, value in fields.items() if key != "content" or self._store_content}
        done: Future[None] = Future()
        self._queue.put((json.dumps({"event": event, **kept}, separators=(",", ":")), done))
        return asyncio.wrap_future(done)

    async def close(self) -> None:
        """Write what waits, then let go of the log."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._store.close()

    def _run(self) -> None:
        """The writer's thread."""
        due, items = time.monotonic(), []
        while None not in items:
            if self._days is not None and time.monotonic() >= due:
                due = time.monotonic() + TICK
                self._retire(self._days)
            items = self._take()
            self._write([item for item in items if item is not None])

    def _take(self) -> list[tuple[str, "Future[None]"] | None]:
        """All that waits; at least one, unless none comes for `TICK` seconds."""
        items = []
        try:
            items.append(self._queue.get(timeout=TICK))
            while len(items) < BATCH and items[-1] is not None:
                items.append(self._queue.get_nowait())
        except Empty:
            pass
        return items

    def _write(self, items: list[tuple[str, "Future[None]"]]) -> None:
        if not items:
            return
        failed = None
        try:
            self._store.append([body for body, _ in items])
        except Exception as error:  # whatever it is: who waits must hear of it, and the thread must live
            failed = error.strerror if isinstance(error, OSError) else type(error).__name__
            _log.error("the audit log cannot be written, %d requests are refused: %s", len(items), failed)
        for _, done in items:
            if failed is None:
                done.set_result(None)
            else:
                done.set_exception(_unavailable())

    def _retire(self, days: int) -> None:
        try:
            self._store.retire(days)
        except (OSError, ValueError, KeyError) as error:  # no space for the record, or a segment that was changed
            _log.error("old audit segments could not be deleted: %s", type(error).__name__)


def _unavailable() -> Refused:
    return Refused(503, "audit_unavailable", "the audit log cannot be written; try again later", RETRY_AFTER)


class Entry:
    """A request that has begun; `end` closes it.

    The work may begin while the opening line is on its way to the disk. No word of an answer may leave before `written`
    or `end` has returned.
    """

    def __init__(self, audit: Audit, fields: dict[str, Any]) -> None:
        """Write the opening line and start the stopwatch."""
        self._audit, self._request, self._began = audit, fields.get("request"), time.monotonic()
        self._opening = audit.append("begin", fields)

    async def written(self) -> None:
        """Wait until the opening line is on the disk: what a streamed answer needs before its first word.

        Raises:
            Refused: 503 `audit_unavailable`; the request must not be answered.
        """
        await asyncio.shield(self._opening)

    async def end(self, **fields: Any) -> None:
        """Write the closing line, with `seconds` since `begin` by the monotonic clock, and wait for both lines.

        Raises:
            Refused: 503 `audit_unavailable`; an answer that has not gone out must not go out.
        """
        seconds = round(time.monotonic() - self._began, 4)
        closing = self._audit.append("end", {"request": self._request, **fields, "seconds": seconds})
        # Shielded: a client that goes away ends the wait, never the line.
        await asyncio.gather(asyncio.shield(self._opening), asyncio.shield(closing))
