"""Image intake: decode every pixel, refuse what is broken, hash, measure and re-encode without metadata."""

import hashlib
import io
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from data_prep.raw import MaskKind

if TYPE_CHECKING:
    from skin_r1.lesion.measure import Measurement

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MASK_ENDINGS = ("_segmentation", "_superpixels")
BLACK = 8
"""Brightest channel value, of 255, of a background painted black (JPEG leaves traces)."""
MIN_BLACK = 0.02
"""Share of such pixels on the image's frame below which the image is no masked crop; lesions seldom touch it."""
HASH_SIDE = 16
POOL_FROM = 200
"""Fewer images than this are read in this process: starting others takes longer."""


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
        encoded: PNG for PNG, else JPEG of quality 95; no metadata.
        name: file name of the encoded image.
        pixels: SHA-256 over size and decoded RGB pixels of the original.
        phash: 256-bit perceptual hash, 32 bytes.
        measured: the lesion's measurement; None without a usable mask.
    """

    case_id: str
    encoded: bytes
    name: str
    pixels: str
    phash: bytes
    measured: "Measurement | None"


@dataclass(frozen=True)
class Bad:
    """An image or mask that cannot be used, and why."""

    case_id: str
    file: Path
    reason: str


def find_images(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and lesion masks under `root`, by stem (an image also by its full name)."""
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem.endswith(MASK_ENDINGS):
            if path.stem.endswith(MASK_ENDINGS[0]):
                masks.setdefault(path.stem.removesuffix(MASK_ENDINGS[0]), path)
            continue
        images.setdefault(path.name, path)
        images.setdefault(path.stem, path)
    return images, masks


def decode(path: Path) -> Image.Image:
    """Check and fully decode an image, upright, as RGB.

    Raises:
        ValueError: with the reason in plain words.
    """
    if path.stat().st_size == 0:
        raise ValueError("zero bytes")
    try:
        with Image.open(path) as probe:
            probe.verify()
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError:
        raise ValueError("not an image, or its beginning is corrupt") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"corrupt or truncated: {error}") from None


def encode(image: Image.Image, suffix: str, max_side: int) -> tuple[bytes, str]:
    """Shrink to at most `max_side` pixels and encode; returns the bytes and the suffix that fits them."""
    image = image.copy()
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if suffix.lower() == ".png":
        image.save(stream, "PNG")
        return stream.getvalue(), ".png"
    image.save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue(), ".jpg"


def prepare(task: Task, max_side: int) -> Prepared | Bad:
    """Take in one image; what is wrong with it or its mask comes back as `Bad`."""
    import imagehash

    file = task.image
    try:
        image = decode(file)
        encoded, suffix = encode(image, file.suffix, max_side)
        pixels = hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()
        phash = imagehash.phash(image, hash_size=HASH_SIDE).hash
        if isinstance(task.mask, Path):
            file = task.mask
        measured = _measure(image, task.mask)
    except (ValueError, FileNotFoundError) as error:
        return Bad(task.case_id, file, str(error))
    bits = "".join("1" if bit else "0" for bit in phash.ravel())
    return Prepared(
        task.case_id, encoded, task.image.stem + suffix, pixels, int(bits, 2).to_bytes(len(bits) // 8, "big"), measured
    )


def prepare_all(tasks: Sequence[Task], *, max_side: int, workers: int) -> Iterator[Prepared | Bad]:
    """Take in many images, in order, behind a progress bar."""
    work = partial(prepare, max_side=max_side)
    bar = partial(tqdm, total=len(tasks), desc="images", unit="img", mininterval=1.0)
    if workers < 2 or len(tasks) < POOL_FROM:
        yield from bar(map(work, tasks))
        return
    # spawn, not fork: the parent may hold threads of other libraries
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from bar(pool.map(work, tasks, chunksize=32))


def _measure(image: Image.Image, mask: Path | MaskKind | None) -> "Measurement | None":
    """Measure the lesion at a fixed scale; None without a mask or where the crop has no black background."""
    if mask is None or mask == "file":
        return None
    import numpy as np

    from skin_r1.lesion.measure import MEASURE_SIDE, measure

    small = image.copy()
    small.thumbnail((MEASURE_SIDE, MEASURE_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    if isinstance(mask, Path):
        drawn = decode(mask).convert("L")
        if abs(drawn.width / drawn.height - image.width / image.height) > 0.02 * image.width / image.height:
            raise ValueError(f"the mask is {drawn.size}, its image {image.size}: another shape")
        inside = np.asarray(drawn.resize(small.size, Image.Resampling.NEAREST)) > 127
        return measure(pixels, inside)
    inside = pixels.max(axis=2) > BLACK
    frame = np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])
    return None if (~frame).mean() < MIN_BLACK else measure(pixels, inside, surroundings=False)
