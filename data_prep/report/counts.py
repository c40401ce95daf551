"""Counts over a corpus of any size: one pass, file by file, reading only the columns that are counted.

Images are never read here. What is kept of a row is three or four hashes of 8 bytes, for the leak check.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.corpus import read_parquet
from data_prep.sources import ISIC_IDS
from skin_r1.case import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 6
"""Cases with an image that are remembered for each diagnosis and each flag of quality."""
TALLIES = (
    ("dataset", "split"),
    ("dataset", "license"),
    ("diagnosis", "malignancy", "split"),
    ("annotation", "split"),
    ("modality", "split"),
    ("dataset", "skin_type", "split"),
    ("with_image", "split"),
)
"""Columns whose values are counted together."""
UNITS = {"groups": "group", "patients": "patient_id", "lesions": "lesion_id", "identical images": "checksum"}
"""What must not lie in two splits, and its column."""
COLUMNS = [
    *{name for names in TALLIES for name in names} - {"with_image"}, *UNITS.values(), "case_id", "concept_source",
    "concepts_present", "concepts_absent", "quality.flags", "images.list.element.path",
]  # fmt: skip
Tally = Counter[tuple[Any, ...]]
Hashes = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """What one pass over the files finds.

    Attributes:
        tallies: for each of `TALLIES`, tuple of values -> cases.
        present, absent: (concept, dataset, concept source) -> cases.
        flags: (flag of quality,) -> cases.
        rated: cases whose image has a record of quality.
        images: stored images.
        units: for each of `UNITS`, how many there are in each split and how many lie in more than one.
        company: held-out dataset -> cases of other datasets that share a group with one of its cases.
        examples: ("diagnosis" or "flag", value) -> ids of up to `EXAMPLES` cases with an image.
    """

    tallies: dict[tuple[str, ...], Tally] = field(default_factory=dict)
    present: Tally = field(default_factory=Counter)
    absent: Tally = field(default_factory=Counter)
    flags: Tally = field(default_factory=Counter)
    rated: int = 0
    images: int = 0
    units: dict[str, "Unit"] = field(default_factory=dict)
    company: dict[str, int] = field(default_factory=dict)
    examples: dict[tuple[str, str | None], list[str]] = field(default_factory=dict)

    def by(self, *columns: str, of: tuple[str, ...]) -> Tally:
        """The tally `of` summed over all columns but these."""
        kept = [of.index(name) for name in columns]
        out: Tally = Counter()
        for key, count in self.tallies[of].items():
            out[tuple(key[i] for i in kept)] += count
        return out


@dataclass(frozen=True)
class Unit:
    """Units of one kind: distinct ones, ones that lie in more than one split, and distinct ones by split."""

    distinct: int
    crossing: int
    by_split: tuple[int, ...]


def count_corpus(files: Sequence[Path], held_out: Iterable[str] = ()) -> Counts:
    """Count the cases of a corpus.

    A million rows take some 10 seconds. Two different ids that hash alike would be taken for one; of a million ids
    some two do with probability 1e-7.

    Args:
        files: parquet files of Case records; columns that older corpora lack count as null.
        held_out: datasets whose company is counted.

    Raises:
        UserError: a file is damaged.
    """
    tallies: dict[tuple[str, ...], Tally] = {names: Counter() for names in TALLIES}
    present, absent, flags = Counter[Any](), Counter[Any](), Counter[Any]()
    rated = images = 0
    keys: dict[str, list[Hashes]] = {name: [] for name in UNITS}
    held: list[NDArray[np.int64]] = []
    watched = list(held_out)
    examples: dict[tuple[str, str | None], list[tuple[str, str]]] = {}
    for table in map(_read, files):
        for names, tally in tallies.items():
            _add(tally, table, names)
        for tally, column in ((present, "concepts_present"), (absent, "concepts_absent")):
            _add(tally, _exploded(table, column, ["dataset", "concept_source"]), (column, "dataset", "concept_source"))
        flagged = _exploded(table, "flags", ["case_id", "checksum", "with_image"])
        _add(flags, flagged, ("flags",))
        rated += len(table) - table["flags"].null_count
        images += table["image_count"].to_numpy().sum()
        _keep_examples(examples, "diagnosis", table, "diagnosis")
        _keep_examples(examples, "flag", flagged, "flags")
        for name, column in UNITS.items():
            keys[name].append(_keys(table, column))
        held.append(_index(table["dataset"], watched))
    joined = {name: np.concatenate(parts) for name, parts in keys.items()}
    return Counts(
        tallies, present, absent, flags, rated, int(images), {name: _unit(parts) for name, parts in joined.items()},
        _company(joined["groups"], np.concatenate(held), watched),
        {key: [case for _, case in found] for key, found in examples.items()},
    )  # fmt: skip


def _read(file: Path) -> "pa.Table":
    """The columns to count; `flags`, `with_image` and `image_count` are made here."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = read_parquet(file, COLUMNS).combine_chunks()
    count = len(table)
    nothing = pa.nulls(count, pa.list_(pa.string()))
    quality = table["quality"] if "quality" in table.column_names else None
    flags = nothing if quality is None or not count else pc.struct_field(quality, "flags")
    held = pc.fill_null(pc.list_value_length(table["images"]), 0)
    made = {"flags": flags, "image_count": held, "with_image": pc.greater(held, 0)}
    table = table.drop_columns([name for name in ("quality", "images") if name in table.column_names])
    for name, column in made.items():
        table = table.append_column(name, column)
    return table


