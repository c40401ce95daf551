"""ROC and precision-recall figures of a score, on many resamples at once.

Each builder sorts the scores once and returns a function of the cases' weights [resamples, cases], as
`eval.statistics.bootstrap.Ranked` wants it. All of these figures depend on a resample only through three sums at each
distinct score of a positive: positives there, negatives below and negatives there. One sparse product gives them.

Definitions are scikit-learn's: a case is called positive when its score is at least the threshold, thresholds are scores
that occur, and cases of equal score are called together.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from eval.metrics.sums import divide
from eval.statistics.bootstrap import COUNTS, Floats, Mask

Statistic = Callable[[Floats], Floats]


class _Levels(NamedTuple):
    """Sums at each distinct score of a positive, ascending; [levels, resamples] but for the totals, [resamples].

    Attributes:
        positive: positives at this score.
        below, upto: negatives of a lower score; and of a lower or equal one.
        positives, negatives: all of them.
    """

    positive: Floats
    below: Floats
    upto: Floats
    positives: Floats
    negatives: Floats


def _levels(scores: Floats, positive: Mask) -> Callable[[Floats], _Levels]:
    levels = np.unique(scores[positive])
    above = np.searchsorted(levels, scores)  # the first level that is not below the score
    tied = np.append(levels, np.nan)[above] == scores
    # Rows: the positives of each level, then the negatives from low to high: below level 0, at level 0, between 0 and 1, ...
    rows = np.where(positive, above, len(levels) + 2 * above + tied)
    shape = (3 * len(levels) + 1, len(scores))
    matrix = csr_matrix((np.ones(len(scores), COUNTS), (rows, np.arange(len(scores)))), shape=shape)

    def sums(weights: Floats) -> _Levels:
        found = (matrix @ np.ascontiguousarray(weights.T, COUNTS)).astype(np.float64)  # [3 * levels + 1, resamples]
        at, negative = found[: len(levels)], running_sum(found[len(levels) :])
        return _Levels(at, negative[:-1:2], negative[1::2], at.sum(axis=0), negative[-1])

    return sums


def running_sum(rows: Floats) -> Floats:
    """Cumulative sum down the rows, in place. Numpy's own walks down each column by itself, several times slower."""
    for above, row in zip(rows[:-1], rows[1:], strict=True):
        row += above
    return rows


def roc_auc(scores: Floats, positive: Mask) -> Statistic:
    """Area under the ROC curve: how often a positive is scored above a negative, ties counting half.

    Source: Hanley & McNeil, Radiology 143 (1982) 29-36. NaN without a positive or without a negative.
    """
    levels = _levels(scores, positive)

    def statistic(weights: Floats) -> Floats:
        at, below, upto, positives, negatives = levels(weights)
        wins = np.einsum("lr,lr->r", at, below) + np.einsum("lr,lr->r", at, upto)
        return divide(wins, 2 * positives * negatives)

    return statistic


def average_precision(scores: Floats, positive: Mask) -> Statistic:
    """Area under the precision-recall curve: precision at each threshold, weighted by the gain in recall.

    Source: scikit-learn's `average_precision_score`, without interpolation (Davis & Goadrich, ICML 2006). NaN without a
    positive.
    """
    levels = _levels(scores, positive)

    def statistic(weights: Floats) -> Floats:
        at, below, _, positives, negatives = levels(weights)
        hit = running_sum(at[::-1].copy())[::-1]  # positives at this score or above
        called = hit + (negatives - below)
        np.maximum(called, 1.0, out=called)  # nobody is called: nobody is gained there either
        hit *= at
        hit /= called
        return divide(hit.sum(axis=0), positives)

    return statistic


def sensitivity_at(specificity: float, scores: Floats, positive: Mask) -> Statistic:
    """Highest sensitivity among the thresholds whose specificity is at least the given one, in (0, 1].

    The threshold is chosen anew in each resample. Where no score is high enough, nobody is called: 0. NaN without a positive
    or without a negative.
    """
    levels = _levels(scores, positive)

    def statistic(weights: Floats) -> Floats:
        at, below, _, positives, negatives = levels(weights)
        allowed = divide(below, negatives) >= specificity
        return divide((at * allowed).sum(axis=0), positives * (negatives > 0))

    return statistic


def specificity_at(sensitivity: float, scores: Floats, positive: Mask) -> Statistic:
    """Highest specificity among the thresholds whose sensitivity is at least the given one, in (0, 1].

    The threshold is chosen anew in each resample. NaN without a positive or without a negative.
    """
    levels = _levels(scores, positive)

    def statistic(weights: Floats) -> Floats:
        at, below, _, positives, negatives = levels(weights)
        hit = running_sum(at[::-1].copy())[::-1]
        allowed = divide(hit, positives) >= sensitivity
        cleared = np.where(allowed, below, 0.0).max(axis=0, initial=0.0)
        return divide(cleared, negatives * (positives > 0))

    return statistic


def mean_of(statistics: list[Statistic]) -> Statistic:
    """Mean over those that are defined in a resample; NaN where none is."""

    def statistic(weights: Floats) -> Floats:
        turned: Any = np.asfortranarray(weights, COUNTS)  # its transpose is in order: the parts need not turn it again
        total, defined = np.zeros(len(weights)), np.zeros(len(weights))
        for each in statistics:
            values = each(turned)
            total += np.nan_to_num(values)
            defined += ~np.isnan(values)
        return divide(total, defined)

    return statistic
