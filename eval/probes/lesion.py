"""Where the lesion is, found without a trained model: the one region that differs most from the skin at the frame.

The skin is the median color of the frame's rim; a pixel's distance from it (Delta E 76, CIE Lab) is cut by Otsu's threshold
(Otsu, IEEE Trans. SMC 9 (1979) 62-66), and the largest piece is taken. It suits one lesion amid skin and refuses the rest.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skin_r1.lesion.measure import MEASURE_SIDE, Bools

RIM: Final = 0.06  # of the shorter side: the frame in which skin is looked for
DARK: Final = 20.0  # CIE lightness below which the rim is the dark vignette of a lens
CONTRAST: Final = 10.0  # Delta E 76 by which the lesion's median must differ from the skin
SHARE: Final = (0.01, 0.85)  # least and largest share of the image that a box around one lesion amid skin takes
MARGIN: Final = 0.02  # of the longer side, added around the lesion: its soft edge
FAR: Final = 20.0  # Delta E 76 beyond which skin is left for sure; a black spot must not hide the brown around it


class Box(NamedTuple):
    """Pixels [left, right) x [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


def lesion_mask(image: Image.Image) -> Bools | None:
    """The lesion as a mask [height, width] of an image scaled to `MEASURE_SIDE` pixels at most; None where none shows."""
    from scipy.ndimage import binary_fill_holes, binary_opening, gaussian_filter
    from skimage.color import rgb2lab
    from skimage.filters import threshold_otsu
    from skimage.measure import label, regionprops

    small = image.convert("RGB")
    small.thumbnail((MEASURE_SIDE, MEASURE_SIDE))
    lab = rgb2lab(np.asarray(small))  # [height, width, 3]
    width = max(2, round(RIM * min(small.size)))
    rim = np.ones(lab.shape[:2], dtype=bool)
    rim[width:-width, width:-width] = False
    rim &= lab[..., 0] > DARK
    if not rim.any():
        return None
    distance = gaussian_filter(np.linalg.norm(lab - np.median(lab[rim], axis=0), axis=2), sigma=1.5)
    distance = np.minimum(distance, FAR)
    distance[lab[..., 0] <= DARK / 2] = 0.0  # the corners of a lens are no lesion
    if np.ptp(distance) < CONTRAST:
        return None
    pieces = label(binary_opening(distance > threshold_otsu(distance), iterations=2))
    regions = regionprops(pieces)
    if not regions:
        return None
    mask: NDArray[np.bool_] = binary_fill_holes(pieces == max(regions, key=lambda r: r.area).label)
    return mask if np.median(distance[mask]) >= CONTRAST else None


def lesion_box(image: Image.Image) -> Box | None:
    """A box around the lesion with a margin, in the image's own pixels; None where no lesion stands amid skin.

    A box and not the outline: what is hidden must not show by the shape of the patch that hides it.
    """
    mask = lesion_mask(image)
    if mask is None:
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    scale = image.width / mask.shape[1]
    edge = MARGIN * max(image.size)
    box = Box(
        left=max(0, int(columns[0] * scale - edge)),
        top=max(0, int(rows[0] * scale - edge)),
        right=min(image.width, int((columns[-1] + 1) * scale + edge)),
        bottom=min(image.height, int((rows[-1] + 1) * scale + edge)),
    )
    share = (box.right - box.left) * (box.bottom - box.top) / (image.width * image.height)
    return box if SHARE[0] <= share <= SHARE[1] else None
