"""Confidence intervals by the cluster bootstrap: whole groups (patients, lesions, duplicates) are drawn, never cases.

Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval); Field & Welsh,
J. R. Stat. Soc. B 69 (2007) 369-390 (bootstrapping clustered data by drawing clusters).

Every metric here is a function of sums over cases. One resample is then one row of integer weights per group, and all
resamples of all metrics are one matrix product.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHUNK = 256  # resamples held in memory at once


@dataclass(frozen=True)
class Metric:
    """A number that is a function of sums over cases.

    Attributes:
        name: key in summary.json.
        totals: [cases, k], what each case adds to the k sums; zero where the metric does not apply.
        reduce: sums [..., k] -> metric [...]; NaN where undefined.
        applies: [cases], the cases that the metric is about.
    """

    name: str
    totals: Floats
    reduce: Callable[[Floats], Floats]
    applies: NDArray[np.bool_]

    def value(self) -> float:
        """The metric on all cases; NaN where undefined."""
        return float(self.reduce(self.totals.sum(axis=0)))


class Estimate(NamedTuple):
    """A value with its interval.

    Attributes:
        value: point estimate, or None where the metric is undefined.
        low, high: ends of the percentile interval; None where undefined or where fewer than two groups contribute.
        n: cases that the metric is about; 0 where undefined.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


def weights(groups: int, *, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each group is drawn, in chunks [at most CHUNK, groups]; each row sums to `groups`."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - start)
        yield rng.multinomial(groups, np.full(groups, 1 / groups), size=rows).astype(np.float64)


def resample(metrics: Sequence[Metric], groups: Sequence[str], *, seed: int, resamples: int) -> Floats:
    """All metrics on the same resamples, so that differences between them are paired.

    Args:
        metrics: built on the same cases in the same order.
        groups: [cases], the group of each case.
        seed: same seed, same intervals.
        resamples: number of bootstrap samples.

    Returns:
        [metrics, resamples]; NaN where a resample leaves a metric undefined.
    """
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sums = [_by_group(metric.totals, member, len(names)) for metric in metrics]
    columns = [
        np.stack([metric.reduce(drawn @ total) for metric, total in zip(metrics, sums, strict=True)])
        for drawn in weights(len(names), seed=seed, resamples=resamples)
    ]
    return np.concatenate(columns, axis=1)


def _by_group(totals: Floats, member: NDArray[np.intp], groups: int) -> Floats:
    summed = np.zeros((groups, totals.shape[1]))
    np.add.at(summed, member, totals)
    return summed


def estimate(
    metrics: Sequence[Metric], groups: Sequence[str], *, seed: int, resamples: int, level: float = 0.95
) -> dict[str, Estimate]:
    """Each metric with its percentile interval; see `Estimate` for what is undefined.

    Resamples in which a metric is undefined (no malignant case was drawn, say) are left out of its interval.
    """
    drawn = resample(metrics, groups, seed=seed, resamples=resamples)
    member = np.asarray(groups, dtype=object).astype(str)
    tails = [(1 - level) / 2, (1 + level) / 2]
    found = {}
    for metric, values in zip(metrics, drawn, strict=True):
        value = metric.value()
        if np.isnan(value):
            found[metric.name] = Estimate(None, None, None, 0)
            continue
        n = int(metric.applies.sum())
        defined = values[~np.isnan(values)]
        if len(np.unique(member[metric.applies])) < 2 or not len(defined):
            found[metric.name] = Estimate(value, None, None, n)
            continue
        low, high = np.quantile(defined, tails)
        found[metric.name] = Estimate(value, float(low), float(high), n)
    return found
