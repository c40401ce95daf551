"""Draw one lesion from its findings and a skin type; nothing else about the case can be seen.

Fields are computed on a grid in lesion coordinates (1 = mean lesion radius) with numpy, so that the same lesion can be
drawn at any size. Colors are sRGB in [0, 1].
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float64]  # [height, width]
SKIN = {  # Fitzpatrick type -> typical skin color; chosen by eye for contrast, not measured
    1: (0.97, 0.86, 0.79),
    2: (0.93, 0.78, 0.68),
    3: (0.86, 0.68, 0.55),
    4: (0.73, 0.53, 0.40),
    5: (0.54, 0.37, 0.27),
    6: (0.36, 0.25, 0.19),
}


@dataclass(frozen=True)
class Phantom:
    """An image [size, size, 3] as PIL, and the lesion's mask [size, size] of booleans."""

    image: Image.Image
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class _Frame:
    """The grid in lesion coordinates: radius and angle of each pixel, and the outline's depth (> 0 inside)."""

    x: Field
    y: Field
    depth: Field
    pixel: float  # width of a pixel in lesion radii
    rng: np.random.Generator

    def inside(self, softness: float = 1.0) -> Field:
        return np.clip(self.depth / (softness * self.pixel) + 0.5, 0, 1)

    def noise(self, scale: float) -> Field:
        """Smooth noise of about unit deviation; `scale` in lesion radii."""
        # Drawn on a fixed grid and enlarged, so that the picture does not depend on the size it is drawn at.
        cells = 96
        coarse = gaussian_filter(self.rng.standard_normal((cells, cells)), scale / (3.2 / cells), mode="wrap")
        coarse /= coarse.std() + 1e-9
        u = (np.clip((self.x + 1.6) / 3.2, 0, 0.999)) * cells
        v = (np.clip((self.y + 1.6) / 3.2, 0, 0.999)) * cells
        return np.asarray(coarse[v.astype(int), u.astype(int)])


def draw(findings: frozenset[str], skin_type: int, rng: np.random.Generator, size: int = 112) -> Phantom:
    """Draw a lesion.

    Args:
        findings: concept slugs out of `phantom.findings.FINDINGS`.
        skin_type: Fitzpatrick type, 1-6.
        rng: consumed; the same state draws the same lesion.
        size: pixels of a side.
    """
    frame = _frame(findings, rng, size)
    skin = np.array(SKIN[skin_type]) * rng.normal(1.0, 0.02, 3)
    picture = np.ones((size, size, 3)) * skin * (1 + 0.02 * frame.noise(0.05))[..., None]
    body = frame.inside(2.0)
    if "erythema" in findings:  # the redness reaches beyond the lesion
        halo = np.clip(1.15 + frame.depth / 0.35, 0, 1) * (0.85 + 0.1 * frame.noise(0.3))
        picture = _blend(picture, (0.80, 0.22, 0.22), 0.62 * np.clip(halo, 0, 1))
    base = (0.42, 0.24, 0.12) if "brown-hyperpigmentation" in findings else tuple(0.82 * skin * (1.0, 0.86, 0.82))
    picture = _blend(picture, base, body * (0.85 if "brown-hyperpigmentation" in findings else 0.45))
    for name, layer in _LAYERS.items():
        if name in findings:
            picture = layer(picture, frame)
    if rng.random() < 0.3:
        picture = _hairs(picture, frame)
    light = 1 + 0.06 * (frame.x * rng.normal() + frame.y * rng.normal())
    picture = picture * light[..., None] * rng.normal(1.0, 0.04) + rng.normal(0, 0.012, picture.shape)
    pixels = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    return Phantom(Image.fromarray(pixels), frame.depth > 0)


def _frame(findings: frozenset[str], rng: np.random.Generator, size: int) -> _Frame:
    """Outline by Fourier terms: low orders make it asymmetric, high orders make its border irregular."""
    radius = rng.uniform(0.30, 0.36)  # of the image's side
    cx, cy = 0.5 + rng.uniform(-0.05, 0.05, 2)
    turn = rng.uniform(0, 2 * np.pi)
    grid = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid((grid - cx) / radius, (grid - cy) / radius)
    x, y = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    angle = np.arctan2(y, x)
    edge = 1 + 0.05 * np.cos(2 * angle)
    if "asymmetric-shape" in findings:
        edge += rng.uniform(0.20, 0.28) * np.cos(angle) + rng.uniform(0.12, 0.2) * np.cos(
            3 * angle + rng.uniform(0, 6)
        )
    if "irregular-border" in findings:
        for order in (6, 9, 13):
            edge += rng.uniform(0.05, 0.09) * np.cos(order * angle + rng.uniform(0, 6.3))
    return _Frame(x, y, edge - np.hypot(x, y), 1 / (size * radius), rng)


