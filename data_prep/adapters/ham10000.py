"""HAM10000: dermoscopy of common pigmented lesions (Tschandl et al., Sci Data 2018;5:180161)."""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import UNKNOWN, choice
from data_prep.raw import Confirmed, Listing, MaskKind, Raw
from data_prep.table import find_file, read_table
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "ham10000"
TITLE = "HAM10000"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://doi.org/10.7910/DVN/DBW86T"
FILES = ("HAM10000_metadata.csv", "**/ISIC_*.jpg", "**/ISIC_*_segmentation.png (optional)")
MASKS: MaskKind | None = "file"
COLUMNS = ("lesion_id", "image_id", "dx", "age", "sex", "localization")
CONFIRMED: dict[str, Confirmed] = {
    "histo": "histopathology", "confocal": "confocal", "consensus": "consensus", "follow_up": "follow-up",
}  # fmt: skip


def read(root: Path) -> Listing:
    """Read `HAM10000_metadata`; there are lesion ids and no patient ids. Copies without `dx_type` are read too."""
    table = find_file(root, ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata"), "its metadata")
    rows = [
        Raw(
            native_id=row.values["image_id"],
            file=table,
            row=row.number,
            label=row.text("dx"),
            image=row.values["image_id"],
            lesion_id=row.text("lesion_id", unknown=UNKNOWN),
            history=history_text(
                age=row.number_in("age", 0, 120, unknown=("unknown",)),
                sex=row.text("sex", unknown=("unknown",)),
                site=row.text("localization", unknown=("unknown",)),
            ),
            confirmed=choice(row, "dx_type", CONFIRMED),
        )
        for row in read_table(table, COLUMNS, unique="image_id")
    ]
    return Listing(rows, {"metadata": table})
