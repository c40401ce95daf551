"""GRPO on cases, most of which carry a diagnosis only.

Run as `skin-r1 grpo --config RECIPE` or `accelerate launch --config_file recipes/accelerate/ddp.yaml -m
skin_r1.train.grpo --config RECIPE`.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from trl import GRPOTrainer, ModelConfig, get_peft_config
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from skin_r1.errors import UserError
from skin_r1.models import vision_token_ids
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.train.bands import Choice, read_summary
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.critic import criticize
from skin_r1.train.preflight import check_forward, check_rewards, drop_overlong
from skin_r1.train.rows import check_generation_batch, training_rows
from skin_r1.train.run import TimeLimit, checkpoint_to_resume, fingerprint, finite_or_stop, load_for_training, save

ABOUT = """Improve a model with GRPO: group-relative rewards on sparsely labelled cases.

Example: skin-r1 grpo --config recipes/tiny/grpo.yaml --max_steps 20"""


class SkinGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, with image prompts handed to vLLM as it expects them, and less to compute.

    TRL 1.16 gives vLLM the ids that the processor has already expanded (one placeholder per image feature) together
    with the image, and vLLM expands them again: the prompt is silently corrupted (trl#6294, fix proposed in trl#6718).
    One placeholder per image restores equal prompts. Remove with the first TRL release that has the fix.

    And without the rows that teach nothing: where all answers to a prompt are paid alike, their advantage is 0 and so is
    their gradient, yet TRL runs them forward and backward. On a confident model that is two rows of three.
    """

    def _generate_single_turn(self, prompt_ids: list[list[int]], images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and images is not None:
            placeholder: Any = self._image_pad_token_id
            prompt_ids = [one_placeholder_per_image(ids, placeholder) for ids in prompt_ids]
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        # Only where the loss is a sum over tokens with a divisor of its own may rows be left out unnoticed.
        if self.beta == 0.0 and self.loss_type in ("dapo", "cispo") and model.training:
            inputs = rows_with_signal(inputs)
        return super()._compute_loss(model, inputs)


def rows_with_signal(inputs: dict[str, Any]) -> dict[str, Any]:
    """The rows of a GRPO batch whose advantage is not 0; one row where there is none, so that every process steps.

    Args:
        inputs: TRL's batch: tensors [rows, ...], lists per row, and the images' patches joined over all rows.
    """
    advantages = inputs["advantages"]  # [rows] or [rows, tokens]
    signal = advantages.reshape(len(advantages), -1).ne(0).any(dim=1)
    keep = (signal.nonzero().flatten() if bool(signal.any()) else torch.zeros(1, dtype=torch.long)).tolist()
    rows = len(advantages)
    if len(keep) == rows:
        return inputs
    split = split_pixel_values_by_grid(inputs)
    chosen: dict[str, Any] = {}
    for name, value in split.items():
        if isinstance(value, torch.Tensor) and value.dim() and len(value) == rows:
            chosen[name] = value[torch.tensor(keep, device=value.device)]
        elif isinstance(value, list) and len(value) == rows:
            chosen[name] = [value[index] for index in keep]
        else:
            chosen[name] = value
    return dict(unsplit_pixel_values_by_grid(chosen))


def one_placeholder_per_image(ids: Sequence[int], placeholder: int) -> list[int]:
    """Collapse each run of image placeholders into one."""
    out: list[int] = []
    for identifier, run in groupby(ids):
        out += [identifier] if identifier == placeholder else list(run)
    return out


def curation_choice(config: SkinGRPOConfig) -> Choice | None:
    """The rows that a recipe wants of its curation; None without one. Says where the two runs score differently.

    Raises:
        UserError: no finished curation there.
    """
    if not config.curation:
        return None
    folder = Path(config.curation)
    summary = read_summary(folder)
    if summary["reward"] not in config.reward_funcs:
        print(f"note: the bands of {folder} are by {summary['reward']}, which this run does not pay", flush=True)
    if summary["temperature"] != config.temperature:
        print(
            f"note: {folder} was sampled at temperature {summary['temperature']}, not {config.temperature}", flush=True
        )
    return Choice(folder, fingerprint(config.corpus), tuple(config.bands), config.keep_zero_variance, config.seed)


def main(argv: Sequence[str] | None = None) -> int:
    """Train; returns 0. See `ABOUT`."""
    config, model_args = read_recipe((SkinGRPOConfig, ModelConfig), argv, prog="skin-r1 grpo", about=ABOUT)
    corpus, output_dir = Path(config.corpus), Path(config.output_dir)
    rewards = load_rewards(config.reward_funcs)
    if config.reward_weights and len(config.reward_weights) != len(rewards):
        raise UserError(f"reward_weights has {len(config.reward_weights)} values for {len(rewards)} reward_funcs")
    choice = curation_choice(config)
    rows = training_rows(corpus, config.annotation, choice=choice, balance=config.balance_diagnoses, seed=config.seed)
    identity = {
        "stage": "grpo",
        "model": fingerprint(model_args.model_name_or_path),
        "corpus": fingerprint(corpus),
        "rewards": config.reward_funcs,
        "seed": config.seed,
        "curation": choice and [fingerprint(choice.folder), list(choice.bands), choice.keep_zero_variance],
    }
    last = checkpoint_to_resume(output_dir, identity)
    model, processor = load_for_training(model_args, config, last)
    rows = drop_overlong(rows, processor, config.max_prompt_tokens)
    seen: dict[str, Any] = {}
    if config.critic_steps:
        criticized = criticize(corpus, rows, steps=config.critic_steps, seed=config.seed)
        rows, seen = criticized.rows, {"critic": dict(criticized.facts)}
    check_generation_batch(len(rows), config)
    check_rewards(rewards, [rows[index] for index in range(0, len(rows), max(1, len(rows) // 32))])
    check_forward(rows[0], model, processor)
    if config.use_vllm:
        bias = {identifier: -100.0 for identifier in vision_token_ids(processor, model.config)}
        config.generation_kwargs = {**(config.generation_kwargs or {}), "logit_bias": bias}
    trainer = SkinGRPOTrainer(
        model=model,
        args=config,
        reward_funcs=list[Any](rewards),
        train_dataset=rows,
        processing_class=processor,
        peft_config=get_peft_config(model_args),
        callbacks=[TimeLimit(config.max_seconds)],
    )
    result = trainer.train(resume_from_checkpoint=last)
    finite_or_stop(result.training_loss, config.output_dir)
    facts = {**seen, **result.metrics, "rows": len(rows), "steps": trainer.state.global_step}
    inputs = {"corpus": corpus, "model": Path(model_args.model_name_or_path)}
    if choice is not None:
        inputs["curation"] = choice.folder
    save(trainer, processor, config, kind="grpo checkpoint", inputs=inputs, facts=facts)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
