"""Derm7pt: the seven-point checklist on paired images (Kawahara et al., IEEE J Biomed Health Inform 2019;23(2):538-546).

Each case has a clinical photo (`clinic`) and a dermoscopic image (`derm`): two rows with the case as their lesion. The
seven criteria were read from the dermoscopic image, so the clinical row has no findings. Copies that keep only some
columns are read too: without `clinic` or `derm` there is one row a case. The criteria do not decide the diagnosis: 50 of
their 305 combinations occur with several. `management`, `seven_point_score` and `notes` are not read, as they follow
from the diagnosis or tell it; the authors' index files (row numbers from zero, not `case_num`) are not used.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, checked_unique, find_file, read_table
from skin_r1.concepts import concept_codes
from skin_r1.errors import problem
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "derm7pt"
TITLE = "Derm7pt"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC-SA 4.0 (the repository); images by their own agreement"
SOURCE = "https://derm.cs.sfu.ca + https://github.com/jeremykawahara/derm7pt"
FILES = ("meta.csv (or derm7pt_meta.csv)", "**/*.jpg (optional)")
MASKS: MaskKind | None = None
CRITERIA = (
    "pigment_network", "streaks", "pigmentation", "regression_structures", "dots_and_globules", "blue_whitish_veil",
    "vascular_structures",
)  # fmt: skip
IMAGES: tuple[tuple[str, "Modality"], ...] = (("clinic", "clinical"), ("derm", "dermoscopic"))
ABSENT = "absent"


def read(root: Path) -> Listing:
    """Read `meta.csv`: one row for each image that a case names, one for a case that names none."""
    table = find_file(root, ("meta.csv", "derm7pt_meta.csv"), "its metadata")
    cases = list(read_table(table, ("diagnosis", *CRITERIA)))
    key = next((name for name in ("case_num", "derm") if cases and name in cases[0].values), None)
    if key:
        cases = list(checked_unique(cases, key))
    rows = [raw for case in cases for raw in _images(case, key)]
    notes = []
    if cases and not all(column in cases[0].values for column, _ in IMAGES):
        notes.append("A column of images (clinic, derm) is missing: there is one row a case.")
    return Listing(rows, {"metadata": table}, notes=tuple(notes))


def _images(row: Row, key: str | None) -> list[Raw]:
    """The rows of a case."""
    case = Path(row.values[key]).stem if key else f"row{row.number}"
    named = [(column, kind, row.text(column)) for column, kind in IMAGES if row.text(column)]
    present, absent = _findings(row)
    history = history_text(sex=row.text("sex"), site=(row.text("location") or "").lower() or None)
    return [
        Raw(
            native_id=f"{case}_{column}",
            file=row.file,
            row=row.number,
            label=row.text("diagnosis"),
            image=Path(image or "").name,
            lesion_id=case,
            history=history,
            present=present if kind == "dermoscopic" else (),
            absent=absent if kind == "dermoscopic" else (),
            modality=kind,
        )
        for column, kind, image in named or [("derm", "dermoscopic", None)]
    ]


def _findings(row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Slugs present and absent; a criterion has one value, so its other values are absent; blank is unknown."""
    codes = concept_codes(NAME)
    present, absent = [], []
    for criterion in CRITERIA:
        values = {value: slug for (column, value), slug in codes.items() if column == criterion}
        found = (row.text(criterion) or "").casefold()
        if not found:
            continue
        if found != ABSENT and found not in values:
            raise problem(
                "the cell is no value of this criterion", file=row.file, row=row.number, column=criterion, found=found,
                allowed=[ABSENT, *values], next_step="correct the cell, or leave it blank when it is unknown",
            )  # fmt: skip
        present += [slug for value, slug in values.items() if value == found]
        absent += [slug for value, slug in values.items() if value != found]
    return tuple(present), tuple(absent)
