"""Ask both sides of a rollout: vLLM for answers, the trained model for its logits at each of their tokens."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object

from skin_r1.train.rollouts.boundary import BAN


@dataclass(frozen=True)
class Turn:
    """One answer by vLLM: the prompt ids that it says it read, its token ids and their log-probabilities."""

    prompt: list[int]
    tokens: list[int]
    log_probs: list[float]


def turns(trainer: Any, prompts: Sequence[Any], max_tokens: int, **sampling: float) -> list[Turn]:
    """Answers by vLLM to prompts, on the trainer's own way; what vLLM returned is noted in passing.

    Args:
        trainer: a `RolloutTrainer` with `use_vllm`.
        prompts: conversations with image parts that hold their images.
        max_tokens: longest answer, if the run's own limit is not lower.
        sampling: attributes of `VLLMGeneration` to set for these answers, for example `temperature`.
    """
    generation = trainer.vllm_generation
    heard: list[Any] = []

    def generate(*args: Any, **kwargs: Any) -> Any:
        heard.append(type(generation).generate(generation, *args, **kwargs))
        return heard[-1]

    limit = min(max_tokens, generation.max_completion_length)
    with _set(generation, generate=generate, max_completion_length=limit, **sampling):
        trainer._generate_single_turn(*trainer._tokenize_prompts(list(prompts)), 1)
    ((prompt_ids, completion_ids, log_probs, _),) = heard
    return [
        Turn(list(prompt), list(tokens), [float("nan") if entry[0] is None else entry[0] for entry in values])
        for prompt, tokens, values in zip(prompt_ids, completion_ids, log_probs, strict=True)
    ]


@contextmanager
def _set(target: Any, **values: Any) -> Iterator[None]:
    before = {name: vars(target)[name] for name in values if name in vars(target)}
    vars(target).update(values)
    try:
        yield
    finally:
        for name in values:
            delattr(target, name)
        vars(target).update(before)


def logits_before(trainer: Any, prompt: list[int], tokens: list[int], fields: Mapping[str, Any]) -> torch.Tensor:
    """Logits [tokens, vocabulary] of the trained model, each before its token: one forward pass, without dropout.

    Args:
        trainer: a GRPO trainer; under ZeRO-3 with its parameters gathered, as `check_parity` does it.
        prompt: ids as the processor expands them.
        tokens: ids of the answer.
        fields: what else the processor made of this one prompt (pixel values, image grids, token types).
    """
    inputs = {"input_ids": torch.tensor([[*prompt, *tokens]])}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    for name, value in fields.items():
        tensor = value if isinstance(value, torch.Tensor) else torch.tensor(np.array(value))
        if tuple(tensor.shape) == (1, len(prompt)):  # one entry per token: the answer's tokens are text, type 0
            tensor = torch.cat([tensor, tensor.new_zeros(1, len(tokens))], dim=1)
        inputs[name] = tensor
    model, was_training = trainer.model, trainer.model.training
    model.eval()
    with torch.no_grad(), trainer.accelerator.autocast():
        logits = model(**{name: tensor.to(trainer.accelerator.device) for name, tensor in inputs.items()}).logits
    model.train(was_training)
    return logits[0, len(prompt) - 1 : -1].float().cpu()


def without(banned: list[int], logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [tokens, vocabulary] with the banned tokens lowered as vLLM lowers them, and the mass [tokens] these had."""
    mass = logits.softmax(-1)[:, banned].sum(-1)
    lowered = logits.clone()
    lowered[:, banned] += BAN
    return lowered, mass


def working_dtype(trainer: Any) -> torch.dtype:
    """The coarser of the types that trainer and vLLM compute in."""
    generation = trainer.vllm_generation
    if generation.mode == "colocate":
        theirs = generation.llm.llm_engine.model_config.dtype
    else:
        info = [generation.vllm_client.get_server_info()] if trainer.accelerator.is_main_process else []
        theirs = getattr(torch, gather_object(info)[0]["model_config"]["dtype"].removeprefix("torch."))
    ours = trainer.model.dtype
    mixed = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(trainer.accelerator.mixed_precision, ours)
    return max((ours, mixed, theirs), key=lambda dtype: torch.finfo(dtype).eps)
