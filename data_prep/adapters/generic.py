"""Any dataset that a `skin-r1.yaml` in its folder describes: a table with a row for each image, or class folders.

    name: our_clinic            # in the case ids: generic/our_clinic/<image>
    title: Our clinic           # optional
    modality: clinical          # clinical, dermoscopic or histopathology
    license: CC BY 4.0
    source: https://example.org
    table: labels.csv           # or `folders: true`: the folder of an image is its label
    columns: {image: file, label: dx, patient: pid, age: age, sex: sex, site: site, skin_type: fst}
    concepts: {surface: {scaly: scale, crusted: crust, smooth: none}}
    labels: {SK: seborrheic-keratosis}
    unknown: [NA, "?"]

A column of `concepts` holds one value a row: what the value names is present, what the others name is absent, and
`none` stands for a value that names nothing. `labels` says what a label means where its own words do not; such a label
then reads as the slug. Values are compared as text, case ignored, `1.0` as `1`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml

from data_prep.adapters.isic import choice
from data_prep.images.find import MASK_ENDINGS, SUFFIXES
from data_prep.raw import CONFIRMED, Listing, MaskKind, Raw
from data_prep.table import Row, read_table
from skin_r1.concepts import concept_slug, load_concepts
from skin_r1.errors import UserError, problem
from skin_r1.history import history_text
from skin_r1.ontology import load_ontology, resolve

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "generic"
TITLE = "Your own table or class folders (skin-r1.yaml)"
MODALITY: "Modality" = "clinical"
LICENSE = "as the dataset's skin-r1.yaml says"
SOURCE = "skin-r1.yaml of the dataset"
YAML = "skin-r1.yaml"
FILES = (YAML, "the table that it names, or <class>/<image>")
MASKS: MaskKind | None = None
KEYS = (
    "name",
    "title",
    "modality",
    "license",
    "source",
    "table",
    "folders",
    "columns",
    "concepts",
    "labels",
    "unknown",
)
COLUMNS = ("image", "label", "patient", "lesion", "age", "sex", "site", "skin_type", "confirmed")
SEXES = {"female": "female", "male": "male", "f": "female", "m": "male"}
ROMAN = ("I", "II", "III", "IV", "V", "VI")
TYPES = {text: i for i, roman in enumerate(ROMAN, start=1) for text in (str(i), f"{i}.0", roman)}
NOTHING = ("", "none", "null", "~")


@dataclass
class Description:
    """A `skin-r1.yaml`: its texts, lists and mappings, and the row of each key by path such as `columns.image`."""

    file: Path
    content: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def wrong(self, key: str, what: str, allowed: object, next_step: str = "correct the value") -> UserError:
        """The error for a key, with its row and value."""
        found: Any = self.content
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        row = self.lines.get(key) or self.lines.get(key.split(".")[0])
        return problem(what, file=self.file, row=row, column=key, found=found, allowed=allowed, next_step=next_step)

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping under a key; empty without the key."""
        found = self.content.get(key.split(".")[0], {})
        for part in key.split(".")[1:]:
            found = found[part]
        if not isinstance(found, dict):
            raise self.wrong(key, f"{key} is no mapping", "an indented `key: value` for each")
        return found

    def known(self, prefix: str, keys: Collection[str], allowed: Collection[str]) -> None:
        """Refuse unknown keys."""
        for key in keys:
            if key not in allowed:
                raise problem(
                    "unknown key in the description", file=self.file, row=self.lines[prefix + key], column=prefix + key,
                    found=key, allowed=allowed, next_step="correct or remove the key",
                )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a description says, checked; values and labels in the form that `_key` gives them."""

    name: str
    modality: "Modality"
    table: Path | None
    columns: dict[str, str]
    concepts: dict[str, dict[str, str | None]]
    labels: dict[str, str | None]
    unknown: tuple[str, ...]


def read(root: Path) -> Listing:
    """Read `skin-r1.yaml` and what it names."""
    file = root / YAML
    if not file.is_file():
        raise problem(
            f"the folder lacks {YAML}, which says what its files hold", file=root, allowed=YAML,
            next_step="write it (docs/data.md has an example), or pass the folder that holds it with --root",
        )  # fmt: skip
    description = _load(file)
    plan = _plan(description)
    inputs = {"description": file}
    if plan.table:
        inputs["table"] = plan.table
        used = list(dict.fromkeys([*plan.columns.values(), *plan.concepts]))
        rows = [_from_table(plan, row) for row in read_table(plan.table, used, unique=plan.columns["image"])]
    else:
        rows = list(_from_folders(plan, root))
    if not rows:
        raise problem("the dataset has no rows", file=plan.table or root, next_step="check the table, or the folders")
    said = description.content
    return Listing(
        rows, inputs, name=f"{NAME}/{plan.name}", title=str(said.get("title") or plan.name),
        license=said["license"], source=said["source"],
    )  # fmt: skip


def _load(file: Path) -> Description:
    """The YAML as texts, so that `yes`, `1` and `null` stay as they are written."""
    description = Description(file)
    try:
        node = yaml.compose(file.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise problem(
            "the description is not YAML in UTF-8", file=file, row=mark.line + 1 if mark else None, found=str(error),
            next_step="mend this row; texts that hold a colon or a # need quotes",
        ) from None  # fmt: skip
    content = _plain(description, node, "")
    if not isinstance(content, dict):
        raise problem("the description is no mapping", file=file, row=1, allowed=KEYS, next_step="write `key: value`")
    description.content = content
    return description


def _plain(description: Description, node: yaml.Node | None, prefix: str) -> Any:
    """Texts, lists and dicts; fills in the rows of the keys and refuses repeated ones."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(description, item, prefix) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return "" if node is None else str(node.value)
    out = {}
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        if path in description.lines:
            raise problem(
                f"the key is already used in row {description.lines[path]}", file=description.file,
                row=key.start_mark.line + 1, column=path, found=str(key.value), allowed="each key once",
                next_step="remove one of the two",
            )  # fmt: skip
        description.lines[path] = key.start_mark.line + 1
        out[str(key.value)] = _plain(description, value, f"{path}.")
    return out


