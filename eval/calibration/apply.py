"""Validation scores teach a temperature and two conformal thresholds; test scores are judged with them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from eval.calibration.conformal import METHODS, Threshold, conformal, fit_conformal
from eval.calibration.splits import check_apart
from eval.calibration.temperature import Temperature, fit_temperature, scale
from eval.cases import CaseScore
from eval.label_scores import LabelTable, label_table
from eval.metrics.probability import probability
from eval.statistics.bootstrap import Metric, estimate


class Calibrated(NamedTuple):
    """What validation taught, and the test cases with it.

    Attributes:
        temperature: fitted on validation.
        thresholds: one per conformal method, fitted on validation scores at that temperature.
        table: the test cases at that temperature: `eval.metrics.probability.probability` judges it as any other.
        metrics: coverage and size of the test cases' prediction sets; `eval.calibration.conformal.NAMES`.
    """

    temperature: Temperature
    thresholds: tuple[Threshold, ...]
    table: LabelTable
    metrics: list[Metric]


def calibrate(
    validation: LabelTable,
    test: LabelTable,
    *,
    split: str,
    groups: tuple[Sequence[str], Sequence[str]],
    alpha: float = 0.1,
) -> Calibrated:
    """Fit on one table, apply to the other.

    Args:
        validation, test: their classes may differ.
        split: the split of the first table, `validation`.
        groups: the groups of the cases of both, which share none.
        alpha: share of prediction sets that may miss, in (0, 1).

    Raises:
        UserError: fitted on another split, a group in both tables, no usable validation case, or an alpha out of range.
    """
    check_apart(*groups)
    temperature = fit_temperature(validation, split=split)
    taught, table = scale(validation, temperature.value), scale(test, temperature.value)
    thresholds = tuple(fit_conformal(taught, split=split, method=method, alpha=alpha) for method in METHODS)
    return Calibrated(temperature, thresholds, table, [m for each in thresholds for m in conformal(table, each)])


def calibration_summary(
    validation: Sequence[CaseScore], test: Sequence[CaseScore], *, split: str, seed: int, resamples: int
) -> dict[str, Any]:
    """For summary.json: the temperature, the thresholds, and the test cases' metrics with them.

    Args:
        validation, test: scored cases with label scores.
        split: that of the first.
        seed, resamples: of the intervals.

    Raises:
        UserError: as `calibrate`.
    """
    tables = [
        label_table([s.label_scores for s in side], [s.diagnosis for s in side], [s.malignancy for s in side])
        for side in (validation, test)
    ]
    own = [score.group for score in test]
    found = calibrate(tables[0], tables[1], split=split, groups=([score.group for score in validation], own))
    metrics = [*probability(found.table), *found.metrics]
    return {
        "temperature": {**asdict(found.temperature), "usable": not found.temperature.at_the_end},
        "thresholds": [asdict(each) for each in found.thresholds],
        "metrics": {
            name: each._asdict() for name, each in estimate(metrics, own, seed=seed, resamples=resamples).items()
        },
    }
