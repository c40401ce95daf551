"""What both stages share: load the model, resume only the same run, watch the clock, save with a manifest."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import ModelConfig

from skin_r1.errors import UserError, problem
from skin_r1.manifest import sha256_file, write_manifest
from skin_r1.train.config import plain
from skin_r1.train.model.parameters import freeze, language_lora_targets
from skin_r1.train.model.quantize import quantization
from skin_r1.train.resume.checkpoints import last_whole
from skin_r1.whole import write_whole


def load_for_training(model_args: ModelConfig, training_args: Any, resume: str | None = None) -> tuple[Any, Any]:
    """Model and processor for a trainer; call after the trainer's configuration exists (ZeRO-3 partitions at load).

    A whole model that is resumed is loaded from its checkpoint here. The trainer's own reload does not rename the
    weights that `save_pretrained` renamed (`model.visual` is stored as `visual`), skips all of them with a warning and
    goes on from the start's weights: seen with transformers 5.23 and Qwen2.5-VL, held by a test. An adapter's
    checkpoint holds no base weights and is reloaded by the trainer.

    Raises:
        UserError: the path is not a vision-language checkpoint.
    """
    gather_zero3_weights(training_args)
    start = str(model_args.model_name_or_path)
    path = resume if resume and any(Path(resume).glob("model*.safetensors")) else start
    try:
        processor = AutoProcessor.from_pretrained(start, revision=model_args.model_revision)
        model = AutoModelForImageTextToText.from_pretrained(
            path,
            dtype=torch.bfloat16 if training_args.bf16 else torch.float32,
            attn_implementation=model_args.attn_implementation,
            revision=model_args.model_revision,
            quantization_config=quantization(model_args, training_args),
        )
    except (OSError, ValueError, KeyError) as error:
        raise problem(
            "cannot load the model to train",
            column="model_name_or_path",
            found=path,
            allowed="a folder or hub id of a vision-language model, or `tiny`",
            next_step=str(error).splitlines()[0],
        ) from error
    # TRL loads the reference of a KL penalty from this name: it stays the start, also where a run is resumed
    model.config._name_or_path = model.name_or_path = start
    freeze(model, vision=training_args.freeze_vision, projector=training_args.freeze_projector)
    if model_args.use_peft and not model_args.lora_target_modules:
        model_args.lora_target_modules = language_lora_targets(model)  # type: ignore[assignment]  # peft takes a pattern
    return model, processor


def gather_zero3_weights(training_args: Any) -> None:
    """Let ZeRO-3 write whole weights with every checkpoint and in the end, which serving loads.

    DeepSpeed's own default writes each process's part only. Its key speaks of 16 bits; the weights keep their type.
    """
    plugin = training_args.deepspeed_plugin
    if plugin is not None and plugin.zero_stage == 3:
        plugin.hf_ds_config.config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] = True


@contextmanager
def whole_parameters(model: Any) -> Iterator[None]:
    """All parameters on every process within the block, also where ZeRO-3 keeps a part on each; all must enter it.

    For what runs the model before the trainer wraps it. Enter it before `torch.inference_mode`.
    """
    if not is_deepspeed_zero3_enabled():
        yield
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(model.parameters())):
        yield


def checkpoint_to_resume(output_dir: Path, identity: dict[str, Any]) -> str | None:
    """The last whole checkpoint of this very run, or None for a fresh start.

    A run is known by its model, its data and its seed, written to `run.json` when it starts. A folder that holds no more than
    that, as a preflight leaves it, may become another run's; one with a start model made for this run may not.

    Raises:
        UserError: the folder holds a run with another identity.
    """
    marker = output_dir / "run.json"
    if marker.is_file() and {path.name for path in output_dir.iterdir()} - {"run.json"}:
        before = json.loads(marker.read_text())
        differing = sorted(key for key in identity if before.get(key) != identity[key])
        if differing:
            key = differing[0]
            raise problem(
                "this folder holds another run; resuming would mix two models or two datasets",
                file=marker,
                column=key,
                found=identity[key],
                allowed=str(before.get(key)),
                next_step="give another --output_dir, or delete the folder",
            )
    state = PartialState()
    last = last_whole(output_dir)
    state.wait_for_everyone()
    if state.is_main_process:
        output_dir.mkdir(parents=True, exist_ok=True)
        write_whole(marker, json.dumps(identity, indent=2) + "\n")
    state.wait_for_everyone()
    return str(last) if last else None


def fingerprint(path: str | Path) -> str:
    """A short name for what lies at a path: its manifest's checksum; else of its configuration and weights; else the path's.

    Of weights the names, sizes and last 64 KiB are read: a checkpoint of 100 GB is told from its neighbor at once.
    """
    folder = Path(path)
    if (folder / "manifest.json").is_file():
        return sha256_file(folder / "manifest.json")[:16]
    digest = hashlib.sha256()
    parts = [folder / name for name in ("adapter_config.json", "config.json") if (folder / name).is_file()]
    for part in parts:
        digest.update(part.read_bytes())
    for weights in sorted(folder.glob("*.safetensors")) if parts else ():
        with weights.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - (1 << 16)))
            digest.update(f"{weights.name} {size}".encode() + stream.read())
    return (digest if parts else hashlib.sha256(str(path).encode())).hexdigest()[:16]


def adapters_of(model_args: ModelConfig) -> list[Any] | None:
    """What makes two adapters different runs; None without one."""
    keys = ("lora_r", "lora_alpha", "lora_target_modules", "use_rslora", "use_dora", "load_in_4bit", "load_in_8bit")
    return [getattr(model_args, key) for key in keys] if model_args.use_peft else None


def save(
    trainer: Any, processor: Any, config: Any, *, kind: str, inputs: dict[str, Path], facts: dict[str, Any]
) -> None:
    """Save weights, processor and manifest to the output folder."""
    folder = Path(config.output_dir)
    plugin = trainer.args.deepspeed_plugin
    trainer.save_model(str(folder))
    if trainer.accelerator.is_main_process:
        processor.save_pretrained(folder)
        facts = {
            **facts,
            "distributed_type": str(trainer.accelerator.distributed_type),
            "processes": trainer.accelerator.num_processes,
            "wrapped": type(trainer.model_wrapped).__name__,
            "zero_stage": plugin.zero_stage if plugin else None,
        }
        (folder / "log_history.json").write_text(json.dumps(trainer.state.log_history, indent=1) + "\n")
        write_manifest(folder, kind=kind, config=plain(config), inputs=inputs, outputs=facts)
    trainer.accelerator.wait_for_everyone()


def finite_or_stop(loss: float, output_dir: str) -> None:
    """Refuse to call a diverged run finished."""
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise UserError(f"training diverged (loss {loss}); lower learning_rate and start again without {output_dir}")
