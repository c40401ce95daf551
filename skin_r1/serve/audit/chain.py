"""Audit: an append-only JSON-lines file in which each line holds the hash of the line before. No content, no picture.

A line that is changed, removed or moved breaks the chain; `python -m skin_r1.serve.audit.chain FILE` says where. What a chain
cannot show is the removal of its last lines: note the last hash elsewhere if that matters.
"""

import hashlib
import hmac
import json
import os
import secrets
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skin_r1.errors import problem

START = "0" * 64


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Audit:
    """The open file; one process writes it."""

    def __init__(self, file: Path) -> None:
        """Open or create `file`, and `file`.key beside it, with which pictures are fingerprinted.

        Raises:
            UserError: the file that is there is not whole.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._lock = threading.Lock()
        self._last = START
        if file.is_file():
            _cut_torn_line(file)
            self._last = verify(file)[1]
        key_file = file.with_name(file.name + ".key")
        if not key_file.is_file():
            with open(key_file, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(secrets.token_hex(32))
        self._key = key_file.read_bytes()

    def fingerprint(self, data: bytes) -> str:
        """Keyed hash of a picture: equal pictures can be found again, but only by who holds the key."""
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()

    def append(self, **fields: Any) -> None:
        """Write one line through to the disk."""
        with self._lock:
            record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields, "previous": self._last}
            record["hash"] = _digest(record)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            self._last = record["hash"]


def _cut_torn_line(file: Path) -> None:
    """Drop what a killed process left of its last line: it was never reported as written."""
    data = file.read_bytes()
    if data and not data.endswith(b"\n"):
        with file.open("r+b") as stream:
            stream.truncate(data.rfind(b"\n") + 1)


def verify(file: Path) -> tuple[int, str]:
    """Walk the chain; returns the number of lines and the last hash.

    Raises:
        UserError: a line does not follow from the one before; names it.
    """
    last, number = START, 0
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                claimed = record.pop("hash")
                whole = record["previous"] == last and claimed == _digest(record)
            except (ValueError, KeyError, AttributeError, TypeError):
                whole = False
            if not whole:
                raise problem(
                    "the audit chain is broken: this line, or the one before it, was changed",
                    file=file,
                    row=number,
                    next_step="keep the file as evidence and give the server another --audit file",
                )
            last = claimed
    return number, last


if __name__ == "__main__":
    from skin_r1.errors import UserError

    try:
        print("{} lines, unbroken; last hash {}".format(*verify(Path(sys.argv[1]))))
    except UserError as error:
        sys.exit(f"error: {error}")
