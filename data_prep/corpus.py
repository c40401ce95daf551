"""A corpus on disk: written whole or not at all, and read back without its images where they are not needed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem

if TYPE_CHECKING:
    import pyarrow as pa

    from skin_r1.case import Case

SHARD_ROWS = 2000


def write_splits(folder: Path, cases: "Sequence[Case]") -> None:
    """Write `folder/SPLIT/part-*.parquet`; an empty split gets a file without rows."""
    import datasets

    from skin_r1.case import FEATURES, SPLITS, to_dataset

    datasets.disable_progress_bars()  # a bar per shard says nothing
    for split in SPLITS:
        own = [case for case in cases if case.split == split]
        (folder / split).mkdir()
        for shard, start in enumerate(range(0, max(len(own), 1), SHARD_ROWS)):
            part = own[start : start + SHARD_ROWS]
            # from_list cannot tell the columns of no rows
            empty = datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
            rows = to_dataset(part) if part else empty
            rows.to_parquet(str(folder / split / f"part-{shard:05d}.parquet"))
    datasets.enable_progress_bars()


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
