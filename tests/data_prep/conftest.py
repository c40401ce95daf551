"""Small datasets in the native shape of the real ones, drawn by code."""

from pathlib import Path
from typing import Any

import pytest
from drawn_datasets import HAM_COLUMNS, Writer, lesion, lesion_mask, write_csv

from data_prep.adapters import pad_ufes_20


@pytest.fixture
def ham(tmp_path: Path) -> Writer:
    """Write a HAM10000-shaped dataset: 24 images of 16 lesions, three classes."""

    def write(name: str = "ham", count: int = 24, images: bool = True, rows: list[list[Any]] | None = None) -> Path:
        root = tmp_path / name
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

    return write


@pytest.fixture
def pad(tmp_path: Path) -> Writer:
    """Write a PAD-UFES-20-shaped dataset: 12 images of 6 patients."""

    def write(name: str = "pad", **options: Any) -> Path:
        root = tmp_path / name
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

    return write
