"""One message between the gateway and a decoder's worker: two lengths, a JSON object, bytes. Nothing is unpickled."""

import json
import struct
from typing import Any, Final

LENGTHS: Final = struct.Struct("!II")
MAX_HEAD: Final = 64 * 1024
"""Bytes of the JSON object."""


def pack(head: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """What to send, in two pieces, so that a large body is not copied."""
    coded = json.dumps(head).encode()
    return LENGTHS.pack(len(coded), len(body)) + coded, body


def lengths(start: bytes | bytearray, max_body: int) -> tuple[int, int]:
    """Lengths of head and body.

    Raises:
        ValueError: more than was agreed: the other side is not to be trusted.
    """
    head, body = LENGTHS.unpack(start)
    if head > MAX_HEAD or body > max_body:
        raise ValueError("a message is longer than agreed")
    return head, body
