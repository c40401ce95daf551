"""Intake of many images, in parts that are written as they are done: a killed run goes on where it stopped.

A part holds `PART` images in the order of the rows and is a file of its own, named after its number and a digest of what
it was made from (names, sizes and times of its files, and the settings). It is there whole or not at all, so that a
later run takes what it finds and makes the rest, and an array job makes every n-th part.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from data_prep.images.prepare import Bad, Task, prepare

if TYPE_CHECKING:
    import pyarrow as pa

PART = 256
"""Images in a part: a few seconds of work, and some ten megabytes."""
VERSION = 1
"""Raise it when the same image would be taken in differently, so that older parts are made again."""
POOL_FROM = 200
"""Fewer images than this are read in this process: starting others takes longer."""
Executor = Literal["processes", "ray"]


@dataclass(frozen=True)
class Part:
    """A part to make: where it goes, and its images."""

    file: Path
    tasks: Sequence[Task]


@dataclass(frozen=True)
class Intake:
    """All images, taken in; what is large stays in the parts.

    Attributes:
        parts: in the order of the tasks.
        pixels: SHA-256 digest per task, empty where the image is bad.
        hashes: perceptual hash per task, shape (tasks, 4), uint64; zeros where the image is bad.
        measured: per task, the findings (present, absent) measured on the lesion, or None.
        bad: index of a task -> why it cannot be used.
    """

    parts: Sequence[Part]
    pixels: Sequence[bytes]
    hashes: NDArray[np.uint64]
    measured: Sequence[tuple[tuple[str, ...], tuple[str, ...]] | None]
    bad: Mapping[int, Bad]

    def forget_bad(self) -> None:
        """Remove the parts with bad images, so that a repaired file, or a better reader, is tried next time."""
        ends = accumulate(len(part.tasks) for part in self.parts)
        for part, end in zip(self.parts, ends, strict=True):
            if any(task in self.bad for task in range(end - len(part.tasks), end)):
                part.file.unlink(missing_ok=True)

    def images(self) -> Iterator[dict[str, Any]]:
        """`encoded`, `name` and `quality` of each task, in order; one part in memory at a time."""
        for part in self.parts:
            yield from _read(part.file, ["encoded", "name", "quality"]).to_pylist()


def plan_parts(folder: Path, tasks: Sequence[Task], *, max_side: int) -> list[Part]:
    """Cut the images into parts; the same files and settings give the same names."""
    parts = []
    for number, start in enumerate(range(0, len(tasks), PART)):
        own = tasks[start : start + PART]
        digest = hashlib.sha256(repr((VERSION, max_side)).encode())
        for task in own:
            stats = [_stat(path) for path in (task.image, task.mask) if isinstance(path, Path)]
            digest.update(repr((task.case_id, stats, str(task.mask))).encode())
        parts.append(Part(folder / f"part-{number:05d}-{digest.hexdigest()[:16]}.parquet", own))
    return parts


def _stat(file: Path) -> tuple[str, int, int]:
    """What would tell that a file was changed; a link that leads nowhere is found out when it is read."""
    try:
        found = file.stat()
    except OSError:
        return str(file), -1, -1
    return str(file), found.st_size, found.st_mtime_ns


def make_parts(
    parts: Sequence[Part],
    *,
    max_side: int,
    workers: int,
    shard: tuple[int, int] = (0, 1),
    executor: Executor = "processes",
) -> int:
    """Make the parts that are missing, and only those of this shard.

    Args:
        parts: all parts.
        max_side: longest side of the stored images, pixels.
        workers: processes on this machine; Ray brings its own.
        shard: (i, n): every n-th part from the i-th.
        executor: where the work is done.

    Returns:
        How many parts of the shard were there already.
    """
    own = parts[shard[0] :: shard[1]]
    if not own:
        return 0
    missing = [part for part in own if not _is_whole(part.file)]
    if missing:
        missing[0].file.parent.mkdir(parents=True, exist_ok=True)
    done = sum(len(part.tasks) for part in own) - sum(len(part.tasks) for part in missing)
    with tqdm(total=sum(len(p.tasks) for p in own), initial=done, desc="images", unit="img", mininterval=1.0) as bar:
        for count in _run(missing, partial(make_part, max_side=max_side), workers, executor):
            bar.update(count)
    return len(own) - len(missing)


def _is_whole(file: Path) -> bool:
    """False for a part that is missing, or that a full disk or a power cut damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(file)
    except (OSError, pa.ArrowException):
        return False
    return True


def make_part(part: Part, max_side: int) -> int:
    """Take in a part's images and write its file; the number of its images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data_prep.images.quality import flags

    rows: list[dict[str, Any]] = []
    for task in part.tasks:
        done = prepare(task, max_side)
        if isinstance(done, Bad):
            rows.append({"bad_file": str(done.file), "bad_reason": done.reason})
            continue
        present, absent = _findings(done.measured)
        rows.append(
            {
                "encoded": done.encoded, "name": done.name, "pixels": bytes.fromhex(done.pixels), "phash": done.phash,
                "measured": done.measured is not None, "present": present, "absent": absent,
                "quality": asdict(done.quality) | {"flags": list(flags(done.quality))},
            }
        )  # fmt: skip
    # a name of its own: two jobs that make the same part by mistake do not write into one file
    scratch = part.file.with_suffix(f".{uuid4().hex}.tmp")
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), scratch, compression="none")
    scratch.replace(part.file)
    return len(rows)


def gather(parts: Sequence[Part]) -> Intake:
    """Read back what is small of all parts."""
    pixels: list[bytes] = []
    hashes: list[bytes] = []
    measured: list[tuple[tuple[str, ...], tuple[str, ...]] | None] = []
    bad: dict[int, Bad] = {}
    columns = ["pixels", "phash", "measured", "present", "absent", "bad_file", "bad_reason"]
    for part in parts:
        for task, row in zip(part.tasks, _read(part.file, columns).to_pylist(), strict=True):
            if row["bad_reason"] is not None:
                bad[len(pixels)] = Bad(task.case_id, Path(row["bad_file"]), row["bad_reason"])
            pixels.append(row["pixels"] or b"")
            hashes.append(row["phash"] or bytes(32))
            measured.append((tuple(row["present"]), tuple(row["absent"])) if row["measured"] else None)
    return Intake(parts, pixels, np.frombuffer(b"".join(hashes), dtype=np.uint64).reshape(-1, 4), measured, bad)


def remove_parts(folder: Path) -> None:
    """Remove the parts of a corpus that is whole; what else lies in their folder stays."""
    for file in [*folder.glob("part-*.parquet"), *folder.glob("part-*.tmp")]:
        file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _run(parts: Sequence[Part], work: Callable[[Part], int], workers: int, executor: Executor) -> Iterator[int]:
    if executor == "ray" and parts:
        from data_prep.images.ray_job import run

        yield from run(parts, work)
        return
    if workers < 2 or sum(len(part.tasks) for part in parts) < POOL_FROM:
        yield from map(work, parts)
        return
    # spawn, not fork: the parent may hold threads of other libraries
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, parts)


def _findings(measured: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if measured is None:
        return (), ()
    from skin_r1.lesion.measure import findings

    return findings(measured)


def _read(file: Path, columns: list[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read(columns=columns)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    from skin_r1.case import FEATURES

    text, names = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            ("encoded", pa.binary()), ("name", text), ("pixels", pa.binary()), ("phash", pa.binary()),
            ("measured", pa.bool_()), ("present", names), ("absent", names),
            ("quality", FEATURES.arrow_schema.field("quality").type), ("bad_file", text), ("bad_reason", text),
        ]
    )  # fmt: skip
