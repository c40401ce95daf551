"""The least that is asked of a reward: it tells the gold answer from an empty one."""

from collections.abc import Mapping, Sequence
from typing import Any

from skin_r1.errors import problem
from skin_r1.gold import gold_answer
from skin_r1.reward_check.pay import name_of, pay
from skin_r1.rewards import Reward


def check_gold(reward: Reward, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a reward that does not tell the gold answer from an empty one: all answers would pass, or none.

    Enough for curation, which sorts cases by their reward and optimizes nothing; GRPO asks for the whole check.

    Raises:
        UserError: naming the case and both values.
    """
    right = pay(reward, "gold", rows, [gold_answer(row) for row in rows])
    empty = pay(reward, "empty", rows, [""] * len(rows))
    for row, good, bad in zip(rows, right, empty, strict=True):
        silent = good is None and bad is None
        if not silent and (good is None or bad != 0.0 or (row["annotation"] == "dense" and good <= bad)):
            raise problem(
                f"the reward {name_of(reward)} does not tell the gold answer from an empty one",
                column="reward",
                found=f"case {row['case_id']}: gold {good}, empty {bad}",
                allowed="gold above empty, empty 0",
                next_step="skin-r1 rewards check --corpus CORPUS shows every reward on every row",
            )
