"""Metrics that are functions of sums over cases: the parts they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.statistics.bootstrap import Floats, Metric


@dataclass(frozen=True)
class Described:
    """A metric for readers.

    Attributes:
        title: short name.
        meaning: what is counted over what, in one line.
        lower_is_better: else more is better.
    """

    title: str
    meaning: str
    lower_is_better: bool = False


def divide(top: Floats, bottom: Floats) -> Floats:
    """Top / bottom, NaN where bottom is 0."""
    quotient: Floats = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


def ratio(sums: Floats) -> Floats:
    """The first of two sums over the second; NaN where that is 0."""
    return divide(sums[..., 0], sums[..., 1])


def f1(sums: Floats) -> Floats:
    """F1 from [..., (true positives, false positives, false negatives)]."""
    hit, false, missed = sums[..., 0], sums[..., 1], sums[..., 2]
    return divide(2 * hit, 2 * hit + false + missed)


def share(name: str, top: Sequence[float], bottom: Sequence[float], applies: Sequence[bool]) -> Metric:
    """sum(top) / sum(bottom) over the cases that it applies to."""
    where = np.asarray(applies, dtype=bool)
    totals = np.stack([np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)], axis=1)
    return Metric(name, totals * where[:, None], ratio, where)
