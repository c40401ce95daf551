"""Image intake: bytes of a stranger -> one clean RGB picture, or a refusal that says why.

Nothing is ever fetched: a picture arrives as an upload or as a data URL. The format is sniffed from the bytes, sizes
are checked in the header before any pixel is decoded, and the picture is re-encoded, so no metadata (position, device,
patient name) travels on.
"""

import base64
import binascii
import io
import re
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from skin_r1.serve.refused import Refused

FORMATS = ("JPEG", "PNG", "WEBP")
_DATA_URL = re.compile(r"data:image/(?P<kind>jpeg|jpg|png|webp);base64,", re.IGNORECASE)
_KIND = {"jpeg": "JPEG", "jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


@dataclass(frozen=True)
class ImageLimits:
    """What a picture may be; sizes in bytes and pixels."""

    max_bytes: int = 10 * 2**20
    max_pixels: int = 40_000_000
    min_side: int = 16
    max_aspect: float = 8.0
    longest_side: int = 2048  # larger pictures are scaled down to it; models read far fewer pixels


@dataclass(frozen=True)
class Picture:
    """A clean picture: RGB, upright, and as a PNG data URL without metadata."""

    image: Image.Image
    data_url: str


def picture(data: bytes, limits: ImageLimits, expected: str | None = None) -> Picture:
    """Decode, check and re-encode.

    Args:
        data: the file's bytes.
        limits: sizes allowed.
        expected: the format that the sender declared (`JPEG`, `PNG`, `WEBP`); must agree with the bytes.

    Raises:
        Refused: 413 too large, 415 not one of `FORMATS`, 422 damaged or of an odd shape.
    """
    if not data:
        raise Refused(422, "empty_image", "the picture has no bytes")
    if len(data) > limits.max_bytes:
        raise Refused(413, "image_too_large", f"the picture has more than {limits.max_bytes:,} bytes")
    try:
        # Pillow warns about bombs at a lower size than it raises; our own check below decides.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Refused(413, "too_many_pixels", f"the picture has more than {limits.max_pixels:,} pixels") from error
    except Exception as error:  # Pillow's plugins raise many kinds (ValueError, SyntaxError, struct.error ...)
        raise Refused(415, "not_an_image", f"not a {', '.join(FORMATS)} picture") from error
    with opened:
        _check_header(opened, limits, expected)
        try:
            opened.load()
            clean = ImageOps.exif_transpose(opened)
            if clean.mode in ("RGBA", "LA", "PA") or "transparency" in clean.info:
                white = Image.new("RGBA", clean.size, "white")
                clean = Image.alpha_composite(white, clean.convert("RGBA"))
            clean = clean.convert("RGB")
        except Exception as error:  # truncated or corrupt data, as many kinds as above
            raise Refused(422, "damaged_image", "the picture is damaged or cut short") from error
    clean.thumbnail((limits.longest_side, limits.longest_side), Image.Resampling.LANCZOS)
    bare = Image.frombytes("RGB", clean.size, clean.tobytes())  # a fresh object: no EXIF, ICC or text travels on
    buffer = io.BytesIO()
    bare.save(buffer, "PNG", compress_level=1)
    return Picture(bare, "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())


def _check_header(opened: Image.Image, limits: ImageLimits, expected: str | None) -> None:
    width, height = opened.size
    if expected is not None and opened.format != expected:
        raise Refused(415, "type_mismatch", f"declared as {expected}, but the bytes are {opened.format}")
    if width * height > limits.max_pixels:
        raise Refused(413, "too_many_pixels", f"{width} x {height} is more than {limits.max_pixels:,} pixels")
    if min(width, height) < limits.min_side:
        raise Refused(422, "too_small", f"{width} x {height}: each side needs at least {limits.min_side} pixels")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise Refused(422, "odd_shape", f"{width} x {height} is longer than {limits.max_aspect:g} to 1")
    if getattr(opened, "n_frames", 1) != 1:
        raise Refused(422, "animated", "the picture has several frames; send one")


def from_data_url(url: str, limits: ImageLimits) -> Picture:
    """Read a `data:image/...;base64,` URL; any other URL is refused and never fetched.

    Raises:
        Refused: 400 for another scheme or bad base64, and all that `picture` raises.
    """
    if not url[:5].lower() == "data:":
        raise Refused(
            400, "remote_media_disabled", "this server fetches no URL: send the picture as a data:image/... URL"
        )
    head = _DATA_URL.match(url)
    if head is None:
        raise Refused(415, "not_an_image", "allowed: data:image/jpeg, image/png or image/webp, in base64")
    if (len(url) - head.end()) * 3 // 4 > limits.max_bytes + 3:  # before the copy that decoding makes
        raise Refused(413, "image_too_large", f"the picture has more than {limits.max_bytes:,} bytes")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "bad_base64", "the data URL is not valid base64") from error
    return picture(data, limits, expected=_KIND[head["kind"].lower()])
