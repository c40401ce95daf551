"""How likely a model finds each diagnosis in the place where it names one, given its own reasoning.

A causal model gives text t after a prefix p the probability P(t | p) = prod_i P(t_i | p, t_<i). The prefix is the prompt
and what the model itself wrote up to the opening quote of its diagnosis; t is a candidate's name with the signs that the
model put behind its own (closing quote and comma). The closing quote is part of it because "melanoma" would otherwise never
be less likely than "melanoma in situ": with it no candidate begins another, and the sums are of events that exclude one
another. The caveat of every such score stays (Holtzman et al. 2021, arXiv 2104.08315): names compete with their own
synonyms, and rare or long names get less than the model's belief in the disease.
"""

import copy
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from skin_r1.models import Loaded, with_image_parts

SLOT = '{"diagnosis": "'
_OWN = re.compile(r'(?P<prefix>.*"diagnosis"\s*:\s*")(?:[^"\\]|\\.)*(?P<closing>"[^\w]*)', re.DOTALL)


@dataclass(frozen=True)
class LabelLikelihood:
    """Of each candidate.

    Attributes:
        scores: log-softmax over the candidates of the sum of token log-probabilities; natural logarithm, at most 0.
        means: the same sum over the number of its tokens, not normalized over the candidates; at most 0.
    """

    scores: dict[str, float]
    means: dict[str, float]


def slot(completion: str) -> tuple[str, str]:
    """What stands before and behind the name of the diagnosis.

    An answer without such a place is cut after its reasoning (or after its last sign, where none is marked) and continued by
    an object that begins with the diagnosis.
    """
    if own := _OWN.match(completion):
        return own["prefix"], own["closing"]
    head, tag, _ = completion.partition("</think>")
    if not tag and "<think>" in completion:
        tag = "</think>"
    return f"{head.rstrip()}{tag}\n{SLOT}", '", "'


@torch.inference_mode()
def label_likelihood(
    loaded: Loaded,
    messages: Sequence[Mapping[str, Any]],
    images: Sequence[Image.Image],
    completion: str,
    names: Mapping[str, str],
    *,
    batch_size: int = 32,
) -> LabelLikelihood:
    """Score every candidate; the prompt, its images and the reasoning are read once for all of them.

    Args:
        loaded: from `skin_r1.models.load`.
        messages, images: the question.
        completion: the model's own answer to it.
        names: candidate slug -> name, not empty.
        batch_size: candidates per forward pass.
    """
    prefix, closing = slot(completion)
    prompt = loaded.processor.apply_chat_template(
        with_image_parts(messages, len(images)), tokenize=False, add_generation_prompt=True
    )
    text = prompt + prefix
    endings = [json.dumps(name, ensure_ascii=False)[1:-1] + closing for name in names.values()]
    tokens = loaded.processor.tokenizer([text, *(text + ending for ending in endings)], add_special_tokens=False)
    # Tokens may reach over the end of the prefix: score from the first one in which the texts differ from it.
    bare, *whole = tokens["input_ids"]
    shared = min(_common(bare, ids) for ids in whole)
    inputs = loaded.processor(
        text=[text], images=[[image.convert("RGB") for image in images]] if images else None, return_tensors="pt"
    ).to(loaded.model.device)
    kept = inputs["input_ids"].shape[1] - (len(bare) - shared)
    for key in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"):
        if key in inputs:
            inputs[key] = inputs[key][:, :kept]
    sums, counts = _sums(loaded.model, dict(inputs), [ids[shared:] for ids in whole], batch_size, images=bool(images))
    total = math.log(math.fsum(math.exp(each - max(sums)) for each in sums)) + max(sums)
    scores = {slug: min(0.0, each - total) for slug, each in zip(names, sums, strict=True)}
    means = {slug: each / count for slug, each, count in zip(names, sums, counts, strict=True)}
    return LabelLikelihood(scores, means)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _sums(
    model: Any, inputs: dict[str, torch.Tensor], tails: Sequence[Sequence[int]], batch_size: int, *, images: bool
) -> tuple[list[float], list[int]]:
    """Sum of log-probabilities of each tail's tokens after the inputs, and how many they are.

    Tails are padded on the right and read without a mask: what follows a token cannot change it, and so every family
    works out their positions from the cache alone. Without images positions are given: families with positions in
    three dimensions would take over those of the last image that they saw.
    """
    length = inputs["input_ids"].shape[1]
    place = {} if images else {"position_ids": torch.arange(length, device=model.device)[None]}
    read = model(**inputs, **place, use_cache=True, logits_to_keep=1)
    sums: list[float] = []
    for start in range(0, len(tails), batch_size):
        part = tails[start : start + batch_size]
        ids = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(tail, device=model.device) for tail in part], batch_first=True
        )  # [candidates, longest]
        first = read.logits[:, -1:].expand(len(part), -1, -1)  # [candidates, 1, vocabulary]
        logits = first
        if ids.shape[1] > 1:
            cache = copy.deepcopy(read.past_key_values)
            cache.batch_repeat_interleave(len(part))
            if not images:
                places = torch.arange(length, length + ids.shape[1] - 1, device=model.device)
                place = {"position_ids": places[None].expand(len(part), -1)}
            more = model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True, **place).logits
            logits = torch.cat([first, more], dim=1)  # [candidates, longest, vocabulary]
        chosen = logits.float().log_softmax(-1).gather(-1, ids[..., None])[..., 0]  # [candidates, longest]
        real = (
            torch.arange(ids.shape[1], device=ids.device)
            < torch.tensor(list(map(len, part)), device=ids.device)[:, None]
        )
        sums += chosen.double().where(real, 0.0).sum(1).tolist()
    return sums, [len(tail) for tail in tails]
