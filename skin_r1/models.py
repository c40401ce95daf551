"""Load a vision-language model, freeze its vision tower, and generate from it.

Nothing here asks for a model's name: what a model can do is read from its configuration and its processor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from skin_r1.errors import problem


@dataclass(frozen=True)
class Loaded:
    """A model with its processor, in evaluation mode."""

    model: Any
    processor: Any
    name: str


def load(
    path: str | Path, *, adapter: str | Path | None = None, device: str | None = None, dtype: Any = None
) -> Loaded:
    """Load a checkpoint folder (or hub id), with a LoRA adapter if asked; an adapter folder alone finds its base.

    Args:
        path: of the model, or of an adapter.
        adapter: to put on it.
        device: CUDA where there is one, by default.
        dtype: of the weights; by default bfloat16 on CUDA and float32 elsewhere; `auto` is the checkpoint's own.

    Raises:
        UserError: the folder is not a checkpoint of a vision-language model, or the adapter belongs to another one.
    """
    where = Path(path)
    if adapter is None and (where / "adapter_config.json").is_file():
        import json

        adapter, path = where, json.loads((where / "adapter_config.json").read_text())["base_model_name_or_path"]
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or (torch.bfloat16 if device.startswith("cuda") else torch.float32)
    try:
        processor = AutoProcessor.from_pretrained(path)
        model: Any = AutoModelForImageTextToText.from_pretrained(path, dtype=dtype)
    except (OSError, ValueError, KeyError) as error:
        raise problem(
            "this is not a checkpoint of a vision-language model",
            file=path,
            found=str(error).splitlines()[0],
            allowed="a folder with config.json, *.safetensors and the processor's files",
            next_step="train one with `skin-r1 sft --config recipes/tiny/sft.yaml`",
        ) from error
    if adapter is not None:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, str(adapter))
        except (OSError, ValueError, RuntimeError) as error:
            raise problem(
                "the adapter does not fit this model",
                file=adapter,
                found=str(error).splitlines()[0],
                allowed=f"an adapter trained on {path}",
                next_step="give the model that the adapter's manifest.json names",
            ) from error
    processor.tokenizer.padding_side = "left"
    return Loaded(model.to(device).eval(), processor, str(adapter or path))


def with_image_parts(messages: Sequence[Mapping[str, Any]], images: int) -> list[dict[str, Any]]:
    """Messages of string content -> parts, the image placeholders before the text of the first user message."""
    parts: list[dict[str, Any]] = []
    left = images
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
            if message["role"] == "user" and left:
                content = [{"type": "image"}] * left + content
                left = 0
        parts.append({"role": message["role"], "content": content})
    return parts


def vision_token_ids(processor: Any, config: Any) -> list[int]:
    """Ids that only the processor may write: a sampled image placeholder breaks the next forward pass."""
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "image_token_index")
    found = {getattr(config, name, None) for name in names}
    found |= {getattr(processor, name, None) for name in names}
    return sorted(identifier for identifier in found if isinstance(identifier, int))


@torch.inference_mode()
def generate(
    loaded: Loaded,
    rows: Sequence[tuple[Sequence[Mapping[str, Any]], Sequence[Image.Image]]],
    *,
    max_new_tokens: int = 1024,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> list[str]:
    """Answer each (messages, images) row.

    Args:
        loaded: from `load`.
        rows: chat messages of string content, and their images.
        max_new_tokens: longest completion.
        temperature: 0 is greedy; otherwise plain sampling without top-p or top-k.
        seed: fixes the sampling, per batch.
        batch_size: rows per forward pass.
        progress: called with the number of rows done after each batch.
        extra: further arguments of `model.generate`, such as a streamer.

    Returns:
        The completions' texts, in order, without special tokens.
    """
    model, processor = loaded.model, loaded.processor
    banned = vision_token_ids(processor, model.config)
    answers: list[str] = []
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        prompts = [
            processor.apply_chat_template(
                with_image_parts(messages, len(images)), tokenize=False, add_generation_prompt=True
            )
            for messages, images in batch
        ]
        images = [[image.convert("RGB") for image in row] for _, row in batch]
        inputs = processor(text=prompts, images=images if any(images) else None, padding=True, return_tensors="pt").to(
            model.device
        )
        torch.manual_seed(seed + start)
        sampling: dict[str, Any] = {"do_sample": False}
        if temperature > 0:
            sampling = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
        sampling |= {"max_new_tokens": max_new_tokens, "suppress_tokens": banned, **(extra or {})}
        output = model.generate(**inputs, **sampling)
        fresh = output[:, inputs["input_ids"].shape[1] :]  # [batch, new tokens]
        answers += processor.batch_decode(fresh, skip_special_tokens=True)
        if progress:
            progress(len(batch))
    return answers
