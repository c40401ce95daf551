"""Groups that must not cross splits: same patient, same lesion, or the same picture twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE = 32
"""Bits, of 256, in which the perceptual hashes of near-duplicates may differ.

Pairs among the 7,999 HAM10000 images, of one lesion and of two lesions: 33 and 1 within 16 bits, 90 and 1 within 32,
102 and 4 within 38. The common 64-bit hash does not separate: 83 and 226 within 4 bits.
"""
BLOCK = 256


@dataclass(frozen=True)
class Groups:
    """Group index per row, and what was merged.

    Attributes:
        index: shape (rows,).
        exact: pairs of rows with identical pixels that ids alone would have kept apart.
        near: as `exact`, for near-duplicates that are not identical.
    """

    index: NDArray[np.int64]
    exact: list[tuple[int, int]]
    near: list[tuple[int, int]]


def group_rows(keys: Sequence[Sequence[str]], pixels: Sequence[str | None], hashes: Sequence[bytes | None]) -> Groups:
    """Merge rows that share a key, the pixels or almost the hash (union-find).

    Args:
        keys: per row, its patient and lesion ids, prefixed so that the two never meet.
        pixels: per row, the digest of its decoded pixels, or None without an image.
        hashes: per row, its 32-byte perceptual hash, or None.
    """
    by_id = _components(len(keys), _shared(keys))
    exact = [p for p in _shared([[d] if d else [] for d in pixels]) if by_id[p[0]] != by_id[p[1]]]
    near = [
        (a, b) for a, b in near_pairs(hashes) if by_id[a] != by_id[b] and (pixels[a] is None or pixels[a] != pixels[b])
    ]
    index = _components(len(keys), [*_shared(keys), *exact, *near])
    return Groups(index, exact, near)


def near_pairs(hashes: Sequence[bytes | None], max_distance: int = MAX_DISTANCE) -> list[tuple[int, int]]:
    """Pairs (i < j) whose hashes differ in at most `max_distance` bits. Turned or mirrored copies are not found."""
    rows = [i for i, value in enumerate(hashes) if value is not None]
    if len(rows) < 2:
        return []
    bits = np.frombuffer(b"".join(h for h in hashes if h is not None), dtype=np.uint64).reshape(len(rows), -1)
    pairs = []
    for start in range(0, len(rows), BLOCK):
        block = bits[start : start + BLOCK]
        distance = np.bitwise_count(block[:, None] ^ bits[None, start:]).sum(axis=2, dtype=np.int64)
        for i, j in np.argwhere(distance <= max_distance):
            if j > i:
                pairs.append((rows[start + int(i)], rows[start + int(j)]))
    return pairs


def _shared(keys: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Link each row to the first row that has one of its keys."""
    first: dict[str, int] = {}
    return [(first[key], row) for row, own in enumerate(keys) for key in own if first.setdefault(key, row) != row]


def _components(size: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
