"""What a GRPO step of ours costs beside TRL's own, and the share of it that the rewards take.

    OMP_NUM_THREADS=1 python -m benchmarks.grpo_step --model runs/demo/sft --corpus runs/demo/corpus

Three trainers start from the same weights and do the same steps on the same rows with the same seed and rewards: `trl` is
`trl.GRPOTrainer`, `whole` is ours but runs every row forward and backward as TRL does, and `ours` leaves rows without
advantage out. They take turns in changing order. Times are processor seconds, so that other work on the machine does not
count; the first step of a run is left out. A ratio is the median over rounds of (a trainer's median step / TRL's). Further
options are keys of the recipe, for example `--per_device_train_batch_size 64`.
"""

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

import skin_r1  # noqa: F401  before transformers, which then finds torchvision beside a CPU's torch

# isort: split
from transformers import TrainerCallback
from trl import GRPOTrainer, ModelConfig

import reward_fns
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.data.rows import training_rows
from skin_r1.train.rollouts.boundary import prepare
from skin_r1.train.run import load_for_training
from skin_r1.train.trainer import SkinGRPOTrainer


class WholeTrainer(SkinGRPOTrainer):
    """Ours, but no row is left out."""

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        return super(SkinGRPOTrainer, self)._compute_loss(model, inputs)


TRAINERS = {"trl": GRPOTrainer, "whole": WholeTrainer, "ours": SkinGRPOTrainer}


class Clock(TrainerCallback):  # type: ignore[misc]
    """Processor seconds of each step, and of the rewards in it."""

    def __init__(self) -> None:
        """Start with no step."""
        self.steps: list[float] = []
        self.rewards: list[float] = []
        self.paying = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        """Take the time."""
        self.paying, self.started = 0.0, time.process_time()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Note the step."""
        self.steps.append(time.process_time() - self.started)
        self.rewards.append(self.paying)

    def timed(self, reward: Callable[..., Any]) -> Callable[..., Any]:
        """The same reward; its time is added up."""

        @functools.wraps(reward)
        def paid(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            try:
                return reward(*args, **kwargs)
            finally:
                self.paying += time.process_time() - started

        return paid


def run(name: str, options: argparse.Namespace, more: Sequence[str]) -> tuple[Clock, float]:
    """Train with one of `TRAINERS`; its clock, and the mean reward of the run, which shows that the work was the same."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        given = ["--config", options.recipe, "--model_name_or_path", options.model, "--corpus", options.corpus]
        given += ["--output_dir", folder, "--max_steps", str(options.steps + 1), "--logging_steps", "1", *more]
        config, model_args = read_recipe((SkinGRPOConfig, ModelConfig), given, prog="grpo_step", about="")
        config.reward_weights, config.disable_tqdm = None, True
        model, processor = load_for_training(model_args, config)
        rows = training_rows(Path(config.corpus), config.annotation)
        prepare(config, processor, model.config)
        rewards = load_rewards([f"reward_fns.{reward}" for reward in reward_fns.__all__])
        trainer = TRAINERS[name](
            model=model,
            args=config,
            reward_funcs=[clock.timed(reward) for reward in rewards],
            train_dataset=rows,
            processing_class=processor,
            callbacks=[clock],
        )
        trainer.train()
    logged = [log["reward"] for log in trainer.state.log_history if "reward" in log]
    return clock, sum(logged) / len(logged)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="recipes/tiny/grpo.yaml")
    parser.add_argument("--model", default="runs/demo/sft")
    parser.add_argument("--corpus", default="runs/demo/corpus")
    parser.add_argument("--steps", type=int, default=4, help="of a run, after one that is not counted")
    parser.add_argument("--rounds", type=int, default=3)
    options, more = parser.parse_known_args()
    torch.set_num_threads(1)
    ratios: dict[str, list[float]] = {name: [] for name in TRAINERS}
    shares: list[float] = []
    for number in range(options.rounds):
        names = list(TRAINERS)[:: 1 if number % 2 == 0 else -1]
        seconds: dict[str, float] = {}
        for name in names:
            clock, reward = run(name, options, more)
            seconds[name] = median(clock.steps[1:])
            shares += [paid / step for paid, step in zip(clock.rewards[1:], clock.steps[1:], strict=True)]
            print(
                f"{name:>5}: {seconds[name]:.3f} s a step, rewards {median(clock.rewards[1:]):.4f} s, mean {reward:.4f}"
            )
        for name in names:
            ratios[name].append(seconds[name] / seconds["trl"])
    for name in ("whole", "ours"):
        print(
            f"{name} / trl: {median(ratios[name]):.3f} (rounds: {', '.join(f'{each:.3f}' for each in ratios[name])})"
        )
    print(f"rewards: {median(shares):.2%} of a step, at most {max(shares):.2%}")


if __name__ == "__main__":
    main()
