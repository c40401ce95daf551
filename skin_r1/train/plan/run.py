"""A run as the plan sees it: the numbers of a recipe and of an accelerate configuration that cost something."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from peft import LoraConfig
from trl import ModelConfig, get_peft_config

from skin_r1.errors import problem
from skin_r1.recipe import read_recipe
from skin_r1.train.config import SkinGRPOConfig, SkinSFTConfig

# accelerate's distributed_type (DeepSpeed with its stage) -> what is sharded over the GPUs
SHARDINGS = ("none", "ddp", "zero1", "zero2", "zero3", "fsdp2")


@dataclass(frozen=True)
class Run:
    """The settings that a plan may change.

    Attributes:
        stage: sft or grpo.
        dtype: of the weights.
        lora: adapters, or None for full fine-tuning.
        freeze_vision, freeze_projector: what does not train.
        quantized: bits to which the base's linear layers are quantized, 4 or 8; 0 where they are not.
        sharding: one of `SHARDINGS`.
        gpus: how many, over all machines.
        offload: the optimizer's states live in the machine's memory.
        batch, accumulation: rows per GPU and pass, passes per step.
        checkpointing: only each layer's input is kept, the rest computed again.
        optimizer: transformers' `optim`.
        generated: grpo, completions per GPU and generation.
        reference: grpo, the loss compares with a reference model (`beta` above 0).
        rollouts: grpo, `transformers`, `colocate` or `server`.
        vllm_share, vllm_sleeps: of a GPU's memory, and whether it is given back while training.
        generations: grpo, how many generations an optimizer step needs.
        kept_checkpoints: how many stay on disk, the one being written included; 0 for none.
    """

    stage: str
    dtype: torch.dtype
    lora: LoraConfig | None
    freeze_vision: bool
    freeze_projector: bool
    quantized: int
    sharding: str
    gpus: int
    offload: bool
    batch: int
    accumulation: int
    checkpointing: bool
    optimizer: str
    generated: int
    reference: bool
    rollouts: str
    vllm_share: float
    vllm_sleeps: bool
    generations: float
    kept_checkpoints: int


def read_run(argv: Sequence[str], accelerate: Path | None, gpus: int | None) -> tuple[Run, Any, ModelConfig]:
    """The run that a recipe and an accelerate configuration describe, with the recipe's own two configurations.

    Args:
        argv: `--config RECIPE` and overrides.
        accelerate: a file of recipes/accelerate/; None is one process per GPU without sharding.
        gpus: their number; None takes the accelerate file's `num_processes`, else 1.

    Raises:
        UserError: the recipe is not one of SFT or GRPO, or a key or value is wrong.
    """
    stage = _stage(argv)
    trainer = SkinSFTConfig if stage == "sft" else SkinGRPOConfig
    # A bf16 recipe is refused on a machine without a GPU unless it says that it trains on the CPU; a plan only reads.
    config, model = read_recipe(
        (trainer, ModelConfig), [*argv, "--use_cpu", "true"], prog="skin-r1 plan", about="plan a recipe"
    )
    sharding, processes, offload = read_sharding(accelerate)
    gpus = gpus or processes
    grpo = stage == "grpo"
    limit = config.save_total_limit or 0
    run = Run(
        stage=stage,
        dtype=torch.bfloat16 if config.bf16 else torch.float32,
        lora=cast(LoraConfig | None, get_peft_config(model)),
        freeze_vision=config.freeze_vision,
        freeze_projector=config.freeze_projector,
        quantized=4 if model.load_in_4bit else 8 if model.load_in_8bit else 0,
        sharding=sharding if sharding != "none" or gpus == 1 else "ddp",
        gpus=gpus,
        offload=offload,
        batch=config.per_device_train_batch_size,
        accumulation=config.gradient_accumulation_steps,
        checkpointing=bool(config.activation_checkpointing),
        optimizer=str(getattr(config.optim, "value", config.optim)),
        generated=config.per_device_train_batch_size * config.steps_per_generation if grpo else 0,
        reference=grpo and config.beta > 0,
        rollouts=(config.vllm_mode if config.use_vllm else "transformers") if grpo else "none",
        vllm_share=config.vllm_gpu_memory_utilization if grpo else 0.0,
        vllm_sleeps=grpo and config.vllm_enable_sleep_mode,
        generations=config.gradient_accumulation_steps / (config.steps_per_generation * config.num_iterations)
        if grpo
        else 0,
        kept_checkpoints=0 if str(config.save_strategy).endswith("no") else limit + 1,
    )
    return run, config, model


def _stage(argv: Sequence[str]) -> str:
    """`sft` for a recipe that names rationales, `grpo` for one that names rewards."""
    recipe = Path(argv[list(argv).index("--config") + 1])
    content = yaml.safe_load(recipe.read_text(encoding="utf-8-sig")) if recipe.is_file() else None
    if not isinstance(content, dict):
        raise problem("there is no such recipe", file=recipe, next_step="ls recipes/*/*.yaml")
    for key, stage in (("rationales", "sft"), ("reward_funcs", "grpo")):
        if key in content:
            return stage
    raise problem(
        "this recipe does not train",
        file=recipe,
        allowed="a recipe of skin-r1 sft (rationales) or grpo (reward_funcs)",
    )


def read_sharding(file: Path | None) -> tuple[str, int, bool]:
    """What an accelerate configuration shards, its number of processes, and whether the optimizer is offloaded.

    Raises:
        UserError: the file is missing, or of a kind that a plan cannot be made for.
    """
    if file is None:
        return "none", 1, False
    if not file.is_file():
        raise problem("there is no such accelerate configuration", file=file, next_step="ls recipes/accelerate")
    content = yaml.safe_load(file.read_text())
    kind = str(content.get("distributed_type", "NO"))
    deepspeed = content.get("deepspeed_config", {})
    name = {
        "NO": "none",
        "MULTI_GPU": "ddp",
        "DEEPSPEED": f"zero{deepspeed.get('zero_stage')}",
        "FSDP": f"fsdp{content.get('fsdp_config', {}).get('fsdp_version')}",
    }.get(kind, kind)
    if name not in SHARDINGS:
        raise problem("cannot plan for this kind of run", file=file, found=name, allowed=SHARDINGS)
    return name, int(content.get("num_processes", 1)), deepspeed.get("offload_optimizer_device", "none") != "none"
