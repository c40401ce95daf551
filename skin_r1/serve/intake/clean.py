"""Bytes of a stranger -> one clean RGB picture, or a refusal that says why. `worker` runs it, never the gateway itself.

The format is sniffed from the bytes, sizes are checked in the header before any pixel is decoded, and the picture is
written anew from its pixels, so no metadata (position, device, patient name) and no second file inside it travels on.
"""

import io
import struct
import warnings
import zlib
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from skin_r1.serve.intake.picture import FORMATS, ImageLimits
from skin_r1.serve.refused import Refused
from skin_r1.srgb import to_srgb


def clean(data: bytes, limits: ImageLimits, expected: str | None = None) -> tuple[Image.Image, tuple[int, int]]:
    """Decode and check.

    Args:
        data: the file's bytes.
        limits: sizes allowed.
        expected: the format that the sender declared (`JPEG`, `PNG`, `WEBP`); must agree with the bytes.

    Returns:
        The picture: sRGB, upright, opaque, at most `limits.longest_side` pixels long; and its width and height before
        it was scaled down, upright.

    Raises:
        Refused: 413 too large, 415 not one of `FORMATS`, 422 damaged or of an odd shape.
        MemoryError: it needs more than this process may have.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":  # its decoder reserves the whole canvas to read a header
        _check_size(_webp_size(data), limits)
    try:
        # Pillow warns about bombs at a lower size than it raises; our own check below decides.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise Refused(413, "too_many_pixels", f"the picture has more than {limits.max_pixels:,} pixels") from error
    except Exception as error:  # Pillow's plugins raise many kinds (ValueError, SyntaxError, struct.error ...)
        raise Refused(415, "not_an_image", f"not a {', '.join(FORMATS)} picture") from error
    with opened:
        _check_header(opened, limits, expected)
        full = opened.size
        most = (limits.longest_side, limits.longest_side)
        try:
            opened.draft(None, most)  # a JPEG of twice that size or more is decoded at 1/2, 1/4 or 1/8
            opened.load()
            image = _eight_bits(opened)
            image.thumbnail(most, Image.Resampling.LANCZOS)
            image = to_srgb(image, opened.info.get("icc_profile"))
            if image.mode == "RGBA":
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert("RGB")
        except MemoryError:
            raise
        except Exception as error:  # truncated or corrupt data, as many kinds as above
            raise Refused(422, "damaged_image", "the picture is damaged or cut short") from error
    lying = image.size
    with suppress(Exception):  # broken EXIF is metadata, and metadata are dropped; it raises struct.error to KeyError
        ImageOps.exif_transpose(image, in_place=True)
    return image, full if image.size == lying else full[::-1]


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header of a WebP (RFC 9649, sections 2.5 to 2.7)."""
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise Refused(413, "too_many_pixels", f"{width} x {height} is more than {limits.max_pixels:,} pixels")


def _check_header(opened: Image.Image, limits: ImageLimits, expected: str | None) -> None:
    width, height = opened.size
    # Phones add a gain map or a preview to a JPEG as a second picture (MPO); the first is the photograph.
    kind = "JPEG" if opened.format == "MPO" else opened.format
    if expected is not None and kind != expected:
        raise Refused(415, "type_mismatch", f"declared as {expected}, but the bytes are {kind}")
    _check_size(opened.size, limits)
    if min(width, height) < limits.min_side:
        raise Refused(422, "too_small", f"{width} x {height}: each side needs at least {limits.min_side} pixels")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise Refused(422, "odd_shape", f"{width} x {height} is longer than {limits.max_aspect:g} to 1")
    if kind != "JPEG" and getattr(opened, "n_frames", 1) != 1:
        raise Refused(422, "animated", "the picture has several frames; send one")


def _eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB, RGBA or CMYK: modes that can be scaled and that a profile can be for."""
    if image.mode.startswith("I"):  # 16-bit gray keeps its upper 8 bits, as in the intake of training data
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def written_anew(image: Image.Image, data: bytes) -> tuple[str, bytes]:
    """The picture as the engine gets it, from its pixels alone: a data URL's subtype, and the file.

    What came as a JPEG goes as one, at quality 95 with full color, 48 to 53 dB from what came: a stored PNG is ten times as
    long, and gateway and engine would each spend 3 ms more on it. What came without loss goes without loss.

    Args:
        image: of `clean`.
        data: the file that it was.
    """
    if not data.startswith(b"\xff\xd8"):
        return "png", stored_png(image)
    bare, buffer = image.copy(), io.BytesIO()
    bare.info.clear()  # Pillow would copy a comment
    bare.save(buffer, "JPEG", quality=95, subsampling=0)
    return "jpeg", buffer.getvalue()


def stored_png(image: Image.Image) -> bytes:
    """An uncompressed PNG of an RGB picture: no filter, stored blocks, no chunk but the three that must be.

    Pillow's own encoder tries five filters on each row even where nothing is compressed, 20 times the work. Format:
    W3C, Portable Network Graphics (3rd edition, 2025), sections 5 and 9; RFC 1951 section 3.2.4 for stored blocks.
    """
    width, height = image.size
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # a row begins with its filter: 0, none
    rows[:, 1:] = np.asarray(image).reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
        for name, body in chunks
    )
