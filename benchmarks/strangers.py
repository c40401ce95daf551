"""Pictures that are not skin, to try a gate on: drawn here, and the photographs that three libraries bring along."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS = "the lesion was excised with a margin of four millimetres and sent to histology on the second of may "
# Cells, an eye's background and a wood of orange light are left out: they are other medicine, or no picture of a thing.
PHOTOGRAPHS = {
    "skimage": "data/*.*",
    "sklearn": "datasets/images/*.jpg",
    "matplotlib": "mpl-data/sample_data/*.*",
}
LEFT_OUT = ("cell", "ihc", "microaneurysms", "retina", "phantom", "color", "chessboard_GRAY", "motorcycle_right")
SUFFIXES = (".png", ".jpg")


def photographs() -> Iterator[tuple[str, Image.Image]]:
    """Cats, coffee, a rocket ...: names and pictures, as many as the installed libraries have."""
    for package, pattern in PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for file in sorted(Path(spec.origin).parent.glob(pattern)):
            if file.suffix in SUFFIXES and file.stem not in LEFT_OUT:
                with Image.open(file) as image:
                    yield f"photograph {file.stem}", image.convert("RGB")


def drawn(seed: int = 0) -> Iterator[tuple[str, Image.Image]]:
    """Names and pictures: text pages, screenshots, charts, drawings, plain colors, gradients, noise, landscapes."""
    rng = np.random.default_rng(seed)
    inks = {
        "black on white": ("black", "white"),
        "white on black": ("white", "#121212"),
        "sepia": ("#3b2a1a", "#f4ecd8"),
    }
    for name, (ink, paper) in inks.items():
        for size in ((800, 1100), (640, 480), (1080, 1920)):
            yield f"page {name} {size[0]}", page(ink, paper, size)
    for name, paper in {"light": "#f6f8fa", "dark": "#0d1117", "blue": "#3b5998", "pink": "#fbe4e4"}.items():
        yield f"screenshot {name}", screenshot(paper, rng)
    for kind in range(4):
        yield f"chart {kind}", chart(rng)
    for name, sky, ground in (
        ("meadow", (120, 170, 230), (70, 130, 50)),
        ("sea", (150, 190, 235), (30, 80, 120)),
        ("snow", (170, 190, 210), (235, 240, 245)),
        ("desert", (130, 180, 235), (200, 160, 110)),
    ):
        yield f"landscape {name}", landscape(sky, ground, rng)
    for color in ("white", "black", "gray", "red", "lime", "blue", "#e0b296", "#5c3a28", "#ffc0cb"):
        yield f"plain {color}", Image.new("RGB", (400, 300), color)
    ramp = np.linspace(0, 1, 400)[None, :, None] * np.ones((300, 1, 1))
    for name, low, high in (
        ("gray", (0, 0, 0), (255, 255, 255)),
        ("blue", (0, 0, 80), (120, 200, 255)),
        ("skin", (92, 58, 40), (224, 178, 150)),
    ):
        yield f"gradient {name}", Image.fromarray((low + ramp * np.subtract(high, low)).astype(np.uint8))
    yield "noise color", Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    yield "noise gray", Image.fromarray(rng.integers(0, 256, (300, 400), dtype=np.uint8)).convert("RGB")
    red = rng.integers(0, 256, (300, 400, 3)) * np.array([1.0, 0.7, 0.6])
    yield "noise warm", Image.fromarray(red.astype(np.uint8))


def page(ink: str, paper: str, size: tuple[int, int]) -> Image.Image:
    """Lines of text."""
    image = Image.new("RGB", size, paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size[0] / 40)
    for number, y in enumerate(range(40, size[1] - 40, round(size[0] / 26))):
        start = 7 * number % len(WORDS)
        draw.text((size[0] * 0.06, y), (WORDS[start:] + WORDS)[:78], fill=ink, font=font)
    return image


def screenshot(paper: str, rng: np.random.Generator) -> Image.Image:
    """Bars, buttons and lines of text."""
    image = page("#24292f" if paper[1] in "f3" else "#c9d1d9", paper, (1080, 1400))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1080, 90), fill="#0969da")
    for x, y in rng.integers((40, 200), (800, 1200), (6, 2)).tolist():
        color = tuple(rng.integers(0, 256, 3).tolist())
        draw.rounded_rectangle((x, y, x + 240, y + 80), 16, fill=color)
    return image


def chart(rng: np.random.Generator) -> Image.Image:
    """Bars on white, with axes."""
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    draw.line((60, 20, 60, 440, 620, 440), fill="black", width=2)
    for number, height in enumerate(rng.integers(60, 400, 8).tolist()):
        color = tuple(rng.integers(0, 256, 3).tolist())
        draw.rectangle((80 + 65 * number, 440 - height, 130 + 65 * number, 438), fill=color)
    return image


def landscape(sky: tuple[int, ...], ground: tuple[int, ...], rng: np.random.Generator) -> Image.Image:
    """A horizon, with grain."""
    rows = np.arange(300)[:, None, None]
    horizon = 150 + 15 * np.sin(np.arange(400) / 40)[None, :, None]
    pixels = np.where(rows < horizon, np.array(sky), np.array(ground)) + rng.normal(0, 12, (300, 400, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
