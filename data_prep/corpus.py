"""A corpus on disk: written whole or not at all, and read back without its images where they are not needed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem

if TYPE_CHECKING:
    import pyarrow as pa

    from skin_r1.case import Case, Split

PART_ROWS = 20_000
PART_BYTES = 32_000_000
"""A parquet file of a split ends at so many rows or bytes of images, whichever comes first."""


def write_splits(folder: Path, cases: "Iterable[Case]") -> None:
    """Write `folder/SPLIT/part-*.parquet` as the cases come; an empty split gets a file without rows."""
    from skin_r1.case import SPLITS

    waiting: dict[str, list[Case]] = {split: [] for split in SPLITS}
    size = dict.fromkeys(SPLITS, 0)
    parts = dict.fromkeys(SPLITS, 0)

    def flush(split: "Split") -> None:
        _write(folder / split / f"part-{parts[split]:05d}.parquet", waiting[split])
        waiting[split], size[split], parts[split] = [], 0, parts[split] + 1

    for split in SPLITS:
        (folder / split).mkdir()
    for case in cases:
        waiting[case.split].append(case)
        size[case.split] += sum(len(image["bytes"]) for image in case.images)
        if len(waiting[case.split]) >= PART_ROWS or size[case.split] >= PART_BYTES:
            flush(case.split)
    for split in SPLITS:
        if waiting[split] or not parts[split]:
            flush(split)


def _write(file: Path, cases: "list[Case]") -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from skin_r1.case import FEATURES

    schema = FEATURES.arrow_schema  # its metadata tells the datasets library which column holds images
    columns = [pa.array([getattr(case, f.name) for case in cases], type=f.type) for f in schema]
    with pq.ParquetWriter(file, schema) as writer:
        if cases:  # an empty row group is more than the datasets library can read
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=1000)


def parquet_files(corpus: Path) -> list[Path]:
    """The corpus's parquet files, training split first.

    Raises:
        UserError: there are none.
    """
    files = [f for split in ("train", "validation", "test") for f in sorted((corpus / split).glob("*.parquet"))]
    if not files:
        raise problem(
            "this is no corpus",
            file=corpus,
            allowed="train/, validation/ and test/ with *.parquet files",
            next_step=f"skin-r1 data build --dataset NAME --root DIR --out {corpus}",
        )
    return files


def read_parquet(file: Path, columns: list[str] | None = None) -> "pa.Table":
    """Read one file.

    Raises:
        UserError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file).read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise problem(f"the file cannot be read: {error}", file=file, next_step="build the corpus again") from None


def read_facts(corpus: Path) -> dict[str, Any]:
    """The manifest, or an empty one where it is missing or damaged."""
    try:
        found = json.loads((corpus / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
