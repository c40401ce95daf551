"""Calibration errors: cases of like confidence are put into bins, and each bin's confidence is held against its accuracy.

The bins are laid on all cases once and stay where they are in every resample, so the errors are functions of sums.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eval.metrics.sums import divide
from eval.statistics.bootstrap import Floats, Mask

BINS = 15
Kind = Literal["mass", "width"]


def bin_of(confidence: Floats, kind: Kind, *, bins: int = BINS) -> NDArray[np.intp]:
    """The bin of each case, 0 ... bins - 1.

    Args:
        confidence: [cases], in [0, 1], no NaN.
        kind: `width`: bin b holds the confidences in (b / bins, (b + 1) / bins], 0 in the first (Guo et al., ICML 2017);
            `mass`: as many cases in each bin as ties allow, equal confidences in one bin.
    """
    if kind == "width":
        return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    lower = np.searchsorted(np.sort(confidence), confidence)  # cases less confident than this one
    return lower * bins // max(1, len(confidence))


def bin_totals(confidence: Floats, correct: Mask, where: NDArray[np.intp], *, bins: int = BINS) -> Floats:
    """[cases, 3 * bins], what each case adds to the cases, confidences and right answers of its bin."""
    totals = np.zeros((len(confidence), bins, 3))
    totals[np.arange(len(confidence)), where] = np.stack([np.ones(len(confidence)), confidence, correct], axis=1)
    return totals.reshape(len(confidence), 3 * bins)


def expected_error(sums: Floats) -> Floats:
    """ECE from sums [..., 3 * bins]: mean over the cases of |accuracy - confidence| of their bin, in [0, 1].

    Source: Naeini, Cooper & Hauskrecht, AAAI 2015; Guo et al., ICML 2017. Biased upwards where bins hold few cases.
    """
    cases, confidence, correct = _parts(sums)
    return divide(np.abs(correct - confidence).sum(axis=-1), cases.sum(axis=-1))


def debiased_error(sums: Floats) -> Floats:
    """Root of the mean squared gap of the bins, less what chance alone adds, from sums [..., 3 * bins]; in [0, 1].

    Source: Kumar, Liang & Ma, Verified Uncertainty Calibration, NeurIPS 2019, definition 5.1. As in the authors' code a bin
    of one case adds nothing, and a negative sum counts as 0.
    """
    cases, confidence, correct = _parts(sums)
    accuracy, several = divide(correct, cases), cases > 1
    chance = divide(accuracy * (1 - accuracy), np.where(several, cases - 1, 0.0))
    squares = np.where(several, cases * ((accuracy - divide(confidence, cases)) ** 2 - chance), 0.0).sum(axis=-1)
    return np.sqrt(np.maximum(divide(squares, cases.sum(axis=-1)), 0.0))


def _parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Cases, summed confidence and right answers of each bin, [..., bins]."""
    cases, confidence, correct = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 3), -1, 0)
    return cases, confidence, correct
