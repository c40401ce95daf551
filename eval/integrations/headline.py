"""The metrics that the tasks for other frameworks report: those of `skin-r1 eval score`, from the same code.

A framework keeps one record per case and asks for the metrics at the end. The record is a `CaseScore` without its rationale,
as plain values, so that it can stand in the framework's log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from eval.cases import CaseScore, score_case
from eval.metrics import diagnosis, form, grounding, malignancy
from eval.predictions import Prediction
from eval.statistics.bootstrap import Estimate, estimate

HEADLINE = (
    "accuracy",
    "top_3_accuracy",
    "balanced_accuracy",
    "hierarchical_f1",
    "malignancy_sensitivity",
    "malignancy_specificity",
    "missed_malignancy_rate",
    "grounding_f1",
    "hallucination_rate",
    "parse_failure_rate",
)


def record(row: Mapping[str, Any], prediction: Prediction) -> dict[str, Any]:
    """What a prediction is worth on a Case row (its images are not needed): the attributes of a `CaseScore`."""
    return asdict(replace(score_case(row, prediction), rationale=None, reasoning=""))


def headline(records: Sequence[Mapping[str, Any]], *, resamples: int = 2000, seed: int = 0) -> dict[str, Estimate]:
    """The metrics of `HEADLINE`, with intervals over the groups of cases.

    Args:
        records: of the cases, as `record` makes them, or as they come back from JSON.
        resamples, seed: of the bootstrap; the defaults are those of `skin-r1 eval score`. Without resamples there are no
            intervals.
    """
    scores = [CaseScore(**each) for each in records]
    families = (diagnosis.diagnosis, malignancy.malignancy, grounding.grounding, form.form)
    metrics = [metric for family in families for metric in family(scores) if metric.name in HEADLINE]
    if not resamples:
        return {each.name: Estimate(_or_none(each.value()), None, None, int(each.applies.sum())) for each in metrics}
    found = estimate(metrics, [score.group for score in scores], seed=seed, resamples=resamples)
    return {name: found[name] for name in HEADLINE}


def _or_none(value: float) -> float | None:
    return None if value != value else value
