"""Quality: each flag follows the damage it names, and nothing else sets it off."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from data_prep.images.find import index_images
from data_prep.images.pixels import read_picture
from data_prep.images.quality import FLAGS, Quality, assess, flags

SKIN = (205, 160, 140)


def skin(size: tuple[int, int] = (256, 192), seed: int = 0, tone: tuple[int, int, int] = SKIN) -> Image.Image:
    """Skin with texture and a brown lesion."""
    image = Image.new("RGB", size, tone)
    w, h = size
    lesion = tuple(round(c * 0.55) for c in tone)
    ImageDraw.Draw(image).ellipse((w * 0.35, h * 0.35, w * 0.65, h * 0.7), fill=lesion)
    coarse = np.random.default_rng(seed).normal(0, 2, (h, w, 1))
    return Image.fromarray((np.asarray(image) + coarse).clip(0, 255).astype(np.uint8))


def with_hair(image: Image.Image, count: int, color: tuple[int, int, int], seed: int = 0) -> Image.Image:
    image, draw_from = image.copy(), np.random.default_rng(seed)
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        x, y, angle = draw_from.uniform(0, image.width), draw_from.uniform(0, image.height), draw_from.uniform(0, 3.14)
        points = [(x + t * np.cos(angle + t / 200), y + t * np.sin(angle + t / 200)) for t in range(-80, 81, 8)]
        draw.line(points, fill=color, width=2)
    return image


def with_ruler(image: Image.Image, turn: float) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    start = np.array([image.width / 2, image.height / 2]) - 55 * along + 50 * across
    draw.line([tuple(start), tuple(start + 110 * along)], fill=(30, 30, 30), width=2)
    for tick in range(0, 111, 6):
        draw.line([tuple(start + tick * along), tuple(start + tick * along - 5 * across)], fill=(30, 30, 30))
    return image


def test_good_skin_has_no_flag_light_or_dark() -> None:
    assert flags(assess(skin())) == ()
    assert flags(assess(skin(tone=(80, 52, 40)))) == (), "dark skin is not bad light"
    assert flags(assess(skin(tone=(235, 205, 195)))) == ()


@pytest.mark.parametrize(
    ("damage", "flag"),
    [
        (lambda i: i.filter(ImageFilter.GaussianBlur(3)), "blurred"),
        (lambda i: i.point(lambda v: round(v * 0.15)), "dark"),
        (lambda i: i.point(lambda v: min(255, v * 2)), "bright"),
        (lambda i: i.point(lambda v: round(128 + (v - 128) * 0.1)), "low-contrast"),
        (lambda i: i.resize((120, 90)), "small"),
        (lambda i: with_hair(i, 40, (40, 25, 20)), "hair"),
        (lambda i: with_hair(i, 40, (250, 250, 250)), "hair"),
    ],
    ids=["blurred", "dark", "bright", "low-contrast", "small", "dark hair", "white hair"],
)
def test_each_damage_has_its_flag(damage: object, flag: str) -> None:
    assert flag in flags(assess(damage(skin())))  # type: ignore[operator]


def test_sharpness_falls_with_blur_but_not_with_light_or_size() -> None:
    values = [assess(skin().filter(ImageFilter.GaussianBlur(s))).sharpness for s in (0, 0.7, 1, 1.5, 2)]
    assert all(a > 1.1 * b for a, b in zip(values, values[1:], strict=False))
    dim = assess(skin().point(lambda v: round(v * 0.5))).sharpness
    assert dim == pytest.approx(values[0], rel=0.25)
    large = skin((1024, 768)).filter(ImageFilter.GaussianBlur(8))
    assert "blurred" in flags(assess(large)) and "blurred" not in flags(assess(skin((1024, 768))))


def test_size_is_that_of_the_original() -> None:
    done = assess(skin(), size=(3000, 2000))
    assert (done.width, done.height) == (3000, 2000) and "small" not in flags(done)


def test_a_crop_on_black_is_not_dark_and_its_outline_is_no_hair() -> None:
    crop = Image.composite(skin((160, 160)), Image.new("RGB", (160, 160)), Image.new("L", (160, 160)))
    disk = Image.new("L", (160, 160))
    ImageDraw.Draw(disk).ellipse((30, 30, 130, 130), fill=255)
    crop = Image.composite(skin((160, 160)), crop, disk)
    alone, whole = assess(crop), assess(skin((160, 160)))
    assert flags(alone) == () and alone.hair is None and alone.vignette == 1.0
    assert alone.brightness == pytest.approx(whole.brightness, abs=0.1)
    assert 0.5 < alone.sharpness / whole.sharpness < 2


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.2, 2.5])
def test_ruler_score(turn: float) -> None:
    assert assess(with_ruler(skin(), turn)).ruler > 0.25
    assert assess(skin()).ruler == 0.0


def test_marker_score() -> None:
    inked = skin()
    ImageDraw.Draw(inked).ellipse((60, 40, 200, 160), outline=(90, 45, 130), width=5)
    assert assess(inked).marker > 0.02
    assert assess(skin()).marker == 0.0


def test_vignette() -> None:
    field = Image.new("L", (256, 192))
    ImageDraw.Draw(field).ellipse((10, -20, 246, 212), fill=255)
    assert assess(Image.composite(skin(), Image.new("RGB", (256, 192), (14, 12, 12)), field)).vignette > 0.3
    assert assess(skin()).vignette == 0.0


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (15, 200), (64, 64), (256, 256)])
def test_flat_and_tiny_pictures_are_measured_without_failing(level: int, size: tuple[int, int]) -> None:
    done = assess(Image.new("RGB", size, (level, level, level)))
    assert isinstance(done, Quality) and "low-contrast" in flags(done) and done.sharpness == 0.0
    assert set(flags(done)) <= set(FLAGS)


def test_real_pictures_are_seldom_flagged_and_follow_blur(real_data: Path) -> None:
    index = index_images(real_data / "isic2017_sample" / "images")
    images = [read_picture(index.root / files[0]).image for files in index.stems.values()]
    scale = max(images[0].size) / 256
    untouched = [flags(assess(image)) for image in images]
    assert sum("blurred" in f or "dark" in f or "bright" in f for f in untouched) <= 1
    rates = [
        np.mean(["blurred" in flags(assess(i.filter(ImageFilter.GaussianBlur(s * scale)))) for i in images])
        for s in (1, 1.5, 2, 3)
    ]
    assert rates == sorted(rates) and rates[2] > 0.9