def _add(tally: Tally, table: "pa.Table", names: tuple[str, ...]) -> None:
    found = table.group_by(list(names), use_threads=False).aggregate([([], "count_all")])
    for *key, count in zip(*(found[name].to_pylist() for name in (*names, "count_all")), strict=True):
        tally[tuple(key)] += count


def _exploded(table: "pa.Table", lists: str, others: Sequence[str]) -> "pa.Table":
    """A row for each element of a column of lists, with the other columns of its row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[lists].combine_chunks()
    rows = pc.list_parent_indices(column)
    return pa.table({lists: pc.list_flatten(column)} | {name: table[name].take(rows) for name in others})


def _keep_examples(kept: dict[tuple[str, str | None], Any], kind: str, table: "pa.Table", column: str) -> None:
    """Keep the cases with the least checksums of each value: as good as chance, and the same in any order of rows."""
    import pyarrow.compute as pc

    with_image = table.filter(table["with_image"]).select([column, "checksum", "case_id"])
    if not len(with_image):
        return
    ordered = with_image.sort_by([(column, "ascending"), ("checksum", "ascending"), ("case_id", "ascending")])
    codes = pc.dictionary_encode(ordered[column], null_encoding="encode").combine_chunks().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    first = np.arange(len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes))) < EXAMPLES
    for row in ordered.filter(first).to_pylist():
        kept.setdefault((kind, row[column]), []).append((row["checksum"], row["case_id"]))
    for key, found in kept.items():
        if key[0] == kind:
            kept[key] = sorted(set(found))[:EXAMPLES]


def _keys(table: "pa.Table", column: str) -> Hashes:
    """A number for each id, its split in the two lowest bits; 0 where there is no id.

    Ids of patients and lesions mean something in their dataset only; those of the ISIC family are shared.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = table[column]
    if column.endswith("_id"):
        isic = pc.is_in(table["dataset"], value_set=pa.array(sorted(ISIC_IDS)))
        ids = pc.binary_join_element_wise(pc.if_else(isic, "isic", table["dataset"]), ids, "\0")
    hashes = np.fromiter(map(hash, ids.to_pylist()), np.int64, len(ids))
    keys: Hashes = (hashes & ~3) | _index(table["split"], SPLITS)
    keys[ids.is_null().to_numpy()] = 0
    return keys


def _unit(keys: Hashes) -> Unit:
    places = np.unique(keys[keys != 0])
    by_split = np.bincount(places & 3, minlength=len(SPLITS))[: len(SPLITS)]
    _, times = np.unique(places >> 2, return_counts=True)
    return Unit(len(times), int((times > 1).sum()), tuple(by_split.tolist()))


def _company(groups: Hashes, held: NDArray[np.int64], names: Sequence[str]) -> dict[str, int]:
    """Held-out dataset -> cases of other datasets in the groups of its cases."""
    out = {}
    for number, name in enumerate(names):
        own = held == number
        out[name] = int((np.isin(groups, np.unique(groups[own])) & ~own).sum())
    return out


def _index(column: Any, values: Sequence[str]) -> NDArray[np.int64]:
    """Position of each cell in `values`; one past the end where it is not there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: NDArray[np.int64] = pc.fill_null(pc.index_in(column, value_set=pa.array(values, pa.string())), len(values))
    return np.asarray(found, dtype=np.int64)
