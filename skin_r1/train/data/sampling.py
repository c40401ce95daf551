"""k answers per case by transformers, each case's chance its own: neither batch, rank nor resume moves it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from skin_r1.models import Loaded, vision_token_ids, with_image_parts


def case_seed(seed: int, case_id: str) -> int:
    """The seed of a case's answers, in [0, 2^63)."""
    return int.from_bytes(hashlib.sha256(f"{seed} {case_id}".encode()).digest()[:8], "big") >> 1


class CaseNoise(LogitsProcessor):  # type: ignore[misc]
    """Adds Gumbel noise to scores / temperature, so that the highest score is a sample of their softmax.

    Known as the Gumbel-max trick (Gumbel 1954; Maddison et al. 2014, A* Sampling). A case draws its noise from a
    generator of its own; sampling by torch.multinomial would draw from one stream for the whole batch.
    """

    def __init__(self, seeds: Sequence[int], samples: int, temperature: float, device: torch.device) -> None:
        """Take a seed per case; rows [case * samples, (case + 1) * samples) of a batch belong to a case."""
        self.generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self.samples = samples
        self.temperature = temperature

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores [cases * samples, vocabulary] -> the same plus noise."""
        shape = (self.samples, scores.shape[-1])
        draws = [torch.empty(shape, device=scores.device).exponential_(generator=g) for g in self.generators]
        return scores.float() / self.temperature - torch.cat(draws).log()  # -log of an exponential is Gumbel


@torch.inference_mode()
def sample_answers(
    loaded: Loaded,
    rows: Sequence[Mapping[str, Any]],
    *,
    samples: int,
    temperature: float,
    max_new_tokens: int,
    seed: int,
) -> list[list[str]]:
    """Sample k answers to each case of a batch without top-p, top-k or repetition penalty, as GRPO does.

    The chance of a case depends on (seed, case_id) alone. What remains: another batch may pad differently and another
    device rounds differently, which can turn a token whose two best scores are equal to the last digits (rare in 32
    bits, commoner in bfloat16).

    Args:
        loaded: from `skin_r1.models.load`.
        rows: Case rows with a `prompt`, decoded `images` and a `case_id`.
        samples: answers per case.
        temperature: above 0.
        max_new_tokens: longest answer.
        seed: of the run.

    Returns:
        For each row its `samples` texts, without special tokens.
    """
    model, processor = loaded.model, loaded.processor
    prompts, pictures = [], []
    for row in rows:
        messages = with_image_parts(row["prompt"], len(row["images"]))
        text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        # repeated before the processor: how a family lays out several images of a row is then its own affair
        prompts += [text] * samples
        pictures += [[image.convert("RGB") for image in row["images"]]] * samples
    inputs = processor(text=prompts, images=pictures, padding=True, return_tensors="pt").to(model.device)
    noise = CaseNoise([case_seed(seed, row["case_id"]) for row in rows], samples, temperature, model.device)
    output = model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,  # the highest noisy score is the sample
        repetition_penalty=1.0,  # a checkpoint's own generation_config may say otherwise; GRPO's does not
        suppress_tokens=vision_token_ids(processor, model.config),
        logits_processor=LogitsProcessorList([noise]),
    )
    texts = processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return [texts[start : start + samples] for start in range(0, len(texts), samples)]
