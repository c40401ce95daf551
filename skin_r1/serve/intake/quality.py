"""Can anything be said about this picture? Size, focus, light, and whether it may be skin; advice for the person.

Cheap rules on one copy of at most 256 pixels, no model: a cat's fur passes for skin, and a face or a healthy arm is not
told from a lesion. What they let through and what they refuse is printed by `python -m benchmarks.scope`, on which every
number here was set; docs/serving.md has the table, by skin type too.
"""

from typing import Final, NamedTuple

import numpy as np
from PIL import Image

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
from skin_r1.serve.intake.picture import Advice

CODES: Final = ("small", "blurred", "dark", "bright", "low_contrast", "not_skin")
# Where an answer is worth nothing; between these and the cuts of `skin_r1.photo` it is only less sure.
TINY_BELOW: Final = 42
"""Pixels of the shorter side: three patches of 14."""
SMEARED_BELOW: Final = 0.030
BLACK_BELOW: Final = 0.08
WHITE_ABOVE: Final = 0.95
FLAT_BELOW: Final = 0.03

RED_OVER_GREEN: Final = 1.03
"""Blood and melanin both take more green than red out of the light (Anderson and Parrish, J Invest Dermatol
1981;77:13-19), so skin of every type is redder than it is green, also under a bluish lamp. Blue is not looked at."""
RED_REFUSED: Final = 0.06
"""Share of such pixels. One of 9,212 real pictures (gray, dermoscopic) has less; grass, sea and paper have 0."""
RED_WARNED: Final = 0.30
ONE_COLOR: Final = 0.12
"""Share of the commonest exact color: a drawn picture has one, a photograph's noise spreads it. HAM10000: at most 0.06."""
NOISE_ABOVE: Final = 1.15
"""Sharpness of noise and of small print; one of 9,212 real pictures lies above."""
MIN_SEEN: Final = 0.05
"""Share of pixels neither black nor white below which colors say nothing; the light is refused then."""


class Surface(NamedTuple):
    """Colors of the pixels that are neither black (no channel over 24) nor white (all over 249), as shares of them."""

    red: float
    one_color: float


def advise(image: Image.Image, size: tuple[int, int], modality: str | None) -> tuple[Advice, ...]:
    """What is wrong with a picture, in the order of `CODES`.

    Args:
        image: RGB, upright.
        size: width and height before it was scaled down, pixels.
        modality: `clinical`, `dermoscopic` or `histopathology`. A slide is bright, has no skin color and sharp edges, so
            only its size, darkness and flatness are judged. None (not said): what may be a slide is warned of only.
    """
    copy = shrink(image, SIDE)
    light = measure_light(copy.convert("L"))
    found = list(filter(None, [_size(min(size))]))
    if light is None:
        return (*found, _advice("dark", True, "There is nothing to see: the picture is black."))
    slide = modality == "histopathology"
    found += filter(None, [_light(light.brightness, slide), _focus(light.sharpness, slide)])
    if light.contrast < LOW_CONTRAST_BELOW:
        words = "Hardly anything stands out: wipe the lens, avoid glare, and add light."
        found.append(_advice("low_contrast", light.contrast < FLAT_BELOW, words))
    if not slide:
        # In a faint or dark picture few colors are left of any photograph.
        faint = light.contrast < LOW_CONTRAST_BELOW or light.brightness < DARK_BELOW
        found += filter(None, [_scope(surface(np.asarray(copy)), light.sharpness, faint, modality)])
    return tuple(sorted(found, key=lambda advice: CODES.index(advice.code)))


def _advice(code: str, refuse: bool, words: str) -> Advice:
    return Advice(code, "refuse" if refuse else "warn", words)


def _size(side: int) -> Advice | None:
    if side >= SMALL_BELOW:
        return None
    words = f"Move closer or send the original file: the shorter side has {side} pixels, {SMALL_BELOW} are needed."
    return _advice("small", side < TINY_BELOW, words)


def _light(brightness: float, slide: bool) -> Advice | None:
    if brightness < DARK_BELOW:
        return _advice("dark", brightness < BLACK_BELOW, "More light: the picture is too dark.")
    if brightness > BRIGHT_ABOVE and not slide:
        words = "Less light: the picture is too bright. Switch off the flash or turn away from the lamp."
        return _advice("bright", brightness > WHITE_ABOVE, words)
    return None


def _focus(sharpness: float, slide: bool) -> Advice | None:
    if sharpness >= BLURRED_BELOW or slide:
        return None
    words = "Hold still and focus on the spot: the picture is blurred."
    return _advice("blurred", sharpness < SMEARED_BELOW, words)


def surface(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Surface | None:
    """Measure the colors; None where nearly all is black or white.

    Args:
        pixels: sRGB, shape (height, width, 3).
    """
    planes = pixels[::2, ::2].reshape(-1, 3).T.astype(np.int32, order="C")  # a quarter of them is enough
    red, green, blue = planes
    seen = (np.maximum(np.maximum(red, green), blue) > 24) & (np.minimum(np.minimum(red, green), blue) < 250)
    red, green, blue = planes[:, seen]
    if len(red) < MIN_SEEN * len(seen):
        return None
    codes = np.sort(red << 16 | green << 8 | blue)
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    return Surface(float(np.mean(red > RED_OVER_GREEN * green)), int(np.diff(edges).max()) / len(codes))


def _scope(colors: Surface | None, sharpness: float, faint: bool, modality: str | None) -> Advice | None:
    if colors is None:
        return None
    if (colors.one_color > ONE_COLOR and not faint) or sharpness > NOISE_ABOVE:
        words = "This looks like a page, a screen or a drawing. Send a photograph of the skin."
        return _advice("not_skin", True, words)
    if colors.red >= RED_WARNED:
        return None
    words = "This does not look like skin. Send a photograph of the skin, in white light."
    return _advice("not_skin", colors.red < RED_REFUSED and modality is not None, words)
