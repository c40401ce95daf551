"""Asymmetry, border and colors of a lesion, measured from an image and its mask.

The three are the A, B and C of the ABCD rule of dermoscopy (Stolz et al. 1994; Nachbar et al., J Am Acad Dermatol
1994;30:551-559), in their common computable forms. They are measurements of the mask and the pixels, not an expert's
reading: a sloppy mask gives a sloppy border. A lesion that the frame cuts off has no measurable shape, so its
asymmetry and border stay unknown.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MEASURE_SIDE: Final = 200
"""Longest side, in pixels, at which images are measured: perimeters depend on the sampling, so it is fixed."""
MIN_AREA: Final = 64
"""Smallest lesion, in pixels, whose shape means anything."""
MAX_CUT: Final = 0.10
"""Share of the outline on the image's frame above which the shape is the frame's, not the lesion's."""

# Cut points, read off the distribution on the 7,999 HAM10000 images that have a mask (docs/data.md has the table).
ASYMMETRIC_ABOVE: Final = 0.075
IRREGULAR_ABOVE: Final = 0.175
COLOR_SHARE: Final = 0.10

COLORS: Final = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
# Chromaticity of unpigmented skin (sRGB, scaled to mean 1): what the surroundings are balanced to. Hue of skin varies
# little with skin type, lightness does, so only the cast is removed.
SKIN_CAST: Final = np.array([1.201, 0.967, 0.832])


@dataclass(frozen=True)
class Measurement:
    """What was measured on one lesion.

    Attributes:
        asymmetry: mean over the two principal axes of area(shape XOR its mirror image) / (2 area); 0 symmetric, 1 not
            overlapping at all. None when the frame cuts the lesion.
        irregularity: 1 - solidity x relative compactness, 0 for an ellipse, towards 1 for a notched or ragged outline.
            None when the frame cuts the lesion.
        colors: share of the lesion's pixels per color of `COLORS`, summing to 1.
    """

    asymmetry: float | None
    irregularity: float | None
    colors: dict[str, float]


def measure(image: NDArray[np.uint8], mask: Bools, *, surroundings: bool = True) -> Measurement | None:
    """Measure one lesion.

    Args:
        image: sRGB, shape (height, width, 3).
        mask: True on the lesion, shape (height, width). Its largest piece is taken, holes filled.
        surroundings: False when the pixels outside of the mask are not skin (a background painted black).

    Returns:
        The measurement, or None when the lesion is under `MIN_AREA` pixels.
    """
    from skimage.measure import label, regionprops

    regions = regionprops(label(mask))
    if not regions:
        return None
    region = max(regions, key=lambda r: r.area)
    if region.area < MIN_AREA:
        return None
    lesion = np.zeros(mask.shape, dtype=bool)
    lesion[region.slice] = region.image_filled
    asymmetry = irregularity = None
    if not _cut_by_frame(lesion):
        asymmetry = _asymmetry(region.image_filled, float(region.orientation))
        irregularity = _irregularity(region)
    return Measurement(asymmetry, irregularity, _color_shares(image, lesion, surroundings))