def _plan(d: Description) -> Plan:
    """Check every key of a description.

    Raises:
        UserError: names the key and its row.
    """
    from skin_r1.case import Modality  # brings in the datasets library

    d.known("", d.content, KEYS)
    for key in ("name", "modality", "license", "source"):
        if not isinstance(d.content.get(key), str) or not d.content[key].strip():
            raise d.wrong(key, f"the description lacks `{key}`", "a text", f"add `{key}: ...`")
    name, modality = d.content["name"], d.content["modality"]
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum():
        raise d.wrong("name", "the name does not fit into case ids", "letters, digits, - and _")
    if modality not in get_args(Modality):
        raise d.wrong("modality", "no such modality", get_args(Modality))
    if not isinstance(d.content.get("unknown", []), list):
        raise d.wrong("unknown", "`unknown` is no list", "[NA, unknown]")
    table = _table(d)
    columns = d.mapping("columns")
    d.known("columns.", columns, COLUMNS)
    for key in columns:
        if not isinstance(columns[key], str) or not columns[key].strip():
            raise d.wrong(f"columns.{key}", "the name of a column is missing", "a column of the table")
    for key in ("image", "label") if table else ():
        if key not in columns:
            raise d.wrong(
                "columns", f"`columns` does not say which column holds the {key}", COLUMNS, f"add `{key}: ...`"
            )
    for key in ("columns", "concepts") if table is None else ():
        if key in d.content:
            raise d.wrong(key, f"`{key}` describes a table, but there is none", "`table: FILE`", f"remove `{key}`")
    concepts = {
        column: {_key(value): _concept(d, f"concepts.{column}.{value}", concept) for value, concept in values.items()}
        for column in d.mapping("concepts")
        for values in [d.mapping(f"concepts.{column}")]
    }
    labels = {_key(k): _diagnosis(d, f"labels.{k}", v) for k, v in d.mapping("labels").items()}
    return Plan(name, modality, table, columns, concepts, labels, tuple(map(str, d.content.get("unknown", []))))


