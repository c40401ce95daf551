"""What is checked before a single step is paid for, beside the rows' length and vLLM's rollouts."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from skin_r1.errors import UserError, problem
from skin_r1.models import with_image_parts
from skin_r1.reading import ParseFailure, parse
from skin_r1.reward_check.check import check as reward_check
from skin_r1.reward_check.check import sample
from skin_r1.rewards import Reward
from skin_r1.train.model.parameters import parameter_table, size_of
from skin_r1.train.run import whole_parameters

REWARD_ROWS = 64  # on which the rewards are checked
SAMPLE = 8  # rows of the forward pass, spread over the data
OPTIMIZER_BYTES = 8  # Adam's two moments in 32 bits


@contextmanager
def check(name: str) -> Iterator[None]:
    """Say what is checked and how long it took; what fails raises on its own."""
    started = time.monotonic()
    yield
    if PartialState().is_main_process:
        print(f"preflight: {name}: good ({time.monotonic() - started:.1f} s)", flush=True)


def check_rewards(
    rewards: Sequence[Reward], rows: Any, weights: Sequence[float] | None = None, *, group_size: int = 8
) -> None:
    """Refuse rewards that underpay the gold answer or fall for a hack on these very rows; `skin-r1 rewards check` in short.

    Args:
        rewards: of the run.
        rows: `datasets.Dataset` of its training rows.
        weights: of the rewards.
        group_size: answers to a prompt.

    Raises:
        UserError: with the first faults.
    """
    result = reward_check(sample(rows, rewards, REWARD_ROWS), rewards, weights, group_size=group_size)
    if result.faults:
        raise problem(
            f"the rewards are not fit to train on: {len(result.faults)} faults on {len(result.rows)} rows",
            column="reward_funcs",
            found="; ".join(map(str, result.faults[:3])),
            allowed="gold answers paid in full, hacks at their honest worth",
            next_step="skin-r1 rewards check --corpus CORPUS --config RECIPE --html OUT.html shows each answer and its pay",
        )


def check_precision(config: Any) -> None:
    """Refuse 16-bit floats, and bfloat16 where the hardware has none.

    Raises:
        UserError: naming the key.
    """
    if config.fp16:
        raise problem(
            "half precision overflows in the vision towers and soft caps of current models",
            column="fp16",
            found=True,
            allowed="bf16: true on a GPU, or neither (float32)",
        )
    if config.bf16 and not config.use_cpu and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        raise problem(
            "this GPU has no bfloat16",
            column="bf16",
            found=torch.cuda.get_device_name(),
            allowed="compute capability 8.0 or newer (A100, L4, H100)",
            next_step="set bf16: false",
        )


def check_template(processor: Any) -> None:
    """Refuse a chat template that writes into the answer: completions would lack what it wrote, and none would parse.

    Raises:
        UserError: the generation prompt opens `<think>`.
    """
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    asked = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    if "<think>" in asked.rpartition("x")[2]:
        raise problem(
            "the chat template opens <think> itself, so no completion holds it and every reward is 0",
            column="chat_template",
            found=asked.rpartition("x")[2],
            allowed="a generation prompt without <think>",
            next_step="take the instruct variant of the model, or remove <think> from the template's generation prompt",
        )


def check_images(rows: Any, model: Any, processor: Any) -> None:
    """One forward pass over a few rows at once: image tokens equal image features, and the logits are finite.

    Args:
        rows: with `prompt` and `images`; a few, spread over the data, so that sizes and numbers of images mix.
        model, processor: as they will train.

    Raises:
        UserError: they do not match, or the logits are not finite.
    """
    count = min(SAMPLE, len(rows))
    some = [rows[at * len(rows) // count] for at in range(count)]
    training = model.training
    model.train()  # as it will be: bitsandbytes repacks quantized weights for good at the first pass in evaluation mode
    try:
        with whole_parameters(model), torch.no_grad():
            inputs = batch_of(some, processor).to(model.device)
            logits = model(**inputs).logits  # [rows, tokens, vocabulary]
    except (ValueError, RuntimeError) as error:
        raise problem(
            "the model cannot take these rows: image tokens and image features do not match",
            found=str(error).splitlines()[0],
            allowed="as many image tokens in the prompt as the vision tower makes features",
            next_step="check that processor and model are of the same checkpoint",
        ) from error
    finally:
        model.train(training)
    broken = ~torch.isfinite(logits[inputs["attention_mask"].bool()]).all()
    if bool(broken):
        raise UserError("the model's logits are not finite on these rows; check the checkpoint and bf16")


def batch_of(rows: Sequence[Mapping[str, Any]], processor: Any) -> Any:
    """Prompts and images of rows as one padded batch of tensors."""
    texts = [
        processor.apply_chat_template(
            with_image_parts(row["prompt"], len(row["images"])), tokenize=False, add_generation_prompt=True
        )
        for row in rows
    ]
    images = [[image.convert("RGB") for image in row["images"]] for row in rows]
    return processor(text=texts, images=images if any(images) else None, padding=True, return_tensors="pt")


def check_completions(rows: Any, file: Path) -> None:
    """Refuse to fine-tune on completions that the reader of rewards and evaluation would not read.

    Raises:
        UserError: naming the first such row.
    """
    for number, completion in enumerate(rows["completion"]):
        read = parse(completion[-1])
        if isinstance(read, ParseFailure):
            raise problem(
                "a completion does not follow the answer format",
                file=file,
                row=number,
                column="completion",
                found=read.reason,
                allowed="<think>...</think> and one JSON object",
                next_step="make the rationales with skin-r1 distill",
            )


def check_groups(config: Any, names: Sequence[str]) -> None:
    """Refuse a group that is divided over processes where a reward compares the answers of a group.

    Raises:
        UserError: naming the key.
    """
    local = config.per_device_train_batch_size * config.steps_per_generation
    if any(name.endswith("novelty_reward") for name in names) and local % config.num_generations:
        raise problem(
            "novelty_reward compares the answers to one prompt, which these sizes divide over processes",
            column="per_device_train_batch_size",
            found=f"{local} answers on each process",
            allowed=f"a multiple of num_generations ({config.num_generations})",
        )


def show_parameters(model: Any) -> None:
    """Print what trains, adapters included."""
    if PartialState().is_main_process:
        print(parameter_table(model), flush=True)


def check_disk(model: Any, config: Any) -> None:
    """Refuse a run whose checkpoints do not fit on the disk.

    A checkpoint holds what trains, or the whole model without adapters, in its own type, and Adam's moments (8 bytes a
    trained parameter; with DeepSpeed 12, and stages 1 and 2 write the weights twice); the end adds the weights once more.
    Without `save_total_limit` ten checkpoints are assumed. `skin-r1 plan` tells the same before anything is loaded.

    Raises:
        UserError: with what is needed and what is free.
    """
    folder, adapters = Path(config.output_dir), hasattr(model, "peft_config")
    sizes = [(p.requires_grad, size_of(p), p.element_size()) for p in model.parameters()]
    trained = sum(count for trains, count, _ in sizes if trains)
    weights = sum(count * width for trains, count, width in sizes if trains or not adapters)
    plugin = getattr(config, "deepspeed_plugin", None)
    moments = trained * (OPTIMIZER_BYTES if plugin is None else OPTIMIZER_BYTES + 4)
    copies = 2 if plugin is not None and plugin.zero_stage in (1, 2) else 1
    kept = (
        0 if config.save_strategy == "no" else (config.save_total_limit or 10) + 1
    )  # a new one comes before one goes
    need, free = kept * (copies * weights + moments) + weights, shutil.disk_usage(_existing(folder)).free
    if need > free:
        raise problem(
            "the checkpoints of this run do not fit on the disk",
            file=folder,
            column="save_total_limit",
            found=f"{free / 2**30:.1f} GiB free",
            allowed=f"{need / 2**30:.1f} GiB for {kept} checkpoints and the final weights",
            next_step="lower save_total_limit, or give another output_dir",
        )


def _existing(folder: Path) -> Path:
    return next(each for each in (folder.resolve(), *folder.resolve().parents) if each.exists())
