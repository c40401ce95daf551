"""Does GRPO beat SFT and the control on every seed? Walks the demo's road once a seed and prints the table.

Each seed draws its own corpus, weights and sampling, and is trained and scored by the demo's own stages and recipes
(without its two models that are not compared here). A stage that is done is not run again, so a stopped benchmark goes on
where it was, and a whole demo in the folder counts as its seed. About 12 minutes a seed on two quiet cores; two seeds may
run at the same time from two shells, the control always gets the seconds that its own GRPO took.

Example: python -m benchmarks.seeds --seeds 0 1 2 3 4 --out runs/seeds
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from skin_r1 import demo

METRICS = ("accuracy", "grounding_f1")
COMPARED = ("sft", "sft_grpo", "control")


def walk(seed: int, out: Path) -> Mapping[str, Any]:
    """Models of one seed's summary: model -> mode -> metric -> value and interval."""
    folder = out / f"seed-{seed}"
    summary = folder / "summary.json"
    if not summary.is_file():
        demo.walk(demo.road(folder, seed, smoke=False))
        demo.walk(demo.controls(folder, seed, smoke=False)[:1])
        demo.walk(demo.evaluations(folder, seed, smoke=False, models=COMPARED))
        summary.write_text(json.dumps(demo.summarize(folder, seed, COMPARED), indent=2) + "\n")
    models: Mapping[str, Any] = json.loads(summary.read_text())["models"]
    return models


def wins(models: Mapping[str, Any], mode: str) -> bool:
    """GRPO is above SFT and above the control, in accuracy and in grounding F1."""
    return all(
        models["sft_grpo"][mode][metric]["value"] > models[rival][mode][metric]["value"]
        for metric in METRICS
        for rival in ("sft", "control")
    )


def main() -> None:
    """Print one line per seed and model, the means, and on how many seeds GRPO wins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    options = parser.parse_args()
    runs = {seed: walk(seed, options.out) for seed in options.seeds}
    columns = [(mode, metric) for mode in demo.MODES for metric in METRICS]
    print(f"{'seed':>4} {'model':<10}" + "".join(f"{f'{mode} {metric}':>22}" for mode, metric in columns))
    for seed, models in runs.items():
        for name in COMPARED:
            cells = (f"{models[name][mode][metric]['value']:>22.3f}" for mode, metric in columns)
            print(f"{seed:>4} {name:<10}" + "".join(cells))
    for name in COMPARED:
        means = (mean(models[name][mode][metric]["value"] for models in runs.values()) for mode, metric in columns)
        print(f"mean {name:<10}" + "".join(f"{value:>22.3f}" for value in means))
    for mode in demo.MODES:
        won = sum(wins(models, mode) for models in runs.values())
        print(f"GRPO above SFT and control in accuracy and in grounding F1, {mode}: {won} of {len(runs)} seeds")


if __name__ == "__main__":
    main()
