"""Groups of patients: for each attribute a small forest of each headline, with the worst served marked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eval.cases import CaseScore
from eval.fairness import Gap
from eval.groups import ATTRIBUTES
from eval.metrics import NAMES
from eval.report.forest import Row
from eval.statistics.bootstrap import Estimate

SHOWN = ("accuracy", "missed_malignancy_rate", "grounding_f1", "hallucination_rate")


class Panel(NamedTuple):
    """One metric in the groups of one attribute.

    Attributes:
        title: of the metric.
        better: "higher" or "lower".
        rows: a row per group.
        gap: between the best and the worst served, or None where fewer than two groups are large enough.
        best, worst: their names, or None.
    """

    title: str
    better: str
    rows: list[Row]
    gap: Estimate | None
    best: str | None
    worst: str | None


class Attribute(NamedTuple):
    """An attribute of patients.

    Attributes:
        title: for readers.
        only: the one group that all cases are in, or None.
        panels: one per metric; none where all cases are in one group.
    """

    title: str
    only: str | None
    panels: list[Panel]


def attributes(groups: Mapping[str, Mapping[str, Gap]], scores: Sequence[CaseScore]) -> list[Attribute]:
    """The attributes of `eval.fairness.fairness` for the page.

    Args:
        groups: attribute -> metric -> its groups.
        scores: the cases that they were found on.
    """
    shown = []
    for attribute, metrics in groups.items():
        names = sorted({score.about[attribute] for score in scores})
        keys = [key for key in SHOWN if key in metrics and metrics[key].groups and len(names) > 1]
        panels = [_panel(key, metrics[key]) for key in keys]
        shown.append(Attribute(ATTRIBUTES[attribute], names[0] if len(names) == 1 else None, panels))
    return shown


def _panel(key: str, found: Gap) -> Panel:
    better = "lower" if NAMES[key].lower_is_better else "higher"
    rows = [
        Row(
            title=group,
            meaning="",
            value=each.value,
            low=each.low,
            high=each.high,
            n=each.n,
            better=better,
            mark="worst" if group == found.worst else "best" if group == found.best else "",
            faded=f"not ranked: {found.aside[group]}" if group in found.aside else "",
        )
        for group, each in found.groups.items()
    ]
    return Panel(NAMES[key].title, better, rows, found.gap, found.best, found.worst)
