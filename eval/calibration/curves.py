"""The two curves of a report: confidence against accuracy, and risk against coverage."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.metrics.binning import BINS, Kind, bin_of
from eval.metrics.sums import share
from eval.statistics.bootstrap import Estimate, Floats, Mask, estimate


class ReliabilityBin(NamedTuple):
    """Cases of like confidence.

    Attributes:
        low, high: least and greatest confidence in the bin.
        cases: how many.
        confidence: their mean confidence.
        accuracy: share of right answers, with its interval over groups.
    """

    low: float
    high: float
    cases: int
    confidence: float
    accuracy: Estimate


def reliability(
    confidence: Floats,
    correct: Mask,
    groups: Sequence[str],
    *,
    kind: Kind = "mass",
    bins: int = BINS,
    seed: int = 0,
    resamples: int = 2000,
) -> list[ReliabilityBin]:
    """The reliability diagram as a table, least confident first; empty bins are left out.

    Args:
        confidence: [cases], in [0, 1], no NaN.
        correct: [cases].
        groups: [cases], the leak-free unit, drawn as a whole for the intervals.
        kind, bins: see `eval.metrics.binning.bin_of`.
        seed, resamples: of the intervals.
    """
    where = bin_of(confidence, kind, bins=bins)
    masks = {str(b): where == b for b in np.unique(where)}
    right, ones = correct.astype(float).tolist(), [1.0] * len(where)
    metrics = [share(name, right, ones, mask.tolist()) for name, mask in masks.items()]
    found = estimate(metrics, groups, seed=seed, resamples=resamples) if metrics else {}
    return [
        ReliabilityBin(
            float(confidence[mask].min()),
            float(confidence[mask].max()),
            int(mask.sum()),
            float(confidence[mask].mean()),
            found[name],
        )
        for name, mask in masks.items()
    ]


class RiskPoint(NamedTuple):
    """One threshold of a risk-coverage curve.

    Attributes:
        threshold: cases at least so confident are answered.
        coverage: share of the cases answered, in (0, 1].
        risk: share of wrong answers among them, in [0, 1].
    """

    threshold: float
    coverage: float
    risk: float


def risk_coverage(confidence: Floats, correct: Mask, *, points: int = 200) -> list[RiskPoint]:
    """The curve at its thresholds, from the fewest cases answered to all of them, thinned to at most `points`.

    Source: Geifman & El-Yaniv, NeurIPS 2017. The area under it is `aurc` of `eval.metrics.selective`, which also counts the
    coverages between two thresholds.

    Args:
        confidence: [cases], no NaN.
        correct: [cases].
        points: 1 or more.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = confidence[order], np.cumsum(~correct[order])
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.array([], dtype=np.intp)
    kept = ends[::-1][:: max(1, math.ceil(len(ends) / points))][::-1]  # the last, where all are answered, always stays
    return [RiskPoint(float(sure[i]), float((i + 1) / len(sure)), float(wrong[i] / (i + 1))) for i in kept]
