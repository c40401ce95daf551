"""SkinCAP: 4,000 images of Fitzpatrick17k and DDI with captions by dermatologists (Zhou et al., arXiv 2405.18004).

Read are the disease and SkinCon's 48 columns. The captions are not: most of them name the disease. The images are those
of the two other datasets, so a corpus of it must not be mixed with theirs across splits; `source` and `ori_file_path`
say which image it is. It is gated and must not be passed on.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.ddi import SKIP, skincon_findings
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "skincap"
TITLE = "SkinCAP"
MODALITY: "Modality" = "clinical"
LICENSE = "CC BY-NC-SA 4.0, gated, no passing on"
SOURCE = "https://huggingface.co/datasets/joshuachou/SkinCAP"
FILES = ("skincap_v240623.csv", "**/<number>.png (optional)")
MASKS: MaskKind | None = None
COLUMNS = ("skincap_file_path", "disease")


def read(root: Path) -> Listing:
    """Read `skincap_v240623.csv`; rows that SkinCon says not to consider are left out."""
    table = find_file(root, ("skincap_v240623.csv", "skincap_v*.csv"), "its table")
    excluded: Counter[str] = Counter()
    rows = []
    for row in read_table(table, COLUMNS, unique="skincap_file_path"):
        if row.flag(SKIP):
            excluded[f"SkinCon says {SKIP!r}"] += 1
        else:
            rows.append(_raw(row))
    notes = ["The images are those of Fitzpatrick17k and DDI: do not train on one and evaluate on the other."]
    if rows and not any(row.present or row.absent for row in rows):
        notes.append("No SkinCon column is filled: no row has findings.")
    return Listing(rows, {"table": table}, excluded, tuple(notes))


def _raw(row: Row) -> Raw:
    present, absent = skincon_findings(row)
    return Raw(
        native_id=row.values["skincap_file_path"],
        file=row.file,
        row=row.number,
        label=row.text("disease"),
        image=Path(row.values["skincap_file_path"]).name,
        present=present,
        absent=absent,
    )
