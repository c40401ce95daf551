"""Small pictures of chosen cases, as data URLs that a page can hold."""

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from data_prep.corpus import read_parquet

SIDE = 120
"""Longest side of a thumbnail, pixels."""
BUDGET = 1_800_000
"""Characters of all thumbnails of a page; the cases asked for last go without."""


def thumbnails(files: Sequence[Path], wanted: Sequence[str]) -> dict[str, str]:
    """Case id -> JPEG data URL, for the wanted cases that have an image that decodes, the first ones first."""
    order = list(dict.fromkeys(wanted))
    found = {case_id: _small(encoded) for case_id, encoded in _images(files, set(order))}
    out: dict[str, str] = {}
    left = BUDGET
    for case_id in order:
        url = found.get(case_id)
        if url and len(url) <= left:
            out[case_id] = url
            left -= len(url)
    return out


def _small(encoded: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))  # lets a large JPEG be decoded small
            small = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None  # `data validate` is there to say so
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _images(files: Sequence[Path], wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """(case id, bytes of its first image), reading only the row groups that hold a wanted case."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = pa.array(sorted(wanted), pa.string())
    for file in files if wanted else ():
        found = pc.is_in(read_parquet(file, ["case_id"])["case_id"], value_set=names).to_numpy()
        if not found.any():
            continue
        source = pq.ParquetFile(file)
        start = 0
        for number in range(source.num_row_groups):
            size = source.metadata.row_group(number).num_rows
            rows = np.flatnonzero(found[start : start + size])
            start += size
            if len(rows):
                for row in source.read_row_group(number, columns=["case_id", "images"]).take(rows).to_pylist():
                    if row["images"] and row["images"][0]["bytes"]:
                        yield row["case_id"], row["images"][0]["bytes"]
