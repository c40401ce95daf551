"""Rewards by import path: ours, or a function of the user's own with TRL's signature."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from skin_r1.errors import problem

Reward = Callable[..., list[float | None]]


def load_rewards(paths: Sequence[str]) -> list[Reward]:
    """Rewards by import path; modules of the current folder are found too.

    Raises:
        UserError: the module or the name does not exist, or it names no function.
    """
    if os.getcwd() not in sys.path:  # a console script does not look there by itself
        sys.path.append(os.getcwd())
    rewards = []
    for path in paths:
        module_name, _, name = path.rpartition(".")
        if not module_name:
            step = f"write MODULE.NAME, for example reward_fns.{name or 'format_reward'}"
            raise problem(
                "no module is named", column="reward_funcs", found=path, allowed="MODULE.NAME", next_step=step
            )
        try:
            module = import_module(module_name)
        except (ImportError, ValueError) as error:
            raise problem("no such reward module", column="reward_funcs", found=path, next_step=str(error)) from error
        if not hasattr(module, name):
            choices = [f"{module_name}.{key}" for key in vars(module) if key.endswith("_reward")]
            raise problem("no such reward", column="reward_funcs", found=path, allowed=choices)
        reward = getattr(module, name)
        if not callable(reward):
            raise problem(
                "this is no function", column="reward_funcs", found=path, allowed="a function with TRL's signature"
            )
        rewards.append(reward)
    return rewards
