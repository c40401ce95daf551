"""ISIC 2017 challenge, part 3: dermoscopy of melanoma, seborrheic keratosis and nevi (Codella et al., ISBI 2018)."""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, checked_unique, find_files, read_table
from skin_r1.errors import UserError
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic2017"
TITLE = "ISIC 2017 (part 3)"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC0 1.0"
SOURCE = "https://challenge.isic-archive.com/data/#2017"
FILES = (
    "*Part3_GroundTruth.csv",
    "**/ISIC_*.jpg",
    "**/ISIC_*_segmentation.png (optional)",
    "*_metadata.csv (optional: age and sex)",
)
MASKS: MaskKind | None = "file"
COLUMNS = ("image_id", "melanoma", "seborrheic_keratosis")


def read(root: Path) -> Listing:
    """Read every ground-truth file (training, validation, test); both columns 0 means nevus."""
    tables = find_files(root, ("*Part3_GroundTruth.csv",), "its part 3 ground truth")
    truths = list(checked_unique((row for table in tables for row in read_table(table, COLUMNS)), "image_id"))
    people: dict[str, Row] = {}
    inputs = {table.stem: table for table in tables}
    try:
        extra = find_files(root, ("*_metadata.csv",), "metadata")
    except UserError:
        extra = []  # the metadata is optional
    for table in extra:
        inputs[table.stem] = table
        people |= {r.values["image_id"]: r for r in read_table(table, ("image_id", "age_approximate", "sex"))}
    rows = []
    for row in truths:
        name, person = row.values["image_id"], people.get(row.values["image_id"])
        history = None
        if person:
            history = history_text(
                age=person.number_in("age_approximate", 0, 120, unknown=("unknown",)),
                sex=person.text("sex", unknown=("unknown",)),
            )
        rows.append(Raw(name, row.file, row.number, _label(row), name, history=history))
    return Listing(rows, inputs)


def _label(row: Row) -> str | None:
    """The one class that is set, `nevus` when none is; None when a cell is blank."""
    melanoma, keratosis = row.flag("melanoma"), row.flag("seborrheic_keratosis")
    if melanoma is None or keratosis is None:
        return None
    if melanoma and keratosis:
        raise row.wrong("seborrheic_keratosis", "1 although melanoma is 1 too", "at most one class per image")
    return "melanoma" if melanoma else "seborrheic_keratosis" if keratosis else "nevus"
