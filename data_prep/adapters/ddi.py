"""Diverse Dermatology Images (Daneshjou et al., Sci Adv 2022;8:eabq6147), joined with SkinCon's findings where present.

`skin_tone` is a pair of Fitzpatrick types (12, 34 or 56), so no row gets a single `skin_type`; a note counts the pairs.
Diagnoses were confirmed by biopsy. `malignant` (in some copies `malignancy(malig=1)`) follows from the disease and is
not read. There is no patient column. The images may not be passed on.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table
from skin_r1.concepts import concept_codes
from skin_r1.errors import UserError

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "ddi"
TITLE = "DDI with SkinCon"
MODALITY: "Modality" = "clinical"
LICENSE = "Stanford research use agreement, no passing on (DDI); terms of SkinCon not stated"
SOURCE = "https://ddi-dataset.github.io + https://skincon-dataset.github.io"
FILES = ("ddi_metadata.csv", "*annotations_ddi.csv (optional: SkinCon)", "**/<number>.png (optional)")
MASKS: MaskKind | None = None
COLUMNS = ("DDI_file", "skin_tone", "disease")
TONES = ("12", "34", "56")
SKIP = "Do not consider this image"


def read(root: Path) -> Listing:
    """Read the labels and, where present, SkinCon; they join on `DDI_file` = `ImageID`, both without suffix."""
    table = find_file(root, ("ddi_metadata.csv",), "its labels")
    inputs, notes = {"labels": table}, []
    annotations: dict[str, Row] = {}
    try:
        found = find_file(root, ("*annotations_ddi.csv",), "SkinCon")
    except UserError:
        notes.append("SkinCon's annotations_ddi.csv is not in the folder: no row has findings.")
    else:
        inputs["skincon"] = found
        annotations = {
            Path(r.values["ImageID"]).stem: r for r in read_table(found, ("ImageID", SKIP), unique="ImageID")
        }
    excluded: Counter[str] = Counter()
    tones: Counter[str] = Counter()
    rows, joined = [], 0
    for row in read_table(table, COLUMNS, unique="DDI_file"):
        annotated = annotations.get(Path(row.values["DDI_file"]).stem)
        joined += annotated is not None
        tone = _tone(row)
        if annotated is not None and annotated.flag(SKIP):
            excluded[f"SkinCon says {SKIP!r}"] += 1
            continue
        tones[tone or "unknown"] += 1
        rows.append(_raw(row, annotated))
    if joined < len(annotations):
        notes.append(f"{len(annotations) - joined} SkinCon rows have no row in ddi_metadata.csv.")
    pairs = ", ".join(f"{tone}: {tones[tone]}" for tone in sorted(tones))
    notes.append(f"skin_tone is a pair of Fitzpatrick types, so no row has a skin_type ({pairs} rows).")
    return Listing(rows, inputs, excluded, tuple(notes))


def skincon_findings(row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Slugs that SkinCon's columns of a row say are present and absent; blank is unknown."""
    columns = {column: slug for (column, _), slug in concept_codes("skincon").items() if column in row.values}
    flags = {slug: row.flag(column) for column, slug in columns.items()}
    return (
        tuple(slug for slug, value in flags.items() if value),
        tuple(slug for slug, value in flags.items() if value is False),
    )


def _tone(row: Row) -> str | None:
    """The pair of types as the dataset writes it."""
    tone = row.text("skin_tone", unknown=("nan",))
    if tone is not None and tone.removesuffix(".0") not in TONES:
        raise row.wrong("skin_tone", "no pair of Fitzpatrick types", "12, 34, 56 or blank")
    return tone and tone.removesuffix(".0")


def _raw(row: Row, annotated: Row | None) -> Raw:
    present, absent = skincon_findings(annotated) if annotated else ((), ())
    return Raw(
        native_id=Path(row.values["DDI_file"]).stem,
        file=row.file,
        row=row.number,
        label=row.text("disease"),
        image=Path(row.values["DDI_file"]).name,
        present=present,
        absent=absent,
        confirmed="histopathology",
    )
