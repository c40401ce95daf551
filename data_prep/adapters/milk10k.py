"""MILK10k: paired clinical and dermoscopic images of skin lesions, training set of the ISIC challenge of 2025.

5,240 training lesions, each with one `clinical: close-up` and one `dermoscopic` image; 11 one-hot classes a lesion.
`MILK10k_Training_Supplement.csv`, where present, gives each image the diagnosis in full (48 names) and how it was
confirmed. `skin_tone_class` runs from 0 (very dark) to 5 (very light): the other way round than Fitzpatrick's types and
chosen to avoid confusion with them, so no row gets a `skin_type`. The `MONET_*` columns are scores of a machine and
never findings. Ages are in steps of five years, at most 85. The test files have no labels and are not read.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import CONFIRM_TYPES, UNKNOWN, choice, one_hot, optional_files, person
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "milk10k"
TITLE = "MILK10k"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://challenge.isic-archive.com/landing/milk10k"
FILES = (
    "MILK10k_Training_Metadata.csv",
    "MILK10k_Training_GroundTruth.csv",
    "MILK10k_Training_Supplement.csv (optional: diagnosis in full)",
    "**/<lesion_id>/ISIC_*.jpg (optional)",
)
MASKS: MaskKind | None = None
COLUMNS = ("lesion_id", "image_type", "isic_id", "age_approx", "sex", "site")
CLASSES = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC")
SUPPLEMENT = ("isic_id", "diagnosis_full", "diagnosis_confirm_type")
TYPES: dict[str, "Modality"] = {"clinical: close-up": "clinical", "dermoscopic": "dermoscopic"}
SITES = {"head_neck_face": "head, neck or face"}


def read(root: Path) -> Listing:
    """Read metadata and ground truth, which join on `lesion_id`; lesions without a class keep a blank label."""
    table = find_file(root, ("MILK10k_Training_Metadata.csv",), "its metadata")
    truth = find_file(root, ("MILK10k_Training_GroundTruth.csv",), "its ground truth")
    inputs, notes = {"metadata": table, "ground_truth": truth}, []
    truths = read_table(truth, ("lesion_id", *CLASSES), unique="lesion_id")
    labels = {row.values["lesion_id"]: one_hot(row, CLASSES) for row in truths}
    full: dict[str, Row] = {}
    if extra := optional_files(root, ("MILK10k_Training_Supplement.csv",)):
        inputs["supplement"] = extra[0]
        full = {row.values["isic_id"]: row for row in read_table(extra[0], SUPPLEMENT, unique="isic_id")}
    else:
        notes.append("MILK10k_Training_Supplement.csv is not in the folder: labels are the 11 classes.")
    rows = [_raw(row, labels, full.get(row.values["isic_id"])) for row in read_table(table, COLUMNS, unique="isic_id")]
    if unseen := len(labels.keys() - {row.lesion_id for row in rows}):
        notes.append(f"{unseen} lesions of the ground truth have no image in the metadata.")
    if unlabelled := sum(row.lesion_id not in labels for row in rows):
        notes.append(f"{unlabelled} images are of lesions that are not in the ground truth.")
    return Listing(rows, inputs, notes=tuple(notes))


def _raw(row: Row, labels: dict[str, str], full: Row | None) -> Raw:
    lesion, kind, site = (
        row.text("lesion_id", unknown=UNKNOWN),
        choice(row, "image_type", TYPES),
        row.text("site", unknown=UNKNOWN),
    )
    if lesion is None:
        raise row.wrong("lesion_id", "blank, but it names the lesion", "an id such as IL_0000652")
    if kind is None:
        raise row.wrong("image_type", "blank, but it says what the image is", ", ".join(TYPES))
    return Raw(
        native_id=row.values["isic_id"],
        file=row.file,
        row=row.number,
        label=(full.text("diagnosis_full") if full else None) or labels.get(lesion),
        image=row.values["isic_id"],
        lesion_id=lesion,
        history=person(row, SITES.get(site, site.replace("_", " ")) if site else None),
        modality=kind,
        confirmed=choice(full, "diagnosis_confirm_type", CONFIRM_TYPES) if full else None,
    )
