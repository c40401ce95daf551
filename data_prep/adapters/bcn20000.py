"""BCN20000: dermoscopy of hard lesions from Barcelona (Hernandez-Perez et al., Sci Data 2024;11:641).

The diagnosis is a name or, in the released training file, a code of ISIC 2019; `other` is no diagnosis. The challenge's
test images have no labels and are not read. There are lesion ids and no patient ids; `capture_date` is a full date
and is not read. Most of the training images are in ISIC 2019 too.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import UNKNOWN, person
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import find_file, read_table

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "bcn20000"
TITLE = "BCN20000"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0"
SOURCE = "https://doi.org/10.6084/m9.figshare.24140028"
FILES = ("bcn_20k_train.csv", "**/BCN_*.jpg", "**/BCN_*_segmentation.png (optional)")
MASKS: MaskKind | None = "file"
COLUMNS = ("bcn_filename", "age_approx", "anatom_site_general", "diagnosis", "lesion_id", "sex")


def read(root: Path) -> Listing:
    """Read `bcn_20k_train.csv`; the authors' own split is not used."""
    table = find_file(root, ("bcn_20k_train.csv",), "its labels")
    rows = [
        Raw(
            native_id=row.values["bcn_filename"],
            file=table,
            row=row.number,
            label=row.text("diagnosis"),
            image=row.values["bcn_filename"],
            lesion_id=row.text("lesion_id", unknown=UNKNOWN),
            history=person(row, row.text("anatom_site_general", unknown=UNKNOWN)),
        )
        for row in read_table(table, COLUMNS, unique="bcn_filename")
    ]
    return Listing(rows, {"labels": table})
