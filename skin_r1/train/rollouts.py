"""The one boundary to vLLM: what TRL 1.16 gets wrong about rollouts of image prompts, each with its removal condition."""

from collections.abc import Sequence
from itertools import groupby


def one_placeholder_per_image(ids: Sequence[int], placeholder: int) -> list[int]:
    """Collapse each run of image placeholders into one."""
    out: list[int] = []
    for identifier, run in groupby(ids):
        out += [identifier] if identifier == placeholder else list(run)
    return out
