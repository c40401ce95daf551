"""What does each reward buy? The same start and the same number of answers, one more reward at a time, over seeds.

Every arm starts from the SFT model of its seed and takes the same GRPO steps over the same rows:

- diagnosis: format and diagnosis;
- malignancy, grounding, consistency, differential: each adds one reward to the arm before it; from grounding on the critic
  names the findings of the label-only rows, and its time counts;
- all: every reward;
- no_sft: all rewards, from the untrained model;

beside two alternatives that get the processor seconds of the dearest arm:

- control: SFT continued on the annotated cases;
- answers: SFT on the labels of all cases, without reasoning.

A stage that is done is not run again, so a stopped benchmark goes on where it was, and two shells may run different seeds.
On drawn lesions each seed draws its own corpus (about 100 minutes of one core a seed, in the folder of `benchmarks.seeds`);
on a corpus of your own the seeds share it.

Examples:
    python -m benchmarks.arms --seeds 0 1 2 3 4 --out runs/seeds
    python -m benchmarks.arms --seeds 0 --out runs/ham --corpus runs/corpora/ham10000 --recipes recipes/ham10000_tiny
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student

from skin_r1 import demo

METRICS = ("accuracy", "balanced_accuracy", "grounding_f1", "hallucination_rate")
CRITIC_STEPS = 600
# twice the demo's steps, since there the gain still grows; 32 cases of 4 answers each, as on the real images
LENGTH = ["--max_steps", "120", "--per_device_train_batch_size", "128"]
# Each at its best on seed 1, of the rates tried (accuracy / F1 / invented): without a reward for findings one rate for all
# weights (0.660 accuracy; 0.494 with the others'), with one a faster vision tower (0.615 / 0.772 / 0.189; 0.623 / 0.746 /
# 0.166 with one rate): its sight is what lacks, and only findings teach it.
RATES = {
    False: ["--learning_rate", "1.5e-4"],
    True: ["--vision_learning_rate", "5e-4", "--projector_learning_rate", "5e-4"],
}
ADDED = (
    ("diagnosis", (("format", 0.2), ("diagnosis", 1.0))),
    ("malignancy", (("malignancy", 0.2),)),
    ("grounding", (("grounding", 2.0),)),
    ("consistency", (("consistency", 0.2),)),
    ("differential", (("differential", 0.2),)),
    ("all", (("expected_grounding", 0.2), ("brevity", 0.1), ("novelty", 0.1))),
)


@dataclass(frozen=True)
class Arm:
    """One way to spend the compute.

    Attributes:
        rewards: (name, weight); empty for SFT.
        critic_steps: of the critic of findings.
        from_sft: starts from the SFT model, else from the untrained one.
    """

    rewards: tuple[tuple[str, float], ...] = ()
    critic_steps: int = 0
    from_sft: bool = True


def arms() -> dict[str, Arm]:
    """The arms by name."""
    out: dict[str, Arm] = {}
    rewards: tuple[tuple[str, float], ...] = ()
    for name, added in ADDED:
        rewards += added
        out[name] = Arm(rewards, CRITIC_STEPS if "grounding" in dict(rewards) else 0)
    out["no_sft"] = Arm(rewards, CRITIC_STEPS, from_sft=False)
    return {**out, "control": Arm(), "answers": Arm()}


@dataclass(frozen=True)
class Place:
    """Where a seed lives: its folder, its corpus and the recipes."""

    folder: Path
    corpus: Path
    recipes: Path
    seed: int

    def recipe(self, stage: str) -> list[str]:
        """Arguments that every stage begins with."""
        return ["--config", str(self.recipes / f"{stage}.yaml"), "--seed", str(self.seed)]


def start(place: Place) -> list[demo.Stage]:
    """Corpus, rationales and the SFT model; labels alone for `answers`."""
    folder = place.folder
    stages = []
    if place.corpus == folder / "corpus":
        draw = ["phantom", *place.recipe("phantom"), "--out", str(place.corpus)]
        stages.append(demo.Stage("corpus", place.corpus / "manifest.json", draw))
    for name, recipe in (("rationales", place.recipe("distill")), ("answers", _answers(place))):
        command = ["distill", *recipe, "--corpus", str(place.corpus), "--output_dir", str(folder / name)]
        stages.append(demo.Stage(name, folder / name / "manifest.json", command))
    sft = [
        "sft",
        *place.recipe("sft"),
        "--rationales",
        str(folder / "rationales"),
        "--output_dir",
        str(folder / "sft"),
    ]
    return [*stages, demo.Stage("SFT", folder / "sft" / "manifest.json", sft)]


def _answers(place: Place) -> list[str]:
    return ["--config", str(demo.RECIPES / "distill_answer_only.yaml"), "--seed", str(place.seed)]


def training(place: Place, name: str, arm: Arm) -> demo.Stage:
    """Train one arm; those without rewards get the seconds of the dearest one that has been trained."""
    out = place.folder / "arms" / name
    model = str(place.folder / "sft" if arm.from_sft else place.folder / "sft" / "base")
    where = ["--model_name_or_path", model, "--output_dir", str(out)]
    if arm.rewards:
        command = ["grpo", *place.recipe("grpo"), "--corpus", str(place.corpus), *where, *LENGTH]
        command += RATES["grounding" in dict(arm.rewards)]
        command += ["--critic_steps", str(arm.critic_steps), "--reward_funcs"]
        command += [f"reward_fns.{reward}_reward" for reward, _ in arm.rewards]
        command += ["--reward_weights", *(str(weight) for _, weight in arm.rewards)]
    else:
        trained = [each for each in arms() if (place.folder / "arms" / each / "manifest.json").is_file()]
        most = max(seconds(place, each) for each in trained if arms()[each].rewards)
        rationales = place.folder / ("answers" if name == "answers" else "rationales")
        recipe = ["--config", str(demo.RECIPES / "control.yaml"), "--seed", str(place.seed)]
        command = ["sft", *recipe, "--rationales", str(rationales), *where, "--max_seconds", f"{most:.0f}"]
    return demo.Stage(f"seed {place.seed}: {name}", out / "manifest.json", command)


def seconds(place: Place, name: str) -> float:
    """Processor seconds that an arm trained, its critic's included."""
    folder = place.folder / "sft" if name == "sft" else place.folder / "arms" / name
    facts = json.loads((folder / "manifest.json").read_text())["outputs"]
    return float(facts["compute_seconds"] + facts.get("critic", {"seconds": 0.0})["seconds"])


