"""Which parameters train, and at which rate: vision tower, projector and language model, found by what they do."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch

from skin_r1.errors import problem

Part = Literal["vision", "projector", "language"]
# What transformers calls the module that brings image features to the language model's width: Qwen-VL, LLaVA, Idefics.
_PROJECTORS = frozenset(("merger", "deepstack_merger_list", "multi_modal_projector", "connector"))


def parts_of(model: Any) -> dict[int, Part]:
    """id(parameter) -> the part of the model that it belongs to; adapters belong where they are put.

    Raises:
        UserError: the model has no vision tower that can be found by its capability.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    tower = inner.get_encoder(modality="image")
    if tower is inner or tower is None:
        raise problem(
            "this model has no vision tower",
            found=type(inner).__name__,
            allowed="a model whose get_encoder(modality='image') finds one",
            next_step="set freeze_vision and freeze_projector to false and leave the separate rates out",
        )
    found: dict[int, Part] = {id(parameter): "language" for parameter in inner.parameters()}
    found |= {id(parameter): "vision" for parameter in tower.parameters()}
    for module in projectors(inner):
        found |= {id(parameter): "projector" for parameter in module.parameters()}
    return found


def projectors(model: Any) -> list[Any]:
    """The modules between vision tower and language model."""
    return [module for name, module in model.named_modules() if name.rpartition(".")[2] in _PROJECTORS]


def name_of(model: Any, module: Any) -> str:
    """The dotted name of a module in its model; empty where it is not in there."""
    return next((name for name, each in model.named_modules() if each is module), "")


def freeze(model: Any, *, vision: bool, projector: bool) -> int:
    """Stop the gradients of the vision tower and of the projector; returns the number of parameters frozen."""
    if not (vision or projector):
        return 0
    parts, frozen = parts_of(model), 0
    for parameter in model.parameters():
        part = parts[id(parameter)]
        if (part == "vision" and vision) or (part == "projector" and projector):
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    return frozen


def parameter_table(model: Any) -> str:
    """Trainable and total parameters of each part, one line each."""
    try:
        parts = parts_of(model)
    except (AttributeError, ValueError):
        parts = {}
    rows: dict[str, list[int]] = {}
    for parameter in model.parameters():
        for name in (parts.get(id(parameter), "model"), "total"):
            count = rows.setdefault(name, [0, 0])
            count[0] += size_of(parameter) if parameter.requires_grad else 0
            count[1] += size_of(parameter)
    ordered = sorted(rows.items(), key=lambda item: item[0] == "total")
    return "\n".join(f"{name:>12}  {own:>14,} of {total:>14,} parameters train" for name, (own, total) in ordered)


def size_of(parameter: Any) -> int:
    """How many numbers a parameter holds: also where ZeRO-3 keeps it on other processes, or 4 bits are packed in bytes."""
    if hasattr(parameter, "ds_numel"):
        return int(parameter.ds_numel)
    packed = (
        2 * parameter.element_size() if hasattr(parameter, "quant_state") and parameter.dtype == torch.uint8 else 1
    )
    return int(parameter.numel()) * packed


def split_rates(optimizer: torch.optim.Optimizer, parts: Mapping[int, Part], rates: Mapping[Part, float]) -> None:
    """Give each part of the model its own learning rate: a group of the optimizer is divided where rates differ.

    Call before the scheduler is made: it takes each group's rate as the one to scale.
    """
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        by_rate: dict[float, list[Any]] = {}
        for parameter in group["params"]:
            rate = rates.get(parts.get(id(parameter), "language"), group["lr"])
            by_rate.setdefault(rate, []).append(parameter)
        groups += [{**group, "params": params, "lr": rate} for rate, params in by_rate.items()]
    optimizer.param_groups[:] = groups


def language_lora_targets(model: Any) -> str:
    """A regular expression of the language model's linear layers, for peft's `target_modules`.

    vLLM ignores adapters on a vision tower, and merging them is one more thing to go wrong: adapters go on the language
    model unless a recipe says otherwise.

    Raises:
        UserError: the language model cannot be found.
    """
    decoder = model.get_decoder()
    name = name_of(model, decoder)
    leaves = sorted({leaf.rpartition(".")[2] for leaf in _linear(decoder)})
    if not name or not leaves:
        raise problem(
            "cannot find this model's language layers for LoRA",
            column="lora_target_modules",
            found=type(model).__name__,
            next_step="name the layers in the recipe, for example lora_target_modules: [q_proj, v_proj]",
        )
    return rf"{re.escape(name)}\..*\.({'|'.join(leaves)})"


def _linear(module: Any) -> Iterator[str]:
    return (name for name, child in module.named_modules() if isinstance(child, torch.nn.Linear))
