"""ISIC Archive: the metadata of a collection or a search as the gallery and the API export it (isic-archive.com).

An export has the columns that any of its images fills, so most may be missing. The diagnosis is a path in up to five
columns. Ages are clamped to 85. Images made by a model (`image_manipulation` is `synthetic`) and confocal microscopy
(`RCM: ...`) are left out and counted. License and credit differ per image: the notes count them. What tells the answer
beside the label is not read: `melanocytic`, `mel_*`, `concomitant_biopsy`, and so are dates.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import (
    CONFIRM_TYPES,
    IMAGE_TYPES,
    UNKNOWN,
    choice,
    count_terms,
    diagnosis_path,
    person,
    read_all,
    terms_notes,
)
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_files

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic_archive"
TITLE = "ISIC Archive (export)"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC0, CC BY or CC BY-NC, per image: see the notes"
SOURCE = "https://www.isic-archive.com"
FILES = ("metadata.csv (or *metadata*.csv)", "**/ISIC_*.jpg", "**/ISIC_*_segmentation.png (optional)")
MASKS: MaskKind | None = "file"
COLUMNS = ("isic_id", "attribution", "copyright_license", "diagnosis_1")
LEVELS = tuple(f"diagnosis_{level}" for level in range(1, 6))
SITES = ("anatom_site_5", "anatom_site_4", "anatom_site_3", "anatom_site_2", "anatom_site_1", "anatom_site_general")
SKIN_TYPES = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6}
BEFORE = {"personal_hx_mm": "melanoma before", "family_hx_mm": "melanoma in the family"}
MANIPULATIONS = {"instrument only": False, "altered": False, "synthetic": True}


def read(root: Path) -> Listing:
    """Read the exported table, or the tables of several collections that share no image."""
    tables = find_files(root, ("metadata.csv", "*metadata*.csv"), "the exported metadata")
    excluded: Counter[str] = Counter()
    terms: Counter[tuple[str, str]] = Counter()
    rows = []
    for row in read_all(tables, COLUMNS):
        if choice(row, "image_manipulation", MANIPULATIONS):
            excluded["synthetic image"] += 1
        elif (row.text("image_type") or "").casefold().startswith("rcm:"):
            excluded["confocal microscopy (image_type RCM)"] += 1
        else:
            count_terms(row, terms)
            rows.append(_raw(row))
    notes = terms_notes(terms)
    if untold := sum(raw.modality is None for raw in rows):
        notes.append(f"{untold} images have no image_type: they are taken as {MODALITY}.")
    return Listing(rows, {str(t.relative_to(root)): t for t in tables}, excluded, tuple(notes))


def _raw(row: Row) -> Raw:
    return Raw(
        native_id=row.values["isic_id"],
        file=row.file,
        row=row.number,
        label=diagnosis_path(row, LEVELS),
        image=row.values["isic_id"],
        patient_id=row.text("patient_id", unknown=UNKNOWN),
        lesion_id=row.text("lesion_id", unknown=UNKNOWN),
        history=person(
            row,
            next((site for column in SITES if (site := row.text(column, unknown=UNKNOWN))), None),
            background=tuple(words for column, words in BEFORE.items() if row.flag(column)),
        ),
        skin_type=choice(row, "fitzpatrick_skin_type", SKIN_TYPES),
        modality=choice(row, "image_type", IMAGE_TYPES),
        license=row.text("copyright_license"),
        confirmed=choice(row, "diagnosis_confirm_type", CONFIRM_TYPES),
    )