def scoring(place: Place, name: str) -> list[demo.Stage]:
    """Predict and score the held-out split, greedy and sampled."""
    model = place.folder / "sft" if name == "sft" else place.folder / "arms" / name
    corpus = ["--corpus", str(place.corpus), "--split", "test"]
    stages = []
    for mode, temperature in demo.MODES.items():
        where = place.folder / "arms" / "eval" / f"{name}-{mode}"
        lines = str(where.with_suffix(".jsonl"))
        run = ["eval", "run", *place.recipe("eval"), "--model", str(model), *corpus, "--out", lines]
        score = ["eval", "score", "--predictions", lines, *corpus, "--out", str(where), "--seed", str(place.seed)]
        for verb, command in (("predict", [*run, "--temperature", temperature]), ("score", score)):
            stages.append(demo.Stage(f"seed {place.seed}: {verb} {name}, {mode}", where / "manifest.json", command))
    return stages


def value(place: Place, name: str, mode: str, metric: str) -> float:
    """A metric of the held-out split; NaN where it is not defined, as invented findings where none is named."""
    file = place.folder / "arms" / "eval" / f"{name}-{mode}" / "summary.json"
    found = json.loads(file.read_text())["metrics"][metric]["value"]
    return float("nan") if found is None else float(found)


def interval(numbers: Sequence[float]) -> str:
    """Mean and the half width of its 95 % interval over seeds (Student's t)."""
    if any(map(math.isnan, numbers)):
        return "not defined"
    if len(numbers) < 2:
        return f"{mean(numbers):.3f}"
    half = float(student.ppf(0.975, len(numbers) - 1)) * stdev(numbers) / len(numbers) ** 0.5
    return f"{mean(numbers):.3f} ± {half:.3f}"


def gains(places: Sequence[Place], name: str, mode: str, names: Sequence[str]) -> list[str]:
    """Accuracy and F1 less the control's, and the share of diagnosis-only's invented findings that is gone."""
    cells = []
    for metric in ("accuracy", "grounding_f1"):
        compared = "control" in names and name != "control"
        less = [value(at, name, mode, metric) - value(at, "control", mode, metric) for at in places if compared]
        cells.append(interval(less) if less else "")
    compared = "diagnosis" in names and name != "diagnosis"
    rates = [
        [value(at, each, mode, "hallucination_rate") for each in (name, "diagnosis")] for at in places if compared
    ]
    return [*cells, interval([1 - own / others for own, others in rates]) if rates else ""]


def table(places: Sequence[Place], names: Sequence[str], mode: str) -> str:
    """Each arm's metrics, then its gains, seed by seed."""
    heads = [mode, "seconds", *METRICS, "accuracy gain", "F1 gain", "invented, less by"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        cells = [f"{mean(seconds(place, name) for place in places):.0f}"]
        cells += [interval([value(place, name, mode, metric) for place in places]) for metric in METRICS]
        lines.append(f"| {name} | " + " | ".join([*cells, *gains(places, name, mode, names)]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    parser.add_argument("--corpus", type=Path, help="a corpus for all seeds; by default each draws its own")
    parser.add_argument("--recipes", type=Path, default=demo.RECIPES)
    parser.add_argument("--arms", nargs="+", choices=list(arms()), default=list(arms()))
    parser.add_argument("--table", action="store_true", help="only print what there is")
    options = parser.parse_args()
    chosen = {name: arm for name, arm in arms().items() if name in options.arms}
    folders = {seed: options.out / f"seed-{seed}" for seed in options.seeds}
    places = [Place(at, options.corpus or at / "corpus", options.recipes, seed) for seed, at in folders.items()]
    for place in [] if options.table else places:
        demo.walk(start(place))
        for name, arm in chosen.items():
            demo.walk([training(place, name, arm)])
        for name in ("sft", *chosen):
            demo.walk(scoring(place, name))
    for mode in demo.MODES:
        print(f"\n{len(places)} seeds, mean and 95 % interval over seeds. Gains: over the control, seed by seed;")
        print("invented, less by: the share of diagnosis-only's hallucination rate that is gone\n")
        print(table(places, ["sft", *chosen], mode))


if __name__ == "__main__":
    main()
