"""ISIC 2020 (SIIM-ISIC) challenge: dermoscopy of melanoma by patient (Rotemberg et al., Sci Data 2021;8:34).

27,124 of the 33,126 labels are `unknown`, which means benign without a subtype. According to the challenge, all
malignant diagnoses were confirmed by histopathology; how a benign one was is not said. A file of its own lists pairs of
duplicates, of other patients too. Version 2 of the ground truth adds lesion ids.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import UNKNOWN, choice, optional_files, person
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "isic2020"
TITLE = "ISIC 2020"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://doi.org/10.34970/2020-ds01"
FILES = (
    "ISIC_2020_Training_GroundTruth_v2.csv (or ISIC_2020_Training_GroundTruth.csv, or train.csv)",
    "ISIC_2020_Training_Duplicates.csv (optional)",
    "**/ISIC_*.jpg",
    "**/ISIC_*_segmentation.png (optional)",
)
MASKS: MaskKind | None = "file"
TRUTH = ("ISIC_2020_*GroundTruth_v2.csv", "ISIC_2020_*GroundTruth.csv", "train.csv")
SITE = "anatom_site_general_challenge"
COLUMNS = ("image_name", "patient_id", "sex", "age_approx", SITE, "diagnosis", "benign_malignant", "target")
PAIR = ("image_name_1", "image_name_2")
NO_SUBTYPE = "unknown"


def read(root: Path) -> Listing:
    """Read the ground truth; the two images of a listed pair get one lesion id."""
    table = find_file(root, TRUTH, "its ground truth")
    truths = list(read_table(table, COLUMNS, unique="image_name"))
    inputs, notes = {"ground truth": table}, []
    lesions = {row.values["image_name"]: row.text("lesion_id", unknown=UNKNOWN) for row in truths}
    for file in optional_files(root, ("ISIC_2020_*Duplicates.csv",)):
        inputs[file.stem] = file
        pairs = list(read_table(file, PAIR))
        known = [pair for row in pairs if lesions.keys() >= set(pair := _pair(row))]
        lesions = _merged(lesions, known)
        notes.append(f"{len(known)} listed pairs of duplicates share a lesion id.")
        if len(known) < len(pairs):
            notes.append(f"{len(pairs) - len(known)} listed pairs name an image that the ground truth lacks.")
    rows = [_raw(row, lesions[row.values["image_name"]]) for row in truths]
    if benign := sum(raw.label == NO_SUBTYPE for raw in rows):
        notes.append(f"{benign} images are labelled `{NO_SUBTYPE}`: benign, without a subtype.")
    return Listing(rows, inputs, notes=tuple(notes))


def _pair(row: Row) -> tuple[str, str]:
    for column in PAIR:
        if not row.values[column]:
            raise row.wrong(column, "blank, but it names an image", "an image name")
    return row.values[PAIR[0]], row.values[PAIR[1]]


def _merged(lesions: dict[str, str | None], pairs: list[tuple[str, str]]) -> dict[str, str | None]:
    """Lesion ids after the pairs are joined; a joined lesion takes the other's id, an image without one its name."""
    parent: dict[str, str] = {}

    def top(lesion: str) -> str:
        while lesion in parent:
            lesion = parent[lesion]
        return lesion

    for pair in pairs:
        first, second = (top(lesions[image] or image) for image in pair)
        if first != second:
            parent[second] = first
    joined = {*parent, *parent.values()}
    return {i: top(lesion or i) if (lesion or i) in joined else lesion for i, lesion in lesions.items()}


def _raw(row: Row, lesion_id: str | None) -> Raw:
    malignant = choice(row, "benign_malignant", {"benign": False, "malignant": True})
    target = row.flag("target")
    if None not in (malignant, target) and malignant != target:
        raise row.wrong("target", "at odds with benign_malignant", f"{int(bool(malignant))}, as that column says")
    return Raw(
        native_id=row.values["image_name"],
        file=row.file,
        row=row.number,
        label=row.text("diagnosis"),
        image=row.values["image_name"],
        patient_id=row.text("patient_id", unknown=UNKNOWN),
        lesion_id=lesion_id,
        history=person(row, row.text(SITE, unknown=UNKNOWN)),
        confirmed="histopathology" if malignant or target else None,
    )
