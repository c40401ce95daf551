"""Rewards of families, bands of skin types and malignancies, and groups whose answers are all paid alike."""

import math

import pytest
import torch
from trl.trainer.utils import nanstd

from skin_r1.taxonomy import load_ontology
from skin_r1.train.monitor.groups import family_of, group_metrics, zero_variance_share

NAN = math.nan


def test_a_diagnosis_belongs_to_its_family_and_a_shelf_above_families_to_none():
    tree = load_ontology()
    for slug in ("melanoma", "melanoma-in-situ", "basal-cell-carcinoma", "psoriasis"):
        assert family_of(slug) in tree.path(slug) and tree.nodes[family_of(slug)].level == "family"
    group = next(slug for slug, node in tree.nodes.items() if node.level == "group")
    assert family_of(group) is None and family_of(None) is None


def test_means_are_those_of_the_rows_that_a_reward_speaks_on():
    rows = 16
    diagnoses = ["melanoma"] * 8 + ["psoriasis"] * 8
    skin_types = [1, 2] * 4 + [None] * 8
    rewards = torch.tensor([[i / 16, NAN if i % 2 else 1.0] for i in range(rows)])
    means = group_metrics(diagnoses, skin_types, rewards, ["diagnosis_reward", "grounding_reward"])
    family, other = family_of("melanoma"), family_of("psoriasis")
    assert means == {
        f"family/{family}/diagnosis_reward": pytest.approx(3.5 / 16),
        f"family/{other}/diagnosis_reward": pytest.approx(11.5 / 16),
        "malignancy/malignant/diagnosis_reward": pytest.approx(3.5 / 16),
        "malignancy/non-neoplastic/diagnosis_reward": pytest.approx(11.5 / 16),
        "skin_type/1-2/diagnosis_reward": pytest.approx(3.5 / 16),
    }  # grounding speaks on 4 rows of each group, fewer than 8; the unknown skin types are no band


def test_a_group_is_told_from_its_eighth_value_on():
    for count, told in ((7, False), (8, True)):
        rewards = torch.full((8, 1), 0.25)
        rewards[count:] = NAN
        means = group_metrics(["melanoma"] * 8, [5] * 8, rewards, ["diagnosis_reward"])
        assert ("skin_type/5-6/diagnosis_reward" in means) is told


def test_the_order_of_the_rows_and_so_the_process_that_held_them_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    slugs = ["melanoma", "psoriasis", "basal-cell-carcinoma", None, "no-such-slug"]
    diagnoses = [slugs[i] for i in torch.randint(5, (64,), generator=generator).tolist()]
    skin_types = [i or None for i in torch.randint(7, (64,), generator=generator).tolist()]
    rewards = torch.rand(64, 3, generator=generator)
    order = torch.randperm(64, generator=generator).tolist()
    names = ["a", "b", "c"]
    straight = group_metrics(diagnoses, skin_types, rewards, names)
    mixed = group_metrics([diagnoses[i] for i in order], [skin_types[i] for i in order], rewards[order], names)
    assert straight and mixed == pytest.approx(straight)


def test_a_group_without_spread_in_the_weighted_sum_counts():
    rewards = torch.tensor(
        [
            *[[0.5, 1.0], [0.5, 1.0]],  # alike
            *[[0.0, 1.0], [1.0, 1.0]],  # spread in the first
            *[[NAN, 1.0], [NAN, 1.0]],  # alike where only one speaks
            *[[NAN, NAN], [NAN, NAN]],  # nobody speaks
            *[[NAN, NAN], [1.0, 1.0]],  # one answer is judged: nothing to compare it with
            *[[0.0, 0.2], [0.0, 0.8]],  # spread in the second
        ]
    )
    assert zero_variance_share(rewards, torch.tensor([1.0, 0.5]), 2) == pytest.approx(4 / 6)
    assert zero_variance_share(rewards, torch.tensor([1.0, 0.0]), 2) == pytest.approx(5 / 6)


def test_it_agrees_with_trl_where_trl_looks_at_groups():
    """TRL's rule for `scale_rewards: group` (grpo_trainer.py, `is_std_zero`) on drawn rewards, some of them None."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        rewards = torch.randint(3, (32, 2), generator=generator) / 2
        rewards[torch.rand(32, 2, generator=generator) < 0.2] = NAN
        rewards[rewards.isnan().all(dim=1), 0] = 0.0
        weights = torch.tensor([0.2, 1.0])
        summed = (rewards * weights).nansum(dim=1)
        deviation = nanstd(summed.view(-1, 4), dim=1)
        expected = torch.isclose(deviation, torch.zeros_like(deviation), atol=1e-6).float().mean().item()
        assert zero_variance_share(rewards, weights, 4) == pytest.approx(expected)


def test_rewards_that_cancel_out_in_the_sum_teach_where_each_is_normalised():
    paid = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert zero_variance_share(paid, torch.ones(2), 4) == 1.0
    assert zero_variance_share(paid, torch.ones(2), 4, apart=True) == 0.0
    alike = torch.tensor([[1.0, torch.nan], [1.0, torch.nan]])
    assert zero_variance_share(alike, torch.ones(2), 2, apart=True) == 1.0
