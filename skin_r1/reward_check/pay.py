"""Pay answers as TRL would, and tell a user what is wrong with a reward that cannot."""

import asyncio
from collections.abc import Mapping, Sequence
from inspect import isawaitable, signature
from math import isfinite
from typing import Any

from skin_r1.errors import problem
from skin_r1.rewards import Reward

Paid = tuple[float | None, ...]


def name_of(reward: Reward) -> str:
    """The name that TRL logs it under."""
    return getattr(reward, "__name__", repr(reward))


def pay(reward: Reward, kind: str, rows: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> Paid:
    """What a reward pays one answer to each row, given what TRL's GRPOTrainer hands it (`_calculate_rewards`, trl 1.16).

    `completion_ids` are the bytes of the text: no tokenizer is loaded. `trainer_state` is None, and what is logged is lost.

    Args:
        reward: synchronous or not.
        kind: what to call the answers in an error.
        rows: Case rows with their `prompt`; all columns are handed over.
        answers: texts.

    Raises:
        UserError: it raises, does not give one value per answer, or gives something else than a finite number or None.
    """
    try:
        values = _call(reward, rows, answers)
    except Exception as error:
        row, cause = _culprit(reward, rows, answers, error)
        raise problem(
            f"the reward {name_of(reward)} raises {type(cause).__name__} on the answer {kind!r}",
            found=f"case {row}: {cause}",
            next_step="mend the reward: whatever a model may say, it pays a number or None",
        ) from error
    if not hasattr(values, "__len__"):
        raise problem(f"the reward {name_of(reward)} gives no list of values", found=values, allowed="a list")
    if len(values) != len(answers):
        raise problem(
            f"the reward {name_of(reward)} gives the wrong number of values",
            found=len(values),
            allowed=f"{len(answers)}, one per completion",
        )
    return tuple(_number(value, reward, kind, row) for value, row in zip(values, rows, strict=True))


def _call(reward: Reward, rows: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> Any:
    columns: dict[str, Any] = {key: [row[key] for row in rows] for key in rows[0] if key != "prompt"}
    if "completion_ids" in signature(reward).parameters:
        columns["completion_ids"] = [list(answer.encode()) for answer in answers]
    values: Any = reward(
        prompts=[row["prompt"] for row in rows],
        completions=[[{"role": "assistant", "content": answer}] for answer in answers],
        trainer_state=None,
        log_extra=_unlogged,
        log_metric=_unlogged,
        **columns,
    )
    return asyncio.run(values) if isawaitable(values) else values  # type: ignore[arg-type]


def _unlogged(name: str, value: Any) -> None:
    """Takes what a reward logs."""


def _culprit(
    reward: Reward, rows: Sequence[Mapping[str, Any]], answers: Sequence[str], error: Exception
) -> tuple[str, Exception]:
    """The first row on which the reward raises alone, and what; else all of them."""
    for row, answer in zip(rows, answers, strict=True):
        try:
            _call(reward, [row], [answer])
        except Exception as own:
            return str(row["case_id"]), own
    return f"{rows[0]['case_id']} and {len(rows) - 1} more together", error


def _number(value: Any, reward: Reward, kind: str, row: Mapping[str, Any]) -> float | None:
    if value is None:
        return None
    try:
        number = float("nan") if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise problem(
            f"the reward {name_of(reward)} pays what is no number on the answer {kind!r}",
            found=f"case {row['case_id']}: {value!r}",
            allowed="a finite number, or None where the reward does not apply",
        )
    return number
