"""ISIC 2024 challenge, SLICE-3D: tiles of 15 mm from 3D total-body photos (Kurtansky et al., Sci Data 2024;11:884).

Columns that only the training file has tell the answer: `iddx_*`, `mel_*`, `tbp_lv_dnn_lesion_confidence`, and
`lesion_id`, which all malignant tiles and 5 % of the others have. The label is read from `iddx_*` and nothing else from
any of them; tiles are grouped by patient, which every row has. Nothing measured by the camera's software (`tbp_lv_*`)
becomes a finding.

399,991 of the 401,059 labels are a bare `Benign`: not biopsied and held benign by a doctor. The challenge says that
labels other than those come from histopathology, so a tile that is not under `Benign` was confirmed by it. Levels are
joined by `::` in `iddx_full`. The images must lie there as files; `train-image.hdf5` is not read.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import IMAGE_TYPES, UNKNOWN, choice, count_terms, diagnosis_path, person, terms_notes
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic2024"
TITLE = "ISIC 2024 (SLICE-3D)"
MODALITY: "Modality" = "clinical"
LICENSE = "CC BY-NC 4.0; some images CC0 or CC BY: see the notes"
SOURCE = "https://doi.org/10.34970/2024-slice-3d"
FILES = ("train-metadata.csv", "**/ISIC_*.jpg")
MASKS: MaskKind | None = None
LEVELS = tuple(f"iddx_{level}" for level in range(1, 6))
COLUMNS = (
    "isic_id", "target", "patient_id", "age_approx", "sex", "anatom_site_general", "image_type", "iddx_full",
)  # fmt: skip
WEAK, MALIGNANT = "Benign", "Malignant"


def read(root: Path) -> Listing:
    """Read `train-metadata.csv`."""
    table = find_file(root, ("train-metadata.csv",), "its metadata")
    terms: Counter[tuple[str, str]] = Counter()
    rows = []
    for row in read_table(table, COLUMNS, unique="isic_id"):
        count_terms(row, terms)
        rows.append(_raw(row))
    notes = terms_notes(terms)
    if weak := sum(raw.label == WEAK for raw in rows):
        notes.append(f"{weak} tiles are labelled a bare `{WEAK}`: not biopsied, held benign by a doctor.")
    return Listing(rows, {"metadata": table}, notes=tuple(notes))


def _raw(row: Row) -> Raw:
    label = _label(row)
    return Raw(
        native_id=row.values["isic_id"],
        file=row.file,
        row=row.number,
        label=label,
        image=row.values["isic_id"],
        patient_id=row.text("patient_id", unknown=UNKNOWN),
        history=person(row, row.text("anatom_site_general", unknown=UNKNOWN)),
        modality=choice(row, "image_type", IMAGE_TYPES),
        license=row.text("copyright_license"),
        confirmed="histopathology" if label and label.split(":")[0] != WEAK else None,
    )


def _label(row: Row) -> str | None:
    """The ISIC path; a malignant tile without one is `Malignant`, another one has no label."""
    target = row.flag("target")
    full = row.text("iddx_full")
    label = full.replace("::", ":") if full else diagnosis_path(row, LEVELS)
    if label is None:
        return MALIGNANT if target else None
    if target is not None and target != (label.split(":")[0] == MALIGNANT):
        raise row.wrong("target", f"at odds with the diagnosis {label!r}", f"1 for {MALIGNANT}, 0 for all others")
    return label
