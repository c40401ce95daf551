"""How good is a picture: size, sharpness, light, and what lies over the skin. Columns for the reader, never a filter.

Everything is measured on one upright reduced copy, longest side at most `SIDE` pixels, so that a 12-megapixel photograph
and a 300-pixel tile can be compared: blur is blur at the size that a model sees. Smaller pictures are not enlarged.
Pixels of a background painted black are left out. `docs/quality.md` has the rates on real images, measured by
`python -m benchmarks.quality`, and what the flags miss.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from data_prep.images.strokes import Bytes, strokes
from skin_r1.photo import (
    BLURRED_BELOW,
    BRIGHT_ABOVE,
    DARK_BELOW,
    LOW_CONTRAST_BELOW,
    SIDE,
    SMALL_BELOW,
    measure_light,
    shrink,
)

CROP_ABOVE: Final = 0.30
"""Share of such pixels above which the picture is a crop; the corners around a round field are at most 21%."""
LINES_FROM: Final = 128
"""Pixels of the longer side below which no lines are looked for: everything is thin there."""
# No flag for ruler and marker: docs/quality.md has the counts.
FLAGS: Final = ("small", "blurred", "dark", "bright", "low-contrast", "hair")

HAIR_ABOVE: Final = 0.05
"""On HAM10000, 83 of 100 images above it are hairy, and about 38 of 60 between 0.03 and 0.05 (by eye)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on one picture.

    Attributes:
        width: of the original, upright, pixels.
        height: as `width`.
        sharpness, brightness, contrast: as in `skin_r1.photo.Light`; 0 where nothing can be measured.
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
    light = measure_light(luma)
    if light is None:
        return Quality(width, height, 0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0)
    lineless = light.painted > CROP_ABOVE * gray.size or max(gray.shape) < LINES_FROM
    found = None if lineless else strokes(gray, light.inside)
    return Quality(
        width=width,
        height=height,
        sharpness=light.sharpness,
        brightness=light.brightness,
        contrast=light.contrast,
        hair=None if found is None else found.hair,
        ruler=0.0 if found is None else found.ruler,
        marker=_marker(image),
        vignette=_vignette(gray, 255 * light.brightness),
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
