"""Answering only when sure: how the risk falls when the least confident cases are left to somebody else.

Sources: Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017 (risk, coverage); Geifman,
Uziel & El-Yaniv, Bias-Reduced Uncertainty Estimation, ICLR 2019 (AURC, excess AURC).

Risk is the share of wrong answers among the k most confident cases, coverage is k / n. Ties count against the model: among
equally confident cases the wrong ones are answered first, so no order in the file changes a number.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from eval.metrics.ranking import Statistic, running_sum
from eval.metrics.sums import divide
from eval.statistics.bootstrap import COUNTS, Floats, Mask


class _Runs(NamedTuple):
    """The wrong answers in unbroken runs, most confident first.

    Attributes:
        start, end: [runs, resamples], cases answered before the run and when it ends.
        cases: [resamples], all cases.
    """

    start: Floats
    end: Floats
    cases: Floats


def _runs(confidence: Floats, correct: Mask) -> Callable[[Floats], _Runs]:
    order = np.lexsort((correct, -confidence))
    # Even rows are runs of wrong answers, odd ones of right answers; an empty one may stand at either end.
    rows = np.cumsum(np.diff(correct[order].astype(np.int8), prepend=0) != 0)
    pairs = int(rows.max(initial=0)) // 2 + 1
    matrix = csr_matrix((np.ones(len(order), COUNTS), (rows, order)), shape=(2 * pairs, len(order)))

    def sums(weights: Floats) -> _Runs:
        # An empty row in front makes row i the cases before run i.
        runs = matrix @ np.ascontiguousarray(weights.T, COUNTS)
        before = running_sum(np.concatenate([np.zeros((1, len(weights))), runs]))
        return _Runs(before[:-1:2], before[1::2], before[-1])

    return sums


def _harmonic(cases: Floats) -> tuple[Floats, Floats]:
    """H(0) ... H(n), the harmonic numbers; and their sums H(0) + ... + H(m - 1), m = 0 ... n; n the greatest of `cases`."""
    numbers = np.append(0.0, np.cumsum(1.0 / np.arange(1, int(cases.max()) + 1)))
    return numbers, np.append(0.0, np.cumsum(numbers[:-1]))


def aurc(confidence: Floats, correct: Mask) -> Statistic:
    """Area under the risk-coverage curve: the mean of the risk over k = 1 ... n, in [0, 1]. NaN without cases.

    The wrong answer in place i adds 1 / k to every k from i to n, H(n) - H(i - 1) in all.
    """
    runs = _runs(confidence, correct)

    def statistic(weights: Floats) -> Floats:
        start, end, cases = runs(weights)
        numbers, sums = _harmonic(cases)
        wrong = (end - start).sum(axis=0)
        later = (sums[end.astype(np.intp)] - sums[start.astype(np.intp)]).sum(axis=0)
        return divide(wrong * numbers[cases.astype(np.intp)] - later, cases)

    return statistic


def excess_aurc(confidence: Floats, correct: Mask) -> Statistic:
    """AURC less that of a confidence that ranks all right answers above all wrong ones; 0 is best. NaN without cases."""
    area = aurc(confidence, correct)

    def statistic(weights: Floats) -> Floats:
        cases, right = weights.sum(axis=1), weights @ correct.astype(np.float64)
        numbers, _ = _harmonic(cases)
        # The sum of i / (right + i) over the wrong ones, i = 1 ... n - right.
        least = cases - right - right * (numbers[cases.astype(np.intp)] - numbers[right.astype(np.intp)])
        return area(weights) - divide(least, cases)

    return statistic


def accuracy_at(coverage: float, confidence: Floats, correct: Mask) -> Statistic:
    """Accuracy over the ceil(coverage x n) most confident cases; coverage in (0, 1]. NaN without cases."""
    runs = _runs(confidence, correct)

    def statistic(weights: Floats) -> Floats:
        start, end, cases = runs(weights)
        answered = np.ceil(coverage * cases - 1e-9)  # 0.8 x 10 is 8, whatever the rounding
        wrong = (np.minimum(end, answered) - np.minimum(start, answered)).sum(axis=0)
        return 1 - divide(wrong, answered)

    return statistic
