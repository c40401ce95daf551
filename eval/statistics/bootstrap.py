"""Confidence intervals by the cluster bootstrap: whole groups (patients, lesions, duplicates) are drawn, never cases.

Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval); Field & Welsh,
J. R. Stat. Soc. B 69 (2007) 369-390 (bootstrapping clustered data by drawing clusters).

A resample is a row of integer weights, one per group. A metric that is a function of sums over cases (`Metric`) needs
only the groups' sums, so all its resamples are one matrix product. A metric that ranks cases (`Ranked`, such as the
area under a ROC curve) gets the weights of the cases themselves. Both are drawn on the same resamples, so differences
between them are paired.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Members = NDArray[np.intp]
CHUNK = 256  # resamples held in memory at once
COUNTS = np.float32  # weights are whole numbers: their sums are exact up to 16 million, and half the memory is walked


@dataclass(frozen=True)
class Metric:
    """A number that is a function of sums over cases.

    Attributes:
        name: key in summary.json.
        totals: [cases, k], what each case adds to the k sums; zero where the metric does not apply.
        reduce: sums [..., k] -> metric [...]; NaN where undefined.
        applies: [cases], the cases that the metric is about.
        biased: chance alone moves it up, the more the fewer the cases; see `interval`.
    """

    name: str
    totals: Floats
    reduce: Callable[[Floats], Floats]
    applies: Mask
    biased: bool = False

    def value(self) -> float:
        """The metric on all cases; NaN where undefined."""
        return float(self.reduce(self.totals.sum(axis=0)))

    def within(self, cases: Mask) -> "Metric":
        """The same metric over some of the cases only."""
        return replace(self, totals=self.totals * cases[:, None], applies=self.applies & cases)


@dataclass(frozen=True)
class Ranked:
    """A number that depends on how cases stand to each other, not on sums alone.

    Attributes:
        name: key in summary.json.
        among: some of the cases [cases] -> the metric of these alone, a function of their weights [resamples, these cases],
            counts of 0 or more, to the metric [resamples]; NaN where undefined. A weight of 2 is the case twice.
        applies: [cases], the cases that the metric is about.
    """

    name: str
    among: Callable[[Mask], Callable[[Floats], Floats]]
    applies: Mask

    @cached_property
    def statistic(self) -> Callable[[Floats], Floats]:
        """Weights of the cases that apply [resamples, applying cases] -> the metric [resamples]."""
        return self.among(self.applies)

    def of(self, weights: Floats) -> Floats:
        """The metric of the applying cases by their weights [resamples, applying cases]; NaN where undefined."""
        return self.statistic(weights) if weights.shape[1] else np.full(len(weights), np.nan)

    def value(self) -> float:
        """The metric on all cases; NaN where undefined."""
        return float(self.of(np.ones((1, int(self.applies.sum()))))[0])

    def within(self, cases: Mask) -> "Ranked":
        """The same metric over some of the cases only."""
        return Ranked(self.name, self.among, self.applies & cases)


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


def resample(metrics: Sequence[Metric | Ranked], groups: Sequence[str], *, seed: int, resamples: int) -> Floats:
    """All metrics on the same resamples, so that differences between them are paired.

    Args:
        metrics: built on the same cases in the same order.
        groups: [cases], the group of each case.
        seed: same seed, same intervals.
        resamples: number of bootstrap samples.

    Returns:
        [metrics, resamples]; NaN where a resample leaves a metric undefined.
    """
    member, count = numbered(groups)
    sample = sampler(metrics, member)
    return np.concatenate([sample(drawn) for drawn in weights(count, seed=seed, resamples=resamples)], axis=1)


def numbered(groups: Sequence[str]) -> tuple[Members, int]:
    """The number of each case's group, counted from 0 in the order of their names, and how many groups there are."""
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    return member, len(names)


def sampler(metrics: Sequence[Metric | Ranked], member: Members) -> Callable[[Floats], Floats]:
    """How often each group is drawn [resamples, groups] -> [metrics, resamples].

    The sums of all metrics stand in one matrix, so that a chunk of resamples costs one product.
    """
    summed = [metric for metric in metrics if isinstance(metric, Metric)]
    applies = np.any([metric.applies for metric in summed], axis=0) if summed else np.zeros(len(member), dtype=bool)
    held, place = np.unique(member[applies], return_inverse=True)  # metrics of a few groups cost a few groups
    table = np.zeros((len(held), sum(metric.totals.shape[1] for metric in summed)))
    if summed:
        np.add.at(table, place, np.concatenate([metric.totals[applies] for metric in summed], axis=1))
    ends = np.cumsum([metric.totals.shape[1] for metric in summed])[:-1]

    # Ranked metrics of the same cases share those cases' weights.
    masks = {metric.applies.tobytes(): member[metric.applies] for metric in metrics if isinstance(metric, Ranked)}

    def sample(drawn: Floats) -> Floats:
        sums = iter(np.split(drawn[:, held] @ table, ends, axis=1))
        turned: Any = np.ascontiguousarray(drawn.T, COUNTS)  # [groups, resamples]
        weighed = {
            key: turned[own].T for key, own in masks.items()
        }  # [resamples, cases], a case's weights side by side
        return np.stack(
            [
                metric.reduce(next(sums))
                if isinstance(metric, Metric)
                else metric.of(weighed[metric.applies.tobytes()])
                for metric in metrics
            ]
        )

    return sample


def estimate(
    metrics: Sequence[Metric | Ranked], groups: Sequence[str], *, seed: int, resamples: int, level: float = 0.95
) -> dict[str, Estimate]:
    """Each metric with its percentile interval; see `Estimate` for what is undefined.

    Resamples in which a metric is undefined (no malignant case was drawn, say) are left out of its interval.
    """
    drawn = resample(metrics, groups, seed=seed, resamples=resamples)
    member, _ = numbered(groups)
    return {
        metric.name: interval(metric, values, member, level) for metric, values in zip(metrics, drawn, strict=True)
    }


def interval(metric: Metric | Ranked, drawn: Floats, member: Members, level: float = 0.95) -> Estimate:
    """A metric with the percentile interval of its resamples [resamples]; see `Estimate` for what is undefined.

    That of a biased one would lie too high, as resamples add the bias once more: it has the basic interval, from 2 value -
    high to 2 value - low and not below 0 (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 5.2.1).
    """
    value = metric.value()
    if np.isnan(value):
        return Estimate(None, None, None, 0)
    n = int(metric.applies.sum())
    defined = drawn[~np.isnan(drawn)]
    if len(np.unique(member[metric.applies])) < 2 or not len(defined):
        return Estimate(value, None, None, n)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    if isinstance(metric, Metric) and metric.biased:
        low, high = (max(0.0, 2 * value - end) for end in (high, low))
    return Estimate(value, float(low), float(high), n)