def _blend(picture: Field, color: object, alpha: Field) -> Field:
    weight = np.clip(alpha, 0, 1)[..., None]
    return np.asarray(picture * (1 - weight) + np.asarray(color) * weight)


def _spot(frame: _Frame, x: float, y: float, radius: float, softness: float = 1.5) -> Field:
    distance = np.hypot(frame.x - x, frame.y - y)
    return np.clip((radius - distance) / (softness * frame.pixel) + 0.5, 0, 1)


def _union(masks: Iterable[Field]) -> Field:
    return reduce(np.maximum, masks)


def _place(frame: _Frame, reach: float) -> tuple[float, float]:
    r, a = reach * np.sqrt(frame.rng.random()), frame.rng.uniform(0, 2 * np.pi)
    return float(r * np.cos(a)), float(r * np.sin(a))


def _multiple_colors(picture: Field, frame: _Frame) -> Field:
    start = frame.rng.uniform(0, 2 * np.pi)
    for index, color in enumerate([(0.13, 0.08, 0.07), (0.70, 0.28, 0.20), (0.62, 0.43, 0.22)]):
        a = start + index * 2.1 + frame.rng.normal(0, 0.2)
        spot = _spot(frame, 0.52 * np.cos(a), 0.52 * np.sin(a), frame.rng.uniform(0.42, 0.5), 6)
        picture = _blend(picture, color, 0.85 * spot * frame.inside())
    return picture


def _network(picture: Field, frame: _Frame, period: float, width: float, warp: float, alpha: float) -> Field:
    x, y = frame.x + warp * frame.noise(0.25), frame.y + warp * frame.noise(0.25)
    lines = np.minimum(np.abs((x / period) % 1 - 0.5), np.abs((y / period) % 1 - 0.5)) * period
    mesh = np.clip((width - lines) / (1.5 * frame.pixel) + 0.5, 0, 1)
    return _blend(picture, (0.20, 0.11, 0.06), alpha * mesh * frame.inside())


def _typical_network(picture: Field, frame: _Frame) -> Field:
    return _network(picture, frame, 0.26, 0.035, 0.0, 0.75)


def _atypical_network(picture: Field, frame: _Frame) -> Field:
    return _network(picture, frame, 0.46, 0.085, 0.07, 0.9)


def _regular_dots(picture: Field, frame: _Frame) -> Field:
    angles = [(radius, 2 * np.pi * k / count) for radius, count in ((0.36, 6), (0.72, 12)) for k in range(count)]
    dots = _union(_spot(frame, radius * np.cos(a), radius * np.sin(a), 0.085) for radius, a in angles)
    return _blend(picture, (0.24, 0.12, 0.07), 0.95 * dots * frame.inside())


def _irregular_dots(picture: Field, frame: _Frame) -> Field:
    cx, cy = _place(frame, 0.45)
    places = [(cx + frame.rng.normal(0, 0.33), cy + frame.rng.normal(0, 0.33)) for _ in range(14)]
    dots = _union(_spot(frame, x, y, frame.rng.uniform(0.05, 0.17)) for x, y in places)
    return _blend(picture, (0.06, 0.04, 0.05), 0.95 * dots * frame.inside())


def _streaks(picture: Field, frame: _Frame) -> Field:
    start = frame.rng.uniform(0, 2 * np.pi)
    lines = []
    for k in range(7):
        a = start + k * 0.36 + frame.rng.normal(0, 0.06)
        along = frame.x * np.cos(a) + frame.y * np.sin(a)
        across = np.abs(frame.y * np.cos(a) - frame.x * np.sin(a))
        reach = frame.rng.uniform(1.18, 1.38)
        width = 0.075 * np.clip((reach - along) / 0.5, 0.2, 1)
        line = np.clip((width - across) / (1.5 * frame.pixel) + 0.5, 0, 1) * ((along > 0.72) & (along < reach))
        lines.append(line)
    return _blend(picture, (0.10, 0.06, 0.05), 0.95 * _union(lines))


