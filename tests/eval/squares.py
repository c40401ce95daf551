"""Cases that are flat colored squares."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from skin_r1.case import Case, to_dataset

COLORS = {"melanoma": (40, 30, 30), "melanocytic-nevus": (150, 100, 70), "basal-cell-carcinoma": (220, 150, 160)}
MALIGNANCY = {"melanoma": "malignant", "melanocytic-nevus": "benign", "basal-cell-carcinoma": "malignant"}


def picture(color: tuple[int, int, int], size: int = 24) -> dict[str, Any]:
    stream = BytesIO()
    Image.new("RGB", (size, size), color).save(stream, "PNG")
    return {"bytes": stream.getvalue(), "path": "square.png"}


def case(number: int, diagnosis: str | None, split: str, **changes: Any) -> Case:
    shade = (number * 7) % 20
    color = tuple(min(255, c + shade) for c in COLORS[diagnosis or "melanocytic-nevus"])
    row: dict[str, Any] = {
        "case_id": f"squares/{split}-{number}",
        "dataset": "squares",
        "modality": "clinical",
        "diagnosis_raw": diagnosis,
        "diagnosis": diagnosis,
        "malignancy": None if diagnosis is None else MALIGNANCY[diagnosis],
        "group": f"{split}-{number // 2}",
        "source": "made by a test",
        "license": "CC0-1.0",
        "split": split,
        "images": [picture(color)],  # type: ignore[arg-type]
        "checksum": f"{split}-{number}",
    }
    return Case(**{**row, **changes})


def write_split(corpus: Path, split: str, cases: list[Case]) -> None:
    (corpus / split).mkdir(parents=True, exist_ok=True)
    to_dataset(cases).to_parquet(corpus / split / "cases.parquet")
