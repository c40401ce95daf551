"""The audit log's files: append and sync, cut what was half written, begin new segments, delete old ones.

One process holds the folder (`lock`), and in it one thread calls what is here.
"""

import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from skin_r1.errors import UserError, problem
from skin_r1.serve.audit.head import NAME, head_bytes, load_key, read_head
from skin_r1.serve.audit.verify import START, Report, chained, segments, walk

SEGMENT_BYTES = 64 * 2**20
CLOCK_SLIP = 3600.0  # seconds that the wall clock may have jumped since the start; past it nothing is deleted


class Store:
    """The open folder of a log.

    Attributes:
        key: with which the head is sealed and pictures are fingerprinted.
    """

    def __init__(self, folder: Path) -> None:
        """Open or create the log; walks its newest segment.

        Raises:
            UserError: another process has it open, it cannot be written, or its newest segment or its head was changed.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise problem("the audit log cannot be written", file=folder, found=error.strerror) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.key = load_key(folder)
            self._open(folder / NAME)
        except OSError as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                next_step = "stop it, or give this server another --audit folder"
                raise problem("another process writes this audit log", file=folder, next_step=next_step) from error
            raise problem("the audit log cannot be written", file=folder, found=error.strerror) from error
        except UserError:
            os.close(self._lock)
            raise
        self._clock = time.time() - time.monotonic()

    def _open(self, head: Path) -> None:
        files, report = segments(self._folder), Report()
        if not head.exists() and not files:
            head.write_bytes(head_bytes(self.key, 0, START))
        noted = dict([read_head(head, self.key)])
        for path in reversed(files):
            report = walk([path], noted)
            if report.torn:  # half a line of a killed process: it was never confirmed
                os.truncate(path, report.whole)
            if report.lines:
                break
        if any(noted) and not report.lines:
            raise problem("the audit log has a head but no lines: they were deleted", file=self._folder)
        self._seq, self._last = report.last, report.hash
        self._path = files[-1] if files else self._folder / "audit-0001.jsonl"
        self._file, self._head = _opened(self._path), _opened(head, 0)
        self._size, self._torn = os.fstat(self._file).st_size, False
        self._day = (report.time if report.time and self._size else _now())[:10]
        _sync_folder(self._folder)

    def close(self) -> None:
        """Let go of the files and of the lock."""
        for number in (self._file, self._head, self._lock):
            os.close(number)

    def append(self, bodies: Sequence[str]) -> None:
        """Write one line for each body and wait until they are on the disk: all of them or none.

        Args:
            bodies: JSON objects, ASCII, each with the key `event`.

        Raises:
            OSError: none was written; a later call may succeed.
        """
        if self._torn:
            os.ftruncate(self._file, self._size)
            self._torn = False
        self._check_file()
        if self._size > SEGMENT_BYTES or (self._size and _now()[:10] != self._day):
            self._begin_segment()
        seq, last, lines = self._seq, self._last, bytearray()
        for body in bodies:
            seq += 1
            line, last = chained(seq, _now(), last, body)
            lines += line
        self._torn, rest = True, memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)
        self._torn = False
        self._seq, self._last, self._size = seq, last, self._size + len(lines)
        os.pwrite(self._head, head_bytes(self.key, seq, last), 0)

    def _check_file(self) -> None:
        """Go on in a new segment where ours was deleted, exchanged or cut: refused once, so that somebody looks."""
        try:
            there, ours = os.stat(self._path), os.fstat(self._file)
            whole = there.st_ino == ours.st_ino and ours.st_size == self._size
        except FileNotFoundError:
            whole = False
        if not whole:
            self._begin_segment()
            raise OSError(errno.ESTALE, "the audit segment was changed by another hand; a new one was begun")

    def _begin_segment(self) -> None:
        number = 1 + max(int(path.stem.split("-")[1]) for path in [self._path, *segments(self._folder)])
        path = self._folder / f"audit-{number:04d}.jsonl"
        file, head = _opened(path), _opened(self._folder / NAME, 0)
        for old in (self._file, self._head):
            os.close(old)
        self._path, self._file, self._head, self._size, self._day = path, file, head, 0, _now()[:10]
        _sync_folder(self._folder)

    def retire(self, days: int) -> None:
        """Delete the segments whose last line is older than `days`; first the chain records it.

        A clock that jumps ahead while the server runs deletes nothing. One that is wrong at the start is believed.

        Raises:
            OSError: the record could not be written (nothing was deleted), or a segment could not be deleted.
        """
        if abs(time.time() - time.monotonic() - self._clock) > CLOCK_SLIP:
            logging.getLogger("skin_r1.audit").warning(
                "the clock has jumped: old audit segments are kept until a restart"
            )
            return
        limit = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        if self._size and _ends(self._path)[1]["time"] < limit:
            self._begin_segment()
        old = []
        for path in segments(self._folder):
            if path == self._path or (path.stat().st_size and _ends(path)[1]["time"] >= limit):
                break
            old.append(path)
        if ends := [_ends(path) for path in old if path.stat().st_size]:
            first, last = ends[0][0], ends[-1][1]
            record = {"event": "removed", "first": first["seq"], "last": last["seq"], "last_hash": last["hash"]}
            self.append([json.dumps({**record, "files": [path.name for path in old], "older_than_days": days})])
        for path in old:
            path.unlink()


def _ends(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first and the last line of a segment that has lines."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return json.loads(data.readline()), json.loads(data[data.rfind(b"\n", 0, len(data) - 1) + 1 :])


def _opened(path: Path, flags: int = os.O_APPEND) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """A new name in a folder survives a power cut only after this."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
