"""Rewards with TRL's signature: `f(prompts, completions, **columns) -> list[float | None]`, one value in [0, 1] each.

None means that the reward does not apply to the row; a completion that does not parse scores 0. All are plain functions:
deterministic, picklable, without I/O. The columns they read are those of `skin_r1.case.Case`.
"""

from reward_fns.brevity import brevity_reward
from reward_fns.consistency import consistency_reward
from reward_fns.diagnosis import diagnosis_reward
from reward_fns.differential import differential_reward
from reward_fns.expected import expected_grounding_reward
from reward_fns.format import format_reward
from reward_fns.grounding import gated_grounding_reward, grounding_reward
from reward_fns.malignancy import malignancy_reward
from reward_fns.novelty import novelty_reward

__all__ = [
    "brevity_reward",
    "consistency_reward",
    "diagnosis_reward",
    "differential_reward",
    "expected_grounding_reward",
    "format_reward",
    "gated_grounding_reward",
    "grounding_reward",
    "malignancy_reward",
    "novelty_reward",
]
