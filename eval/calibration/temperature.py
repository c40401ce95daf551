"""Temperature scaling: one number that makes the probabilities softer or sharper and changes no answer.

Source: Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from eval.calibration.splits import check_fitted_on
from eval.label_scores import LabelTable
from eval.statistics.bootstrap import Floats
from skin_r1.errors import problem

RANGE = (0.01, 100.0)


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Attributes:
        value: above 1 softens (the model was overconfident), below 1 sharpens; within `RANGE`.
        cases: validation cases that it was fitted on.
        before, after: their mean negative log-likelihood at temperature 1 and at `value`, in nats.
    """

    value: float
    cases: int
    before: float
    after: float

    @property
    def at_the_end(self) -> bool:
        """The best value lies outside of `RANGE`: every validation case is right, say. It should not be used."""
        return not RANGE[0] * 1.01 < self.value < RANGE[1] / 1.01


def fit_temperature(table: LabelTable, *, split: str) -> Temperature:
    """The temperature of least negative log-likelihood.

    Cases whose true class has no score are left out: no temperature changes what they cost.

    Args:
        table: the validation cases.
        split: the split that they are of, `validation`.

    Raises:
        UserError: another split, or no case with a true diagnosis that is scored.
    """
    check_fitted_on(split)
    usable = table.known & np.isfinite(table.log_p_true())
    if not usable.any():
        raise problem(
            "no validation case has a score for its true diagnosis",
            column="label_scores",
            allowed="at least one",
            next_step="predict the validation split with label scores",
        )
    log_p, truth = table.log_p[usable], table.truth[usable]

    def loss(log_temperature: float) -> float:
        scaled = _scaled(log_p, np.exp(log_temperature))
        return float(-scaled[np.arange(len(truth)), truth].mean())

    # Convex in 1 / T, so with one least point in log T too; the search itself never tries the ends.
    ends = np.log(RANGE)
    inner = minimize_scalar(loss, bounds=tuple(ends), method="bounded", options={"xatol": 1e-8})
    best = min((*ends, inner.x), key=loss)
    return Temperature(float(np.exp(best)), len(truth), loss(0.0), loss(best))


def scale(table: LabelTable, temperature: float) -> LabelTable:
    """The same table with every row's log-probabilities divided by the temperature and normalised again."""
    scored = table.scored
    log_p = table.log_p.copy()
    log_p[scored] = _scaled(table.log_p[scored], temperature)
    return replace(table, log_p=log_p)


def _scaled(log_p: Floats, temperature: float) -> Floats:
    """[cases, classes]; what a row lacks to 1 (answers that name no class) is scaled as one more class."""
    lacking = 1 - np.exp(log_p).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        rest = np.log(np.where(lacking > 1e-9, lacking, 0.0))  # less is rounding
    return np.asarray(log_softmax(np.append(log_p, rest, axis=1) / temperature, axis=1)[:, :-1])
