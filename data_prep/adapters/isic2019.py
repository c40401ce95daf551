"""ISIC 2019 challenge: dermoscopy in eight classes (Tschandl 2018, Codella 2018, Combalia et al., arXiv:1908.02288).

It is HAM10000, BCN20000 and MSK together, so do not evaluate a model on one that was trained on another. Lesion ids are
partly blank, and there are no patient ids. `UNK` is the class of the test images that belong to no other. Some copies
of the metadata carry further columns; they are ignored.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import UNKNOWN, join_notes, one_hot, person, read_all
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, checked_unique, find_files

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic2019"
TITLE = "ISIC 2019"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://challenge.isic-archive.com/data/#2019"
FILES = (
    "ISIC_2019_*GroundTruth.csv",
    "ISIC_2019_*Metadata.csv",
    "**/ISIC_*.jpg",
    "**/ISIC_*_segmentation.png (optional)",
)
MASKS: MaskKind | None = "file"
CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
NO_CLASS = "UNK"
COLUMNS = ("image", "age_approx", "anatom_site_general", "sex")


def read(root: Path) -> Listing:
    """Read every ground truth and metadata file; they join on `image`."""
    tables = find_files(root, ("ISIC_2019_*GroundTruth.csv",), "its ground truth")
    truths = read_all(tables, ("image", *CLASSES, NO_CLASS))
    extra = find_files(root, ("ISIC_2019_*Metadata.csv",), "its metadata")
    people = {row.values["image"]: row for row in _people(extra)}
    rows = [_raw(row, people.get(row.values["image"])) for row in truths]
    notes = join_notes((raw.native_id for raw in rows), people, "metadata")
    if unlabelled := sum(raw.label is None for raw in rows):
        notes.append(f"{unlabelled} images are {NO_CLASS} (none of the classes): their label is blank.")
    return Listing(rows, {table.stem: table for table in [*tables, *extra]}, notes=tuple(notes))


def _people(files: list[Path]) -> list[Row]:
    """The metadata; only those of the test images may lack lesion ids."""
    rows = []
    for file in files:
        rows += read_all([file], COLUMNS if "_test_" in file.name.casefold() else (*COLUMNS, "lesion_id"))
    return list(checked_unique(rows, "image"))


def _raw(row: Row, about: Row | None) -> Raw:
    label = one_hot(row, (*CLASSES, NO_CLASS))
    return Raw(
        native_id=row.values["image"],
        file=row.file,
        row=row.number,
        label=None if label == NO_CLASS else label,
        image=row.values["image"],
        lesion_id=about.text("lesion_id", unknown=UNKNOWN) if about else None,
        history=person(about, about.text("anatom_site_general", unknown=UNKNOWN) if about else None),
    )
