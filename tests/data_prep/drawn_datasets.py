"""Parts of small datasets, drawn by code."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Writer = Callable[..., Path]
HAM_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")


def lesion(seed: int, side: int = 64, background: tuple[int, int, int] | None = (224, 180, 155)) -> Image.Image:
    """A lesion with a texture of its own; `background` None paints it black, as PAD-UFES-20's crops have it."""
    rng = np.random.default_rng(seed)
    base = rng.integers(60, 190, (8, 8, 3)).astype(np.uint8)
    texture = Image.fromarray(base).resize((side, side), Image.Resampling.BICUBIC)
    image = Image.new("RGB", (side, side), background or (0, 0, 0))
    image.paste(texture, mask=lesion_mask(seed, side))
    return image


def lesion_mask(seed: int, side: int = 64) -> Image.Image:
    """White on the lesion: ellipses of many sizes, each second one with a bite out."""
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    left, top, right, bottom = np.random.default_rng(seed).integers(side // 16, side // 3, 4).tolist()
    draw.ellipse((left, top, side - 1 - right, side - 1 - bottom), fill=255)
    if seed % 2:
        draw.rectangle((side // 2, side // 2, side, side), fill=0)
    return mask


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], **options: Any) -> Path:
    with path.open("w", encoding=options.pop("encoding", "utf-8"), newline="") as stream:
        writer = csv.writer(stream, lineterminator=options.pop("lineterminator", "\n"), **options)
        writer.writerows([header, *rows])
    return path
