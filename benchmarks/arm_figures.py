"""What the arms of `benchmarks.arms` reached: one small file a seed, and the table and the picture of all seeds.

A seed's file holds the metrics of each arm with their intervals over lesions, the processor seconds that it trained, and the
revision and versions that trained it. Seeds whose files were made at different times are read together.
"""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student

from skin_r1.demo import MODES

METRICS = ("accuracy", "balanced_accuracy", "grounding_f1", "hallucination_rate")
Figures = Mapping[str, Any]  # the file of one seed


def record(folder: Path, seed: int, name: str, model: Path, scores: Path, seconds: float) -> None:
    """Write what one arm reached into its seed's file, beside the arms that are there.

    Args:
        folder: of the files.
        seed, name: the arm.
        model: its checkpoint, for the manifest.
        scores: the folder with its scores, `<name>-<mode>/summary.json`.
        seconds: of processor time that it trained.
    """
    file = folder / f"seed-{seed}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"seed": seed, "arms": {}}
    manifest = json.loads((model / "manifest.json").read_text())
    arm: dict[str, Any] = {"seconds": seconds} | {key: manifest[key] for key in ("git_revision", "versions")}
    for mode in MODES:
        metrics = json.loads((scores / f"{name}-{mode}" / "summary.json").read_text())["metrics"]
        arm[mode] = {each: {key: metrics[each][key] for key in ("value", "low", "high")} for each in METRICS}
    found["arms"][name] = arm
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def read(folder: Path, seeds: Sequence[int]) -> list[Figures]:
    """The files of the seeds that there are."""
    files = [folder / f"seed-{seed}.json" for seed in seeds]
    return [json.loads(file.read_text()) for file in files if file.is_file()]


def value(figures: Figures, name: str, mode: str, metric: str) -> float | None:
    """A metric of the held-out split; None without that arm, NaN where it is not defined, as invented findings of none."""
    if name not in figures["arms"]:
        return None
    found = figures["arms"][name][mode][metric]["value"]
    return math.nan if found is None else float(found)


def pairs(figures: Sequence[Figures], first: str, second: str, mode: str, metric: str) -> list[tuple[float, float]]:
    """A metric of two arms on each seed that has both."""
    both = ((value(seed, first, mode, metric), value(seed, second, mode, metric)) for seed in figures)
    return [(one, other) for one, other in both if one is not None and other is not None]


def interval(numbers: Sequence[float]) -> str:
    """Mean and the half width of its 95 % interval over seeds (Student's t)."""
    if not numbers:
        return ""
    if any(map(math.isnan, numbers)):
        return "not defined"
    if len(numbers) < 2:
        return f"{mean(numbers):.3f}"
    half = float(student.ppf(0.975, len(numbers) - 1)) * stdev(numbers) / len(numbers) ** 0.5
    return f"{mean(numbers):.3f} ± {half:.3f}"


def gains(figures: Sequence[Figures], name: str, mode: str) -> list[str]:
    """Accuracy and F1 less the control's, and the share of diagnosis-only's invented findings that is gone."""
    cells = []
    for metric in ("accuracy", "grounding_f1"):
        compared = pairs(figures, name, "control", mode, metric) if name != "control" else []
        cells.append(interval([own - other for own, other in compared]))
    rates = pairs(figures, name, "diagnosis", mode, "hallucination_rate") if name != "diagnosis" else []
    return [*cells, interval([1 - own / other for own, other in rates])]


def table(figures: Sequence[Figures], names: Sequence[str], mode: str) -> str:
    """Each arm's metrics, then its gains, seed by seed; arms that no seed has are left out."""
    heads = [mode, "seeds", "seconds", *METRICS, "accuracy gain", "F1 gain", "invented, less by"]
    lines = [
        "Mean and 95 % interval over seeds. Gains: over the control, seed by seed; invented, less by: the share of",
        "diagnosis-only's hallucination rate that is gone.",
        "",
        "| " + " | ".join(heads) + " |",
        "|---" * len(heads) + "|",
    ]
    for name in names:
        there = [seed for seed in figures if name in seed["arms"]]
        if not there:
            continue
        cells = [str(len(there)), f"{mean(seed['arms'][name]['seconds'] for seed in there):.0f}"]
        cells += [interval([one for one, _ in pairs(there, name, name, mode, metric)]) for metric in METRICS]
        lines.append(f"| {name} | " + " | ".join([*cells, *gains(there, name, mode)]) + " |")
    return "\n".join(lines)


def additions(figures: Sequence[Figures], names: Sequence[str], mode: str) -> str:
    """What each arm changes against the one before it, of those that there are, seed by seed."""
    there = [name for name in names if any(name in seed["arms"] for seed in figures)]
    lines = [f"| {mode}: arm | over | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 2) + "|"]
    for before, name in pairwise(there):
        changes = [
            interval([own - other for own, other in pairs(figures, name, before, mode, metric)]) for metric in METRICS
        ]
        if any(changes):
            lines.append(f"| {name} | {before} | " + " | ".join(changes) + " |")
    return "\n".join(lines)


PANELS = {"accuracy": "Accuracy", "grounding_f1": "Grounding F1", "hallucination_rate": "Invented findings"}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2430}.head{font-weight:600}"
    ".tick{fill:#5c6776;font-size:11px}line{stroke:#d9dee6}"
    "circle{fill:#0b6e6e;fill-opacity:.45}.mean{stroke:#b3261e;stroke-width:3}"
)


def draw(figures: Sequence[Figures], names: Sequence[str], file: Path, mode: str = "greedy") -> None:
    """Write an SVG: a dot for each seed of each arm, a bar at their mean; accuracy, F1 and invented findings in panels."""
    there = [name for name in names if any(name in seed["arms"] for seed in figures)]
    row, left, wide, gap, top = 28, 110, 250, 30, 34
    low = top + row * len(there)
    width, height = left + (wide + gap) * len(PANELS), low + 24
    parts = [f'<rect width="{width}" height="{height}" fill="#fff"/>']
    parts += [f'<text x="0" y="{top + row * at + 18}">{name}</text>' for at, name in enumerate(there)]
    for panel, (metric, title) in enumerate(PANELS.items()):
        start = left + panel * (wide + gap)
        parts.append(f'<text x="{start}" y="16" class="head">{title}</text>')
        for tick in (0, 0.25, 0.5, 0.75, 1):
            x = start + wide * tick
            parts.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{low}"/>')
            parts.append(f'<text class="tick" x="{x}" y="{low + 15}" text-anchor="middle">{tick:g}</text>')
        for at, name in enumerate(there):
            y = top + row * at + 14
            dots = [one for one, _ in pairs(figures, name, name, mode, metric) if not math.isnan(one)]
            parts += [f'<circle cx="{start + wide * dot:.1f}" cy="{y}" r="5"/>' for dot in dots]
            if dots:
                x = start + wide * mean(dots)
                parts.append(f'<line class="mean" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{y + 9}"/>')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="what each arm reached on each seed"><style>{STYLE}</style>{"".join(parts)}</svg>\n'
    )
