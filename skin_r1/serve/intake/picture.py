"""A picture as the gateway knows it: limits, what came of the check, and reading one out of a data URL.

Nothing is ever fetched: a picture arrives as an upload or as a data URL. Its pixels are decoded in another process
(`decoder`), never in the gateway.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

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
class Advice:
    """What is wrong with a picture, and what a person can do about it.

    Attributes:
        code: a stable word that programs can test; `quality.CODES` has them all.
        level: `refuse` where an answer about this picture would be worth nothing.
        message: plain words.
    """

    code: str
    level: Literal["warn", "refuse"]
    message: str


@dataclass(frozen=True)
class Picture:
    """A clean picture.

    Attributes:
        data_url: a PNG without metadata, RGB and upright, for the engine.
        width: of that PNG, pixels.
        height: as `width`.
        quality: what to tell the person; empty where nothing is wrong.
    """

    data_url: str
    width: int
    height: int
    quality: tuple[Advice, ...] = ()


def read_data_url(url: str, limits: ImageLimits) -> tuple[bytes, str]:
    """Bytes of a `data:image/...;base64,` URL, and the format it declares; any other URL is refused and never fetched.

    Raises:
        Refused: 400 for another scheme or bad base64, 413 too long, 415 another type.
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
    return data, _KIND[head["kind"].lower()]
