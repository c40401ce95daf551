"""GRPO on cases, most of which carry a diagnosis only.

Run as `skin-r1 grpo --config RECIPE` or `accelerate launch --config_file recipes/accelerate/ddp.yaml -m
skin_r1.train.grpo --config RECIPE`.
"""

from collections.abc import Sequence
from itertools import chain, cycle, groupby, islice
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset
from trl import GRPOTrainer, ModelConfig, get_peft_config

from skin_r1.case import load_corpus
from skin_r1.errors import UserError, problem
from skin_r1.models import vision_token_ids
from skin_r1.reading import messages_for
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.preflight import check_forward, check_rewards, drop_overlong
from skin_r1.train.run import TimeLimit, checkpoint_to_resume, fingerprint, finite_or_stop, load_for_training, save

ABOUT = """Improve a model with GRPO: group-relative rewards on sparsely labelled cases.

Example: skin-r1 grpo --config recipes/tiny/grpo.yaml --max_steps 20"""


class SkinGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, with image prompts handed to vLLM as it expects them.

    TRL 1.16 gives vLLM the ids that the processor has already expanded (one placeholder per image feature) together
    with the image, and vLLM expands them again: the prompt is silently corrupted (trl#6294, fix proposed in trl#6718).
    One placeholder per image restores equal prompts. Remove with the first TRL release that has the fix.
    """

    def _generate_single_turn(self, prompt_ids: list[list[int]], images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and images is not None:
            placeholder: Any = self._image_pad_token_id
            prompt_ids = [one_placeholder_per_image(ids, placeholder) for ids in prompt_ids]
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)


def one_placeholder_per_image(ids: Sequence[int], placeholder: int) -> list[int]:
    """Collapse each run of image placeholders into one."""
    out: list[int] = []
    for identifier, run in groupby(ids):
        out += [identifier] if identifier == placeholder else list(run)
    return out


def training_rows(
    corpus: Path, annotation: str, *, balance: bool = False, dense_share: float | None = None, seed: int = 0
) -> Dataset:
    """Cases of the training split that have a diagnosis and an image, with their `prompt` column.

    Args:
        corpus: the folder.
        annotation: `sparse`, `dense` or `all`.
        balance: as many rows in all, but each diagnosis equally often; rare cases repeat.
        dense_share: annotated rows repeat, or some are left out, so that they are this share of the rows: few rows hold
            the model to what is seen while many teach it the diagnosis.
        seed: fixes which rows a balanced or weighted draw takes.

    Raises:
        UserError: no such row.
    """
    rows = load_corpus(corpus, "train")
    table = rows.select_columns(["annotation", "diagnosis", "checksum"])
    wanted = [
        index
        for index, row in enumerate(table)
        if row["diagnosis"] and row["checksum"] and annotation in ("all", row["annotation"])
    ]
    if not wanted:
        raise problem(
            "no training row with a diagnosis and an image",
            file=corpus,
            column="annotation",
            found=annotation,
            next_step="skin-r1 data report CORPUS shows what it holds",
        )
    if len(wanted) < len(rows):
        print(f"training on {len(wanted)} of {len(rows)} rows (annotation: {annotation}, labelled, with image)")
    if balance:
        wanted = _balanced(wanted, table["diagnosis"], seed)
    if dense_share is not None:
        wanted = _weighted(wanted, table["annotation"], dense_share, seed, corpus)
    rows = rows.select(wanted)
    prompts = [messages_for(row) for row in rows.select_columns(["modality", "history"])]
    return rows.add_column("prompt", prompts)


def _balanced(indices: Sequence[int], diagnoses: Sequence[str], seed: int) -> list[int]:
    """As many indices as given, dealt over the diagnoses in turn; each diagnosis goes round its own shuffled cases."""
    shuffled = list(indices)
    Random(seed).shuffle(shuffled)
    by_diagnosis: dict[str, list[int]] = {}
    for index in shuffled:
        by_diagnosis.setdefault(diagnoses[index], []).append(index)
    turns = zip(*(cycle(by_diagnosis[name]) for name in sorted(by_diagnosis)), strict=False)
    return list(islice(chain.from_iterable(turns), len(indices)))


def _weighted(
    indices: Sequence[int], annotations: Sequence[str], dense_share: float, seed: int, corpus: Path
) -> list[int]:
    """As many indices as given, of which `dense_share` are annotated rows; each kind goes round its own shuffled rows."""
    kinds = {kind: [index for index in indices if annotations[index] == kind] for kind in ("dense", "sparse")}
    if not all(kinds.values()):
        raise problem(
            "dense_share needs annotated and label-only rows",
            file=corpus,
            column="dense_share",
            found={kind: len(own) for kind, own in kinds.items()},
            next_step="set dense_share: null, or annotation: all",
        )
    dense = max(1, round(dense_share * len(indices)))
    for own in kinds.values():
        Random(seed).shuffle(own)
    return [*islice(cycle(kinds["dense"]), dense), *islice(cycle(kinds["sparse"]), len(indices) - dense)]


def main(argv: Sequence[str] | None = None) -> int:
    """Train; returns 0. See `ABOUT`."""
    config, model_args = read_recipe((SkinGRPOConfig, ModelConfig), argv, prog="skin-r1 grpo", about=ABOUT)
    corpus, output_dir = Path(config.corpus), Path(config.output_dir)
    rewards = load_rewards(config.reward_funcs)
    if config.reward_weights and len(config.reward_weights) != len(rewards):
        raise UserError(f"reward_weights has {len(config.reward_weights)} values for {len(rewards)} reward_funcs")
    rows = training_rows(
        corpus, config.annotation, balance=config.balance_diagnoses, dense_share=config.dense_share, seed=config.seed
    )
    identity = {
        "stage": "grpo",
        "model": fingerprint(model_args.model_name_or_path),
        "corpus": fingerprint(corpus),
        "rewards": config.reward_funcs,
        "seed": config.seed,
    }
    last = checkpoint_to_resume(output_dir, identity)
    model, processor = load_for_training(model_args, config, last)
    rows = drop_overlong(rows, processor, config.max_prompt_tokens)
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
    facts = {**result.metrics, "rows": len(rows), "steps": trainer.state.global_step}
    inputs = {"corpus": corpus, "model": Path(model_args.model_name_or_path)}
    save(trainer, processor, config, kind="grpo checkpoint", inputs=inputs, facts=facts)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
