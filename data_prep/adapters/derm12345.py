"""DERM12345: dermoscopy with 40 subclasses (Yilmaz et al., Sci Data 2024, doi 10.1038/s41597-024-04104-3).

A class is a path `super_class/malignancy/main_class_1/main_class_2/sub_class` and a short code in `label`. The last
name alone is ambiguous (`acral` ends four paths), so the label is the code: `acb` is
melanocytic/benign/banal/compound/acral. The sub_class is the label where the code is blank or unknown. Cutaneous horn
is filed under malignant there, under benign in our tree. There are no patient ids, though 1,627 patients share the
12,345 images; the authors' own split is not used.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, checked_unique, find_files, read_table
from skin_r1.errors import problem
from skin_r1.ontology import resolve

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "derm12345"
TITLE = "DERM12345"
MODALITY: "Modality" = "dermoscopic"
LICENSE = "CC BY-NC 4.0 (also quoted as CC BY 4.0: see its Dataverse page)"
SOURCE = "https://doi.org/10.7910/DVN/DAXZ7P"
FILES = ("derm12345_metadata_*.csv (or .tab)", "**/<image_id>.jpg (optional)")
MASKS: MaskKind | None = None
PATH = ("super_class", "malignancy", "main_class_1", "main_class_2", "sub_class")
COLUMNS = ("image_id", *PATH, "label")


def read(root: Path) -> Listing:
    """Read every metadata file (train, test)."""
    tables = find_files(root, ("derm12345_metadata_*.csv", "derm12345_metadata_*.tab"), "its metadata")
    rows = list(checked_unique((row for table in tables for row in read_table(table, COLUMNS)), "image_id"))
    _check_codes(rows)
    notes = ("There are no patient ids: images of one patient may lie in different splits.",)
    return Listing([_raw(row) for row in rows], {table.stem: table for table in tables}, notes=notes)


def _check_codes(rows: list[Row]) -> None:
    """Refuse a code that stands for two classes: one of the two rows is mislabelled.

    Raises:
        UserError: names both rows.
    """
    first: dict[str, Row] = {}
    for row in rows:
        code = row.text("label")
        if code is None:
            continue
        known = first.setdefault(code, row)
        path, other = ("/".join(r.values[column] for column in PATH) for r in (row, known))
        if path != other:
            raise problem(
                f"the code {code!r} stands for another class in row {known.number} of {known.file.name}",
                file=row.file, row=row.number, column="label", found=path, allowed=other,
                next_step="correct the code or the class names of one of the two rows",
            )  # fmt: skip


def _raw(row: Row) -> Raw:
    code, name = row.text("label"), row.text("sub_class")
    return Raw(
        native_id=row.values["image_id"],
        file=row.file,
        row=row.number,
        label=code if code and resolve(code, NAME).diagnosis else name or code,
        image=row.values["image_id"],
    )
