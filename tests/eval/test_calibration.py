"""Calibration is exposed and mended, abstention is measured, and prediction sets keep their promise."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from eval.calibration.apply import calibrate
from eval.calibration.conformal import NAMES, Threshold, conformal, fit_conformal, prediction_sets, strangeness
from eval.calibration.consistency import consistency_table, entropy, votes
from eval.calibration.curves import reliability, risk_coverage
from eval.calibration.splits import check_apart, check_fitted_on
from eval.calibration.temperature import RANGE, fit_temperature, scale
from eval.label_scores import LabelTable, log_probabilities
from eval.metrics.probability import probability
from skin_r1.errors import UserError

CLASSES = ("basal-cell-carcinoma", "melanocytic-nevus", "melanoma", "psoriasis")


def table_of(p: np.ndarray, truth: np.ndarray) -> LabelTable:
    with np.errstate(divide="ignore"):
        return LabelTable(CLASSES[: p.shape[1]], np.log(p), np.asarray(truth), (None,) * len(p))


def honest(seed: int, cases: int, *, sharper: float = 1.0) -> LabelTable:
    """The truth is drawn from the probabilities; a `sharper` model then says them too sharply."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), cases)
    truth = (rng.random(cases)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return scale(table_of(p, truth), 1 / sharper)


def values(table: LabelTable) -> dict[str, float]:
    return {metric.name: metric.value() for metric in probability(table)}


def test_an_overconfident_model_is_exposed_and_mended():
    honest_test = values(honest(1, 4000))
    loud = honest(1, 4000, sharper=4)
    exposed = values(loud)
    fitted = fit_temperature(honest(2, 2000, sharper=4), split="validation")
    mended = values(scale(loud, fitted.value))
    for name in ("ece_mass", "ece_width", "ece_debiased"):
        assert honest_test[name] < 0.03 and mended[name] < 0.03 < 0.15 < exposed[name], name
    assert fitted.value == pytest.approx(4, rel=0.08)
    assert fitted.after < fitted.before and not fitted.at_the_end
    assert mended["nll"] < exposed["nll"] and mended["brier"] < exposed["brier"]
    for name in ("score_top_1_accuracy", "score_top_3_accuracy"):  # no answer changes
        assert mended[name] == exposed[name]


def test_an_underconfident_model_is_sharpened():
    assert fit_temperature(honest(3, 2000, sharper=0.5), split="validation").value == pytest.approx(0.5, rel=0.08)


def test_the_fitted_temperature_is_the_least_point():
    """At the least negative log-likelihood the mean logit of the truth equals the mean expected logit."""
    table = honest(4, 500, sharper=3)
    fitted = fit_temperature(table, split="validation")
    expected = (scale(table, fitted.value).p * table.log_p).sum(axis=1)
    assert expected.mean() == pytest.approx(table.log_p_true().mean(), abs=1e-5)
    assert fitted.before == pytest.approx(-table.log_p_true().mean(), abs=1e-9)
    assert fitted.after == pytest.approx(-scale(table, fitted.value).log_p_true().mean(), abs=1e-9)


def test_a_model_that_is_always_right_or_always_wrong_has_no_temperature():
    fitted = fit_temperature(table_of(np.full((9, 2), [0.7, 0.3]), np.zeros(9, dtype=int)), split="validation")
    assert fitted.at_the_end and fitted.value == pytest.approx(RANGE[0])
    always_wrong = table_of(np.full((9, 2), [0.7, 0.3]), np.ones(9, dtype=int))
    assert fit_temperature(always_wrong, split="validation").value == pytest.approx(RANGE[1])


def test_cases_without_scores_or_with_an_unscored_truth_teach_nothing():
    table = honest(5, 300, sharper=2)
    extra = np.array([[np.nan] * 4, np.log([0.5, 0.2, 0.3, 1e-300])])
    extra[1, 3] = -np.inf
    more = LabelTable(
        CLASSES, np.concatenate([table.log_p, extra]), np.concatenate([table.truth, [0, 3]]), (None,) * 302
    )
    assert fit_temperature(more, split="validation") == fit_temperature(table, split="validation")
    scaled = scale(more, 2.0)
    assert np.isnan(scaled.log_p[300]).all() and scaled.log_p[301, 3] == -np.inf
    assert scaled.p[301].sum() == pytest.approx(1)


@pytest.mark.parametrize("split", ["test", "train", "external"])
def test_nothing_is_fitted_on_what_is_judged(split):
    for fit in (
        lambda: check_fitted_on(split),
        lambda: fit_temperature(honest(1, 50), split=split),
        lambda: fit_conformal(honest(1, 50), split=split, method="lac"),
    ):
        with pytest.raises(UserError, match=f"nothing is fitted on the {split} split"):
            fit()


def test_a_patient_in_both_splits_is_refused():
    check_apart(["a", "b"], ["c"])
    with pytest.raises(UserError, match="1 groups are both") as error:
        calibrate(honest(1, 2), honest(2, 2), split="validation", groups=(["a", "b"], ["b", "c"]))
    assert "'b'" in str(error.value)


def test_without_validation_scores_there_is_nothing_to_fit():
    empty = LabelTable(CLASSES, np.full((3, 4), np.nan), np.zeros(3, dtype=int), (None,) * 3)
    with pytest.raises(UserError, match="no validation case"):
        fit_temperature(empty, split="validation")
    with pytest.raises(UserError, match="no validation case"):
        fit_conformal(empty, split="validation", method="aps")
    with pytest.raises(UserError, match="alpha"):
        fit_conformal(honest(1, 9), split="validation", method="lac", alpha=1.0)


def test_the_limit_is_the_finite_sample_quantile():
    p_true = np.array([0.91, 0.82, 0.73, 0.64, 0.55, 0.46, 0.37, 0.28, 0.19])
    table = table_of(np.stack([p_true, 1 - p_true], axis=1), np.zeros(9, dtype=int))
    # ceil(10 x 0.9) = 9: the greatest of nine; ceil(10 x 0.75) = 8
    assert fit_conformal(table, split="validation", method="lac", alpha=0.1).limit == pytest.approx(0.81)
    assert fit_conformal(table, split="validation", method="lac", alpha=0.25).limit == pytest.approx(0.72)
    few = fit_conformal(
        table_of(np.exp(table.log_p[:8]), table.truth[:8]), split="validation", method="lac", alpha=0.1
    )
    assert few.limit == math.inf and few.cases == 8
    assert prediction_sets(table, few).all()


def test_sets_by_hand():
    p = np.array([[0.6, 0.3, 0.1], [0.34, 0.33, 0.33], [0.5, 0.5, 0.0]])
    table = table_of(p, np.array([1, 2, 0]))
    assert strangeness(p, "aps") == pytest.approx(np.array([[0.6, 0.9, 1.0], [0.34, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    lac = prediction_sets(table, Threshold("lac", 0.1, 0.65, 100))
    assert lac.tolist() == [[True, False, False], [False, False, False], [True, True, False]]
    aps = prediction_sets(table, Threshold("aps", 0.1, 0.95, 100))
    assert aps.tolist() == [[True, True, False], [True, False, False], [True, True, False]]  # never empty
    found = {metric.name: metric.value() for metric in conformal(table, Threshold("aps", 0.1, 0.95, 100))}
    assert found == pytest.approx({"aps_coverage": 2 / 3, "aps_set_size": 5 / 3, "aps_single": 1 / 3})


def test_strangeness_of_adaptive_sets_by_definition():
    p = np.random.default_rng(0).integers(1, 5, (50, 6)).astype(float)
    p /= p.sum(axis=1, keepdims=True)
    expected = [[row[row >= x].sum() for x in row] for row in p]
    assert strangeness(p, "aps") == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_coverage_is_what_was_promised_even_of_a_miscalibrated_model(method):
    n, alpha, trials = 39, 0.2, 400
    covered = []
    for trial in range(trials):
        both = honest(trial, n + 40, sharper=5)
        fit = LabelTable(CLASSES, both.log_p[:n], both.truth[:n], (None,) * n)
        test = LabelTable(CLASSES, both.log_p[n:], both.truth[n:], (None,) * 40)
        covered.append(conformal(test, fit_conformal(fit, split="validation", method=method, alpha=alpha))[0].value())
    error = np.std(covered) / np.sqrt(trials)
    assert np.mean(covered) > 1 - alpha - 4 * error
    if method == "lac":  # continuous strangeness: not more than promised either
        assert np.mean(covered) < 1 - alpha + 1 / (n + 1) + 4 * error


def test_coverage_of_a_group_can_fail_and_is_seen():
    """Half of the cases get guesses: coverage holds on average and fails in that group."""
    honest_half, guesses = honest(1, 2000, sharper=3), honest(2, 2000)
    rng = np.random.default_rng(0)
    log_p = np.concatenate([honest_half.log_p, scale(guesses, 0.2).log_p])
    truth = np.concatenate([honest_half.log_p.argmax(axis=1), rng.integers(0, 4, 2000)])
    order = rng.permutation(4000)
    group = (np.arange(4000) >= 2000)[order]
    table = LabelTable(CLASSES, log_p[order], truth[order], (None,) * 4000)
    half = [
        LabelTable(CLASSES, table.log_p[s], table.truth[s], (None,) * 2000) for s in (slice(2000), slice(2000, 4000))
    ]
    coverage = conformal(half[1], fit_conformal(half[0], split="validation", method="lac"))[0]
    assert coverage.value() == pytest.approx(0.9, abs=0.03)
    assert coverage.within(~group[2000:]).value() > 0.98 > 0.85 > coverage.within(group[2000:]).value()


def test_calibrate_fits_on_one_table_and_judges_the_other():
    validation, test = honest(6, 800, sharper=3), honest(7, 800, sharper=3)
    groups = ([f"v{i}" for i in range(800)], [f"t{i}" for i in range(800)])
    found = calibrate(validation, test, split="validation", groups=groups)
    assert found.temperature == fit_temperature(validation, split="validation")
    assert [metric.name for metric in found.metrics] == list(NAMES)
    coverage = {metric.name: metric.value() for metric in found.metrics}
    assert coverage["lac_coverage"] == pytest.approx(0.9, abs=0.04)
    assert coverage["aps_coverage"] >= 0.87
    assert coverage["lac_set_size"] < coverage["aps_set_size"] < 4
    assert values(found.table)["ece_mass"] < values(test)["ece_mass"] / 3


def test_votes_of_sampled_answers_by_hand():
    samples = [["melanoma", "melanoma", "psoriasis", None], ["psoriasis"] * 2, [None, None], []]
    shares = votes(samples, ["melanoma", "psoriasis"])
    assert shares[:3].tolist() == [[0.5, 0.25], [0.0, 1.0], [0.0, 0.0]]
    assert np.isnan(shares[3]).all()
    spread = entropy(samples)
    assert spread[0] == pytest.approx(0.5 * math.log(2) + 2 * 0.25 * math.log(4))
    assert spread[1] == 0.0
    assert spread[2] == pytest.approx(math.log(2))  # two unreadable answers agree in nothing
    assert np.isnan(spread[3])


def test_unreadable_answers_are_wrong_and_lower_the_confidence():
    samples = [["melanoma"] * 3 + [None], [None] * 4, []]
    table = consistency_table(samples, ["melanoma"] * 3, ["malignant"] * 3)
    assert table.known.tolist() == [True, True, False]
    assert table.confidence[:2].tolist() == pytest.approx([0.75, 0.0])
    found = values(table)
    assert found["score_top_1_accuracy"] == 0.5
    assert found["ece_width"] == pytest.approx((0.25 + 0.0) / 2)
    softer = scale(table, 2.0)  # sqrt(3/4) against sqrt(1/4)
    assert softer.confidence[0] == pytest.approx(math.sqrt(0.75) / (math.sqrt(0.75) + 0.5))
    assert softer.confidence[1] == 0.0
    assert strangeness(table.p[:2], "aps").ravel().tolist() == pytest.approx([0.75, 1.0])


def test_votes_are_a_score_like_any_other():
    """k answers sampled from honest probabilities: the more they agree, the more often they are right."""
    rng = np.random.default_rng(8)
    source = honest(8, 1500)
    named = [[CLASSES[c] for c in rng.choice(4, 10, p=row / row.sum())] for row in source.p]
    found = values(consistency_table(named, [CLASSES[t] for t in source.truth], [None] * 1500))
    assert found["score_top_1_accuracy"] > 0.4
    assert found["accuracy_at_coverage_50"] > found["score_top_1_accuracy"] + 0.1


def test_reliability_equals_scikit_learn_and_gives_an_interval():
    table = honest(9, 1000)
    confidence, correct = table.confidence, table.hits(1)
    bins = reliability(confidence, correct, [f"g{i}" for i in range(1000)], kind="width", bins=10, resamples=300)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    assert [b.accuracy.value for b in bins] == pytest.approx(accuracy.tolist(), abs=1e-9)
    assert [b.confidence for b in bins] == pytest.approx(mean.tolist(), abs=1e-9)
    assert sum(b.cases for b in bins) == 1000
    assert all(b.accuracy.low <= b.accuracy.value <= b.accuracy.high for b in bins)
    gaps = sum(b.cases * abs(b.accuracy.value - b.confidence) for b in reliability(confidence, correct, ["g"] * 1000))
    assert gaps / 1000 == pytest.approx(values(table)["ece_mass"], abs=1e-9)
    assert reliability(np.array([]), np.array([], dtype=bool), []) == []


def test_copies_of_a_patient_do_not_narrow_a_reliability_bin():
    table = honest(10, 60)
    once = reliability(table.confidence, table.hits(1), [f"{i:02d}" for i in range(60)], bins=3)
    ten = reliability(
        np.tile(table.confidence, 10), np.tile(table.hits(1), 10), [f"{i:02d}" for i in range(60)] * 10, bins=3
    )
    for one, many in zip(once, ten, strict=True):
        assert (one.accuracy.low, one.accuracy.high) == pytest.approx((many.accuracy.low, many.accuracy.high))


def test_risk_and_coverage_at_the_thresholds():
    points = risk_coverage(np.array([0.5, 0.9, 0.7, 0.7]), np.array([False, True, True, False]))
    assert points == [(0.9, 0.25, 0.0), (0.7, 0.75, pytest.approx(1 / 3)), (0.5, 1.0, 0.5)]
    table = honest(11, 3000)
    thin = risk_coverage(table.confidence, table.hits(1), points=50)
    assert len(thin) == 50 and thin[-1].coverage == 1.0
    assert thin[-1].risk == pytest.approx(1 - values(table)["score_top_1_accuracy"])
    assert thin[10].risk < thin[-1].risk
    assert risk_coverage(np.array([]), np.array([], dtype=bool)) == []


def test_log_probabilities_of_a_scaled_table_are_those_of_scaled_scores():
    raw = [{"melanoma": -1.0, "psoriasis": -4.0}, {"melanoma": -2.0}]
    columns = ("melanoma", "psoriasis")
    once = LabelTable(columns, log_probabilities(raw, columns), np.array([0, 0]), (None, None))
    halved = [{slug: value / 2 for slug, value in row.items()} for row in raw]
    assert np.exp(scale(once, 2.0).log_p) == pytest.approx(np.exp(log_probabilities(halved, columns)), abs=1e-12)
