"""Parts of small datasets, drawn by code."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from data_prep.adapters import pad_ufes_20

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


def write_ham(
    folder: Path, name: str = "ham", count: int = 24, images: bool = True, rows: list[list[Any]] | None = None
) -> Path:
    """A HAM10000-shaped dataset: 24 images of 16 lesions, three classes."""
    root = folder / name
    (root / "part_1").mkdir(parents=True)
    (root / "masks").mkdir()
    if rows is None:
        rows = []
        for i in range(count):
            lesion_number = i * 2 // 3
            dx = ("nv", "mel", "bkl")[lesion_number % 3]
            rows.append([f"HAM_{lesion_number:07d}", f"ISIC_{i:07d}", dx, "histo", "45.0", "male", "back"])
    write_csv(root / "HAM10000_metadata.csv", HAM_COLUMNS, rows)
    for i, row in enumerate(rows):
        if images:
            lesion(i).save(root / "part_1" / f"{row[1]}.jpg", quality=95)
            lesion_mask(i).save(root / "masks" / f"{row[1]}_segmentation.png")
    return root


def write_pad(folder: Path, name: str = "pad", **options: Any) -> Path:
    """A PAD-UFES-20-shaped dataset: 12 images of 6 patients."""
    root = folder / name
    root.mkdir()
    rows = []
    for i in range(12):
        patient, image = f"PAT_{i // 2}", f"PAT_{i // 2}_{i}_{i}.png"
        cells = {
            "patient_id": patient, "lesion_id": i, "age": 8 + 7 * i, "gender": "FEMALE" if i % 2 else "",
            "skin_cancer_history": "True" if i % 3 == 0 else "", "fitspatrick": ("", "2.0", "3.0")[i % 3],
            "region": "FACE", "diagnostic": ("BCC", "NEV", "ACK")[i // 2 % 3], "itch": "True", "grew": "False",
            "hurt": "UNK", "changed": "", "bleed": "False", "elevation": ("True", "False", "UNK")[i % 3],
            "img_id": image,
        }  # fmt: skip
        rows.append([cells[c] for c in pad_ufes_20.COLUMNS])
        lesion(100 + i, background=None).save(root / image)
    write_csv(root / "metadata.csv", pad_ufes_20.COLUMNS, rows, **options)
    return root
