"""Confidence against accuracy, and risk against coverage, as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eval.calibration.conformal import NAMES as CONFORMAL
from eval.calibration.curves import ReliabilityBin, RiskPoint, reliability, risk_coverage
from eval.cases import CaseScore
from eval.label_scores import label_table
from eval.metrics.probability import NAMES

MENDED = ("score_top_1_accuracy", "nll", "brier", "ece_mass", "ece_debiased", "aurc")
SIDE = 300  # pixels of the unit square
LEFT, TOP, BELOW = 54, 12, 48


class Curves(NamedTuple):
    """Both curves of the label scores.

    Attributes:
        bins, reliability: the reliability diagram as a table and as SVG.
        risk: the risk-coverage curve as SVG.
        points: of that curve.
    """

    bins: list[ReliabilityBin]
    reliability: str
    points: list[RiskPoint]
    risk: str


def curves(scores: Sequence[CaseScore], *, seed: int, resamples: int) -> Curves | None:
    """The curves over the cases with label scores and a known diagnosis; None without any.

    Args:
        scores: the cases.
        seed, resamples: of the intervals of the bins.
    """
    table = label_table(
        [s.label_scores for s in scores], [s.diagnosis for s in scores], [s.malignancy for s in scores]
    )
    known = np.flatnonzero(table.known)
    if not len(known):
        return None
    confidence, correct = table.confidence[known], table.hits(1)[known]
    bins = reliability(confidence, correct, [scores[i].group for i in known], seed=seed, resamples=resamples)
    points = risk_coverage(confidence, correct)
    return Curves(bins, _reliability(bins), points, _risk(points, float(1 - correct.mean())))


def mended(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any] | None, Mapping[str, Any]]]:
    """What validation taught: (metric, as given, with the temperature) and the prediction sets, which have no "as given"."""
    if not summary.get("calibration"):
        return []
    before, after = summary["metrics"], summary["calibration"]["metrics"]
    rows = [(NAMES[key].title, before.get(key), after[key]) for key in MENDED]
    return [*rows, *((CONFORMAL[key].title, None, after[key]) for key in CONFORMAL if key in after)]


def _x(share: float) -> float:
    return round(LEFT + SIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + SIDE * (1 - share), 1)


def _frame(label: str, across: str, up: str, inside: Sequence[str]) -> str:
    parts = [
        f'<svg class="chart square" viewBox="0 0 {LEFT + SIDE + 20} {TOP + SIDE + BELOW}" role="img" aria-label="{label}">'
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(tick), _y(tick)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{TOP + SIDE}"/>')
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{TOP + SIDE + 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    parts += inside
    parts.append(f'<text class="name" x="{_x(0.5)}" y="{TOP + SIDE + BELOW - 8}" text-anchor="middle">{across}</text>')
    parts.append(
        f'<text class="name" transform="translate(14,{_y(0.5)}) rotate(-90)" text-anchor="middle">{up}</text>'
    )
    return "".join([*parts, "</svg>"])


def _reliability(bins: Sequence[ReliabilityBin]) -> str:
    inside = [f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>']
    points = [(each, each.accuracy.value) for each in bins if each.accuracy.value is not None]
    line = " ".join(f"{_x(each.confidence)},{_y(value)}" for each, value in points)
    inside.append(f'<polyline class="curve" points="{line}"/>')
    for each, value in points:
        x = _x(each.confidence)
        if each.accuracy.low is not None and each.accuracy.high is not None:
            low, high = _y(each.accuracy.low), _y(each.accuracy.high)
            inside.append(f'<line class="span good" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        tip = f"confidence {each.confidence:.2f}: {value:.2f} of {each.cases} cases right"
        inside.append(f'<g><title>{tip}</title><circle class="dot good" cx="{x}" cy="{_y(value)}" r="4.5"/></g>')
    return _frame("accuracy of cases of like confidence", "confidence", "accuracy", inside)


def _risk(points: Sequence[RiskPoint], overall: float) -> str:
    line = " ".join(f"{_x(each.coverage)},{_y(each.risk)}" for each in points)
    level = f'<line class="ideal" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(overall)}" y2="{_y(overall)}"/>'
    return _frame(
        "share of wrong answers over the share of cases answered, most confident first",
        "coverage: share of cases answered",
        "risk: share wrong",
        [level, f'<polyline class="curve" points="{line}"/>'],
    )
