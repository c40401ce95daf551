"""PAD-UFES-20: smartphone images of skin lesions with patient data (Pacheco et al., Data Brief 2020;32:106221).

The dataset's own spellings (`fitspatrick`, `biopsed`, `diagnostic`) are the columns' names. Ancestry, income and
habits are not read: they are sensitive and no finding of the lesion.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import UNKNOWN
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table
from skin_r1.concepts import concept_codes
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "pad_ufes_20"
TITLE = "PAD-UFES-20"
MODALITY: "Modality" = "clinical"
LICENSE = "CC BY 4.0"
SOURCE = "https://doi.org/10.17632/zr7vgbcyr2.1"
FILES = ("metadata.csv", "**/PAT_*.png")
MASKS: MaskKind | None = "black"
SYMPTOMS = {"itch": "itch", "grew": "recent growth", "hurt": "pain", "changed": "recent change", "bleed": "bleeding"}
VISIBLE = "elevation"
COLUMNS = (
    "patient_id", "lesion_id", "age", "gender", "skin_cancer_history", "fitspatrick", "region", "diagnostic",
    *SYMPTOMS, VISIBLE, "img_id",
)  # fmt: skip


def read(root: Path) -> Listing:
    """Read `metadata.csv`. What the patient tells goes into the history; elevation can be seen, so it is a finding."""
    table = find_file(root, ("metadata.csv",), "its metadata")
    return Listing([_raw(row) for row in read_table(table, COLUMNS, unique="img_id")], {"metadata": table})


def _raw(row: Row) -> Raw:
    skin_type = row.number_in("fitspatrick", 1, 6, unknown=("unk",))
    patient, lesion = row.text("patient_id", unknown=UNKNOWN), row.text("lesion_id", unknown=UNKNOWN)
    raised, slug = row.flag(VISIBLE), concept_codes(NAME)[(VISIBLE, "True")]
    return Raw(
        native_id=row.values["img_id"],
        file=row.file,
        row=row.number,
        label=row.text("diagnostic"),
        image=row.values["img_id"],
        patient_id=patient,
        lesion_id=f"{patient}_{lesion}" if patient and lesion else lesion,  # lesion numbers repeat between patients
        history=history_text(
            age=row.number_in("age", 0, 120, unknown=("unk",)),
            sex=row.text("gender", unknown=("unk",)),
            site=(row.text("region", unknown=("unk",)) or "").lower() or None,
            reported={name: row.flag(column) for column, name in SYMPTOMS.items()},
            background=("skin cancer before",) if row.flag("skin_cancer_history") else (),
        ),
        skin_type=None if skin_type is None else int(skin_type),
        present=(slug,) if raised else (),
        absent=(slug,) if raised is False else (),
        confirmed="histopathology" if row.flag("biopsed") else None,
    )
