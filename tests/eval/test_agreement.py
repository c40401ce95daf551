"""Every statistic of agreement equals a reference to 1e-9, also with ties, missing scores and raters who never vary.

References: scikit-learn, SciPy and krippendorff run beside ours; `pingouin.json` holds scores and results of pingouin 0.7.0;
the rest are worked examples of the papers that define the statistics.
"""

import json
import warnings
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from eval.statistics.agreement import (
    agreement_within,
    bias,
    icc,
    kendall_tau_b,
    mean_absolute_error,
    mean_of,
    ordinal_alpha,
    spearman,
    weighted_kappa,
)
from eval.statistics.bootstrap import estimate, resample
from eval.statistics.correlation import rank_correlation

NAN = float("nan")
PINGOUIN = json.loads(Path(__file__).with_name("pingouin.json").read_text())
ICC_KINDS = ("ICC(2,1)", "ICC(2,k)", "ICC(3,1)")
EXACT = {"abs": 1e-9, "rel": 0, "nan_ok": True}

# Shrout and Fleiss (1979), table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
# Krippendorff (2011), example C: four observers, twelve units; nobody scored all of them.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


def two_raters(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels of 0 to 5 with many ties; every third pair has gaps, every seventh a rater who never varies."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    a = rng.integers(0, 6, n).astype(float)
    b = np.clip(a + rng.integers(-2, 3, n), 0, 5)
    if seed % 7 == 0:
        b[:] = 3.0
    if seed % 3 == 0:
        a[rng.random(n) < 0.2], b[rng.random(n) < 0.2] = NAN, NAN
    return a, b


def shared(a, b):
    both = ~(np.isnan(a) | np.isnan(b))
    return a[both], b[both]


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@pytest.mark.parametrize("seed", range(30))
def test_two_raters_equal_the_references(seed):
    a, b = two_raters(seed)
    x, y = shared(a, b)
    for power, weights in ((1, "linear"), (2, "quadratic")):
        wanted = quietly(cohen_kappa_score, x.astype(int), y.astype(int), labels=list(range(6)), weights=weights)
        assert weighted_kappa("k", a, b, power=power).value() == pytest.approx(wanted, **EXACT)
    assert kendall_tau_b("t", a, b).value() == pytest.approx(quietly(stats.kendalltau, x, y).statistic, **EXACT)
    rho = quietly(stats.spearmanr, x, y).statistic
    assert spearman("s", a, b).value() == pytest.approx(rho, **EXACT)
    assert rank_correlation("r", a, b).value() == pytest.approx(rho, **EXACT)
    assert mean_absolute_error("m", a, b).value() == pytest.approx(np.abs(x - y).mean(), **EXACT)
    assert agreement_within("e", a, b).value() == pytest.approx((x == y).mean(), **EXACT)
    assert agreement_within("e", a, b, 1.0).value() == pytest.approx((np.abs(x - y) <= 1).mean(), **EXACT)
    gap = x - y
    spread = quietly(gap.std, ddof=1)  # NaN for a single case
    low, high = (gap.mean(),) * 2 if spread == 0 else stats.norm.interval(0.95, loc=gap.mean(), scale=spread)
    assert bias("b", a, b).value() == pytest.approx(gap.mean(), **EXACT)
    assert bias("b", a, b, limit=-1).value() == pytest.approx(low, **EXACT)
    assert bias("b", a, b, limit=1).value() == pytest.approx(high, **EXACT)


@pytest.mark.parametrize("seed", range(30))
def test_alpha_equals_the_reference_with_gaps_and_ties(seed):
    rng = np.random.default_rng(100 + seed)
    n, k = int(rng.integers(4, 50)), int(rng.integers(2, 6))
    scores = np.clip(rng.integers(0, 6, n)[:, None] + rng.integers(-1, 2, (n, k)), 0, 5).astype(float)
    scores[rng.random((n, k)) < (0.4 if seed % 2 else 0.0)] = NAN
    scores[0, :2] = 0.0, 5.0  # at least one pair, and two levels
    wanted = krippendorff.alpha(reliability_data=scores.T, level_of_measurement="ordinal")
    assert ordinal_alpha("a", scores).value() == pytest.approx(wanted, **EXACT)


def test_alpha_of_the_worked_example():
    assert ordinal_alpha("a", KRIPPENDORFF).value() == pytest.approx(0.815, abs=5e-4)


@pytest.mark.parametrize("case", PINGOUIN["icc"], ids=str)
def test_icc_equals_the_reference(case):
    for kind in ICC_KINDS:
        assert icc(kind, np.array(case["scores"]), kind).value() == pytest.approx(case[kind], **EXACT)


def test_icc_of_the_worked_example_also_where_a_case_is_not_whole():
    for kind, wanted in zip(ICC_KINDS, (0.29, 0.62, 0.71), strict=True):
        whole = icc(kind, SHROUT_FLEISS, kind).value()
        assert whole == pytest.approx(wanted, abs=5e-3)
        torn = np.vstack([SHROUT_FLEISS, [[1, NAN, 9, 9]]])
        assert icc(kind, torn, kind).value() == pytest.approx(whole, **EXACT)


@pytest.mark.parametrize("case", PINGOUIN["partial"], ids=lambda case: f"n={len(case['x'])}")
def test_partial_correlation_equals_the_reference(case):
    x, y, z = (np.array(case[key]) for key in "xyz")
    assert rank_correlation("p", x, y, z).value() == pytest.approx(case["r"], **EXACT)
    flat = rank_correlation("p", x, y, np.ones(len(x))).value()
    assert flat == pytest.approx(rank_correlation("s", x, y).value(), **EXACT), "what does not vary explains nothing"


def test_what_is_undefined_is_nan_and_not_a_number():
    same, rising = np.full(5, 2.0), np.arange(5.0)
    assert np.isnan(weighted_kappa("k", same, same, power=2).value()), "chance alone would agree as well"
    assert weighted_kappa("k", same, rising, power=2).value() == 0.0
    assert np.isnan(kendall_tau_b("t", same, rising).value()) and np.isnan(spearman("s", rising, same).value())
    both = np.stack([same, same], axis=1)
    assert np.isnan(ordinal_alpha("a", both).value())
    assert all(np.isnan(icc(kind, both, kind).value()) for kind in ICC_KINDS)
    assert all(np.isnan(icc(kind, SHROUT_FLEISS[:1], kind).value()) for kind in ICC_KINDS)
    nobody = np.full(5, NAN)
    for metric in (
        weighted_kappa("k", nobody, rising, power=1),
        kendall_tau_b("t", nobody, rising),
        spearman("s", nobody, rising),
        rank_correlation("r", nobody, rising),
        bias("b", nobody, rising),
        mean_absolute_error("m", nobody, rising),
        ordinal_alpha("a", np.stack([nobody, rising], axis=1)),
        icc("i", np.stack([nobody, rising], axis=1), "ICC(2,1)"),
    ):
        assert np.isnan(metric.value()) and not metric.applies.any()


def test_a_resample_is_the_statistic_of_the_cases_drawn_as_often():
    """All statistics come from sums or weights: the interval must be that of the drawn cases themselves."""
    a, b = two_raters(4)
    z = np.random.default_rng(0).normal(size=len(a))
    scores = np.stack([a, b, np.roll(b, 1)], axis=1)

    def built(a, b, z, scores):
        return [
            weighted_kappa("k", a, b, power=2),
            kendall_tau_b("t", a, b),
            spearman("s", a, b),
            rank_correlation("p", a, b, z),
            bias("b", a, b, limit=1),
            mean_absolute_error("m", a, b),
            ordinal_alpha("a", scores),
            *(icc(kind, scores, kind) for kind in ICC_KINDS),
        ]

    groups = [f"g{i:02}" for i in range(len(a))]
    drawn = resample(built(a, b, z, scores), groups, seed=3, resamples=20)
    rng = np.random.default_rng(3)
    for column, times in enumerate(rng.multinomial(len(a), np.full(len(a), 1 / len(a)), size=20)):
        again = np.repeat(np.arange(len(a)), times)
        wanted = [metric.value() for metric in built(a[again], b[again], z[again], scores[again])]
        assert drawn[:, column] == pytest.approx(wanted, abs=1e-9, nan_ok=True)


def test_the_mean_over_pairs_leaves_out_pairs_without_a_value_and_gives_the_gap():
    a, b = two_raters(4)
    flat = np.full(len(a), 2.0)
    sure, none = weighted_kappa("x", a, b, power=2), kendall_tau_b("y", a, flat)
    assert mean_of("m", [sure, none]).value() == pytest.approx(sure.value(), **EXACT)
    gap = mean_of("g", [sure], minus=[weighted_kappa("z", a, a, power=2)])
    assert gap.value() == pytest.approx(sure.value() - 1.0, **EXACT)
    found = estimate([gap, mean_of("n", [none])], [str(i) for i in range(len(a))], seed=1, resamples=500)
    assert found["g"].low < found["g"].value < found["g"].high < 0
    assert found["n"].value is None
