"""ISIC 2018 challenge, task 3: dermoscopy in seven classes (Codella et al., arXiv:1902.03368).

The training images are HAM10000; the 1,512 test images are others. Only the training images have lesion ids, in a file
of their own (`LesionGroupings`). The class columns come in any order; weights of the scoring are ignored.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import CONFIRM_TYPES, UNKNOWN, choice, join_notes, one_hot, optional_files, read_all
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import find_files

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic2018"
TITLE = "ISIC 2018 (task 3)"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://challenge.isic-archive.com/data/#2018"
FILES = (
    "ISIC2018_Task3_*GroundTruth.csv",
    "ISIC2018_Task3_Training_LesionGroupings.csv (optional)",
    "**/ISIC_*.jpg",
    "**/ISIC_*_segmentation.png (optional)",
)
MASKS: MaskKind | None = "file"
CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
GROUPING = ("image", "lesion_id", "diagnosis_confirm_type")


def read(root: Path) -> Listing:
    """Read every ground-truth file (training, validation, test) and, where present, the lesion groupings."""
    tables = find_files(root, ("ISIC2018_Task3_*GroundTruth.csv",), "its task 3 ground truth")
    truths = read_all(tables, ("image", *CLASSES))
    extra = optional_files(root, ("ISIC2018_Task3_*LesionGroupings.csv",))
    lesions = {row.values["image"]: row for row in read_all(extra, GROUPING)}
    rows = []
    for row in truths:
        name, lesion = row.values["image"], lesions.get(row.values["image"])
        rows.append(
            Raw(
                native_id=name,
                file=row.file,
                row=row.number,
                label=one_hot(row, CLASSES),
                image=name,
                lesion_id=lesion.text("lesion_id", unknown=UNKNOWN) if lesion else None,
                confirmed=choice(lesion, "diagnosis_confirm_type", CONFIRM_TYPES) if lesion else None,
            )
        )
    if extra:
        notes = join_notes((raw.native_id for raw in rows), lesions, "lesion groupings")
    else:
        notes = ["No LesionGroupings.csv: images of one lesion are told only by their likeness."]
    return Listing(rows, {table.stem: table for table in [*tables, *extra]}, notes=tuple(notes))
