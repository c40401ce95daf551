"""Is one model better than another on the same cases? Paired tests, corrected for their number, and their power.

Sources: McNemar, Psychometrika 12 (1947) 153-157, exact form: a two-sided binomial test on the discordant cases. Holm, Scand.
J. Statist. 6 (1979) 65-70. The p-value of a bootstrapped difference is twice the smaller share of resamples on one side of 0,
with one added to both counts (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 4.4), and no less
than few groups can show: to swap the two models within k groups gives 2^k differences, all alike where neither is better, so
no exact test of k groups goes below 2^(1 - k) (Pitman, Suppl. J. R. Stat. Soc. 4 (1937) 119-130).
"""

from collections.abc import Sequence

import numpy as np

from eval.statistics.bootstrap import Floats

Z_SUM = 1.959964 + 0.841621  # quantiles of the normal distribution: two-sided 5 %, power 80 %


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict[str, float]:
    """Cases that one of the two alone has right, and the exact two-sided p-value; 1 where they never differ."""
    from scipy.stats import binomtest

    pairs = list(zip(first, second, strict=True))
    only_a, only_b = pairs.count((True, False)), pairs.count((False, True))
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": p}


def bootstrap_p(differences: Floats, groups: int) -> float:
    """Two-sided p-value of no difference, in (0, 1].

    Args:
        differences: of the resamples [resamples], no NaN.
        groups: in how many groups of cases the two models differ.
    """
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, max(2 * (min(below, above) + 1) / (len(differences) + 1), 2.0 ** (1 - groups)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of one false alarm among all of them is bounded (Holm's step-down)."""
    order = np.argsort(p_values, kind="stable")
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted


def detectable(differences: Floats) -> float:
    """The smallest true difference that these cases would show in four of five repetitions (5 % two-sided, power 80 %).

    Args:
        differences: resampled differences [resamples]; their standard deviation is the standard error.
    """
    return Z_SUM * float(np.std(differences, ddof=1)) if len(differences) > 1 else float("nan")
