"""Does one number rise with another, given a third? Rank correlations of numbers that need not be levels.

Source: M. Kendall, Biometrika 32 (1942) 277-283 (partial rank correlation).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.sums import divide
from eval.statistics.bootstrap import Floats, Mask, Ranked

_ROUNDING = 1e-12


def rank_correlation(name: str, x: Floats, y: Floats, given: Floats | None = None) -> Ranked:
    """Spearman's rank correlation, or its partial form given a third variable; NaN where x or y does not vary.

    The partial correlation is (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2)(1 - r_yz^2)) of the ranks. A `given` that does not
    vary explains nothing and leaves r_xy.

    Args:
        name: of the metric.
        x, y, given: [cases]; a case with NaN in any is left out.
    """
    columns = [x, y] if given is None else [x, y, given]
    whole = np.asarray(~np.isnan(np.stack(columns)).any(axis=0), dtype=bool)

    def among(cases: Mask) -> Callable[[Floats], Floats]:
        drawn = [_Ranked.of(column[cases]) for column in columns]

        def statistic(weights: Floats) -> Floats:
            weights = weights.astype(np.float64)  # products of ranks need more digits than counts do
            ranks = [column.centred(weights) for column in drawn]
            r = _cosine(ranks[0], ranks[1], weights)
            if given is None:
                return r
            rx, ry = (np.nan_to_num(_cosine(rank, ranks[2], weights)) for rank in ranks[:2])
            rest = (1 - rx**2) * (1 - ry**2)
            return divide(r - rx * ry, np.sqrt(np.where(rest > _ROUNDING, rest, 0.0)))

        return statistic

    return Ranked(name, among, whole)


class _Ranked(NamedTuple):
    """Values, sorted once for all resamples.

    Attributes:
        place: [cases], number of each case's value among the different ones.
        order: [cases], the cases from the lowest value to the highest.
        starts: where each value begins in `order`.
    """

    place: NDArray[np.intp]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats) -> "_Ranked":
        _, place = np.unique(values, return_inverse=True)
        order = np.argsort(place, kind="stable")
        return cls(place, order, np.flatnonzero(np.diff(place[order], prepend=-1)))

    def centred(self, weights: Floats) -> Floats:
        """Mean ranks less the mean of all ranks [resamples, cases], each case counted as often as its weight says."""
        tied = np.add.reduceat(weights[:, self.order], self.starts, axis=1)  # [resamples, different values]
        middle = np.cumsum(tied, axis=1) - tied / 2
        ranks: Floats = (middle - tied.sum(axis=1, keepdims=True) / 2)[:, self.place]
        return ranks


def _cosine(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of each row of centred numbers, weighted; all [resamples, cases]."""
    xx, yy, xy = (np.einsum("rc,rc,rc->r", weights, *pair) for pair in ((x, x), (y, y), (x, y)))
    return divide(xy, np.sqrt(xx * yy))
