"""Fitzpatrick17k (Groh et al., CVPR-W 2021) joined with SkinCon's findings (Daneshjou et al., NeurIPS 2022)."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table
from skin_r1.concepts import concept_codes, concept_slug
from skin_r1.errors import UserError

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "fitzpatrick17k"
TITLE = "Fitzpatrick17k with SkinCon"
MODALITY: "Modality" = "clinical"
LICENSE = "CC BY-NC-SA 3.0 (Fitzpatrick17k); terms of SkinCon not stated; images are third parties'"
SOURCE = "https://github.com/mattgroh/fitzpatrick17k + https://skincon-dataset.github.io"
FILES = ("fitzpatrick17k.csv", "*annotations_fitzpatrick17k.csv (optional: SkinCon)", "**/<md5hash>.jpg (optional)")
MASKS: MaskKind | None = None
COLUMNS = ("md5hash", "fitzpatrick_scale", "label", "qc")
WRONG = "3 Wrongly labelled"
SKIP = "Do not consider this image"
UNUSED = frozenset({"", "ImageID", SKIP})


def read(root: Path) -> Listing:
    """Read the labels and, where present, SkinCon; they join on `md5hash` = `ImageID` without its suffix."""
    table = find_file(root, ("fitzpatrick17k.csv",), "its labels")
    inputs, notes = {"labels": table}, []
    annotations: dict[str, Row] = {}
    try:
        found = find_file(root, ("*annotations_fitzpatrick17k.csv",), "SkinCon")
    except UserError:
        notes.append("SkinCon's annotations_fitzpatrick17k.csv is not in the folder: no row has findings.")
    else:
        inputs["skincon"] = found
        annotations = {
            Path(r.values["ImageID"]).stem: r for r in read_table(found, ("ImageID", SKIP), unique="ImageID")
        }
    columns, unmapped = _columns(next(iter(annotations.values()), None))
    if unmapped:
        notes.append(f"SkinCon columns that name no concept, left out: {', '.join(unmapped)}.")
    excluded: Counter[str] = Counter()
    rows, joined = [], 0
    for row in read_table(table, COLUMNS, unique="md5hash"):
        annotated = annotations.get(row.values["md5hash"])
        joined += annotated is not None
        if row.text("qc") == WRONG:
            excluded[f"quality check says {WRONG!r}"] += 1
        elif annotated is not None and annotated.flag(SKIP):
            excluded[f"SkinCon says {SKIP!r}"] += 1
        else:
            rows.append(_raw(row, annotated, columns))
    if joined < len(annotations):
        notes.append(f"{len(annotations) - joined} SkinCon rows have no row in fitzpatrick17k.csv.")
    return Listing(rows, inputs, excluded, tuple(notes))


def _columns(row: Row | None) -> tuple[dict[str, str], list[str]]:
    """SkinCon column -> concept slug, and the columns that name none."""
    codes = concept_codes("skincon")
    names = [name for name in (row.values if row else ()) if name not in UNUSED]
    slugs = {name: codes.get((name, "1")) or concept_slug(name) for name in names}
    return {n: s for n, s in slugs.items() if s}, [n for n, s in slugs.items() if not s]


def _raw(row: Row, annotated: Row | None, columns: dict[str, str]) -> Raw:
    skin_type = row.number_in("fitzpatrick_scale", 1, 6, unknown=("-1", "-1.0"))
    flags = {slug: annotated.flag(name) for name, slug in columns.items()} if annotated else {}
    return Raw(
        native_id=row.values["md5hash"],
        file=row.file,
        row=row.number,
        label=row.text("label"),
        image=row.values["md5hash"],
        skin_type=None if skin_type is None else int(skin_type),
        present=tuple(slug for slug, value in flags.items() if value),
        absent=tuple(slug for slug, value in flags.items() if value is False),
    )
