"""Is grounded SFT what makes reinforcement learning work? Three starts, then the same GRPO from each.

The same dense cases, the same base weights and tokenizer, the same number of steps; only the text differs:

- grounded: the rationale of the case's own findings, as `skin-r1 distill` writes it;
- shuffled: the rationale of another case's findings, with the case's own diagnosis. It has the form, the words and the length
  of a grounded one, and says nothing of the image;
- answers: the label without a rationale.

Each seed draws its own corpus, weights and sampling; the grounded start is the demo's own road. A stage that is done is not
run again, so a stopped benchmark goes on where it was. About 28 minutes a seed on two quiet cores.

Example: python -m benchmarks.ablation --seeds 0 1 2 3 4 --out runs/seeds
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset, load_dataset

from benchmarks.arm_figures import interval
from skin_r1 import demo
from skin_r1.case import load_corpus
from skin_r1.distill.composer.short import answer_only, compose_short
from skin_r1.manifest import write_manifest

STARTS = ("grounded", "shuffled", "answers")
METRICS = ("accuracy", "grounding_f1")
FINDINGS = ("concepts_present", "concepts_absent")


def rewrite(folder: Path, start: str, seed: int) -> None:
    """Write the seed's rationales again in another form, for the same cases, prompts and images."""
    out = folder / f"rationales_{start}"
    if (out / "manifest.json").is_file():
        return
    out.mkdir(exist_ok=True)
    for split in ("train", "validation"):
        table = load_dataset("parquet", data_files=str(folder / "rationales" / f"{split}.parquet"), split="train")
        rows = load_corpus(folder / "corpus", split).remove_columns("images")
        cases = {row["case_id"]: row for row in rows}
        own = [cases[case_id] for case_id in table["case_id"]]
        write = _shuffled(own, seed) if start == "shuffled" else answer_only
        texts = [[{"role": "assistant", "content": write(row)}] for row in own]
        changed: Dataset = table.remove_columns("completion").add_column("completion", texts)
        changed.to_parquet(str(out / f"{split}.parquet"))
    write_manifest(out, kind="rationales", config={"start": start, "seed": seed}, inputs={"corpus": folder / "corpus"})


def _shuffled(rows: Sequence[Mapping[str, Any]], seed: int) -> Callable[[Mapping[str, Any]], str]:
    """A writer that gives each case the findings of the next one in a random ring: never its own."""
    ring = [row["case_id"] for row in rows]
    Random(f"shuffled/{seed}").shuffle(ring)
    following = dict(zip(ring, ring[1:] + ring[:1], strict=True))
    cases = {row["case_id"]: row for row in rows}

    def write(row: Mapping[str, Any]) -> str:
        other = cases[following[row["case_id"]]]
        return compose_short({**row, **{key: other[key] for key in FINDINGS}}, seed=seed)

    return write


def stages(folder: Path, start: str, seed: int) -> list[demo.Stage]:
    """SFT, GRPO and their scores from one start."""
    models = {f"sft_{start}": "SFT", f"grpo_{start}": "SFT, then GRPO"}
    sft, grpo = models
    train = ["sft", "--config", str(demo.RECIPES / "sft.yaml"), "--rationales", str(folder / f"rationales_{start}")]
    train += ["--model_name_or_path", str(folder / "sft" / "base"), "--output_dir", str(folder / sft)]
    improve = ["grpo", "--config", str(demo.RECIPES / "grpo.yaml"), "--corpus", str(folder / "corpus")]
    improve += ["--model_name_or_path", str(folder / sft), "--output_dir", str(folder / grpo)]
    found = [
        demo.Stage(f"{start}: SFT", folder / sft / "manifest.json", [*train, "--seed", str(seed)]),
        demo.Stage(f"{start}: GRPO", folder / grpo / "manifest.json", [*improve, "--seed", str(seed)]),
    ]
    corpus = ["--corpus", str(folder / "corpus"), "--split", "test"]
    for model in models:
        for mode, temperature in demo.MODES.items():
            where = folder / "eval" / f"{model}-{mode}"
            run = ["eval", "run", "--config", str(demo.RECIPES / "eval.yaml"), "--model", str(folder / model), *corpus]
            run += ["--out", str(where.with_suffix(".jsonl")), "--temperature", temperature, "--seed", str(seed)]
            score = ["eval", "score", "--predictions", str(where.with_suffix(".jsonl")), *corpus, "--out", str(where)]
            done = where / "manifest.json"
            found += [
                demo.Stage(f"predict: {model}, {mode}", done, run),
                demo.Stage(f"score: {model}, {mode}", done, [*score, "--seed", str(seed)]),
            ]
    return found


def values(folder: Path, start: str, mode: str) -> dict[tuple[str, str], float]:
    """(sft or grpo, metric) -> value on the test split."""
    names = {"sft": "sft", "grpo": "sft_grpo"} if start == "grounded" else {s: f"{s}_{start}" for s in ("sft", "grpo")}
    found = {}
    for stage, name in names.items():
        metrics = json.loads((folder / "eval" / f"{name}-{mode}" / "summary.json").read_text())["metrics"]
        found |= {(stage, metric): float(metrics[metric]["value"]) for metric in METRICS}
    return found


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    options = parser.parse_args()
    for seed in options.seeds:
        folder = options.out / f"seed-{seed}"
        demo.walk(demo.road(folder, seed, smoke=False))
        demo.walk(demo.evaluations(folder, seed, smoke=False, models=("sft", "sft_grpo")))
        for start in STARTS[1:]:
            rewrite(folder, start, seed)
            demo.walk(stages(folder, start, seed))
    print(f"{len(options.seeds)} seeds, mean and 95 % interval over seeds; gain: GRPO less its own SFT, seed by seed")
    for mode in demo.MODES:
        for metric in METRICS:
            print(f"\n{mode} {metric:<14}{'SFT':>18}{'SFT + GRPO':>18}{'gain':>18}")
            for start in STARTS:
                runs = [values(options.out / f"seed-{seed}", start, mode) for seed in options.seeds]
                before, after = ([run[stage, metric] for run in runs] for stage in ("sft", "grpo"))
                gain = [b - a for a, b in zip(before, after, strict=True)]
                print(f"  {start:<20}" + "".join(f"{interval(numbers):>18}" for numbers in (before, after, gain)))


if __name__ == "__main__":
    main()
