"""QLoRA: the language model's base weights in 4 or 8 bits, adapters beside them; the vision tower stays whole."""

from importlib.util import find_spec
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText
from trl import ModelConfig, get_quantization_config

from skin_r1.errors import problem
from skin_r1.train.model.parameters import name_of, projectors


def quantization(model_args: ModelConfig, config: Any) -> Any:
    """How to load the base model, or None for whole weights.

    Source of the method: Dettmers et al. 2023, QLoRA (arXiv 2305.14314). Vision tower, projector and output head are left
    whole: together they are a tenth of a 7B model, and findings are read there.

    Args:
        model_args: `load_in_4bit` or `load_in_8bit`, and `use_peft`.
        config: of the trainer.

    Raises:
        UserError: bitsandbytes is missing, or the recipe trains or syncs the quantized weights.
    """
    if not (model_args.load_in_4bit or model_args.load_in_8bit):
        return None
    key = "load_in_4bit" if model_args.load_in_4bit else "load_in_8bit"
    refused = {
        "use_peft": (not model_args.use_peft, "quantized weights cannot train; adapters can", "set use_peft: true"),
        "use_vllm": (
            getattr(config, "use_vllm", False),
            "vLLM's weights are synced by merging the adapter, which rounds to the quantized grid",
            "set use_vllm: false, or train the adapter on whole weights",
        ),
        key: (
            find_spec("bitsandbytes") is None,
            "quantized loading needs bitsandbytes, which is not installed",
            'pip install -e ".[qlora]"',
        ),
    }
    for column, (wrong, why, remedy) in refused.items():
        if wrong:
            found = getattr(config, column, getattr(model_args, column, None))
            raise problem(why, column=column, found=found, next_step=remedy)
    made: Any = get_quantization_config(model_args)
    if model_args.load_in_4bit:
        made.bnb_4bit_compute_dtype = torch.bfloat16 if config.bf16 else torch.float32
    made.llm_int8_skip_modules = whole_modules(str(model_args.model_name_or_path))
    return made


def whole_modules(path: str) -> list[str]:
    """Names of the modules that are not quantized; the model is built without weights to find them."""
    with torch.device("meta"):
        model: Any = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(path))
    tower, head = model.get_encoder(modality="image"), model.get_output_embeddings()
    names = {name_of(model, tower), name_of(model, head), *(name_of(model, module) for module in projectors(model))}
    return sorted(names - {""})
