"""Things in a picture that are no part of the lesion, whose colors claim nothing: hair, ink, a ruler, the picture's edge."""

from collections.abc import Iterator
from itertools import product

_TONES = ("black", "white", "brown", "dark brown", "light brown", "tan")
_PLAIN = ("black", "white", "blue", "gray", "grey")
_TINTS = (*_TONES, *_PLAIN, "jet black", "purple", "violet", "yellow", "red", "reddish")
_THINGS = (
    "hair", "terminal hair", "coarse hair", "thick hair", "thin hair", "fine hair", "long hair", "short hair", "ink",
    "surgical ink", "pen", "marker", "skin marker", "surgical marker", "felt tip", "ruler", "plastic ruler", "tape",
    "sticker", "label", "arrow", "vignette", "vignetting", "glare", "flash", "reflection", "light reflection",
    "air bubble", "gel bubble", "gel", "clothing", "clothes", "shirt", "sleeve", "fabric", "cloth", "towel", "drape",
    "glove", "nail polish",
)  # fmt: skip
# A red background, or corner of the mouth, may well be the lesion's.
_PLACES = ("background", "corner", "image corner")
_COLORED = (*product(_TINTS, _THINGS), *product(_PLAIN, _PLACES))
_SKINS = ("surrounding skin", "background skin", "skin tone", "skin color")
_SCALES = (
    "ruler with a scale", "ruler with scale", "ruler with its scale", "scale on the ruler", "scale of the ruler",
    "scale of a ruler", "ruler scale", "measuring scale", "metric scale", "millimeter scale", "centimeter scale", "mm scale",
    "cm scale", "at a scale of", "on a scale of",
)  # fmt: skip
_LESIONS = ("lesion", "growth", "spot", "mark")


def bystanders() -> Iterator[str]:
    """Phrases whose words claim no finding: "black hairs", "the vignette is black", "a ruler with a scale"."""
    yield from _SCALES
    yield from (f"{tint} {thing}" for tint, thing in (*_COLORED, *product(_TONES, ("skin", "skin tone", "skin type"))))
    told = (*_COLORED, *product(_TONES, _SKINS))
    yield from (f"{thing} {verb} {tint}" for tint, thing in told for verb in ("is", "are"))


def skin_lesions() -> Iterator[tuple[str, str]]:
    """Phrases that hold one of `bystanders` but tell the lesion's color, with that color: "brown skin lesion"."""
    return ((f"{tint} skin {lesion}", tint) for tint in _TONES for lesion in _LESIONS)
