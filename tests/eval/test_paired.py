"""Paired tests against statsmodels, and the power note against repeating the study."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from eval.statistics.paired import bootstrap_p, detectable, holm, mcnemar


@settings(max_examples=15)  # a call of the reference takes a twentieth of a second
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_equals_statsmodels(p_values):
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_equals_statsmodels(pairs):
    first, second = zip(*pairs, strict=True)
    table = [[sum(pair == (a, b) for pair in pairs) for b in (True, False)] for a in (True, False)]
    expected = reference_mcnemar(table, exact=True).pvalue if table[0][1] + table[1][0] else 1.0
    assert mcnemar(first, second)["p"] == pytest.approx(float(expected), abs=1e-9)


def test_the_p_value_of_a_bootstrap_is_never_zero_and_is_one_without_a_difference():
    assert bootstrap_p(np.full(999, 0.3), 20) == 2 / 1000
    assert bootstrap_p(np.zeros(999), 20) == 1.0
    assert bootstrap_p(np.linspace(-1, 1, 1000), 20) == pytest.approx(1.0, abs=0.01)


def test_the_detectable_difference_is_seen_four_times_in_five():
    rng = np.random.default_rng(0)
    error = 0.04
    effect = detectable(rng.normal(0, error, 20_000))
    seen = np.abs(rng.normal(effect, error, 20_000)) > 1.96 * error
    assert seen.mean() == pytest.approx(0.8, abs=0.015)
