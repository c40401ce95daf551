"""Estimates as the rows of a forest: a name, a dot with its interval on an axis from 0 to 1, the number and the cases."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eval.metrics import NAMES, diagnosis, form, grounding, malignancy, probability, rationale

HEADLINES = (
    "accuracy",
    "balanced_accuracy",
    "malignancy_sensitivity",
    "missed_malignancy_rate",
    "grounding_f1",
    "hallucination_rate",
    "parse_failure_rate",
    "ece_mass",
)
FAMILIES = {
    "Diagnosis": diagnosis.NAMES,
    "Malignancy": malignancy.NAMES,
    "Findings": grounding.NAMES,
    "Rationale": rationale.NAMES,
    "Form": form.NAMES,
    "Probabilities": probability.NAMES,
    "Votes of sampled answers": [f"votes_{name}" for name in probability.NAMES],
}
OFF_AXIS = {
    "rationale_words",
    "rationale_grade",
    "brier",
    "nll",
    "votes_brier",
    "votes_nll",
}  # no shares: an axis from 0 to 1 is not theirs


class Row(NamedTuple):
    """A row of a forest.

    Attributes:
        title: of the metric, or the group of patients.
        meaning: a line under the title, or "".
        value, low, high: the estimate and its interval; None where undefined.
        n: cases.
        better: "higher" or "lower".
        axis: the value is a share, so that it has a place on the axis.
        mark: `worst`, `best` or "".
        faded: why the row counts less, or "".
    """

    title: str
    meaning: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    better: str
    axis: bool = True
    mark: str = ""
    faded: str = ""


def metric_row(key: str, found: Mapping[str, Any]) -> Row:
    """A metric of summary.json; `found` holds value, low, high and n."""
    said = NAMES[key]
    return Row(
        title=said.title,
        meaning=said.meaning,
        **found,
        better="lower" if said.lower_is_better else "higher",
        axis=key not in OFF_AXIS,
        faded="no case that it applies to" if found["value"] is None else "",
    )


def families(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Row]]:
    """Family -> its rows, in the order of `eval.metrics.NAMES`; families without a metric are left out."""
    found = {
        family: [metric_row(key, metrics[key]) for key in names if key in metrics]
        for family, names in FAMILIES.items()
    }
    return {family: rows for family, rows in found.items() if rows}


def headlines(metrics: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The numbers of the tiles, those that are defined."""
    return [metric_row(key, metrics[key]) for key in HEADLINES if key in metrics and metrics[key]["value"] is not None]
