"""The model itself, built without memory: exact parameter counts, and what autograd keeps of a token."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from transformers import AutoModelForImageTextToText

from skin_r1.train.model.parameters import freeze, language_lora_targets, parts_of
from skin_r1.train.plan.architecture import Architecture

PROBE_TOKENS = 256  # what autograd keeps is linear in the tokens: any number serves


@dataclass(frozen=True)
class Sizes:
    """Counts of parameters, and bytes per token.

    Attributes:
        total: parameters of the model without adapters.
        vision: of these, the vision tower's.
        head: vocabulary x hidden size, the output projection.
        tied: the output projection is the input embedding.
        layer: the largest decoder layer's parameters.
        quantizable: weights that a 4-bit load quantizes: linear layers but the output projection.
        trained: of the model's own parameters, those that train.
        adapters: parameters that LoRA adds, all of which train.
        hidden: width of the language model.
        layers: decoder layers.
        saved: bytes that autograd keeps of one token in one decoder layer without checkpointing.
        vision_saved: bytes that it keeps of one patch in the vision tower, where that trains.
        vision_width, vision_layers: of the vision tower.
        key_values: bytes of one token's keys and values in one decoder layer.
        windows: how many tokens each decoder layer attends to; None: all.
    """

    total: int
    vision: int
    head: int
    tied: bool
    layer: int
    quantizable: int
    trained: int
    adapters: int
    hidden: int
    layers: int
    saved: float
    vision_saved: int
    vision_width: int
    vision_layers: int
    key_values: int
    windows: tuple[int | None, ...]


def measure(
    architecture: Architecture,
    *,
    dtype: torch.dtype,
    lora: LoraConfig | None,
    freeze_vision: bool,
    freeze_projector: bool,
) -> Sizes:
    """Build the model on the meta device, as a trainer would, and count.

    Args:
        architecture: what to build.
        dtype: of the weights; bfloat16 also means training under autocast.
        lora: adapters to add, on the language layers where it names none; None for full fine-tuning.
        freeze_vision, freeze_projector: what does not train.
    """
    with torch.device("meta"):
        model: Any = AutoModelForImageTextToText.from_config(
            architecture.config, dtype=dtype, attn_implementation="sdpa"
        )
    encoder, decoder, head = model.get_encoder(modality="image"), model.get_decoder(), model.get_output_embeddings()
    total = count(model)
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    quantizable = sum(module.weight.numel() for module in linear)
    layer = max(count(module) for module in decoder.layers)
    parts = parts_of(model)
    tower = [parameter for parameter in model.parameters() if parts[id(parameter)] == "vision"]
    freeze(model, vision=freeze_vision, projector=freeze_projector)
    trained = 0
    if lora is None:
        trained = count(model, trainable=True)
    else:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a deprecated name
            adapted = replace(lora, target_modules=lora.target_modules or language_lora_targets(model))
            get_peft_model(model, adapted, low_cpu_mem_usage=True)
    text, vision = architecture.config.get_text_config(), architecture.config.vision_config
    layers = text.num_hidden_layers
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * layers
    window = getattr(text, "sliding_window", None)
    return Sizes(
        total=total,
        vision=count(encoder),
        head=head.weight.numel(),
        tied=head.weight is model.get_input_embeddings().weight,
        layer=layer,
        quantizable=quantizable,
        trained=trained,
        adapters=0 if lora is None else count(model, trainable=True),
        hidden=text.hidden_size,
        layers=layers,
        saved=(saved_by_autograd(decoder, PROBE_TOKENS, dtype) / PROBE_TOKENS + dropout_masks(decoder)) / layers,
        vision_saved=vision_saved(vision, dtype.itemsize)
        if any(parameter.requires_grad for parameter in tower)
        else 0,
        vision_width=vision.hidden_size,
        vision_layers=vision.num_hidden_layers,
        key_values=2 * text.num_key_value_heads * head_size * dtype.itemsize,
        windows=tuple(window if kind == "sliding_attention" else None for kind in kinds),
    )


def count(module: Any, *, trainable: bool = False) -> int:
    """Parameters of a module; only those that train if asked."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


def saved_by_autograd(decoder: Any, tokens: int, dtype: torch.dtype) -> int:
    """Bytes that one forward pass of a language model keeps for its backward pass, besides parameters.

    The pass runs on fake tensors, which have a shape but no memory; a hook sees every tensor that autograd keeps
    (`torch.autograd.graph.saved_tensors_hooks`). So norms in float32, gated feed-forwards, fused attention (its output
    and one log-sum per query are kept, not the tokens x tokens scores) and the inputs of the adapters are counted as
    they are. Dropout is left out here, because its mask is another one on a GPU: see `dropout_masks`.

    Args:
        decoder: the language model, on the meta device.
        tokens: length of the one sequence.
        dtype: of the weights; bfloat16 also means autocast.
    """
    decoder.eval()
    kept: dict[int, tuple[int, torch.Tensor]] = {}  # the tensors too: a freed storage's address would be used again
    with FakeTensorMode():
        state = {
            name: torch.empty(p.shape, dtype=p.dtype, requires_grad=p.requires_grad)
            for name, p in decoder.named_parameters()
        }
        state |= {name: torch.empty(b.shape, dtype=b.dtype) for name, b in decoder.named_buffers()}
        own = {value.untyped_storage()._cdata for value in state.values()}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                kept[storage._cdata] = (storage.nbytes(), tensor)
            return tensor

        # [1, tokens, hidden]; it needs a gradient, as behind a trained projector or under checkpointing
        embeddings = torch.empty(1, tokens, decoder.config.hidden_size, dtype=dtype, requires_grad=True)
        with (
            saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16),
        ):
            functional_call(decoder, state, kwargs={"inputs_embeds": embeddings, "use_cache": False})
    return sum(size for size, _ in kept.values())


def dropout_masks(decoder: Any) -> int:
    """Bytes per token of the masks that LoRA's dropout keeps on a GPU: one per element of each adapted layer's input."""
    adapted: list[Any] = [module for module in decoder.modules() if isinstance(module, LoraLayer)]
    active = [m for m in adapted if any(isinstance(d, torch.nn.Dropout) for d in m.lora_dropout.values())]
    return sum(module.in_features for module in active)


def vision_saved(vision: Any, width: int) -> int:
    """Bytes that autograd keeps of one patch over the whole vision tower.

    Per block: the inputs of two norms, of the query-key-value, output and two feed-forward projections, the queries,
    keys and values, the attention's output, and what the activation needs (Korthikanti et al. 2022, arXiv 2205.05198,
    section 4.1, without dropout and with fused attention): 8 widths and 2 feed-forward widths, 4 where it is gated.
    """
    gated = 2 if vision.hidden_act == "silu" else 1
    return int(vision.num_hidden_layers * width * (8 * vision.hidden_size + 2 * gated * vision.intermediate_size))
