"""The head of the audit chain, noted beside it: its last line's number and hash, sealed with the log's key.

A chain alone cannot show that its last lines were deleted. The head can, unless the same hand changes it too, which
takes the key. Who may read the key (the server's own user, root) can write both anew; against them only a copy of the
head on another machine helps: `skin-r1 audit verify FOLDER --head COPY`.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from skin_r1.errors import problem

NAME = "head.json"
SIZE = 256  # bytes: less than a disk's sector, always the same, so that it is overwritten in one piece and needs no new space


def load_key(folder: Path) -> bytes:
    """The log's key, 64 hexadecimal digits; made at first use, readable for its owner only.

    Raises:
        UserError: the file does not hold one.
    """
    file = folder / "key"
    if not file.is_file():
        with open(file, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(secrets.token_hex(32))
    key = file.read_bytes()
    if len(key) != 64:
        raise problem("the audit log's key is not whole", file=file, allowed="64 hexadecimal digits")
    return key


def head_bytes(key: bytes, seq: int, digest: str) -> bytes:
    """The head file's content, `SIZE` bytes."""
    record = {"seq": seq, "hash": digest, "seal": _seal(key, seq, digest)}
    return json.dumps(record).encode().ljust(SIZE - 1) + b"\n"


def _seal(key: bytes, seq: int, digest: str) -> str:
    return hmac.new(key, f"{seq} {digest}".encode(), hashlib.sha256).hexdigest()


def read_head(file: Path, key: bytes | None) -> tuple[int, str]:
    """A noted head: (number of the last line, its hash).

    Args:
        file: `head.json` of a log, or a copy of it.
        key: the log's key; None: the seal is not checked.

    Raises:
        UserError: it is not a head, or its seal is not of this key.
    """
    try:
        record = json.loads(file.read_bytes())
        seq, digest, seal = int(record["seq"]), str(record["hash"]), str(record["seal"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise problem("this is not the head of an audit log", file=file, found=type(error).__name__) from error
    if key is not None and not hmac.compare_digest(seal, _seal(key, seq, digest)):
        raise problem(
            "the head of the audit log was changed: its seal is not of this log's key",
            file=file,
            next_step="keep the folder as evidence and give the server another --audit folder",
        )
    return seq, digest
