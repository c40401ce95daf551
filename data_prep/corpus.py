"""A corpus on disk: written whole or not at all, and read back without its images where they are not needed."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem

if TYPE_CHECKING:
    import pyarrow as pa

    from skin_r1.case import Case

SHARD_ROWS = 2000


def check_target(out: Path, root: Path, *, overwrite: bool) -> None:
    """Refuse an OUT that would destroy something.

    Raises:
        UserError: OUT exists (and `overwrite` is off, or it is no corpus), or holds the dataset.
    """
    if root.resolve().is_relative_to(out.resolve()):
        raise problem("the corpus would replace the dataset's own folder", file=out, next_step="choose another --out")
    if not out.exists():
        return
    if not overwrite:
        raise problem("the output exists already", file=out, next_step="pass --overwrite, or choose another --out")
    if not out.is_dir() or (any(out.iterdir()) and not is_corpus(out)):
        raise problem(
            "--overwrite replaces corpora only, and this is none",
            file=out,
            allowed="a folder with a manifest.json of kind 'corpus'",
            next_step="choose another --out",
        )


def is_corpus(folder: Path) -> bool:
    """True when the folder's manifest says that it is a corpus."""
    try:
        return bool(json.loads((folder / "manifest.json").read_text())["kind"] == "corpus")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_whole(out: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into `OUT.partial`, then rename it to OUT, so that OUT is never half-written."""
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        fill(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


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
