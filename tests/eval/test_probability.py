"""Metrics of label scores against scikit-learn, torchmetrics and the definitions written out, ties and absences included."""

import time

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
)

from eval.label_scores import LabelTable, label_table, log_probabilities
from eval.metrics.binning import bin_of, bin_totals, debiased_error, expected_error
from eval.metrics.probability import COVERAGES, NAMES, SENSITIVITIES, SPECIFICITIES, probability
from eval.statistics.bootstrap import Metric, estimate
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology

CLASSES = ["actinic-keratosis", "basal-cell-carcinoma", "melanocytic-nevus", "melanoma", "psoriasis"]
EXACT = {"abs": 1e-9, "rel": 0}


def drawn(seed: int, cases: int = 150, *, decimals: int = 9, never: int = 0, sharper: float = 1) -> LabelTable:
    """Random scores that know a little; fewer decimals make ties; the class `never` has no true case."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([c for c in range(len(CLASSES)) if c != never], cases)
    logits = rng.normal(size=(cases, len(CLASSES)))
    logits[np.arange(cases), truth] += 1
    slugs = [CLASSES[t] for t in truth]
    scores = [dict(zip(CLASSES, row, strict=True)) for row in np.round(sharper * logits, decimals).tolist()]
    return label_table(scores, slugs, [load_ontology().malignancy(slug) for slug in slugs])


def values(table: LabelTable) -> dict[str, float]:
    return {metric.name: metric.value() for metric in probability(table)}


def rows(table: LabelTable, chosen: np.ndarray) -> LabelTable:
    return LabelTable(
        table.classes,
        table.log_p[chosen],
        table.truth[chosen],
        tuple(np.array(table.malignancy, dtype=object)[chosen]),
    )


def by_scikit_learn(table: LabelTable) -> dict[str, float]:
    p, truth = table.log_p, table.truth
    present = [c for c in range(len(table.classes)) if (truth == c).any()]
    found = {
        "roc_auc": np.mean([roc_auc_score(truth == c, p[:, c]) for c in present]),
        "auprc": np.mean([average_precision_score(truth == c, p[:, c]) for c in present]),
    }
    for name, kinds in (("malignant", ["malignant"]), ("malignant_or_premalignant", ["malignant", "premalignant"])):
        score = np.log(table.p[:, [load_ontology().malignancy(c) in kinds for c in table.classes]].sum(axis=1)).round(
            9
        )
        sick = np.isin(table.malignancy, kinds)
        found[f"{name}_roc_auc"] = roc_auc_score(sick, score)
        found[f"{name}_auprc"] = average_precision_score(sick, score)
        if name == "malignant":
            fpr, tpr, _ = roc_curve(sick, score, drop_intermediate=False)
            for at in SPECIFICITIES:
                found[f"malignant_sensitivity_at_{at}"] = tpr[1 - fpr >= at / 100 - 1e-12].max()
            for at in SENSITIVITIES:
                found[f"malignant_specificity_at_{at}"] = (1 - fpr)[tpr >= at / 100 - 1e-12].max()
    return found


def by_definition(confidence: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    """Risk and coverage case by case; the wrong ones first among the equally confident."""
    order = sorted(range(len(correct)), key=lambda i: (-confidence[i], correct[i]))
    wrong = np.array([not correct[i] for i in order])
    risks = [wrong[:k].mean() for k in range(1, len(wrong) + 1)]
    best = [np.sort(wrong)[:k].mean() for k in range(1, len(wrong) + 1)]
    found = {"aurc": np.mean(risks), "excess_aurc": np.mean(risks) - np.mean(best)}
    for at in COVERAGES:
        found[f"accuracy_at_coverage_{at}"] = 1 - risks[-(-at * len(wrong) // 100) - 1]
    return found


@pytest.mark.parametrize("decimals", [9, 1, 0], ids=["no ties", "some ties", "many ties"])
def test_each_resample_equals_the_reference_on_the_repeated_cases(decimals):
    table = drawn(1, decimals=decimals)
    # Logarithms of sums differ in the last digit however they are summed: equal scores must be equal in both.
    rounded = LabelTable(table.classes, np.round(table.log_p, 9), table.truth, table.malignancy)
    rng = np.random.default_rng(2)
    weights = np.concatenate([np.ones((1, 150)), rng.poisson(0.7, (12, 150))]).astype(float)
    metrics = {metric.name: metric for metric in probability(rounded)}
    for row, times in enumerate(weights.astype(int)):
        again = rows(rounded, np.repeat(np.arange(150), times))
        confidence, correct = again.p.max(axis=1), again.hits(1)
        expected = by_definition(confidence, correct)
        if decimals == 9:
            expected |= by_scikit_learn(again)
        else:  # sums of tied classes are compared per class only
            reference = by_scikit_learn(again)
            expected |= {name: reference[name] for name in ("roc_auc", "auprc")}
        for name, value in expected.items():
            assert metrics[name].statistic(weights)[row] == pytest.approx(value, **EXACT), name


@pytest.mark.parametrize("levels", [3, 10, 1000])
def test_malignancy_curves_with_ties_equal_scikit_learn(levels):
    """One malignant and one benign class: the summed probability is one score, tied as often as we like."""
    rng = np.random.default_rng(levels)
    p = rng.integers(1, levels, 200) / levels
    sick = rng.random(200) < 0.2 + 0.4 * p
    slugs = ["melanoma" if s else "melanocytic-nevus" for s in sick]
    table = label_table(
        [{"melanoma": float(np.log(x)), "melanocytic-nevus": float(np.log1p(-x))} for x in p],
        slugs,
        [load_ontology().malignancy(slug) for slug in slugs],
    )
    log_p = table.log_p[:, table.classes.index("melanoma")]
    fpr, tpr, _ = roc_curve(sick, log_p, drop_intermediate=False)
    found = values(table)
    assert found["malignant_roc_auc"] == pytest.approx(roc_auc_score(sick, log_p), **EXACT)
    assert found["malignant_auprc"] == pytest.approx(average_precision_score(sick, log_p), **EXACT)
    for at in SPECIFICITIES:
        expected = tpr[1 - fpr >= at / 100 - 1e-12].max()
        assert found[f"malignant_sensitivity_at_{at}"] == pytest.approx(expected, **EXACT)
    for at in SENSITIVITIES:
        expected = (1 - fpr)[tpr >= at / 100 - 1e-12].max()
        assert found[f"malignant_specificity_at_{at}"] == pytest.approx(expected, **EXACT)


def test_proper_scores_and_top_k_equal_scikit_learn():
    table, labels = drawn(3, 400), range(len(CLASSES))
    found = values(table)
    assert found["nll"] == pytest.approx(log_loss(table.truth, table.p, labels=labels), **EXACT)
    brier = brier_score_loss(table.truth, table.p, labels=labels, scale_by_half=False)
    assert found["brier"] == pytest.approx(brier, **EXACT)
    for k in (1, 3):
        expected = top_k_accuracy_score(table.truth, table.p, k=k, labels=labels)
        assert found[f"score_top_{k}_accuracy"] == pytest.approx(expected, **EXACT)
    assert found["score_top_5_accuracy"] == 1.0


def test_calibration_errors_equal_torchmetrics():
    import torch
    from torchmetrics.functional.classification import binary_calibration_error
    from torchmetrics.functional.classification.calibration_error import _ce_compute

    table = drawn(4, 900, sharper=3)
    confidence, correct = table.confidence, table.hits(1)
    expected = binary_calibration_error(torch.tensor(confidence), torch.tensor(correct).long(), n_bins=15, norm="l1")
    assert values(table)["ece_width"] == pytest.approx(float(expected), **EXACT)
    # torchmetrics keeps bins of one case, the authors of the method do not: compare where no bin has one
    where = bin_of(confidence, "width")
    several = np.bincount(where)[where] > 1
    confidence, correct, where = confidence[several], correct[several], where[several]
    sums = bin_totals(confidence, correct, where).sum(axis=0)
    debiased = _ce_compute(torch.tensor(confidence), torch.tensor(correct).double(), 15, norm="l2", debias=True)
    assert debiased > 0
    assert debiased_error(sums) == pytest.approx(float(debiased), **EXACT)


def test_bins_of_equal_mass_by_definition():
    table = drawn(5, 600, sharper=3)
    order = np.argsort(table.confidence)
    parts = np.array_split(order, 15)
    confidence, correct = table.confidence, table.hits(1)
    ece = sum(abs(correct[part].mean() - confidence[part].mean()) * len(part) for part in parts) / 600
    squares = sum(
        40 * ((correct[part].mean() - confidence[part].mean()) ** 2 - correct[part].var() / 39) for part in parts
    )
    found = values(table)
    assert found["ece_mass"] == pytest.approx(ece, **EXACT)
    assert found["ece_debiased"] == pytest.approx(np.sqrt(squares / 600), **EXACT)


def test_edges_of_bins():
    assert bin_of(np.array([0.0, 0.1, 0.2, 0.2000001, 1.0]), "width", bins=5).tolist() == [0, 0, 0, 1, 4]
    assert bin_of(np.array([0.5, 0.9, 0.5, 0.5]), "mass", bins=2).tolist() == [0, 1, 0, 0]  # ties stay together
    assert (bin_of(np.full(20, 0.7), "mass") == 0).all()


def test_risk_and_coverage_by_hand():
    """Five answers, most confident first: right, wrong, right, wrong, right."""
    p = [0.9, 0.8, 0.7, 0.6, 0.55]
    truth = ["melanoma", "psoriasis", "melanoma", "psoriasis", "melanoma"]
    scores = [{"melanoma": float(np.log(x)), "psoriasis": float(np.log1p(-x))} for x in p]
    found = values(label_table(scores, truth, [None] * 5))
    assert found["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4 + 2 / 5) / 5, **EXACT)
    least = (0 + 0 + 0 + 1 / 4 + 2 / 5) / 5
    assert found["excess_aurc"] == pytest.approx(found["aurc"] - least, **EXACT)
    assert found["accuracy_at_coverage_50"] == pytest.approx(2 / 3)  # 3 of 5 answered
    assert found["accuracy_at_coverage_80"] == pytest.approx(2 / 4)


def test_a_tie_is_wrong_whatever_the_order():
    even = {slug: -1.0 for slug in CLASSES}
    for truth in CLASSES:
        found = values(label_table([even] * 4, [truth] * 4, ["malignant"] * 4))
        assert found["score_top_1_accuracy"] == found["score_top_3_accuracy"] == 0.0
        assert found["score_top_5_accuracy"] == 1.0
        assert found["score_missed_malignancy_rate"] == 1.0
        assert found["aurc"] == pytest.approx(1.0, **EXACT)


def test_a_class_without_a_score_is_never_a_hit():
    table = label_table([{"melanoma": -0.1, "psoriasis": -3.0}], ["melanocytic-nevus"], ["benign"])
    found = values(table)
    assert found["score_top_5_accuracy"] == 0.0
    assert found["nll"] == pytest.approx(-np.log(np.finfo(float).eps))  # the floor


def test_missed_malignancies_by_hand():
    scores = [
        {"melanoma": -0.1, "melanocytic-nevus": -3.0},  # called
        {"melanoma": -3.0, "melanocytic-nevus": -0.1},  # missed
        {"melanoma": -3.0, "basal-cell-carcinoma": -1.0, "melanocytic-nevus": -1.5},  # called by another malignancy
        {"melanoma": -1.0, "basal-cell-carcinoma": -1.0, "melanocytic-nevus": -0.9},  # missed, though likely in sum
        {"melanoma": -3.0, "melanocytic-nevus": -0.1},  # benign
    ]
    table = label_table(scores, ["melanoma"] * 4 + ["melanocytic-nevus"], ["malignant"] * 4 + ["benign"])
    found = {metric.name: metric for metric in probability(table)}
    assert found["score_missed_malignancy_rate"].value() == 0.5
    assert found["score_missed_malignancy_rate"].applies.sum() == 4
    in_sum = np.log((2 * np.exp(-1)) / (2 * np.exp(-1) + np.exp(-0.9)))
    assert table.log_p_of(["malignant"])[3] == pytest.approx(in_sum)


def test_every_metric_has_a_name_and_no_case_makes_all_undefined():
    for table in (label_table([], [], []), label_table([None, {}], ["melanoma", None], ["malignant", None])):
        found = values(table)
        assert list(found) == list(NAMES)
        assert np.isnan(list(found.values())).all()


def test_cases_without_scores_or_truth_change_nothing():
    table = drawn(6)
    mixed = LabelTable(
        table.classes,
        np.concatenate([np.full((3, 5), np.nan), table.log_p, table.log_p[:2]]),
        np.concatenate([[0, 1, 2], table.truth, [-1, -1]]),
        ("malignant", "benign", None, *table.malignancy, None, "indeterminate"),
    )
    assert values(mixed) == pytest.approx(values(table), **EXACT)


def test_a_fold_of_one_class():
    slugs = ["melanoma"] * 20
    scores = [{"melanoma": float(-i), "psoriasis": -2.0} for i in range(20)]
    found = values(label_table(scores, slugs, ["malignant"] * 20))
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {
        "roc_auc",
        "malignant_roc_auc",
        "malignant_or_premalignant_roc_auc",
        *(f"malignant_sensitivity_at_{at}" for at in SPECIFICITIES),
        *(f"malignant_specificity_at_{at}" for at in SENSITIVITIES),
    }
    assert found["auprc"] == found["malignant_auprc"] == 1.0


def test_a_group_has_the_metrics_of_its_cases():
    """Bins are laid on all cases; every other metric of a group is that of its cases alone."""
    table = drawn(7)
    chosen = np.arange(150) % 3 == 0
    alone = values(rows(table, np.flatnonzero(chosen)))
    for metric in probability(table):
        if not metric.name.startswith("ece_"):
            assert metric.within(chosen).value() == pytest.approx(alone[metric.name], **EXACT), metric.name
        assert np.isnan(metric.within(np.zeros(150, dtype=bool)).value())


def test_the_order_of_the_cases_changes_nothing():
    table = drawn(8, decimals=0)
    shuffled = rows(table, np.random.default_rng(0).permutation(150))
    assert values(shuffled) == pytest.approx(values(table), **EXACT)


def test_no_true_case_of_a_class_in_a_resample_leaves_it_out():
    table = drawn(9)
    metric = next(m for m in probability(table) if m.name == "roc_auc")
    without = table.truth != 3
    assert metric.statistic(without[None].astype(float))[0] == pytest.approx(
        by_scikit_learn(rows(table, np.flatnonzero(without)))["roc_auc"], **EXACT
    )


def test_softmax_is_safe_far_from_zero_and_leaves_out_other_slugs():
    log_p = log_probabilities([{"a": -5000.0, "b": -5001.0, "z": 0.0}, None, {"b": -9.0}], ["a", "b"])
    assert log_p[0] == pytest.approx([-np.log1p(np.exp(-1)), -1 - np.log1p(np.exp(-1))], **EXACT)
    assert np.isnan(log_p[1]).all()
    assert log_p[2].tolist() == [-np.inf, 0.0]


def test_a_slug_that_is_no_diagnosis_is_refused():
    with pytest.raises(UserError, match="not in the ontology") as error:
        label_table([{"melanomma": -1.0}], ["melanoma"], ["malignant"])
    assert "melanomma" in str(error.value)


def test_10000_cases_and_200_resamples_take_a_second():
    table = drawn(10, 10_000)
    metrics = probability(table)
    start = time.process_time()
    found = estimate(metrics, [f"g{i // 2}" for i in range(10_000)], seed=0, resamples=200)
    assert time.process_time() - start < 3  # 0.3 s on an idle core
    for name in ("roc_auc", "auprc", "malignant_sensitivity_at_90", "aurc", "nll"):
        assert found[name].low < found[name].value < found[name].high


def test_the_interval_of_a_calibration_error_mostly_holds_the_truth():
    """Confidence too high by 0.05 in each bin; the percentile interval adds the bias once more and seldom holds it."""
    rng, ones, held = np.random.default_rng(0), np.ones(200, dtype=bool), dict.fromkeys((False, True), 0)
    for seed in range(40):
        confidence = rng.choice(0.5 + np.arange(8) / 15, 200)
        correct = rng.random(200) < confidence - 0.05
        totals = bin_totals(confidence, correct, bin_of(confidence, "width"))
        for biased in held:
            metric = Metric("ece", totals, expected_error, ones, biased)
            found = estimate([metric], [str(case) for case in range(200)], seed=seed, resamples=200)["ece"]
            held[biased] += found.low <= 0.05 <= found.high
    assert held[True] >= 30 and held[False] <= 12
    assert [metric.name for metric in probability(drawn(1)) if getattr(metric, "biased", False)] == [
        "ece_mass",
        "ece_width",
    ]