def _veil(picture: Field, frame: _Frame) -> Field:
    x, y = _place(frame, 0.3)
    haze = np.clip(1.35 - np.hypot(frame.x - x, frame.y - y) / 0.5, 0, 1) * (0.9 + 0.12 * frame.noise(0.2))
    return _blend(picture, (0.44, 0.53, 0.72), 0.9 * np.clip(haze, 0, 1) * frame.inside())


def _vessels(picture: Field, frame: _Frame) -> Field:
    def branch(x: float, y: float, a: float, length: float, width: float, level: int) -> None:
        steps = 5
        for _ in range(steps):
            nx, ny = x + length / steps * np.cos(a), y + length / steps * np.sin(a)
            pieces.append(_segment(frame, x, y, nx, ny, width))
            x, y, a = nx, ny, a + frame.rng.normal(0, 0.15)
        if level:
            for turn in (-0.6, 0.6):
                branch(x, y, a + turn + frame.rng.normal(0, 0.15), length * 0.65, width * 0.7, level - 1)

    pieces: list[Field] = []
    start = frame.rng.uniform(0, 2 * np.pi)
    for k in range(3):
        a = start + 2.1 * k
        branch(0.95 * np.cos(a), 0.95 * np.sin(a), a + np.pi + frame.rng.normal(0, 0.3), 0.55, 0.06, 2)
    return _blend(picture, (0.78, 0.05, 0.10), 0.95 * _union(pieces))


def _segment(frame: _Frame, x0: float, y0: float, x1: float, y1: float, width: float) -> Field:
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((frame.x - x0) * dx + (frame.y - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    distance = np.hypot(frame.x - x0 - t * dx, frame.y - y0 - t * dy)
    return np.clip((width - distance) / (1.5 * frame.pixel) + 0.5, 0, 1)


def _scale(picture: Field, frame: _Frame) -> Field:
    flakes = np.clip((frame.noise(0.09) - 0.55) * 3, 0, 1)
    return _blend(picture, (0.97, 0.96, 0.93), 0.95 * flakes * frame.inside())


def _crust(picture: Field, frame: _Frame) -> Field:
    sizes = [(*_place(frame, 0.62), frame.rng.uniform(0.2, 0.3)) for _ in range(4)]
    rim = _union(_spot(frame, x, y, radius) for x, y, radius in sizes)
    plate = _union(_spot(frame, x, y, radius - 0.06) for x, y, radius in sizes) * (0.9 + 0.12 * frame.noise(0.08))
    picture = _blend(picture, (0.45, 0.28, 0.06), 0.9 * rim * frame.inside())
    return _blend(picture, (0.90, 0.70, 0.20), plate * frame.inside())


def _ulcer(picture: Field, frame: _Frame) -> Field:
    x, y = _place(frame, 0.25)
    rim = _spot(frame, x, y, 0.47, 2) * frame.inside()
    bed = _spot(frame, x, y, 0.37, 2) * frame.inside()
    return _blend(_blend(picture, (0.93, 0.72, 0.66), 0.9 * rim), (0.40, 0.02, 0.05), 0.95 * bed)


def _hairs(picture: Field, frame: _Frame) -> Field:
    for _ in range(frame.rng.integers(1, 4)):
        a, offset = frame.rng.uniform(0, np.pi), frame.rng.uniform(-0.9, 0.9)
        across = frame.y * np.cos(a) - frame.x * np.sin(a) - offset + 0.12 * (frame.x * np.cos(a)) ** 2
        picture = _blend(
            picture, (0.12, 0.09, 0.08), 0.7 * np.clip((0.018 - np.abs(across)) / frame.pixel + 0.5, 0, 1)
        )
    return picture


# Painted in this order: what lies on the surface comes last.
_LAYERS: dict[str, Callable[[Field, _Frame], Field]] = {
    "multiple-colors": _multiple_colors,
    "typical-pigment-network": _typical_network,
    "atypical-pigment-network": _atypical_network,
    "regular-dots-and-globules": _regular_dots,
    "irregular-dots-and-globules": _irregular_dots,
    "irregular-streaks": _streaks,
    "blue-whitish-veil": _veil,
    "arborizing-vessels": _vessels,
    "ulcer": _ulcer,
    "crust": _crust,
    "scale": _scale,
}
