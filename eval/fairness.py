"""Every metric in every group of patients: who is served worst, and by how much.

The gap of an attribute is that between the best and the worst served of its groups, as they stand on all cases. Its
interval is of this pair: picking the best and the worst anew in every resample would call pure noise a gap. `even` is
1 - (max - min) / max, the share of the highest value that the lowest one keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from eval.cases import CaseScore
from eval.groups import ATTRIBUTES, UNKNOWN
from eval.metrics import NAMES
from eval.statistics.bootstrap import (
    CHUNK,
    Estimate,
    Floats,
    Members,
    Metric,
    Ranked,
    interval,
    numbered,
    sampler,
    weights,
)

MIN_CASES = 20  # of a group that may be called best or worst; smaller ones are shown and not ranked
MIN_GROUPS = 10  # patients among them


@dataclass(frozen=True)
class Gap:
    """The groups of one attribute in one metric.

    Attributes:
        groups: group -> its estimate, every group that the metric is defined on.
        aside: group -> why it is shown and not ranked.
        best, worst: among the known groups that are large enough; None with fewer than two of them.
        gap: best less worst (worst less best where lower is better), never negative, with its paired interval.
        even: 1 - (max - min) / max over the same groups, in [0, 1]; None where max is 0.
    """

    groups: Mapping[str, Estimate]
    aside: Mapping[str, str]
    best: str | None = None
    worst: str | None = None
    gap: Estimate | None = None
    even: float | None = None


def fairness(
    metrics: Sequence[Metric | Ranked], scores: Sequence[CaseScore], *, seed: int, resamples: int
) -> dict[str, dict[str, Gap]]:
    """Every metric in the groups of every attribute: attribute -> metric -> its groups.

    Args:
        metrics: built on `scores`.
        scores: the cases.
        seed, resamples: of the intervals; the same as those of the metrics themselves.
    """
    member, count = numbered([score.group for score in scores])
    masks = {
        (attribute, group): np.array([score.about[attribute] == group for score in scores])
        for attribute in ATTRIBUTES
        for group in sorted({score.about[attribute] for score in scores})
    }
    within = {cell: [metric.within(mask) for metric in metrics] for cell, mask in masks.items()}
    samplers = {cell: sampler(parts, member) for cell, parts in within.items()}
    chunks: dict[tuple[str, str], list[Floats]] = {cell: [] for cell in masks}
    chunks_of_draws = weights(count, seed=seed, resamples=resamples)
    for drawn in tqdm(
        chunks_of_draws, "groups of patients", -(-resamples // CHUNK), leave=False, disable=len(scores) < 1000
    ):
        for cell, sample in samplers.items():
            chunks[cell].append(sample(drawn))
    drawn_values = {cell: np.concatenate(parts, axis=1) for cell, parts in chunks.items()}  # [metrics, resamples]
    found: dict[str, dict[str, Gap]] = {attribute: {} for attribute in ATTRIBUTES}
    for attribute in ATTRIBUTES:
        groups = [group for name, group in masks if name == attribute]
        for row, metric in enumerate(metrics):
            cells = {group: within[attribute, group][row] for group in groups}
            values = {group: drawn_values[attribute, group][row] for group in groups}
            estimates = {group: interval(cells[group], values[group], member) for group in groups}
            estimates = {group: each for group, each in estimates.items() if each.value is not None}
            reasons = {group: _aside(group, cells[group], member) for group in estimates}
            aside = {group: reason for group, reason in reasons.items() if reason}
            found[attribute][metric.name] = _gap(metric.name, estimates, aside, values)
    return found


def _aside(group: str, metric: Metric | Ranked, member: Members) -> str:
    """Why a group is not ranked, or ""."""
    if group == UNKNOWN:
        return "unknown"
    if int(metric.applies.sum()) < MIN_CASES:
        return f"under {MIN_CASES} cases"
    patients = len(np.unique(member[metric.applies]))
    return f"{patients} of {MIN_GROUPS} patients" if patients < MIN_GROUPS else ""


def _gap(name: str, estimates: Mapping[str, Estimate], aside: Mapping[str, str], drawn: Mapping[str, Floats]) -> Gap:
    ranked = [group for group in estimates if group not in aside]
    if len(ranked) < 2:
        return Gap(estimates, aside)
    value = {group: estimates[group].value or 0.0 for group in ranked}
    low, high = min(ranked, key=value.__getitem__), max(ranked, key=value.__getitem__)
    best, worst = (low, high) if NAMES[name].lower_is_better else (high, low)
    gaps = drawn[high] - drawn[low]
    gaps = gaps[~np.isnan(gaps)]
    ends = [float(end) for end in np.quantile(gaps, [0.025, 0.975])] if len(gaps) else [None, None]
    width = value[high] - value[low]
    gap = Estimate(width, ends[0], ends[1], estimates[best].n + estimates[worst].n)
    return Gap(estimates, aside, best, worst, gap, 1 - width / value[high] if value[high] > 0 else None)


def gap_summary(found: Mapping[str, Mapping[str, Gap]]) -> dict[str, dict[str, dict[str, Any]]]:
    """For summary.json: attribute -> metric -> {best, worst, gap, even}, where two groups or more are large enough."""
    return {
        attribute: {
            name: {"best": each.best, "worst": each.worst, "gap": each.gap._asdict(), "even": each.even}
            for name, each in metrics.items()
            if each.gap is not None
        }
        for attribute, metrics in found.items()
    }
