"""Components that grow pair by pair, many pairs at a time, and a spanning forest of them."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
BUFFER = 1 << 18
"""Pairs that wait to be merged; about 4 MB."""


class Forest:
    """Components of the rows 0 to size - 1.

    Attributes:
        label: shape (size,); the component of each row.
        large: shape (size,); whether that component has more than the given number of rows.
        changes: how often a large component grew.
        waiting: pairs that were noted and not merged yet.
    """

    def __init__(self, size: int, large: int) -> None:
        self.label: Index = np.arange(size)
        self.large = np.zeros(size, dtype=bool)
        self.changes = 0
        self.waiting = 0
        self._limit = large
        self._new: list[tuple[Index, Index]] = []
        self._trees: list[tuple[Index, Index]] = []
        self._ordered: tuple[int, Index] = (0, self.label)

    def add(self, a: Index, b: Index) -> None:
        """Note pairs, merged later; those inside one component add nothing."""
        apart = self.label[a] != self.label[b]
        if apart.any():
            self._new.append((a[apart], b[apart]))
            self.waiting += int(apart.sum())
        if self.waiting > BUFFER:
            self.settle()

    def settle(self) -> None:
        """Merge the pairs noted since the last time."""
        if not self.waiting:
            return
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

        a, b = np.concatenate(self._new, axis=1)
        self._new, self.waiting = [], 0
        nodes, ends = np.unique(self.label[np.stack([a, b])], return_inverse=True)
        ends = np.sort(ends.reshape(2, -1), axis=0)
        edge = np.unique(ends[0] * len(nodes) + ends[1], return_index=True)[1]  # repeated entries would be added up
        graph = coo_array((edge + 1.0, ends[:, edge]), shape=(len(nodes), len(nodes)))
        tree = minimum_spanning_tree(graph).data.astype(np.int64) - 1  # the weight of an edge is its number
        self._trees.append((a[tree], b[tree]))
        joined = connected_components(graph, directed=False)[1]
        renamed = np.arange(len(self.label))
        renamed[nodes] = nodes[np.unique(joined, return_index=True)[1]][joined]
        self.label = renamed[self.label]
        self.large = (np.bincount(self.label, minlength=len(self.label)) > self._limit)[self.label]
        self.changes += bool(self.large[nodes].any())

    def ordered(self) -> Index:
        """All rows, those of one large component side by side."""
        if self._ordered[0] != self.changes:
            self._ordered = self.changes, np.argsort(np.where(self.large, self.label, -1), kind="stable")
        return self._ordered[1]

    def pairs(self) -> Iterator[tuple[Index, Index]]:
        """All pairs of rows inside the small components, and a spanning tree of each large one, in portions."""
        self.settle()
        for a, b in self._trees:
            yield a[self.large[a]], b[self.large[a]]
        order = np.argsort(self.label, kind="stable")
        starts = np.flatnonzero(np.diff(self.label[order], prepend=-1))
        sizes = np.diff(starts, append=len(order))
        for size in range(2, self._limit + 1):
            members = order[starts[sizes == size, None] + np.arange(size)]
            for i, j in combinations(range(size), 2):
                yield members[:, i], members[:, j]
