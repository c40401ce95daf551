"""`skin-r1 demo`: the whole road on procedural lesions, through the same commands and recipes that real data takes.

corpus -> rationales -> SFT -> GRPO, beside two controls: SFT continued for the time that GRPO took, and SFT on the
label alone of the cases that GRPO used. Every model is scored on the held-out split, greedy and sampled. A killed demo
goes on where it stopped.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skin_r1.demo_report import write_report
from skin_r1.errors import UserError, problem
from skin_r1.manifest import write_manifest

RECIPES = Path(__file__).resolve().parent.parent / "recipes" / "tiny"
# name -> (folder of the checkpoint, what it is); in the order of the table
MODELS = {
    "zero_shot": ("sft/base", "random weights"),
    "sft": ("sft", "SFT on the dense cases"),
    "sft_grpo": ("grpo", "SFT, then GRPO on all cases"),
    "control": ("control", "SFT continued for GRPO's time"),
    "answer_only": ("answer_only", "SFT, then SFT on the labels alone"),
}
MODES = {"greedy": "0", "sampled": "1"}
# Sizes of `--smoke`: every stage runs, nothing is learned. For tests.
SMOKE = {
    "phantom": ["--dense", "48", "--sparse", "64", "--validation", "16", "--test", "24"],
    "sft": ["--max_steps", "6", "--warmup_steps", "2", "--logging_steps", "2"],
    "grpo": ["--max_steps", "2", "--per_device_train_batch_size", "16", "--critic_steps", "20"],
    "eval": ["--max_new_tokens", "48"],
}


@dataclass(frozen=True)
class Stage:
    """One command of the road.

    Attributes:
        name: what the progress line says.
        done: this file exists once the stage is whole.
        command: the arguments after `skin-r1`.
    """

    name: str
    done: Path
    command: list[str]


def road(out: Path, seed: int, smoke: bool) -> list[Stage]:
    """The stages up to GRPO, whose time sets the control's."""
    small = SMOKE if smoke else {key: [] for key in SMOKE}
    return [
        Stage(
            "corpus: procedural lesions, some densely annotated, most with the label only",
            out / "corpus" / "manifest.json",
            ["phantom", "--config", _recipe("phantom"), "--out", str(out / "corpus"), "--seed", str(seed)]
            + small["phantom"],
        ),
        Stage(
            "rationales: written from the annotated findings, each verified",
            out / "rationales" / "manifest.json",
            _distill("distill", out, "rationales", seed),
        ),
        Stage("SFT", out / "sft" / "manifest.json", _sft("sft", out, "sft", "rationales", None, seed) + small["sft"]),
        Stage(
            "GRPO",
            out / "grpo" / "manifest.json",
            ["grpo", "--config", _recipe("grpo"), "--corpus", str(out / "corpus"), "--output_dir", str(out / "grpo")]
            + ["--model_name_or_path", str(out / "sft"), "--seed", str(seed)]
            + small["grpo"],
        ),
    ]


def controls(out: Path, seed: int, smoke: bool) -> list[Stage]:
    """The two alternatives to GRPO, each given the processor seconds that GRPO trained."""
    facts = _facts(out / "grpo")
    seconds = facts["compute_seconds"] + facts.get("critic", {"seconds": 0.0})["seconds"]
    limit = ["--max_seconds", f"{seconds:.0f}"] + (SMOKE["sft"] if smoke else [])
    return [
        Stage(
            f"control: SFT continued for {seconds:.0f} s",
            out / "control" / "manifest.json",
            _sft("control", out, "control", "rationales", out / "sft", seed) + limit,
        ),
        Stage(
            "answers alone: the labels of the same cases, without rationales",
            out / "answers" / "manifest.json",
            _distill("distill_answer_only", out, "answers", seed),
        ),
        Stage(
            f"answer-only SFT for {seconds:.0f} s",
            out / "answer_only" / "manifest.json",
            _sft("control", out, "answer_only", "answers", out / "sft", seed) + limit,
        ),
    ]


def evaluations(out: Path, seed: int, smoke: bool, models: Iterable[str] = MODELS) -> list[Stage]:
    """Prediction and score of each model, greedy and sampled."""
    stages = []
    corpus = ["--corpus", str(out / "corpus"), "--split", "test"]
    for name in models:
        for mode, temperature in MODES.items():
            where = out / "eval" / f"{name}-{mode}"
            predictions = where.with_suffix(".jsonl")
            run = ["eval", "run", "--config", _recipe("eval"), "--model", str(out / MODELS[name][0]), *corpus]
            run += ["--out", str(predictions), "--temperature", temperature, "--seed", str(seed)]
            run += SMOKE["eval"] if smoke else []
            score = ["eval", "score", "--predictions", str(predictions), *corpus, "--out", str(where)]
            score += ["--seed", str(seed)]
            stages += [
                # predictions resume by themselves; the score is what says that both are whole
                Stage(f"predict: {name}, {mode}", where / "manifest.json", run),
                Stage(f"score: {name}, {mode}", where / "manifest.json", score),
            ]
    return stages


