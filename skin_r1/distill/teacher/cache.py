"""Answers and attempts in one SQLite file: what was paid for once is never asked again, whatever stopped the run.

`answers` maps a request's key to its text. `attempts` has one row for every request sent, also for those that failed;
`skin_r1.distill.teacher.ledger` sums it up. Write-ahead logging lets several processes share the file; it needs a local disk
(https://www.sqlite.org/wal.html: "WAL does not work over a network filesystem").
"""

import asyncio
import base64
import binascii
import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

BUSY_SECONDS = 60.0  # how long to wait for another process that is writing
_TYPES = {str: "TEXT", float: "REAL", int: "INTEGER"}


@dataclass(frozen=True)
class Attempt:
    """One request as it was sent once.

    Attributes:
        key: `request_key` of the request.
        model: who was asked.
        at: when it was sent, in seconds since 1970.
        seconds: until the reply was whole or given up.
        outcome: a kind of `skin_r1.distill.teacher.attempt`; `answered` is the only good one.
        status: of HTTP, or 0 where there was none.
        prompt_tokens, completion_tokens: as the endpoint counted them, or 0.
    """

    key: str
    model: str
    at: float
    seconds: float
    outcome: str
    status: int
    prompt_tokens: int
    completion_tokens: int


def request_key(body: Mapping[str, Any]) -> str:
    """SHA-256 over the model, the parameters and the messages; of an image, over its bytes and not their base64."""
    return hashlib.sha256(json.dumps(_folded(body), sort_keys=True).encode()).hexdigest()


def _folded(value: Any) -> Any:
    """The same with every data URL replaced by the hash of what it holds."""
    if isinstance(value, Mapping):
        return {key: _folded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_folded(part) for part in value]
    if isinstance(value, str) and value.startswith("data:"):
        head, _, content = value.partition(";base64,")
        try:
            return (
                {"sha256": hashlib.sha256(base64.b64decode(content, validate=True)).hexdigest()} if content else value
            )
        except binascii.Error:
            return value
    return value


class AnswerCache:
    """The file, open for one thread; an answer is on disk when `record` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Each statement commits by itself. One thread uses it at a time; it need not be the one that opened it.
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        _patiently(self._connection, "PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        columns = ", ".join(f"{f.name} {_TYPES[f.type]} NOT NULL" for f in fields(Attempt))  # type: ignore[index]
        for table in ("answers (key TEXT PRIMARY KEY, text TEXT NOT NULL)", f"attempts ({columns})"):
            _patiently(self._connection, f"CREATE TABLE IF NOT EXISTS {table}")

    def get(self, key: str) -> str | None:
        """The answer, or None when there is none."""
        row = self._connection.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def record(self, *attempts: tuple[Attempt, str | None]) -> None:
        """Keep attempts and, where they were answered, the answers: all in one transaction."""
        marks = ", ".join("?" for _ in fields(Attempt))
        answers = [(attempt.key, text) for attempt, text in attempts if text is not None]
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:  # commits, or rolls back
            self._connection.executemany(f"INSERT INTO attempts VALUES ({marks})", (astuple(a) for a, _ in attempts))
            self._connection.executemany("INSERT OR IGNORE INTO answers (key, text) VALUES (?, ?)", answers)

    def attempts(self) -> list[Attempt]:
        """All of them, in the order in which they were sent."""
        names = ", ".join(f.name for f in fields(Attempt))
        return [Attempt(*row) for row in self._connection.execute(f"SELECT {names} FROM attempts ORDER BY at, key")]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Recorder:
    """Records from an event loop: what arrives while a commit is under way shares the next one (group commit)."""

    def __init__(self, cache: AnswerCache, thread: Executor) -> None:
        """`thread`: the one that commits."""
        self._cache, self._thread = cache, thread
        self._batch: list[tuple[Attempt, str | None]] = []
        self._committing = asyncio.Lock()

    async def record(self, attempt: Attempt, text: str | None) -> None:
        """Return when it is on disk."""
        batch = self._batch
        batch.append((attempt, text))
        async with self._committing:
            if batch is self._batch:  # else one who waited for the lock before has committed it
                self._batch = []
                await asyncio.get_running_loop().run_in_executor(self._thread, self._cache.record, *batch)


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Changing the journal's mode is refused at once while another process opens the file; its timeout is not heeded."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
