"""Supervised fine-tuning on verified rationales.

Run as `skin-r1 sft --config RECIPE` or `accelerate launch --config_file recipes/accelerate/ddp.yaml -m
skin_r1.train.sft --config RECIPE`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
from trl import ModelConfig, get_peft_config

from skin_r1.errors import problem
from skin_r1.recipe import read_recipe
from skin_r1.train.clock import TimeLimit
from skin_r1.train.config import SkinSFTConfig
from skin_r1.train.data.lengths import drop_overlong
from skin_r1.train.model.start import start_folder
from skin_r1.train.preflight import (
    check,
    check_completions,
    check_disk,
    check_images,
    check_precision,
    check_template,
    show_parameters,
)
from skin_r1.train.resume.checkpoints import check_resumable
from skin_r1.train.run import adapters_of, checkpoint_to_resume, fingerprint, finite_or_stop, load_for_training, save
from skin_r1.train.trainer import SkinSFTTrainer

ABOUT = """Fine-tune a vision-language model on rationales that `skin-r1 distill` wrote.

Example: skin-r1 sft --config recipes/tiny/sft.yaml --learning_rate 5e-4"""


def load_rationales(folder: Path, split: str) -> datasets.Dataset:
    """Columns `prompt`, `completion`, `images` of one split.

    Raises:
        UserError: the file or a column is missing.
    """
    file = folder / f"{split}.parquet"
    if not file.is_file():
        raise problem("no rationales here", file=file, next_step="skin-r1 distill --config recipes/tiny/distill.yaml")
    table = datasets.load_dataset("parquet", data_files=str(file), split="train")
    columns = ["prompt", "completion", "images"]
    for column in columns:
        if column not in table.column_names:
            raise problem("rationales lack a column", file=file, column=column, found=table.column_names)
    return table.select_columns(columns)


def texts(rationales: datasets.Dataset) -> list[str]:
    """Every prompt and completion as text: what the tiny model's tokenizer is trained on."""
    table = rationales.select_columns(["prompt", "completion"])
    return [message["content"] for row in table for part in ("prompt", "completion") for message in row[part]]


def main(argv: Sequence[str] | None = None) -> int:
    """Train; returns 0. See `ABOUT`."""
    config, model_args = read_recipe((SkinSFTConfig, ModelConfig), argv, prog="skin-r1 sft", about=ABOUT)
    rationales, output_dir = Path(config.rationales), Path(config.output_dir)
    with check("settings"):
        check_precision(config)
        check_resumable(config)
    train = load_rationales(rationales, "train")
    validation = load_rationales(rationales, "validation") if config.eval_strategy != "no" else None
    with check(f"{len(train)} completions follow the answer format"):
        check_completions(train, rationales / "train.parquet")
        if validation is not None:
            check_completions(validation, rationales / "validation.parquet")

    def build(folder: Path) -> None:
        from skin_r1.tiny import build_tiny

        build_tiny(folder, texts(train), seed=config.seed, image_size=config.tiny_image_size)

    model_args.model_name_or_path = start_folder(str(model_args.model_name_or_path), output_dir, build)
    identity: dict[str, Any] = {
        "stage": "sft",
        "model": fingerprint(model_args.model_name_or_path),
        "rationales": fingerprint(rationales),
        "max_row_tokens": config.max_row_tokens,
        "adapters": adapters_of(model_args),
        "seed": config.seed,
    }
    last = checkpoint_to_resume(output_dir, identity)
    model, processor = load_for_training(model_args, config, last)
    with check("chat template, length of the rows"):
        check_template(processor)
        train = drop_overlong(train, processor, config.max_row_tokens, key="max_row_tokens")
        if validation is not None:
            validation = drop_overlong(validation, processor, config.max_row_tokens, key="max_row_tokens")
    with check("image tokens equal image features"):
        check_images(train, model, processor)
    limit = TimeLimit(config.max_seconds, on_cpu=config.use_cpu)
    trainer = SkinSFTTrainer(
        model=model,
        args=config,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=processor,
        peft_config=get_peft_config(model_args),
        callbacks=[limit],
    )
    show_parameters(trainer.model)
    with check("disk"):
        check_disk(trainer.model, config)
    if config.preflight_only:
        return 0
    result = trainer.train(resume_from_checkpoint=last)
    finite_or_stop(result.training_loss, config.output_dir)
    facts = {
        **result.metrics,
        "compute_seconds": round(limit.spent(), 1),
        "rows": len(train),
        "steps": trainer.state.global_step,
    }
    inputs = {"rationales": rationales, "model": Path(model_args.model_name_or_path)}
    save(trainer, processor, config, kind="sft checkpoint", inputs=inputs, facts=facts)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
