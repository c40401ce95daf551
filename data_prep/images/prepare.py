"""Image intake: decode every pixel, refuse what is broken, hash, judge, measure and store without metadata."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from data_prep.images.phash import perceptual_hash
from data_prep.images.pixels import Picture, read_picture
from data_prep.images.quality import Quality, assess
from data_prep.raw import MaskKind
from skin_r1.photo import SIDE, shrink

if TYPE_CHECKING:
    from skin_r1.lesion.measure import Measurement

BLACK = 8
"""Brightest channel value, of 255, of a background painted black (JPEG leaves traces)."""
MIN_BLACK = 0.02
"""Share of such pixels on the image's frame below which the image is no masked crop; lesions seldom touch it."""
RLE = 3
"""zlib's run-length strategy: a tenth of the time, and 2% more bytes than level 6 on photographs."""


@dataclass(frozen=True)
class Task:
    """One image to take in; `mask` is a file, `black` (its black background) or None."""

    case_id: str
    image: Path
    mask: Path | MaskKind | None = None


@dataclass(frozen=True)
class Prepared:
    """One image, taken in.

    Attributes:
        encoded: PNG for PNG, else JPEG; no metadata. An RGB image that fits keeps its coded pixels; others are coded
            anew, JPEG with quality 95 and without chroma subsampling.
        name: file name of the encoded image.
        pixels: SHA-256 of the picture, whatever its metadata: `data_prep.images.pixels.Picture.digest`.
        phash: 256-bit perceptual hash, 32 bytes.
        measured: the lesion's measurement; None without a usable mask.
        quality: what was measured on the picture.
    """

    case_id: str
    encoded: bytes
    name: str
    pixels: str
    phash: bytes
    measured: "Measurement | None"
    quality: Quality


@dataclass(frozen=True)
class Bad:
    """An image or mask that cannot be used, and why."""

    case_id: str
    file: Path
    reason: str


def encode(picture: Picture, image: Image.Image) -> bytes:
    """Code a picture, shrunk to `image`; where nothing was shrunk, its own coded pixels if it has them."""
    if picture.coded is not None and image is picture.image:
        return picture.coded
    stream = io.BytesIO()
    if picture.kind == "PNG":
        image.save(stream, "PNG", compress_type=RLE)
    else:
        image.info = {}  # else Pillow writes a comment back
        image.save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def prepare(task: Task, max_side: int) -> Prepared | Bad:
    """Take in one image; what is wrong with it or its mask comes back as `Bad`.

    Args:
        task: the image.
        max_side: longest side of what is stored, pixels.
    """
    file = task.image
    try:
        picture = read_picture(file, max(max_side, SIDE))
        stored = shrink(picture.image, max_side, picture.size)
        seen = shrink(picture.image if max_side < SIDE else stored, SIDE, picture.size)
        if isinstance(task.mask, Path):
            file = task.mask
        measured = _measure(picture, task.mask)
    except (ValueError, OSError) as error:
        return Bad(task.case_id, file, str(error))
    return Prepared(
        case_id=task.case_id,
        encoded=encode(picture, stored),
        name=task.image.stem + (".png" if picture.kind == "PNG" else ".jpg"),
        pixels=picture.digest,
        phash=perceptual_hash(seen),
        measured=measured,
        quality=assess(seen, picture.size),
    )


def _measure(picture: Picture, mask: Path | MaskKind | None) -> "Measurement | None":
    """Measure the lesion at a fixed scale; None without a mask or where the crop has no black background."""
    if mask is None or mask == "file":
        return None
    import numpy as np

    from skin_r1.lesion.measure import MEASURE_SIDE, measure

    small = shrink(picture.image, MEASURE_SIDE, picture.size)
    pixels = np.asarray(small)
    if isinstance(mask, Path):
        drawn = read_picture(mask).image.convert("L")
        ratio = picture.size[0] / picture.size[1]
        if abs(drawn.width / drawn.height - ratio) > 0.02 * ratio:
            raise ValueError(f"the mask is {drawn.size}, its image {picture.size}: another shape")
        inside = np.asarray(drawn.resize(small.size, Image.Resampling.NEAREST)) > 127
        return measure(pixels, inside)
    inside = pixels.max(axis=2) > BLACK
    frame = np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])
    return None if (~frame).mean() < MIN_BLACK else measure(pixels, inside, surroundings=False)
