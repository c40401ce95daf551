"""Does one number rise with another, given a third? Rank correlations of numbers that need not be levels.

Source: M. Kendall, Biometrika 32 (1942) 277-283 (partial rank correlation).
"""

import numpy as np

from eval.metrics.sums import divide
from eval.statistics.bootstrap import Floats, Ranked

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
    kept = [column[whole] for column in columns]

    def statistic(weights: Floats) -> Floats:
        ranks = [_ranks(column, weights) for column in kept]
        r = _correlation(ranks[0], ranks[1], weights)
        if given is None:
            return r
        rx, ry = (np.nan_to_num(_correlation(rank, ranks[2], weights)) for rank in ranks[:2])
        rest = (1 - rx**2) * (1 - ry**2)
        return divide(r - rx * ry, np.sqrt(np.where(rest > _ROUNDING, rest, 0.0)))

    return Ranked(name, statistic, whole)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean ranks [resamples, cases] of values [cases], each counted as often as its weight [resamples, cases] says."""
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    tied = np.add.reduceat(weights[:, order], starts, axis=1)  # [resamples, different values]
    ranks: Floats = (np.cumsum(tied, axis=1) - (tied - 1) / 2)[:, place]
    return ranks


def _correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of each row, weighted; all [resamples, cases]."""
    n = weights.sum(axis=1, keepdims=True)
    dx, dy = (v - divide((weights * v).sum(axis=1, keepdims=True), n) for v in (x, y))
    xx, yy, xy = ((weights * p).sum(axis=1) for p in (dx * dx, dy * dy, dx * dy))
    return divide(xy, np.sqrt(xx * yy))
