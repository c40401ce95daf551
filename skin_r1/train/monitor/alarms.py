"""Alarms of a GRPO run: rules over its logged metrics that say what is going wrong, and what to do about it.

`alarms` is a pure function of `trainer.state.log_history`, which checkpoints carry: a resumed run raises the same ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from statistics import fmean, variance
from typing import Any, Literal

Entry = Mapping[str, Any]
Measure = Callable[[Sequence[Entry], int, str], float | None]

START = 3  # first logs of a run, whose mean is its start
HALF = 5  # logs; a trend is the mean of the last five against that of the five before
LESS_IS_BETTER = ("loss", "kl", "clipped_ratio", "clip_ratio", "zero_std", "zero_variance", "grad_norm", "step_time")
CLEAR = 3.0  # standard errors between two means that noise alone hardly brings about


def value(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """The metric itself."""
    found: float | None = entries[at].get(key)
    return found


def over_start(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """The metric as a multiple of its mean over the first three logs; None for these."""
    start = _known(entries[:START], key)
    now = entries[at].get(key)
    return None if at < START or now is None or not start or fmean(start) == 0 else now / fmean(start)


def not_finite(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """1 where the metric is infinite or no number, else 0."""
    found = entries[at].get(key)
    return None if found is None else float(not math.isfinite(found))


def unearned_spread(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """The deviation of a reward over the answers (`rewards/<name>/std`); None where all of them earn all of it."""
    mean = entries[at].get(key.removesuffix("std") + "mean")
    return None if mean is None or mean >= 0.999 else entries[at].get(key)


def fall_while_paid(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """How far the metric fell over the last ten logs where `reward` rose, both by `CLEAR` standard errors; else 0."""
    recent = entries[max(0, at + 1 - 2 * HALF) : at + 1]
    paid, right = _known(recent, "reward"), _known(recent, key)
    if len(paid) < 2 * HALF or len(right) < 2 * HALF:
        return None
    clear = rise(paid) >= CLEAR and rise(right) <= -CLEAR
    return fmean(right[:HALF]) - fmean(right[HALF:]) if clear else 0.0


def rise(values: Sequence[float]) -> float:
    """The second half's mean minus the first's, in standard errors (Welch 1947, the t statistic)."""
    before, after = values[: len(values) // 2], values[len(values) // 2 :]
    error = math.sqrt(variance(before) / len(before) + variance(after) / len(after))
    difference = fmean(after) - fmean(before)
    return difference / error if error else math.copysign(math.inf, difference) if difference else 0.0


def fall_twice_while_paid(entries: Sequence[Entry], at: int, key: str) -> float | None:
    """How far an evaluated metric fell in two evaluations in a row while `reward` rose twice; else 0."""
    recent = entries[max(0, at - 2) : at + 1]
    paid, right = _known(recent, "reward"), _known(recent, key)
    if len(paid) < 3 or len(right) < 3:
        return None
    clear = paid[0] < paid[1] < paid[2] and right[0] > right[1] > right[2]
    return right[0] - right[2] if clear else 0.0


def _known(entries: Sequence[Entry], key: str) -> list[float]:
    return [entry[key] for entry in entries if entry.get(key) is not None and math.isfinite(entry[key])]


@dataclass(frozen=True)
class Rule:
    """When to raise an alarm.

    Attributes:
        name: of the alarm.
        keys: metrics it looks at; `*` stands for any reward, each of which has an alarm of its own.
        measure: of the metric at a log, from the logs up to it.
        measured: what the measure is, in words.
        side, threshold: the condition, `measure above` or `below` the threshold.
        patience: logs in a row for which it holds before the alarm is raised: once, until it has ceased.
        meaning: what has happened.
        action: what to do.
        source: of the threshold.
        kind: `train` looks at training logs, `eval` at evaluations, whose `reward` is training's since the one before.
    """

    name: str
    keys: tuple[str, ...]
    measure: Measure
    measured: str
    side: Literal["above", "below"]
    threshold: float
    patience: int
    meaning: str
    action: str
    source: str
    kind: Literal["train", "eval"] = "train"

    def holds(self, entries: Sequence[Entry], at: int, key: str) -> bool:
        """Whether the condition holds at a log; not where the metric is missing."""
        found = self.measure(entries, at, key)
        return found is not None and (found > self.threshold if self.side == "above" else found < self.threshold)


@dataclass(frozen=True)
class Alarm:
    """A rule that a run has broken.

    Attributes:
        rule: the rule.
        metric: the one that broke it.
        step: of the run, when it was raised.
        value: the rule's measure of the metric.
    """

    rule: Rule
    metric: str
    step: int
    value: float

    def text(self) -> str:
        """What a person reads."""
        logs = "log" if self.rule.patience == 1 else f"{self.rule.patience} logs in a row"
        return (
            f"ALARM {self.rule.name} at step {self.step}\n"
            f"  metric: {self.metric}\n"
            f"  found:  {self.value:.4g}, {self.rule.side} {self.rule.threshold:g} for {logs}: {self.rule.measured}\n"
            f"  means:  {self.rule.meaning}\n"
            f"  do:     {self.rule.action}"
        )


def alarms(history: Sequence[Entry], rules: Sequence[Rule]) -> list[Alarm]:
    """The alarms that the last entry of a history raises.

    Args:
        history: `trainer.state.log_history`: training logs, evaluations and a summary, in order.
        rules: such as `skin_r1.train.monitor.rules.RULES`.
    """
    if not history or not {"loss", "eval_loss"} & history[-1].keys():
        return []
    kind = "train" if "loss" in history[-1] else "eval"
    entries = [entry for entry in history if "loss" in entry] if kind == "train" else evaluations(history)
    last = len(entries) - 1
    found = []
    for rule in rules:
        for key in (
            (key for pattern in rule.keys for key in matching(entries[last], pattern)) if rule.kind == kind else ()
        ):
            held = 0
            while held <= min(rule.patience, last) and rule.holds(entries, last - held, key):
                held += 1
            measured = rule.measure(entries, last, key)
            if held == rule.patience and measured is not None:
                found.append(Alarm(rule, key, int(entries[last]["step"]), measured))
    return found


def evaluations(history: Sequence[Entry]) -> list[Entry]:
    """The evaluations of a history, each with the mean training `reward` since the one before, None without any."""
    found: list[Entry] = []
    paid: list[float] = []
    for entry in history:
        if "loss" in entry and entry.get("reward") is not None:
            paid.append(entry["reward"])
        elif "eval_loss" in entry:
            found.append({**entry, "reward": fmean(paid) if paid else None})
            paid = []
    return found


def best_since(history: Sequence[Entry], metric: str) -> tuple[float, int, int] | None:
    """Best value of a metric, its step, and how many logs of it have passed since; None before the first.

    More is better, but less for a metric whose name holds one of `LESS_IS_BETTER`. An equal value is no improvement.
    """
    logged = [entry for entry in history if entry.get(metric) is not None and math.isfinite(entry[metric])]
    if not logged:
        return None
    sign = -1 if any(word in metric for word in LESS_IS_BETTER) else 1
    best = max(range(len(logged)), key=lambda at: (sign * logged[at][metric], -at))
    return float(logged[best][metric]), int(logged[best]["step"]), len(logged) - 1 - best
