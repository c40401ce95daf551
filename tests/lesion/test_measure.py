"""Known shapes and colors give known measurements."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.transform import rotate

from skin_r1.concepts import load_concepts
from skin_r1.lesion.measure import COLORS, Measurement, findings, measure

SKIN = (224, 181, 155)


def drawn(shape: str, angle: float = 0.0, side: int = 160) -> np.ndarray:
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    c = side / 2
    if shape == "disc":
        draw.ellipse((c - 40, c - 40, c + 40, c + 40), fill=255)
    elif shape == "ellipse":
        draw.ellipse((c - 60, c - 22, c + 60, c + 22), fill=255)
    elif shape == "comma":
        draw.ellipse((c - 45, c - 40, c + 25, c + 30), fill=255)
        draw.polygon([(c + 10, c - 30), (c + 55, c + 50), (c - 5, c + 20)], fill=255)
    elif shape == "star":
        t = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        r = 42 + 12 * np.sign(np.sin(9 * t))
        draw.polygon(list(zip((c + r * np.cos(t)).tolist(), (c + r * np.sin(t)).tolist(), strict=True)), fill=255)
    return rotate(np.asarray(image) / 255, angle, order=0) > 0.5


def painted(mask: np.ndarray, *colors: tuple[int, int, int]) -> np.ndarray:
    """Equal vertical bands of the lesion in the colors, skin around it."""
    image = np.full((*mask.shape, 3), SKIN, dtype=np.uint8)
    columns = np.nonzero(mask.any(axis=0))[0]
    for color, band in zip(colors, np.array_split(columns, len(colors)), strict=True):
        inside = np.zeros_like(mask)
        inside[:, band] = mask[:, band]
        image[inside] = color
    return image


def shape_of(mask: np.ndarray) -> Measurement:
    found = measure(painted(mask, (120, 80, 50)), mask)
    assert found is not None
    return found


@pytest.mark.parametrize("angle", [0, 17, 45, 80])
def test_shapes(angle: float) -> None:
    disc, ellipse, comma, star = (shape_of(drawn(s, angle)) for s in ("disc", "ellipse", "comma", "star"))
    for smooth in (disc, ellipse):
        assert smooth.asymmetry is not None and smooth.asymmetry < 0.04
        assert smooth.irregularity is not None and smooth.irregularity < 0.08  # long is not irregular
    assert comma.asymmetry is not None and comma.asymmetry > 0.12
    assert star.irregularity is not None and star.irregularity > 0.5
    assert "asymmetric-shape" in findings(comma)[0] and "symmetric-shape" in findings(disc)[0]
    assert "irregular-border" in findings(star)[0] and "regular-border" in findings(ellipse)[0]


def test_does_not_depend_on_turning() -> None:
    values = [shape_of(drawn("comma", angle)).asymmetry for angle in (0, 30, 90, 133)]
    assert max(v for v in values if v) - min(v for v in values if v) < 0.02


PAINTS = {
    "light brown": (165, 120, 80),
    "dark brown": (85, 55, 35),
    "black": (18, 16, 15),
    "red": (190, 70, 75),
    "blue-gray": (95, 105, 125),
    "white": (250, 245, 238),
}


@pytest.mark.parametrize("name", COLORS)
def test_each_color(name: str) -> None:
    mask = drawn("disc")
    found = measure(painted(mask, PAINTS[name]), mask)
    assert found is not None and found.colors[name] > 0.95
    assert abs(sum(found.colors.values()) - 1) < 1e-9


def test_colors_under_a_cast_lamp() -> None:
    mask = drawn("disc")
    image = painted(mask, PAINTS["light brown"], PAINTS["dark brown"]).astype(float)
    pink = np.clip(image * [1.1, 0.75, 0.85], 0, 255).astype(np.uint8)
    found = measure(pink, mask)
    assert found is not None and findings(found)[0][-1] == "two-colors"
    assert found.colors["light brown"] > 0.3 and found.colors["dark brown"] > 0.3


@pytest.mark.parametrize(
    ("names", "slug"),
    [
        (["dark brown"], "single-color"),
        (["light brown", "dark brown"], "two-colors"),
        (["light brown", "dark brown", "black"], "multiple-colors"),
        (["red", "dark brown", "black", "blue-gray"], "multiple-colors"),
    ],
)
def test_number_of_colors(names: list[str], slug: str) -> None:
    mask = drawn("disc")
    found = measure(painted(mask, *(PAINTS[n] for n in names)), mask)
    assert found is not None
    present, absent = findings(found)
    assert slug in present and len([s for s in absent if "color" in s]) == 2


def test_masked_crop_has_no_skin_around() -> None:
    mask = drawn("disc")
    image = painted(mask, PAINTS["dark brown"])
    image[~mask] = 0
    found = measure(image, mask, surroundings=False)
    assert found is not None and found.colors["dark brown"] > 0.95 and found.colors["black"] == 0


def test_lesion_cut_by_the_frame_has_colors_but_no_shape() -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[30:, :70] = True
    found = measure(painted(mask, PAINTS["black"]), mask)
    assert found is not None and found.asymmetry is None and found.irregularity is None
    assert findings(found)[0] == ("single-color",)


def test_nothing_to_measure() -> None:
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    assert measure(image, np.zeros((50, 50), dtype=bool)) is None
    speck = np.zeros((50, 50), dtype=bool)
    speck[20:25, 20:25] = True
    assert measure(image, speck) is None
    assert measure(np.zeros((9, 40, 3), dtype=np.uint8), np.ones((9, 40), dtype=bool)) is not None  # a mask of all


def test_findings_are_concepts() -> None:
    known = load_concepts()
    for measured in (
        Measurement(0.0, 0.0, dict.fromkeys(COLORS, 0.0)),
        Measurement(1.0, 1.0, dict.fromkeys(COLORS, 1 / 6)),
    ):
        present, absent = findings(measured)
        assert set(present) | set(absent) <= set(known) and not set(present) & set(absent)
        for slug in present:
            assert not set(known[slug].excludes) & set(present)