def _table(d: Description) -> Path | None:
    """The table, or None where folders are the labels."""
    folders = str(d.content.get("folders", "false")).casefold()
    if folders not in ("true", "false"):
        raise d.wrong("folders", "`folders` is neither true nor false", "true or false")
    if (folders == "true") == ("table" in d.content):
        key = "table" if "table" in d.content else "folders"
        raise d.wrong(
            key, "labels come from a table or from folders, one of the two", "`table: FILE` or `folders: true`"
        )
    if folders == "true":
        return None
    root = d.file.parent
    table = root / str(d.content["table"])
    if not table.is_file() or not table.resolve().is_relative_to(root.resolve()):
        there = [p.relative_to(root).as_posix() for p in sorted(root.rglob("*.[ct]sv"))]
        raise d.wrong("table", "there is no such table in the folder", there or "a CSV file in the folder")
    return table


def _concept(d: Description, key: str, text: object) -> str | None:
    slug = concept_slug(text) if isinstance(text, str) else None
    if slug is None and (not isinstance(text, str) or text.casefold() not in NOTHING):
        raise d.wrong(key, "no such concept", list(load_concepts()), "write the slug or name of a concept, or none")
    return slug


def _diagnosis(d: Description, key: str, text: object) -> str | None:
    found = resolve(text) if isinstance(text, str) and text.casefold() not in NOTHING else None
    if not isinstance(text, str) or (found and (found.diagnosis is None or found.match == "broader")):
        raise d.wrong(key, "no such diagnosis", list(load_ontology().nodes), f"skin-r1 data resolve {text!r}")
    return found.diagnosis if found else None


def _key(value: str) -> str:
    """How values of cells and labels are compared."""
    text = value.strip().casefold()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def _from_table(plan: Plan, row: Row) -> Raw:
    cells = {key: row.text(column, unknown=plan.unknown) for key, column in plan.columns.items()}
    present, absent = _findings(plan, row)
    image, label, lesion = row.values[plan.columns["image"]], cells["label"], cells.get("lesion")
    return Raw(
        native_id=image,
        file=row.file,
        row=row.number,
        label=plan.labels.get(_key(label), label) if label else None,
        image=image,
        patient_id=cells.get("patient"),
        # lesions are often numbered for each patient
        lesion_id="/".join(part for part in (cells.get("patient"), lesion) if part) if lesion else None,
        history=history_text(
            age=row.number_in(plan.columns["age"], 0, 120, unknown=plan.unknown) if cells.get("age") else None,
            sex=choice(row, plan.columns["sex"], SEXES) if cells.get("sex") else None,
            site=(cells.get("site") or "").lower() or None,
        ),
        skin_type=choice(row, plan.columns["skin_type"], TYPES) if cells.get("skin_type") else None,
        present=present,
        absent=absent,
        modality=plan.modality,
        confirmed=choice(row, plan.columns["confirmed"], {c: c for c in CONFIRMED})
        if cells.get("confirmed")
        else None,
    )


def _findings(plan: Plan, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Slugs present and absent; a concept that one column says is present is not absent by another."""
    present: dict[str, None] = {}
    absent: dict[str, None] = {}
    for column, concepts in plan.concepts.items():
        found = row.text(column, unknown=plan.unknown)
        if found is None:
            continue
        if _key(found) not in concepts:
            raise problem(
                "the cell is no value that the description gives a concept", file=row.file, row=row.number,
                column=column, found=found, allowed=list(concepts),
                next_step=f"correct the cell, or name the value in {YAML} under concepts (or under unknown)",
            )  # fmt: skip
        for slug in filter(None, concepts.values()):
            (present if slug == concepts[_key(found)] else absent)[slug] = None
    return tuple(present), tuple(slug for slug in absent if slug not in present)


def _from_folders(plan: Plan, root: Path) -> Iterator[Raw]:
    """A row for each image, with the name of its folder as the label; `row` is its place in the folder."""
    blank = {value.casefold() for value in plan.unknown}
    numbers: dict[Path, int] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.name[0] == "." or path.stem.endswith(MASK_ENDINGS):
            continue
        image, label = path.relative_to(root).as_posix(), path.parent.name
        if path.parent == root:
            raise problem(
                "the image lies in no class folder", file=path, found=path.name, allowed="<class>/<image>",
                next_step="move it to the folder of its class",
            )  # fmt: skip
        numbers[path.parent] = numbers.get(path.parent, 0) + 1
        yield Raw(
            native_id=image,
            file=path.parent,
            row=numbers[path.parent],
            label=None if label.casefold() in blank else plan.labels.get(_key(label), label),
            image=image,
            modality=plan.modality,
        )
