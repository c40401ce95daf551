"""How far do raters agree? Each statistic is a metric of the bootstrap, so that it comes with an interval over cases.

Scores stand in a table [cases, raters]; NaN is a missing score. Levels are numbers and their differences count: 0, 1 and 5
are not evenly spaced. A statistic of two raters uses the cases that both scored. What is undefined (no shared case, or
scores that do not vary where the statistic divides by their variation) is NaN, never 0 and never 1.

Sources: J. Cohen, Psychol. Bull. 70 (1968) 213-220 (weighted kappa); K. Krippendorff, Computing Krippendorff's
Alpha-Reliability (2011), repository.upenn.edu/asc_papers/43; P. Shrout and J. Fleiss, Psychol. Bull. 86 (1979) 420-428 (ICC);
M. Kendall, Biometrika 33 (1945) 239-251 (tau b); J. Bland and D. Altman, Lancet 327 (1986) 307-310 (bias and limits).
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from eval.metrics.sums import divide, ratio
from eval.statistics.bootstrap import Floats, Mask, Metric

Icc = Literal["ICC(2,1)", "ICC(2,k)", "ICC(3,1)"]
NORMAL = 1.959963984540054  # 0.975 quantile of the standard normal distribution
_SAME = 1e-12  # a variance below this share of the squares is rounding


def weighted_kappa(name: str, a: Floats, b: Floats, *, power: int) -> Metric:
    """Cohen's kappa with weights |difference| ** `power`: 1 linear, 2 quadratic. NaN where both always give one level.

    scikit-learn's `cohen_kappa_score` weighs by the place of a level among those that occur; the two are equal where
    its `labels` are evenly spaced.
    """
    levels = _levels(a, b)
    cost = np.abs(levels[:, None] - levels[None, :]) ** power

    def reduce(sums: Floats) -> Floats:
        table = _square(sums, len(levels))  # [..., levels, levels]
        n = table.sum(axis=(-1, -2))
        expected = np.einsum("...i,...j,ij->...", table.sum(axis=-1), table.sum(axis=-2), cost)
        return 1.0 - divide((table * cost).sum(axis=(-1, -2)) * n, expected)

    return _of_table(name, a, b, levels, reduce)


def kendall_tau_b(name: str, a: Floats, b: Floats) -> Metric:
    """Kendall's tau b, corrected for ties; NaN where either does not vary."""
    levels = _levels(a, b)

    def reduce(sums: Floats) -> Floats:
        table = _square(sums, len(levels))
        above = np.cumsum(table[..., ::-1, :], axis=-2)[..., ::-1, :] - table  # [..., i, j]: rows after i, column j
        right = np.cumsum(above[..., ::-1], axis=-1)[..., ::-1] - above
        left = np.cumsum(above, axis=-1) - above
        surplus = (table * (right - left)).sum(axis=(-1, -2))  # concordant minus discordant pairs
        n = table.sum(axis=(-1, -2))
        untied = [(n**2 - (table.sum(axis=axis) ** 2).sum(axis=-1)) / 2 for axis in (-1, -2)]
        return divide(surplus, np.sqrt(untied[0] * untied[1]))

    return _of_table(name, a, b, levels, reduce)


def spearman(name: str, a: Floats, b: Floats) -> Metric:
    """Spearman's rank correlation; NaN where either does not vary. For numbers that hardly repeat see `correlation`."""
    levels = _levels(a, b)

    def reduce(sums: Floats) -> Floats:
        table = _square(sums, len(levels))
        one, other = (_centred_ranks(table.sum(axis=axis)) for axis in (-1, -2))  # [..., levels]
        together = np.einsum("...ij,...i,...j->...", table, one, other)
        squares = [(table.sum(axis=axis) * ranks**2).sum(axis=-1) for axis, ranks in ((-1, one), (-2, other))]
        return divide(together, np.sqrt(squares[0] * squares[1]))

    return _of_table(name, a, b, levels, reduce)


def _centred_ranks(counts: Floats) -> Floats:
    """Mean rank of each level, less the mean of all ranks."""
    ranks: Floats = np.cumsum(counts, axis=-1) - counts / 2 - counts.sum(axis=-1, keepdims=True) / 2
    return ranks


def _levels(a: Floats, b: Floats) -> Floats:
    both = np.concatenate([a, b])
    return np.unique(both[~np.isnan(both)])


def _square(sums: Floats, levels: int) -> Floats:
    return sums.reshape(*sums.shape[:-1], levels, levels)


def _of_table(name: str, a: Floats, b: Floats, levels: Floats, reduce: Callable[[Floats], Floats]) -> Metric:
    """A statistic of the table that counts how often `a` gave which level where `b` gave which."""
    both = ~(np.isnan(a) | np.isnan(b))
    cells = np.zeros((len(a), len(levels) ** 2))
    rows = np.flatnonzero(both)
    cells[rows, np.searchsorted(levels, a[rows]) * len(levels) + np.searchsorted(levels, b[rows])] = 1.0
    return Metric(name, cells, reduce, both)


def _of_sums(name: str, parts: Sequence[Floats], both: Mask, reduce: Callable[[Floats], Floats]) -> Metric:
    totals = np.stack([np.where(both, part, 0.0) for part in parts], axis=1)
    return Metric(name, totals, reduce, both)


def agreement_within(name: str, a: Floats, b: Floats, distance: float = 0.0) -> Metric:
    """Share of cases whose two scores lie at most `distance` apart; 0 asks for the same score."""
    both = ~(np.isnan(a) | np.isnan(b))
    return _of_sums(name, [(np.abs(a - b) <= distance).astype(float), np.ones(len(a))], both, ratio)


