"""What is checked before a single step is paid for: the rewards, the rows' length, one forward pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset

from skin_r1.errors import UserError, problem
from skin_r1.gold import gold_answer
from skin_r1.models import with_image_parts
from skin_r1.rewards import Reward


def check_rewards(rewards: Sequence[Reward], rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse rewards that do not tell the right answer from an empty one on these rows.

    A reward may leave a row out (None), but one that speaks must pay the gold answer more than the empty text, and
    the empty text nothing.

    Raises:
        UserError: naming the reward, the row and both values.
    """
    columns = {key: [row[key] for row in rows] for key in rows[0] if key not in ("images", "prompt")}
    prompts = [row["prompt"] for row in rows]
    gold = [[{"role": "assistant", "content": gold_answer(row)}] for row in rows]
    empty = [[{"role": "assistant", "content": ""}] for _ in rows]
    for reward in rewards:
        name = getattr(reward, "__name__", repr(reward))
        right = reward(prompts=prompts, completions=gold, **columns)
        wrong = reward(prompts=prompts, completions=empty, **columns)
        for row, good, bad in zip(rows, right, wrong, strict=True):
            if good is None and bad is None:
                continue
            if good is None or bad is None or bad != 0.0 or (row["annotation"] == "dense" and good <= bad):
                raise problem(
                    f"the reward {name} does not tell the gold answer from an empty one",
                    column=name,
                    found=f"case {row['case_id']}: gold {good}, empty {bad}",
                    allowed="gold above empty, empty 0",
                    next_step="skin-r1 rewards check --corpus CORPUS shows every reward on every row",
                )


def drop_overlong(rows: Dataset, processor: Any, limit: int | None) -> Dataset:
    """Leave out (never truncate) rows whose prompt, image tokens included, is longer than `limit` tokens.

    Raises:
        UserError: no row is left.
    """
    if limit is None:
        return rows
    kept = rows.filter(lambda row: prompt_length(row, processor) <= limit, desc="measuring prompts")
    if len(kept) < len(rows):
        print(f"left out {len(rows) - len(kept)} of {len(rows)} rows: prompts over {limit} tokens", flush=True)
    if len(kept) == 0:
        raise UserError(f"every prompt is longer than max_prompt_tokens={limit}; raise it or shrink the images")
    return kept


def prompt_length(row: Mapping[str, Any], processor: Any) -> int:
    """Tokens of a row's prompt as the trainer will see it, image tokens included."""
    return int(_inputs(row, processor)["input_ids"].shape[1])


def check_forward(row: Mapping[str, Any], model: Any, processor: Any) -> None:
    """One forward pass: image tokens in the prompt equal the image features, and the logits are finite.

    Raises:
        UserError: they do not match, or the logits are not finite.
    """
    try:
        with torch.inference_mode():
            logits = model(**_inputs(row, processor).to(model.device)).logits
    except ValueError as error:
        raise problem("image tokens and image features do not match", found=str(error)) from error
    if not bool(torch.isfinite(logits).all()):
        raise UserError(f"the model's logits are not finite on case {row['case_id']}; check the checkpoint and dtype")


def _inputs(row: Mapping[str, Any], processor: Any) -> Any:
    messages = with_image_parts(row["prompt"], len(row["images"]))
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    images = [[image.convert("RGB") for image in row["images"]]] if row["images"] else None
    return processor(text=[text], images=images, return_tensors="pt")
