"""The coded picture inside a JPEG or PNG file, apart from everything said about it.

A JPEG file is a chain of segments, a PNG file one of chunks. Keeping the few that decide the pixels and leaving out
the rest (EXIF, GPS, XMP, comments, text, ICC profiles, thumbnails, what follows the end) drops metadata without
touching a pixel, and gives the same bytes whatever is written in the metadata.
Layouts: ITU-T T.81 annex B; W3C PNG (third edition), section 5.
"""

import re
import zlib
from typing import Final

JPEG_START: Final = b"\xff\xd8"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_ADOBE: Final = 0xEE
"""APP14 says how the colors are coded, so it is part of the picture, like the JFIF header."""
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker: within coded data FF is followed by 00 (a byte FF), D0 to D7 (a restart) or FF (fill)."""
_JFIF: Final = bytes.fromhex("ffe000104a46494600010100000100010000")
"""A fresh JFIF header without density, in place of the file's own: it makes readers take three components for YCbCr."""
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def coded_jpeg(raw: bytes) -> bytes | None:
    """A JPEG file's coded picture as a minimal JPEG file, or None where the chain of segments is broken.

    Of a file that holds several pictures (MPO) it is the first.
    """
    if not raw.startswith(JPEG_START):
        return None
    kept = [JPEG_START]
    place, scans = 2, 0
    while True:
        while raw[place : place + 2] == b"\xff\xff":
            place += 1
        if scans and raw[place : place + 2] == b"\xff\xd9":
            return b"".join([*kept, b"\xff\xd9"])
        if place + 4 > len(raw) or raw[place] != 0xFF:
            return None
        marker = raw[place + 1]
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD9:
            return None
        end = place + 2 + int.from_bytes(raw[place + 2 : place + 4], "big")
        if marker == 0xDA:  # start of scan: its coded data follow
            scans += 1
            after = _END_OF_SCAN.search(raw, end)
            if after is None:
                return None
            end = after.start()
        if marker == 0xE0 and raw[place + 4 : place + 9] == b"JFIF\0" and _JFIF not in kept:
            kept.append(_JFIF)
        elif (marker == _ADOBE and raw[place + 4 : place + 9] == b"Adobe") or not (
            0xE0 <= marker <= 0xEF or marker == 0xFE
        ):
            kept.append(raw[place:end])
        place = end


def coded_png(raw: bytes) -> bytes:
    """A PNG file's picture as a minimal PNG file; of an animation, the still picture.

    Raises:
        ValueError: a chunk is cut or its checksum is wrong (Pillow does not check those of the pixels).
    """
    kept = [PNG_START]
    place = len(PNG_START)
    while True:
        length = int.from_bytes(raw[place : place + 4], "big")
        kind, end = raw[place + 4 : place + 8], place + 12 + length
        if len(kind) < 4 or end > len(raw):
            raise ValueError("corrupt or truncated: the file ends within a chunk")
        if kind in _PNG_KEPT:
            if zlib.crc32(raw[place + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end], "big"):
                raise ValueError(f"corrupt or truncated: wrong checksum of chunk {kind.decode()}")
            kept.append(raw[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        place = end