def mean_absolute_error(name: str, a: Floats, b: Floats) -> Metric:
    """Mean |a - b|, in levels."""
    return _of_sums(name, [np.abs(a - b), np.ones(len(a))], ~(np.isnan(a) | np.isnan(b)), ratio)


def bias(name: str, a: Floats, b: Floats, *, limit: float = 0.0) -> Metric:
    """Mean of a - b, in levels; with `limit` -1 or 1 the lower or upper limit of agreement, 1.96 standard deviations off.

    The standard deviation divides by n - 1; a limit is NaN with fewer than two cases.
    """

    def reduce(sums: Floats) -> Floats:
        total, squares, n = np.moveaxis(sums, -1, 0)
        mean = divide(total, n)
        if not limit:
            return mean
        variance = divide(np.maximum(squares - n * mean**2, 0.0), n - 1)
        return mean + limit * NORMAL * np.sqrt(variance)

    gap = a - b
    return _of_sums(name, [gap, gap**2, np.ones(len(a))], ~np.isnan(gap), reduce)


def ordinal_alpha(name: str, scores: Floats) -> Metric:
    """Krippendorff's alpha for ordinal data; any number of raters, missing scores allowed.

    Cases with fewer than two scores are left out, as in his canonical form. NaN where all scores are one level.

    Args:
        name: of the metric.
        scores: [cases, raters].
    """
    levels = _levels(scores.ravel(), scores.ravel())
    counts = (scores[:, :, None] == levels).sum(axis=1).astype(float)  # [cases, levels]
    raters = counts.sum(axis=1)
    paired = raters >= 2
    pairs = counts[:, :, None] * counts[:, None, :] - np.einsum("ci,ij->cij", counts, np.eye(len(levels)))
    coincidences = pairs / np.maximum(raters - 1, 1)[:, None, None] * paired[:, None, None]

    def reduce(sums: Floats) -> Floats:
        table = _square(sums, len(levels))
        n = table.sum(axis=-1)  # [..., levels]
        middle = np.cumsum(n, axis=-1) - n / 2
        distance = (middle[..., :, None] - middle[..., None, :]) ** 2
        observed = (table * distance).sum(axis=(-1, -2))
        expected = (n[..., :, None] * n[..., None, :] * distance).sum(axis=(-1, -2))
        return 1.0 - divide(observed * (n.sum(axis=-1) - 1), expected)

    return Metric(name, coincidences.reshape(len(scores), -1), reduce, paired)


def icc(name: str, scores: Floats, kind: Icc) -> Metric:
    """Intraclass correlation of Shrout and Fleiss, over the cases that every rater scored.

    ICC(2,1): raters are a sample, one rater's score; ICC(2,k): the same for the mean of all k; ICC(3,1): these raters
    only, so that a constant bias of one costs nothing. It may be negative. NaN with fewer than two cases or raters,
    and where all scores are one level.

    Args:
        name: of the metric.
        scores: [cases, raters].
        kind: which of the three.
    """
    whole = np.asarray(~np.isnan(scores).any(axis=1), dtype=bool)
    filled = np.where(whole[:, None], scores, 0.0)
    centre = filled[whole].mean() if whole.any() else 0.0  # sums of squares of large numbers lose digits
    filled = np.where(whole[:, None], filled - centre, 0.0)
    k = scores.shape[1]
    parts = [whole.astype(float)[:, None], filled, filled.sum(axis=1)[:, None] ** 2, (filled**2).sum(axis=1)[:, None]]

    def reduce(sums: Floats) -> Floats:
        n, columns, rows, squares = sums[..., 0], sums[..., 1 : k + 1], sums[..., k + 1], sums[..., k + 2]
        grand = divide(columns.sum(axis=-1) ** 2, n * k)
        between_cases = rows / k - grand
        between_raters = divide((columns**2).sum(axis=-1), n) - grand
        error = squares - grand - between_cases - between_raters
        msr, msc = divide(between_cases, n - 1), between_raters / max(k - 1, 1)
        mse = divide(error, (n - 1) * (k - 1))
        bottom = {
            "ICC(2,1)": msr + (k - 1) * mse + k * divide(msc - mse, n),
            "ICC(2,k)": msr + divide(msc - mse, n),
            "ICC(3,1)": msr + (k - 1) * mse,
        }[kind]
        varied = squares - grand > _SAME * np.maximum(squares, 1.0)
        safe = np.where(varied & (np.abs(bottom) > _SAME), bottom, np.nan)
        quotient: Floats = (msr - mse) / safe
        return quotient

    return Metric(name, np.concatenate(parts, axis=1), reduce, whole)


def mean_of(name: str, parts: Sequence[Metric], *, minus: Sequence[Metric] = ()) -> Metric:
    """Mean of several statistics over the same cases, less the mean of others; those undefined are left out.

    With pairs of raters as parts it is their mean pairwise agreement; `minus` gives the gap to another such mean.
    """
    ends = np.cumsum([part.totals.shape[1] for part in (*parts, *minus)])[:-1]

    def reduce(sums: Floats) -> Floats:
        values = [m.reduce(s) for m, s in zip((*parts, *minus), np.split(sums, ends, axis=-1), strict=True)]
        kept = _mean(values[: len(parts)])
        return kept - _mean(values[len(parts) :]) if minus else kept

    every = [part.applies for part in (*parts, *minus)]
    return Metric(name, np.concatenate([p.totals for p in (*parts, *minus)], axis=1), reduce, np.any(every, axis=0))


def _mean(values: Sequence[Floats]) -> Floats:
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    return divide(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0).astype(float))
