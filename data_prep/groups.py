"""Units of rows that belong together: the same picture, the same lesion, the same patient."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.near import near_pairs


@dataclass(frozen=True)
class Groups:
    """Units per row, and what was merged.

    Attributes:
        index: shape (rows,); the unit that must not cross splits: patient, lesion, same picture, nearly the same picture.
        lesion: shape (rows,); the unit that has one diagnosis: lesion, same picture.
        exact: pairs of rows with identical pixels that ids alone would have kept apart.
        near: as `exact`, for near-duplicates that are not identical.
    """

    index: NDArray[np.int64]
    lesion: NDArray[np.int64]
    exact: list[tuple[int, int]]
    near: list[tuple[int, int]]


def group_rows(
    size: int,
    patients: Sequence[tuple[int, str]],
    lesions: Sequence[tuple[int, str]],
    pictures: Sequence[tuple[int, str]],
    pixels: Mapping[int, bytes],
    hashed: Sequence[int],
    hashes: NDArray[np.uint64],
) -> Groups:
    """Merge rows by union-find.

    Args:
        size: number of rows.
        patients, lesions, pictures: (row, its id or the name of its image, with the dataset's id space in front); a row
            may have several, as each dataset that describes its picture has ids of its own.
        pixels: row -> digest of its decoded pixels.
        hashed: rows with a perceptual hash, ascending.
        hashes: their hashes, shape (len(hashed), 4).
    """
    by_lesion = [*_same(lesions), *_same(pictures)]
    by_patient = _same(patients)
    by_id = _components(size, [*by_lesion, *by_patient])
    same = _same(pixels.items())
    close = [(hashed[a], hashed[b]) for a, b in near_pairs(hashes).tolist()]
    exact = [(a, b) for a, b in same if by_id[a] != by_id[b]]
    near = [(a, b) for a, b in close if by_id[a] != by_id[b] and pixels.get(a) != pixels.get(b)]
    return Groups(
        _components(size, [*by_lesion, *by_patient, *same, *close]),
        _components(size, [*by_lesion, *same]),
        exact,
        near,
    )


def _same(keys: Iterable[tuple[int, str | bytes]]) -> list[tuple[int, int]]:
    """Link each row to the first row that has its key."""
    first: dict[str | bytes, int] = {}
    return [(first[key], row) for row, key in keys if first.setdefault(key, row) != row]


def _components(size: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
