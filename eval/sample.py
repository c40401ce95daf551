"""Some of a split's cases, for a quick look: drawn, since corpora are often sorted by diagnosis."""

from hashlib import sha256
from typing import Any


def sample(table: Any, limit: int | None) -> Any:
    """`limit` rows in the order of the table, the same ones for every model, and each among those of a larger limit.

    A case is drawn by the SHA-256 of its id. The first rows would not do: those of HAM10000 are all benign keratoses.

    Args:
        table: a `datasets.Dataset` with `case_id`.
        limit: cases; None for all.
    """
    if limit is None or limit >= len(table):
        return table
    ids = table["case_id"]
    drawn = sorted(range(len(ids)), key=lambda row: sha256(ids[row].encode()).digest())[:limit]
    return table.select(sorted(drawn))
