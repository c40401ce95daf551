"""Fairness: equal to scoring each group alone, silent on small groups, and calling no noise a gap."""

import numpy as np
import pytest

from eval.fairness import MIN_CASES, fairness
from eval.groups import ATTRIBUTES
from eval.metrics import build_metrics
from eval.statistics.bootstrap import Ranked

KNOWN = dict.fromkeys(ATTRIBUTES, "unknown")
CLASSES = ("melanoma", "melanocytic-nevus", "basal-cell-carcinoma")


def cases(scored, counts, right, seed=0):
    """`counts` cases of each skin type, of which the share `right` is diagnosed rightly; two cases a patient."""
    rng, out = np.random.default_rng(seed), []
    for band, count in counts.items():
        for number in range(count):
            truth = str(rng.choice(CLASSES))
            said = truth if rng.random() < right[band] else str(rng.choice(CLASSES))
            group = f"{band}-{number // 2}"
            out.append(scored(truth, said, group=group, about={**KNOWN, "skin_type": band}))
    return out


def test_a_group_has_the_metrics_of_its_cases_alone(scored):
    scores = cases(scored, {"I-II": 60, "III-IV": 40, "unknown": 30}, {"I-II": 0.9, "III-IV": 0.5, "unknown": 0.7})
    correct = np.array([float(score.correct) for score in scores])
    ranked = Ranked("accuracy", lambda on: lambda w: w @ correct[on] / w.sum(axis=1), np.ones(len(scores), dtype=bool))
    metrics = build_metrics(scores)
    found = fairness(metrics, scores, seed=0, resamples=300)["skin_type"]
    again = fairness([ranked], scores, seed=0, resamples=300)["skin_type"]["accuracy"]
    for band in ("I-II", "III-IV", "unknown"):
        alone = {m.name: m.value() for m in build_metrics([s for s in scores if s.about["skin_type"] == band])}
        for name in alone:
            if np.isnan(alone[name]):
                assert band not in found[name].groups
            else:
                assert found[name].groups[band].value == pytest.approx(alone[name], abs=1e-9), name
        assert again.groups[band] == pytest.approx(found["accuracy"].groups[band])
    accuracy = found["accuracy"]
    assert (accuracy.best, accuracy.worst) == ("I-II", "III-IV")
    high, low = (accuracy.groups[band].value for band in ("I-II", "III-IV"))
    assert accuracy.gap.value == pytest.approx(high - low) and accuracy.even == pytest.approx(1 - (high - low) / high)
    assert 0 < accuracy.gap.low < accuracy.gap.value < accuracy.gap.high
    assert found["unread_rate"].even is None  # nobody has any


def test_worst_is_highest_where_lower_is_better(scored):
    scores = [
        scored(
            "melanoma", "melanoma", group=f"{band}{i}", predicted_malignancy="benign" if i < missed else "malignant"
        )
        for band, missed in (("I-II", 5), ("V-VI", 20))
        for i in range(40)
    ]
    scores = [scored(**{**vars(s), "about": {**KNOWN, "skin_type": s.group.rstrip("0123456789")}}) for s in scores]
    found = fairness(build_metrics(scores), scores, seed=0, resamples=200)["skin_type"]["missed_malignancy_rate"]
    assert (found.best, found.worst) == ("I-II", "V-VI")
    assert found.gap.value == pytest.approx(15 / 40) and found.gap.low > 0


def test_small_groups_and_the_unknown_are_shown_and_not_ranked(scored):
    counts = {"I-II": 60, "III-IV": MIN_CASES - 1, "unknown": 60}
    scores = cases(scored, counts, {"I-II": 0.9, "III-IV": 0.1, "unknown": 0.2})
    found = fairness(build_metrics(scores), scores, seed=0, resamples=100)["skin_type"]["accuracy"]
    assert set(found.groups) == set(counts)
    assert found.best is found.worst is found.gap is found.even is None
    assert found.aside == {"III-IV": f"under {MIN_CASES} cases", "unknown": "unknown"}
    one = [scored("melanoma", "melanoma", about={**KNOWN, "skin_type": "V-VI"}) for _ in range(50)]  # one patient
    scores = [*cases(scored, {"I-II": 60}, {"I-II": 0.5}), *one]
    found = fairness(build_metrics(scores), scores, seed=0, resamples=100)["skin_type"]["accuracy"]
    assert found.gap is None and found.aside == {"V-VI": "1 of 10 patients"}


def test_equal_groups_have_a_gap_whose_interval_holds_nothing_most_of_the_time(scored):
    held = 0
    for seed in range(30):
        scores = cases(scored, {"I-II": 60, "V-VI": 60}, {"I-II": 0.6, "V-VI": 0.6}, seed)
        gap = fairness(build_metrics(scores)[:1], scores, seed=seed, resamples=200)["skin_type"]["accuracy"].gap
        held += gap.low <= 0
    assert held >= 25
