"""The bootstrap: seeded, clustered, fast, and honest about what is undefined."""

import time

import numpy as np
import pytest

from eval.metrics import build_metrics
from eval.statistics.bootstrap import estimate, resample, weights
from skin_r1.ontology import load_ontology


def test_the_same_seed_gives_the_same_interval(scored):
    metrics = build_metrics(
        [scored("melanocytic-nevus", "melanocytic-nevus" if i % 3 else "melanoma") for i in range(60)]
    )
    groups = [f"g{i // 2}" for i in range(60)]
    first = estimate(metrics, groups, seed=1, resamples=500)
    assert first == estimate(metrics, groups, seed=1, resamples=500)
    assert first["accuracy"] != estimate(metrics, groups, seed=2, resamples=500)["accuracy"]
    low, value, high = first["accuracy"].low, first["accuracy"].value, first["accuracy"].high
    assert low < value < high


def test_one_matrix_product_equals_drawing_the_cases_one_by_one(scored):
    rng = np.random.default_rng(0)
    names = ["melanocytic-nevus", "melanoma", "basal-cell-carcinoma"]
    scores = [scored(str(rng.choice(names)), str(rng.choice(names))) for _ in range(40)]
    groups = [f"g{i}" for i in rng.integers(0, 12, 40)]
    fast = resample(build_metrics(scores), groups, seed=5, resamples=20)
    order = sorted(set(groups))
    drawn = np.concatenate(list(weights(len(order), seed=5, resamples=20)))
    for column, times in enumerate(drawn.astype(int)):
        again = [s for s, g in zip(scores, groups, strict=True) for _ in range(times[order.index(g)])]
        np.testing.assert_allclose(fast[:, column], [metric.value() for metric in build_metrics(again)])


def test_duplicates_within_a_group_do_not_narrow_the_interval(scored):
    """Copying every case ten times within its group adds no information: the interval must stay as it was."""
    scores = [scored("melanocytic-nevus", "melanocytic-nevus" if i % 2 else "melanoma") for i in range(30)]
    groups = [f"g{i:02d}" for i in range(30)]
    once = estimate(build_metrics(scores), groups, seed=0, resamples=1000)["accuracy"]
    copied = estimate(build_metrics(scores * 10), groups * 10, seed=0, resamples=1000)["accuracy"]
    apart = estimate(build_metrics(scores * 10), [f"c{i}" for i in range(300)], seed=0, resamples=1000)["accuracy"]
    assert (once.low, once.high) == pytest.approx((copied.low, copied.high))
    assert apart.high - apart.low < 0.5 * (copied.high - copied.low)


def test_undefined_is_null_with_n_0_and_one_group_has_no_interval(scored):
    scores = [scored("melanoma", "melanoma"), *[scored("melanocytic-nevus", "melanocytic-nevus") for _ in range(5)]]
    found = estimate(build_metrics(scores), list("abcdef"), seed=0, resamples=200)
    assert found["grounding_f1"] == (None, None, None, 0)
    assert found["malignancy_sensitivity"] == (1.0, None, None, 1)
    assert found["malignancy_specificity"] == (1.0, 1.0, 1.0, 5)


def test_the_interval_covers_the_truth_about_as_often_as_it_says(scored):
    rng = np.random.default_rng(7)
    covered = 0
    for trial in range(60):
        hits = rng.random(80) < 0.7
        found = estimate(
            build_metrics([scored("melanocytic-nevus", "melanocytic-nevus" if hit else "melanoma") for hit in hits]),
            [str(i) for i in range(80)],
            seed=trial,
            resamples=300,
        )["accuracy"]
        covered += found.low <= 0.7 <= found.high
    assert covered >= 52


def test_2000_resamples_of_1000_cases_take_seconds(scored):
    names = list(load_ontology().nodes)[:40]
    scores = [scored(names[i % 40], names[i % 37]) for i in range(1000)]
    start = time.process_time()
    estimate(build_metrics(scores), [f"g{i // 2}" for i in range(1000)], seed=0, resamples=2000)
    assert time.process_time() - start < 5
