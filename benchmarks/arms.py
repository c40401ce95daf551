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
On drawn lesions each seed draws its own corpus (about 80 minutes of one core a seed); on a corpus of your own the seeds
share it. What a seed found is kept in one small file, so that seeds may be run on different days and machines: those of the
README are in `benchmarks/figures/arms`, and `--table` prints and draws them without training anything.

Examples:
    python -m benchmarks.arms --seeds 0 1 2 3 4 --out runs/arms
    python -m benchmarks.arms --seeds 0 2 --steps 360 --out runs/long --arms grounding control
    python -m benchmarks.arms --seeds 0 --out runs/ham --corpus runs/corpora/ham10000 --recipes recipes/ham10000_tiny
    python -m benchmarks.arms --table --figures benchmarks/figures/arms --draw runs/arms.svg
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arm_figures import additions, draw, read, record, table
from skin_r1 import demo

CRITIC_STEPS = 600
STEPS = 120  # twice the demo's, since there the gain still grows
ANSWERS = 128  # a step: 32 cases of 4 answers each, as on the real images
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


def training(place: Place, name: str, arm: Arm, steps: int = STEPS) -> demo.Stage:
    """Train one arm; those without rewards get the seconds of the dearest one that has been trained."""
    out = place.folder / "arms" / name
    model = str(place.folder / "sft" if arm.from_sft else place.folder / "sft" / "base")
    where = ["--model_name_or_path", model, "--output_dir", str(out)]
    if arm.rewards:
        command = ["grpo", *place.recipe("grpo"), "--corpus", str(place.corpus), *where]
        command += ["--max_steps", str(steps), "--per_device_train_batch_size", str(ANSWERS)]
        command += RATES["grounding" in dict(arm.rewards)]
        command += ["--critic_steps", str(arm.critic_steps), "--reward_funcs"]
        command += [f"reward_fns.{reward}_reward" for reward, _ in arm.rewards]
        command += ["--reward_weights", *(str(weight) for _, weight in arm.rewards)]
    else:
        trained = [each for each in arms() if (place.folder / "arms" / each / "manifest.json").is_file()]
        if not any(arms()[each].rewards for each in trained):
            raise SystemExit(
                f"{name} gets the time of the dearest GRPO arm: train one first, as --arms grounding {name}"
            )
        most = max(seconds(place, each) for each in trained if arms()[each].rewards)
        rationales = place.folder / ("answers" if name == "answers" else "rationales")
        recipe = ["--config", str(demo.RECIPES / "control.yaml"), "--seed", str(place.seed)]
        command = ["sft", *recipe, "--rationales", str(rationales), *where, "--max_seconds", f"{most:.0f}"]
    return demo.Stage(f"seed {place.seed}: {name}", out / "manifest.json", command)


def model_folder(place: Place, name: str) -> Path:
    """Where an arm's model is; `sft` is the start of the others."""
    return place.folder / "sft" if name == "sft" else place.folder / "arms" / name


def seconds(place: Place, name: str) -> float:
    """Processor seconds that an arm trained, its critic's included."""
    facts = json.loads((model_folder(place, name) / "manifest.json").read_text())["outputs"]
    return float(facts["compute_seconds"] + facts.get("critic", {"seconds": 0.0})["seconds"])


def scoring(place: Place, name: str) -> list[demo.Stage]:
    """Predict and score the held-out split, greedy and sampled."""
    model = model_folder(place, name)
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


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/arms"))
    parser.add_argument("--corpus", type=Path, help="a corpus for all seeds; by default each draws its own")
    parser.add_argument("--recipes", type=Path, default=demo.RECIPES)
    parser.add_argument("--arms", nargs="+", choices=list(arms()), default=list(arms()))
    parser.add_argument("--steps", type=int, default=STEPS, help="of each GRPO arm (default: %(default)s)")
    parser.add_argument("--figures", type=Path, help="folder of what each seed found; by default OUT/figures")
    parser.add_argument("--table", action="store_true", help="train nothing, only show the figures that there are")
    parser.add_argument("--draw", type=Path, help="also draw them into this .svg")
    options = parser.parse_args()
    figures: Path = options.figures or options.out / "figures"
    names = [name for name in ("sft", *arms()) if name == "sft" or name in options.arms]
    for seed in [] if options.table else options.seeds:
        at = options.out / f"seed-{seed}"
        place = Place(at, options.corpus or at / "corpus", options.recipes, seed)
        demo.walk(start(place))
        for name in names[1:]:
            demo.walk([training(place, name, arms()[name], options.steps)])
        for name in names:
            demo.walk(scoring(place, name))
            record(
                figures, seed, name, model_folder(place, name), place.folder / "arms" / "eval", seconds(place, name)
            )
    found = read(figures, options.seeds)
    for mode in demo.MODES:
        print(f"\n{table(found, names, mode)}\n\n{additions(found, [name for name, _ in ADDED], mode)}")
    if options.draw:
        draw(found, names, options.draw)


if __name__ == "__main__":
    main()
