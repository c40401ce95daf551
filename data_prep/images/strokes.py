"""Thin lines over the skin: hair, and the ticked line of a ruler.

A closing by a short line fills every dark stroke that is thinner than the line is long, whatever lies around it; the
strongest of four directions minus the picture leaves the strokes (the black-hat of DullRazor, Lee et al., Comput Biol
Med 1997;27:533-543). An opening does the same for bright strokes. What is long and thin among them is hair.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

PAD: Final = 8
"""Pixels of margin: longer than a closing reaches."""
CONTRAST: Final = 22
"""Gray levels, of 255, by which a stroke differs from what is around it; pigment networks mostly stay below."""
MIN_DARK: Final = 0.004
"""Share of dark pixels below which nothing is looked for: a ruler has about twice as many."""
MIN_BRIGHT: Final = 0.01
"""As `MIN_DARK`, of bright pixels: a few white hairs do not matter."""
EIGHT: Final = np.ones((3, 3), dtype=np.int8)
MIN_LENGTH: Final = 0.12
"""Extent of a stroke, as a share of the longer side: shorter ones are dots, pores and pieces of network."""
MAX_WIDTH: Final = 9.0
"""Area over extent, in cells of 2 pixels, of a few crossing hairs; what is fuller is the texture of a lesion, unless"""
SPANS: Final = 0.9
"""it extends over this share of the longer side, as a thicket of hair does."""
MIN_RULER: Final = 0.2
"""Extent of a ruler's line, as a share of the longer side."""
STRAIGHT: Final = 1.6
"""Standard deviation, in cells of 2 pixels, of a ruler's line and ticks across its direction."""
TICKS: Final = (3.0, 16.0)
"""Shortest and longest distance between two ticks, pixels."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """Shares and scores of `data_prep.images.quality.Quality`: see there."""

    hair: float
    ruler: float


@dataclass(frozen=True, slots=True)
class Line:
    """A straight piece: its center in pixels, its angle from the x axis in radians (y down), its length in pixels."""

    x: float
    y: float
    angle: float
    length: float


@dataclass(frozen=True, slots=True)
class Lines:
    """The long thin pieces of a map of strokes.

    Attributes:
        pixels: how many pixels they hold.
        straight: at most two that are straight, the longest first.
    """

    pixels: int
    straight: tuple[Line, ...] = ()


def strokes(gray: Bytes, inside: Bools | None = None) -> Strokes:
    """Measure thin lines.

    Args:
        gray: luma, shape (height, width), both at least 16.
        inside: True where the skin is, shape as `gray`; None for everywhere.
    """
    dark, bright = hats(gray)
    if inside is not None:
        dark, bright = dark * inside, bright * inside
    area = gray.size if inside is None else max(int(inside.sum()), 1)
    dark_lines, bright_lines = lines(dark > CONTRAST, MIN_DARK), lines(bright > CONTRAST, MIN_BRIGHT)
    ruler = max((_ticks(dark, line) for line in dark_lines.straight), default=0.0)
    return Strokes(max(dark_lines.pixels, bright_lines.pixels) / area, ruler)


def hats(gray: Bytes) -> tuple[Bytes, Bytes]:
    """Black-hat and top-hat, the strongest of four directions: by how much a stroke is darker, or brighter.

    The picture is padded and flattened, so that a step in any direction is one offset; a running maximum over 8 steps
    (6 on a diagonal) is three maxima of doubled reach.
    """
    wide = np.empty((gray.shape[0] + 2 * PAD, gray.shape[1] + 2 * PAD), dtype=np.uint8)
    wide[PAD:-PAD, PAD:-PAD] = gray
    wide[:PAD], wide[-PAD:] = wide[PAD], wide[-PAD - 1]
    wide[:, :PAD], wide[:, -PAD:] = wide[:, PAD : PAD + 1], wide[:, -PAD - 1 : -PAD]
    row, flat = wide.shape[1], wide.ravel()
    dark, bright = np.zeros_like(flat), np.zeros_like(flat)
    for step, reach in ((1, (1, 2, 4)), (row, (1, 2, 4)), (row + 1, (1, 2, 2)), (row - 1, (1, 2, 2))):
        closed = opened = flat
        for offset in (r * step for r in reach):
            closed, opened = (
                np.maximum(closed[:-offset], closed[offset:]),
                np.minimum(opened[:-offset], opened[offset:]),
            )
        for offset in (r * step for r in reach):
            closed, opened = (
                np.minimum(closed[:-offset], closed[offset:]),
                np.maximum(opened[:-offset], opened[offset:]),
            )
        within = slice(sum(reach) * step, flat.size - sum(reach) * step)
        np.maximum(dark[within], closed - flat[within], out=dark[within])
        np.maximum(bright[within], flat[within] - opened, out=bright[within])
    return tuple(hat.reshape(wide.shape)[PAD:-PAD, PAD:-PAD] for hat in (dark, bright))  # type: ignore[return-value]


def lines(marked: Bools, least: float) -> Lines:
    """Connected pieces that are long and thin; grouped in cells of 2 x 2 pixels, which also closes small gaps.

    Args:
        marked: True on strokes, shape (height, width).
        least: share of such pixels below which nothing is looked for.
    """
    if np.count_nonzero(marked) < least * marked.size:
        return Lines(0)
    from scipy.ndimage import label

    side = max(marked.shape) / 2
    even = marked[: marked.shape[0] // 2 * 2, : marked.shape[1] // 2 * 2].view(np.uint8)
    rows = even[::2] + even[1::2]
    held = rows[:, ::2] + rows[:, 1::2]
    cells = held.ravel().nonzero()[0]
    pieces, count = label(held, EIGHT)
    piece = pieces.ravel()[cells]
    order = piece.argsort(kind="stable")
    y, x = np.divmod(cells[order], held.shape[1])
    area = np.bincount(piece, minlength=count + 1)[1:]
    start = np.cumsum(area) - area
    tall = np.maximum.reduceat(y, start) - np.minimum.reduceat(y, start)
    wide = np.maximum.reduceat(x, start) - np.minimum.reduceat(x, start)
    extent = np.hypot(tall, wide)
    thin = (extent >= MIN_LENGTH * side) & ((area <= MAX_WIDTH * extent) | (extent >= SPANS * side))
    pixels = int(np.add.reduceat(held.ravel()[cells[order]], start, dtype=np.int64)[thin].sum())
    straight = []
    for i in np.flatnonzero(thin & (extent >= MIN_RULER * side)):
        own = slice(start[i], start[i] + area[i])
        cx, cy = x[own].mean(), y[own].mean()
        dx, dy = x[own] - cx, y[own] - cy
        xx, yy, xy = dx @ dx / area[i], dy @ dy / area[i], dx @ dy / area[i]
        across = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
        if across <= STRAIGHT**2:
            angle = 0.5 * np.arctan2(2 * xy, xx - yy)
            straight.append(Line(2 * cx + 0.5, 2 * cy + 0.5, float(angle), 2 * float(extent[i])))
    return Lines(pixels, tuple(sorted(straight, key=lambda line: -line.length)[:2]))


def _ticks(dark: Bytes, line: Line) -> float:
    """Share of the spectral power of the strokes beside a line that lies in one period, times the line's wholeness.

    The line is looked for again to the pixel, in a band around the axis of its piece; a hair leaves the band.
    """
    along = np.arange(-line.length / 2, line.length / 2)
    beside = np.arange(-7.0, 8.0)[:, None]
    best, center, highest = np.zeros((1, 1)), 0, -1.0
    for turn in (-0.02, 0.0, 0.02):
        ux, uy = np.cos(line.angle + turn), np.sin(line.angle + turn)
        x = np.rint(line.x + along * ux - beside * uy).astype(np.int64)
        y = np.rint(line.y + along * uy + beside * ux).astype(np.int64)
        there = (x >= 0) & (x < dark.shape[1]) & (y >= 0) & (y < dark.shape[0])
        band = np.minimum(dark[np.where(there, y, 0), np.where(there, x, 0)], 40) * there
        total = band.sum(axis=1)[4:-4]
        if total.max() > highest:
            best, center, highest = band.astype(np.float64), int(total.argmax()) + 4, float(total.max())
    whole = float((best[center - 1 : center + 2].max(axis=0) > CONTRAST / 3).mean())
    first, last = int(np.ceil(len(along) / TICKS[1])), int(len(along) / TICKS[0])
    score = 0.0
    for side in (best[center - 4 : center - 1], best[center + 2 : center + 5]):
        profile = side.mean(axis=0) - side.mean()
        power = np.abs(np.fft.rfft(profile * np.hanning(len(profile)))) ** 2
        inner = power[first : last + 1]
        if profile.std() >= 1.0 and len(inner) > 2:
            top = int(inner.argmax())
            score = max(score, float(inner[max(top - 1, 0) : top + 2].sum() / power[min(first, 2) :].sum()))
    return score * whole
