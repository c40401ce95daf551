"""GRPO on cases, most of which carry a diagnosis only.

Run as `skin-r1 grpo --config RECIPE` or `accelerate launch --config_file recipes/accelerate/ddp.yaml -m
skin_r1.train.grpo --config RECIPE`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trl import ModelConfig, get_peft_config

from skin_r1.errors import UserError
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.train.clock import TimeLimit
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.data.bands import Choice, read_summary
from skin_r1.train.data.critic import criticize
from skin_r1.train.data.lengths import drop_overlong
from skin_r1.train.data.rows import check_generation_batch, rarity_factors, training_rows
from skin_r1.train.model.start import start_folder
from skin_r1.train.monitor.completions import CompletionsTable
from skin_r1.train.monitor.watch import Watch
from skin_r1.train.preflight import (
    check,
    check_disk,
    check_groups,
    check_images,
    check_precision,
    check_rewards,
    check_template,
    show_parameters,
)
from skin_r1.train.resume.checkpoints import check_resumable
from skin_r1.train.rollouts.boundary import prepare
from skin_r1.train.rollouts.parity import check_parity
from skin_r1.train.run import adapters_of, checkpoint_to_resume, fingerprint, finite_or_stop, load_for_training, save
from skin_r1.train.trainer import SkinGRPOTrainer

ABOUT = """Improve a model with GRPO: group-relative rewards on sparsely labelled cases.

Example: skin-r1 grpo --config recipes/tiny/grpo.yaml --max_steps 20"""


TABLE_ROWS = 256  # of a saved table of completions, at most


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
    with check("settings"):
        check_precision(config)
        check_resumable(config)
        check_groups(config, config.reward_funcs)
    choice = curation_choice(config)
    rows = training_rows(corpus, config.annotation, choice=choice, balance=config.balance_diagnoses, seed=config.seed)
    with check(f"{len(rewards)} rewards on gold answers and hacks"):
        check_rewards(rewards, rows, config.reward_weights, group_size=config.num_generations)
    identity = {
        "stage": "grpo",
        "model": fingerprint(model_args.model_name_or_path),
        "corpus": fingerprint(corpus),
        "rewards": [config.reward_funcs, config.reward_weights],
        "rows": hashlib.sha256("\n".join(rows["case_id"]).encode()).hexdigest()[:16],
        "max_prompt_tokens": config.max_prompt_tokens,
        "critic_steps": config.critic_steps,
        "adapters": adapters_of(model_args),
        "seed": config.seed,
        "curation": choice and [fingerprint(choice.folder), list(choice.bands), choice.keep_zero_variance],
    }
    last = checkpoint_to_resume(output_dir, identity)
    model_args.model_name_or_path = start_folder(str(model_args.model_name_or_path), output_dir)
    model, processor = load_for_training(model_args, config, last)
    with check("chat template, length of the rows, batches"):
        check_template(processor)
        processor.tokenizer.padding_side = "left"  # completions must follow their prompts without a gap
        rows = drop_overlong(rows, processor, config.max_prompt_tokens, key="max_prompt_tokens")
        check_generation_batch(len(rows), config)
    with check("image tokens equal image features"):
        check_images(rows, model, processor)
    seen: dict[str, Any] = {}
    if config.critic_steps:
        criticized = criticize(corpus, rows, steps=config.critic_steps, seed=config.seed)
        rows, seen = criticized.rows, {"critic": dict(criticized.facts)}
    prepare(config, processor, model.config)
    limit = TimeLimit(config.max_seconds, on_cpu=config.use_cpu)
    watch = Watch(on_alarm=config.on_alarm, metric=config.early_stop_metric, patience=config.early_stop_patience)
    trainer = SkinGRPOTrainer(
        model=model,
        args=config,
        reward_funcs=list[Any](rewards),
        train_dataset=rows,
        processing_class=processor,
        peft_config=get_peft_config(model_args),
        rarity=rarity_factors(rows["diagnosis"], config.rarity) if config.rarity else None,
        callbacks=[limit, watch],
    )
    trainer.add_callback(CompletionsTable(trainer._logs, every=config.completions_every, rows=TABLE_ROWS))
    show_parameters(trainer.model)
    with check("disk"):
        check_disk(trainer.model, config)
    if config.use_vllm:
        with check("vLLM's rollouts agree with the model that trains"):
            seen["parity"] = asdict(check_parity(trainer, rows))
    if config.preflight_only:
        return 0
    result = trainer.train(resume_from_checkpoint=last)
    finite_or_stop(result.training_loss, config.output_dir)
    facts = {
        **seen,
        **result.metrics,
        "compute_seconds": round(limit.spent(), 1),
        "rows": len(rows),
        "steps": trainer.state.global_step,
        "stopped": watch.stopped,
    }
    inputs = {"corpus": corpus, "model": Path(model_args.model_name_or_path)}
    if choice is not None:
        inputs["curation"] = choice.folder
    save(trainer, processor, config, kind="grpo checkpoint", inputs=inputs, facts=facts)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
