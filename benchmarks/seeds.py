"""Does GRPO beat SFT and the control on every seed? Runs the demo once a seed and prints the table.

Each seed draws its own corpus, weights and sampling. A seed that is already there is only read, so a stopped benchmark
goes on where it was. About 20 minutes a seed on two cores.

Example: python -m benchmarks.seeds --seeds 0 1 2 3 4 --out runs/seeds
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

METRICS = ("accuracy", "grounding_f1")
RIVALS = ("sft", "control")


def walk(seed: int, out: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Models of one seed's summary: model -> mode -> metric -> value."""
    folder = out / f"seed-{seed}"
    if not (folder / "summary.json").is_file():
        subprocess.run(
            [sys.executable, "-m", "skin_r1.cli", "demo", "--seed", str(seed), "--out", str(folder)], check=True
        )
    models: dict[str, dict[str, dict[str, dict[str, float]]]] = json.loads((folder / "summary.json").read_text())[
        "models"
    ]
    return models


def main() -> None:
    """Print one line per seed and model, then the number of seeds on which GRPO wins on both metrics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    options = parser.parse_args()
    runs = {seed: walk(seed, options.out) for seed in options.seeds}
    print(
        f"{'seed':>4} {'model':<12}"
        + "".join(f"{mode + ' ' + m:>24}" for mode in ("greedy", "sampled") for m in METRICS)
    )
    wins = 0
    for seed, models in runs.items():
        for name, model in models.items():
            cells = [model[mode][metric]["value"] for mode in ("greedy", "sampled") for metric in METRICS]
            shown = "".join(f"{'-' if cell is None else format(cell, '.3f'):>24}" for cell in cells)
            print(f"{seed:>4} {name:<12}{shown}")
        better = [
            models["sft_grpo"]["greedy"][metric]["value"] > (models[rival]["greedy"][metric]["value"] or 0)
            for metric in METRICS
            for rival in RIVALS
        ]
        wins += all(better)
    print(
        f"GRPO above SFT and above the control, in accuracy and in grounding F1 (greedy): {wins} of {len(runs)} seeds"
    )


if __name__ == "__main__":
    main()
