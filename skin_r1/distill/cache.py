"""A content-addressed cache of answers: what was paid for once is never asked again, whatever stopped the run."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def request_key(request: Mapping[str, Any]) -> str:
    """SHA-256 over the whole request: model, messages with the images' bytes, parameters."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class AnswerCache:
    """Request key -> answer, in one SQLite file with write-ahead logging; every answer is on disk when `put` returns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)  # each statement commits by itself
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS answers"
            " (key TEXT PRIMARY KEY, text TEXT NOT NULL, prompt_tokens INTEGER, completion_tokens INTEGER)"
        )

    def get(self, key: str) -> str | None:
        """The answer, or None when it was never asked."""
        row = self._connection.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, text: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Keep an answer and what it cost in tokens."""
        row = (key, text, prompt_tokens, completion_tokens)
        self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    def tokens(self) -> tuple[int, int]:
        """Prompt and completion tokens of everything in the cache."""
        sums = "SELECT COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0) FROM answers"
        prompt, completion = self._connection.execute(sums).fetchone()
        return int(prompt), int(completion)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
