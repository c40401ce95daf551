"""Split conformal prediction: sets of diagnoses that hold the true one as often as promised.

The promise, coverage of at least 1 - alpha on average over cases, holds for any model, if validation and test cases are
exchangeable: drawn alike, from the same clinics, cameras and patients' mix. It says nothing of a new clinic, nor of each
skin type by itself: coverage per group is therefore measured. Cases of one patient are not independent, which leaves the
mean coverage right only as long as patients, too, are drawn alike.

Sources: Angelopoulos & Bates, A Gentle Introduction to Conformal Prediction, arXiv:2107.07511 (2021), sections 1 and 2.1;
Sadinle, Lei & Wasserman, JASA 114 (2019) 223-234 (LAC); Romano, Sesia & Candes, NeurIPS 2020 (APS, here without its random
part: sets are a little larger than they need be, and the same in every run).
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eval.calibration.splits import check_fitted_on
from eval.label_scores import LabelTable
from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Floats, Mask, Metric
from skin_r1.errors import problem

Method = Literal["lac", "aps"]
METHODS: tuple[Method, ...] = ("lac", "aps")
NAMES = {
    f"{method}_{key}": Described(f"{title}: {what}", meaning, lower_is_better=key == "set_size")
    for method, title in (("lac", "Smallest sets (LAC)"), ("aps", "Adaptive sets (APS)"))
    for key, what, meaning in (
        ("coverage", "coverage", "prediction sets that hold the true diagnosis"),
        ("set_size", "mean size", "diagnoses in a prediction set"),
        ("single", "single answers", "prediction sets of exactly one diagnosis"),
    )
}


@dataclass(frozen=True)
class Threshold:
    """A fitted rule: a diagnosis is in the set of a case when its strangeness is at most `limit`.

    Attributes:
        method: `lac` or `aps`, see `strangeness`.
        alpha: share of cases whose set may miss the true diagnosis.
        limit: of strangeness; infinite where alpha is too small for so few cases, so that sets hold every class.
        cases: validation cases that it was fitted on.
    """

    method: Method
    alpha: float
    limit: float
    cases: int


def strangeness(p: Floats, method: Method) -> Floats:
    """How badly each class fits each case, in [0, 1].

    Args:
        p: probabilities [cases, classes].
        method: `lac`: 1 - p. `aps`: the summed probability of all classes at least as probable as this one; probability that
            was given to no class (answers that name none) counts as one more class.

    Returns:
        [cases, classes].
    """
    if method == "lac":
        return 1 - p
    p = np.append(p, np.maximum(1 - p.sum(axis=1, keepdims=True), 0.0), axis=1)
    order = np.argsort(-p, axis=1, kind="stable")
    sorted_p = np.take_along_axis(p, order, axis=1)
    mass = np.cumsum(sorted_p, axis=1)
    for column in range(p.shape[1] - 2, -1, -1):  # equal classes share the mass up to the last of them
        tied = sorted_p[:, column] == sorted_p[:, column + 1]
        mass[tied, column] = mass[tied, column + 1]
    found = np.empty_like(mass)
    np.put_along_axis(found, order, mass, axis=1)
    return found[:, :-1]


def fit_conformal(table: LabelTable, *, split: str, method: Method, alpha: float = 0.1) -> Threshold:
    """The ceil((n + 1)(1 - alpha))-th smallest strangeness of the true diagnoses.

    Args:
        table: the n validation cases; those without scores or truth are left out.
        split: the split that they are of, `validation`.
        method, alpha: see `Threshold`; alpha in (0, 1).

    Raises:
        UserError: another split, no case, or an alpha out of range.
    """
    check_fitted_on(split)
    if not 0 < alpha < 1:
        raise problem("alpha is the share of sets that may miss", found=alpha, allowed="above 0 and below 1")
    known = np.flatnonzero(table.known)
    if not len(known):
        raise problem(
            "no validation case has both label scores and a true diagnosis",
            column="label_scores",
            next_step="predict the validation split with label scores",
        )
    scores = np.sort(strangeness(table.p[known], method)[np.arange(len(known)), table.truth[known]])
    place = math.ceil((len(known) + 1) * (1 - alpha) - 1e-9)  # 20 x 0.95 is 19, whatever the rounding
    limit = float(scores[place - 1]) if place <= len(known) else math.inf
    return Threshold(method, alpha, limit, len(known))


def prediction_sets(table: LabelTable, threshold: Threshold) -> Mask:
    """The diagnoses of each case [cases, classes]; a row is empty without scores.

    A set of LAC may be empty: nothing fits. One of APS always holds the most probable class.
    """
    p = table.p
    inside = strangeness(p, threshold.method) <= threshold.limit
    if threshold.method == "aps":
        inside |= p == p.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(inside & table.scored[:, None])


def conformal(table: LabelTable, threshold: Threshold) -> list[Metric]:
    """The metrics of `NAMES` for one method, over cases with scores and a truth; `Metric.within` gives a group's."""
    sets, known = prediction_sets(table, threshold), table.known
    held = np.zeros(len(known))
    held[known] = sets[known, table.truth[known]]
    size, ones = sets.sum(axis=1), [1.0] * len(known)
    return [
        share(f"{threshold.method}_coverage", held.tolist(), ones, known.tolist()),
        share(f"{threshold.method}_set_size", size.tolist(), ones, known.tolist()),
        share(f"{threshold.method}_single", (size == 1).tolist(), ones, known.tolist()),
    ]
