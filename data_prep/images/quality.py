"""How good is a picture: size, sharpness, light, and what lies over the skin. Columns for the reader, never a filter.

Everything is measured on one upright reduced copy, longest side at most `SIDE` pixels, so that a 12-megapixel photograph
and a 300-pixel tile can be compared: blur is blur at the size that a model sees. Smaller pictures are not enlarged.
Pixels of a background painted black are left out. `docs/quality.md` has the rates on real images, measured by
`python -m benchmarks.quality`, and what the flags miss.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from data_prep.images.pixels import shrink
from data_prep.images.strokes import Bools, Bytes, strokes

SIDE: Final = 256
"""Longest side, in pixels, of the copy that is measured."""
BACKGROUND: Final = 8
"""Brightest luma, of 255, of a background painted black (JPEG leaves traces)."""
RIM: Final = 3
"""Pixels next to such a background that sharpness leaves out: the edge is the mask's, not the skin's."""

MIN_PAINTED: Final = 0.005
"""Share of such pixels below which they are shadows and not looked at further."""
CROP_ABOVE: Final = 0.30
"""Share of such pixels above which the picture is a crop; the corners around a round field are at most 21%."""
LINES_FROM: Final = 128
"""Pixels of the longer side below which no lines are looked for: everything is thin there."""
MIN_SIDE: Final = 16
"""Pixels of a side below which only the size is measured, and all else stays 0; as where all is painted."""

# No flag for ruler and marker: docs/quality.md has the counts.
FLAGS: Final = ("small", "blurred", "dark", "bright", "low-contrast", "hair")

SMALL_BELOW: Final = 128
"""Pixels of the shorter side. Processors of vision-language models take patches of 14 to 16 pixels: fewer than 9 a side."""
MAX_RANGE: Final = 0.25
"""Range of luma above which sharpness takes no more into account: a black lesion on smooth skin is not blurred."""
BLURRED_BELOW: Final = 0.050
"""Under the first percentile of HAM10000; a Gaussian blur of 2 pixels in 256 puts 98% of its images below."""
DARK_BELOW: Final = 0.15
"""Low on purpose, so that it means the light and not the skin: no untouched image of three datasets lies below."""
BRIGHT_ABOVE: Final = 0.85
"""2 of 1,000 HAM10000 images lie above, on a white background or overexposed."""
LOW_CONTRAST_BELOW: Final = 0.07
"""18 of 255 gray levels. The faintest of 60 ISIC 2017 images has 0.08."""
HAIR_ABOVE: Final = 0.05
"""On HAM10000, 83 of 100 images above it are hairy, and about 38 of 60 between 0.03 and 0.05 (by eye)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on one picture.

    Attributes:
        width: of the original, upright, pixels.
        height: as `width`.
        sharpness: root mean square of the 4-neighbor Laplacian over the contrast (as below, at most `MAX_RANGE`); no
            unit, 0 (flat) to about 2, typically 0.06 to 0.5. Dividing makes it blind to exposure. The variance of the
            Laplacian as a measure of focus: Pech-Pacheco et al., ICPR 2000.
        brightness: mean luma (ITU-R 601) of the sRGB values, 0 (black) to 1 (white).
        contrast: 95th minus 5th percentile of luma, 0 to 1.
        hair: share of the pixels that belong to long thin dark or bright lines, whichever are more; 0 to 1. Closings
            by short lines as in DullRazor (Lee et al., Comput Biol Med 1997;27:533-543). None in a crop on a painted
            background, whose outlines and folds look the same, and under `LINES_FROM` pixels.
        ruler: how periodic the ticks along the straightest dark line are, 0 to 1. A score without a flag.
        marker: share of the pixels that are far more violet or blue than the picture's median, 0 to 1. A score without
            a flag: blue lesions have it too.
        vignette: share of the pixels in the four corners (an eighth of the width and height each) that are under a third
            of the mean luma, 0 to 1; about 1 for the round field of a dermatoscope and for crops on black.
    """

    width: int
    height: int
    sharpness: float
    brightness: float
    contrast: float
    hair: float | None
    ruler: float
    marker: float
    vignette: float


def assess(image: Image.Image, size: tuple[int, int] | None = None) -> Quality:
    """Measure a picture.

    Args:
        image: RGB, upright, any size; reduced to `SIDE` here where it is larger.
        size: width and height of the original where `image` is a reduced copy.
    """
    width, height = size or image.size
    image = shrink(image, SIDE)
    luma = image.convert("L")
    gray = np.asarray(luma)
    counts = np.array(luma.histogram(), dtype=np.int64)
    painted = int(counts[: BACKGROUND + 1].sum())
    counts[: BACKGROUND + 1] = 0
    if min(gray.shape) < MIN_SIDE or gray.size - painted < MIN_SIDE**2:
        return Quality(width, height, 0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0)
    lineless = painted > CROP_ABOVE * gray.size or max(gray.shape) < LINES_FROM
    skin = _skin(gray) if painted > MIN_PAINTED * gray.size else None
    total = gray.size - painted
    brightness = int(counts @ np.arange(256)) / total
    low, high = (int(level) for level in np.searchsorted(np.cumsum(counts), [0.05 * total, 0.95 * total]))
    found = None if lineless else strokes(gray, skin)
    return Quality(
        width=width,
        height=height,
        sharpness=_laplacian(gray, skin) / min(max(high - low, 1), MAX_RANGE * 255),
        brightness=brightness / 255,
        contrast=(high - low) / 255,
        hair=None if found is None else found.hair,
        ruler=0.0 if found is None else found.ruler,
        marker=_marker(image),
        vignette=_vignette(gray, brightness),
    )


def flags(quality: Quality) -> tuple[str, ...]:
    """What is wrong with the picture, in the order of `FLAGS`."""
    holds = (
        min(quality.width, quality.height) < SMALL_BELOW,
        quality.sharpness < BLURRED_BELOW,
        quality.brightness < DARK_BELOW,
        quality.brightness > BRIGHT_ABOVE,
        quality.contrast < LOW_CONTRAST_BELOW,
        quality.hair is not None and quality.hair > HAIR_ABOVE,
    )
    return tuple(flag for flag, held in zip(FLAGS, holds, strict=True) if held)


def _skin(gray: Bytes) -> Bools:
    """True where no painted background is within `RIM` pixels."""
    inside = gray > BACKGROUND
    for _ in range(RIM):
        smaller = inside.copy()
        smaller[1:] &= inside[:-1]
        smaller[:-1] &= inside[1:]
        smaller[:, 1:] &= inside[:, :-1]
        smaller[:, :-1] &= inside[:, 1:]
        inside = smaller
    return inside


def _laplacian(gray: Bytes, skin: Bools | None) -> float:
    """Root mean square of the 4-neighbor Laplacian, gray levels; summed in integers, so equal on every machine.

    Rounding to whole levels has a variance of 1/12, of which the weights 4, -1, -1, -1, -1 make 20/12: it is taken off,
    else a blurred picture of low contrast would not reach 0.
    """
    wide = gray.astype(np.int16)
    edges = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    if skin is not None:
        edges = edges[skin[1:-1, 1:-1]]
    square = edges.astype(np.int32)
    square *= square
    return math.sqrt(max(int(square.sum(dtype=np.int64)) / max(square.size, 1) - 20 / 12, 0.0))


def _marker(image: Image.Image) -> float:
    """Share of the pixels, every third of a row and column, that are more violet or blue than usual by these margins.

    Ink raises blue over both red and green; the median takes out the lamp's cast. By eye on ISIC 2017 and PAD-UFES-20.
    """
    pixels = np.asarray(image)[::3, ::3].reshape(-1, 3).T.astype(np.int16, order="C")
    red, green, blue = pixels
    seen = np.maximum(red, green) > 40
    some = pixels[:, ::4][:, seen[::4]]
    if not some.size:
        return 0.0
    over_red, over_green = blue - red, blue - green
    usual_red, usual_green = (float(np.median(some[2] - some[channel])) for channel in (0, 1))
    ink = (over_red > usual_red + 35) & (over_green > max(usual_green + 25, 20)) & (4 * blue > 3 * red) & seen
    return int(np.count_nonzero(ink)) / int(np.count_nonzero(seen))


def _vignette(gray: Bytes, brightness: float) -> float:
    """See `Quality.vignette`."""
    tall, wide = gray.shape[0] // 8, gray.shape[1] // 8
    corners = [
        gray[rows, columns]
        for rows in (slice(tall), slice(-tall, None))
        for columns in (slice(wide), slice(-wide, None))
    ]
    dark = sum(int(np.count_nonzero(corner < brightness / 3)) for corner in corners)
    return dark / (4 * tall * wide)
