"""What GRPO's averages hide: the rewards of each family, band of skin types and malignancy, and groups without spread."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from skin_r1.distill.composer.plan import band
from skin_r1.taxonomy import load_ontology
from skin_r1.train.data.bands import SAME

LEAST = 8
"""Completions that a reward must have spoken on for a group's mean to be told. A mean over 8 values in [0, 1] has a
standard error of up to 0.18: one logged value is a hint, and the curve is the message."""


@lru_cache(maxsize=1 << 12)
def family_of(slug: str | None) -> str | None:
    """The family of a diagnosis (`melanoma-in-situ` -> `melanocytic-malignancy`); None above families and for None."""
    tree = load_ontology()
    path = tree.path(slug) if slug is not None and slug in tree.nodes else ()
    return next((node for node in path if tree.nodes[node].level == "family"), None)


def group_metrics(
    diagnoses: Sequence[str | None],
    skin_types: Sequence[int | None],
    rewards: Tensor,
    names: Sequence[str],
    least: int = LEAST,
) -> dict[str, float]:
    """Mean of each reward in each group of a batch.

    Every process computes the same from the same gathered batch, in which a case may stand on any of them.

    Args:
        diagnoses: the true slug of each row.
        skin_types: its Fitzpatrick type, 1-6, or None. A row of unknown type is in no band: "unknown" is no group of
            people, and where most types are unknown its mean is nearly that of all rows.
        rewards: [rows, rewards], gathered over all processes; NaN where a reward does not apply.
        names: of the rewards.
        least: fewest values for a mean; smaller groups are left out.

    Returns:
        `family/<slug>/<reward>`, `skin_type/<1-2, 3-4 or 5-6>/<reward>` and `malignancy/<class>/<reward>` -> mean.
    """
    tree = load_ontology()
    members: dict[str, list[int]] = defaultdict(list)
    for row, (slug, skin_type) in enumerate(zip(diagnoses, skin_types, strict=True)):
        if family := family_of(slug):
            members[f"family/{family}"].append(row)
        if skin_type is not None:
            members[f"skin_type/{band(skin_type)}"].append(row)
        if slug is not None and slug in tree.nodes and (malignancy := tree.malignancy(slug)):
            members[f"malignancy/{malignancy}"].append(row)
    values = rewards.cpu()
    means = {}
    for group in sorted(members):
        for name, column in zip(names, values[members[group]].T, strict=True):  # column: [rows of the group]
            spoken = column[~column.isnan()]
            if len(spoken) >= least:
                means[f"{group}/{name}"] = spoken.mean().item()
    return means


def zero_variance_share(
    rewards_per_func: Tensor, weights: Tensor, num_generations: int, *, apart: bool = False
) -> float:
    """Share, 0 to 1, of the groups whose answers are all paid alike, so that GRPO learns nothing from them.

    TRL's `frac_reward_zero_std` says so only with `scale_rewards: group` or `none`; with `batch`, or when rewards are
    normalised before they are summed, TRL 1.16 takes the deviation of the whole batch instead.

    Args:
        rewards_per_func: [groups * num_generations, rewards], gathered; NaN where a reward does not apply.
        weights: [rewards].
        num_generations: answers to a prompt; they lie side by side.
        apart: rewards are normalised before they are summed (`normalize_then_sum`), so a group teaches as soon as one
            reward of it has spread.
    """
    weighted = rewards_per_func * weights.to(rewards_per_func.device)  # [rows, rewards]
    silent = rewards_per_func.isnan().all(dim=1, keepdim=True)  # an answer that no reward judges moves nothing either
    paid = weighted if apart else weighted.nansum(dim=1, keepdim=True).masked_fill(silent, torch.nan)
    groups = paid.view(-1, num_generations, paid.shape[1])  # [groups, answers, rewards or their sum]
    most = groups.nan_to_num(-torch.inf).amax(dim=1)
    least = groups.nan_to_num(torch.inf).amin(dim=1)
    return (most - least <= SAME).all(dim=1).double().mean().item()  # nobody judged: -inf - inf, which is no spread