def findings(measured: Measurement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Concepts present and absent, as two tuples of slugs; what could not be measured is in neither."""
    present: list[str] = []
    absent: list[str] = []

    def decide(holds: bool, yes: str, no: str) -> None:
        present.append(yes if holds else no)
        absent.append(no if holds else yes)

    if measured.asymmetry is not None:
        decide(measured.asymmetry > ASYMMETRIC_ABOVE, "asymmetric-shape", "symmetric-shape")
    if measured.irregularity is not None:
        decide(measured.irregularity > IRREGULAR_ABOVE, "irregular-border", "regular-border")
    counts = ("single-color", "two-colors", "multiple-colors")
    number = max(1, sum(share >= COLOR_SHARE for share in measured.colors.values()))
    chosen = counts[min(number, 3) - 1]
    present.append(chosen)
    absent.extend(c for c in counts if c != chosen)
    return tuple(present), tuple(absent)


def _cut_by_frame(lesion: Bools) -> bool:
    """True when more than `MAX_CUT` of the outline lies on the image's frame."""
    from scipy.ndimage import binary_erosion

    edge = lesion & ~binary_erosion(lesion)
    on_frame = edge[0].sum() + edge[-1].sum() + edge[1:-1, 0].sum() + edge[1:-1, -1].sum()
    return bool(on_frame > MAX_CUT * edge.sum())


def _asymmetry(shape: Bools, orientation: float) -> float:
    """Mirror the shape on its two principal axes and compare: area(S XOR S') / (2 area(S)), averaged.

    Source: the A of the ABCD rule counts the asymmetric axes of two; the XOR form is the asymmetry index of Clawson
    et al., Comput Biol Med 2009;39:853-859 and of Celebi et al., Comput Med Imaging Graph 2007;31:362-373.
    """
    from skimage.transform import rotate

    rows, columns = np.nonzero(shape)
    half = int(np.ceil(np.hypot(*shape.shape)))
    canvas = np.zeros((2 * half + 1, 2 * half + 1))
    canvas[np.rint(rows - rows.mean() + half).astype(int), np.rint(columns - columns.mean() + half).astype(int)] = 1.0
    # `orientation` is the angle between the rows' axis and the major axis: turning back by it stands the lesion up.
    upright = rotate(canvas, -np.degrees(orientation), order=1) > 0.5
    area = 2 * upright.sum()
    return float(((upright ^ upright[::-1]).sum() + (upright ^ upright[:, ::-1]).sum()) / (2 * area))


def _irregularity(region: Any) -> float:
    """1 - solidity x (P_ellipse / P)^2, clipped to [0, 1].

    4 pi A / P^2 (compactness) calls every long lesion irregular, however smooth, so the perimeter is compared with
    that of the ellipse of the same second moments, scaled to the same area (Ramanujan's formula). P is the length of
    the half-height contour of the mask blurred by 1 pixel: estimates that count pixels or crossings depend on how the
    lesion lies (Crofton's put one smooth ellipse, its mask turned, anywhere from under 0.08 to 0.19). Solidity (area /
    area of the convex hull) adds notches.

    Source: Celebi et al. 2007 (as above) for compactness and solidity as border features.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.measure import find_contours

    a, b = region.axis_major_length / 2, max(region.axis_minor_length / 2, 0.5)
    scale = np.sqrt(region.area_filled / (np.pi * a * b))
    a, b = a * scale, b * scale
    h = ((a - b) / (a + b)) ** 2
    ellipse = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    soft = gaussian_filter(np.pad(region.image_filled, 4).astype(np.float64), sigma=1.0)
    outline = max(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in find_contours(soft, 0.5))
    solidity = region.area_filled / region.area_convex
    return float(np.clip(1 - solidity * min(1.0, (ellipse / outline) ** 2), 0.0, 1.0))


def _color_shares(image: NDArray[np.uint8], lesion: Bools, surroundings: bool) -> dict[str, float]:
    """Share of each of the six dermoscopic colors, by fixed regions of CIE Lab (D65).

    The six colors and "white only where lighter than the skin around" are the ABCD rule's. The regions are ours, set
    by eye on HAM10000 and PAD-UFES-20: published color references (e.g. those of Cavalcanti and Scharcanski, Comput
    Med Imaging Graph 2011;35:481-491) lie so far apart that most of a pink or brown lesion falls to blue-gray. The
    lamp's cast is removed first by scaling the channels until the skin around has the hue of skin (von Kries). Pixels
    that do not differ from that skin (Delta E 76 <= 10) are rim, and no color of the lesion.
    """
    from scipy.ndimage import binary_dilation, binary_erosion
    from skimage.color import rgb2lab

    pixels: Floats = image.astype(np.float64)
    inside = lesion
    white_above = 78.0
    skin: Floats | None = None
    if surroundings:
        ring = binary_dilation(lesion, iterations=15) & ~binary_dilation(lesion, iterations=2)
        ring &= image.max(axis=2) > 60  # the dark vignette of the lens is no skin
        if ring.sum() >= MIN_AREA:
            around = np.median(pixels[ring], axis=0)
            pixels = np.clip(pixels * SKIN_CAST / np.maximum(around / around.mean(), 0.2), 0, 255)
            skin = np.median(rgb2lab(pixels[ring][None] / 255)[0], axis=0)
            white_above = float(skin[0]) + 5
    else:
        eroded = binary_erosion(lesion, iterations=2)  # the painted edge bleeds into the lesion
        inside = eroded if eroded.any() else lesion
    lab: Floats = rgb2lab(pixels[inside][None] / 255)[0]
    if skin is not None:
        differs = np.linalg.norm(lab - skin, axis=1) > 10
        lab = lab[differs] if differs.any() else lab
    light, red, yellow = lab.T
    chroma = np.hypot(red, yellow)
    index = np.where(light < 42, COLORS.index("dark brown"), COLORS.index("light brown"))
    index[(red > 24) & (red > 1.3 * yellow) & (light >= 25)] = COLORS.index("red")
    index[((yellow < 4) | (chroma < 12)) & (red < 16) & (light < 65)] = COLORS.index("blue-gray")
    index[light < 18] = COLORS.index("black")
    index[(light > white_above) & (chroma < 22)] = COLORS.index("white")
    shares = np.bincount(index, minlength=len(COLORS)) / len(index)
    return dict(zip(COLORS, shares.tolist(), strict=True))