def walk(stages: Sequence[Stage]) -> dict[str, float]:
    """Run the stages that are not done; seconds of each one run.

    Raises:
        UserError: a stage failed.
    """
    from skin_r1.cli import main as skin_r1

    pending = {stage.name for stage in stages if not stage.done.is_file()}
    seconds = {}
    for number, stage in enumerate(stages, start=1):
        if stage.name not in pending:
            print(f"[{number}/{len(stages)}] {stage.name}: already there", flush=True)
            continue
        print(f"\n[{number}/{len(stages)}] {stage.name}\n    skin-r1 {' '.join(stage.command)}", flush=True)
        started = time.monotonic()
        code = skin_r1(stage.command)
        if code != 0:
            raise UserError(
                f"the demo stopped at {stage.name!r} (exit code {code}); start it again to go on from there"
            )
        seconds[stage.name] = round(time.monotonic() - started, 1)
        print(f"    done in {seconds[stage.name]:.0f} s", flush=True)
    return seconds


def summarize(out: Path, seed: int, models: Iterable[str] = MODELS) -> dict[str, Any]:
    """Metrics of each model and mode, with their intervals; greedy metrics also at the model's top level."""
    found: dict[str, Any] = {}
    for name in models:
        modes = {}
        for mode in MODES:
            summary = json.loads((out / "eval" / f"{name}-{mode}" / "summary.json").read_text())
            modes[mode] = summary["metrics"]
        found[name] = {"about": MODELS[name][1], "seed": seed, **modes["greedy"], **modes}
    return {"seed": seed, "models": found}


def main(argv: Sequence[str] | None = None) -> int:
    """Walk the road; returns 0."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 demo",
        description=__doc__,
        epilog="Example: skin-r1 demo --seed 1 --out runs/demo-1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder (default: runs/demo)")
    parser.add_argument("--seed", type=int, default=0, help="fixes data, weights and sampling (default: 0)")
    parser.add_argument("--smoke", action="store_true", help="a few steps of everything: does it run? (2 minutes)")
    options = parser.parse_args(argv)
    out: Path = options.out
    _check_same_run(out, options.seed, options.smoke)
    started = time.monotonic()
    seconds = walk(road(out, options.seed, options.smoke))
    seconds |= walk(controls(out, options.seed, options.smoke))
    seconds |= walk(evaluations(out, options.seed, options.smoke))
    summary = summarize(out, options.seed)
    summary["seconds"] = {**seconds, "total": round(time.monotonic() - started, 1)}
    summary["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    report = write_report(out, summary)
    write_manifest(
        out,
        kind="demo",
        config={"seed": options.seed, "smoke": options.smoke},
        inputs={name: out / folder for name, (folder, _) in MODELS.items()},
        outputs={"peak_memory_gib": summary["peak_memory_gib"], "seconds": summary["seconds"]["total"]},
    )
    print(table(summary))
    print(f"\nReport:  {report}   (open it in a browser)")
    print(f"Server:  skin-r1 serve --model {out / 'grpo'} --port 8000   then open http://127.0.0.1:8000")
    print("Research use only: not a medical device.")
    return 0


COLUMNS = ("accuracy", "balanced_accuracy", "grounding_f1", "hallucination_rate", "parse_failure_rate")


def table(summary: dict[str, Any]) -> str:
    """The summary as text: value and 95 % interval."""
    lines = [f"\n{'model':<12} {'mode':<8}" + "".join(f"{column:>24}" for column in COLUMNS)]
    for name, model in summary["models"].items():
        for mode in MODES:
            cells = [_cell(model[mode].get(column)) for column in COLUMNS]
            lines.append(f"{name:<12} {mode:<8}" + "".join(f"{cell:>24}" for cell in cells))
    return "\n".join(lines)


def _cell(metric: dict[str, Any] | None) -> str:
    if not metric or metric["value"] is None:
        return "not defined"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


def _check_same_run(out: Path, seed: int, smoke: bool) -> None:
    marker = out / "demo.json"
    wanted = {"seed": seed, "smoke": smoke}
    if marker.is_file() and json.loads(marker.read_text()) != wanted:
        raise problem(
            "this folder holds another demo",
            file=marker,
            found=wanted,
            allowed=marker.read_text().strip(),
            next_step="give another --out, or delete the folder",
        )
    out.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(wanted) + "\n")


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["outputs"]
    return facts


def _recipe(name: str) -> str:
    return str(RECIPES / f"{name}.yaml")


def _distill(recipe: str, out: Path, folder: str, seed: int) -> list[str]:
    return ["distill", "--config", _recipe(recipe), "--corpus", str(out / "corpus")] + [
        "--output_dir",
        str(out / folder),
        "--seed",
        str(seed),
    ]


def _sft(recipe: str, out: Path, folder: str, rationales: str, model: Path | None, seed: int) -> list[str]:
    command = ["sft", "--config", _recipe(recipe), "--rationales", str(out / rationales)]
    command += ["--output_dir", str(out / folder), "--seed", str(seed)]
    return command + (["--model_name_or_path", str(model)] if model else [])
