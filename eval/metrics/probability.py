"""How good are the scores of the labels? Ranking, probabilities, calibration and abstention, over cases that have scores.

The answer that the scores give is the most probable diagnosis. A tie is wrong: a class as probable as the true one stands
before it. Cases without scores, or whose truth is unknown, are in no metric here.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from eval.label_scores import LabelTable
from eval.metrics.binning import BINS, Kind, bin_of, bin_totals, debiased_error, expected_error
from eval.metrics.ranking import Statistic, average_precision, mean_of, roc_auc, sensitivity_at, specificity_at
from eval.metrics.selective import accuracy_at, aurc, excess_aurc
from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Floats, Mask, Metric, Ranked

FLOOR = float(np.finfo(np.float64).eps)  # least probability in a logarithm, as in scikit-learn's `log_loss`
TOP = (1, 3, 5)
SPECIFICITIES = (80, 90, 95)
SENSITIVITIES = (90, 95)
COVERAGES = (50, 80)
SICK = {"malignant": {"malignant"}, "malignant_or_premalignant": {"malignant", "premalignant"}}

NAMES = {
    **{
        f"score_top_{k}_accuracy": Described(
            f"Top-{k} by score", f"true diagnosis among the {k} most probable; ties are wrong"
        )
        for k in TOP
    },
    "roc_auc": Described("ROC-AUC (macro)", "each true diagnosis against the rest, mean over diagnoses"),
    "auprc": Described("AUPRC (macro)", "average precision of each true diagnosis, mean over diagnoses"),
    "malignant_roc_auc": Described("Malignant: ROC-AUC", "by the summed probability of malignant diagnoses"),
    "malignant_auprc": Described("Malignant: AUPRC", "average precision by the same score"),
    "malignant_or_premalignant_roc_auc": Described(
        "Malignant or premalignant: ROC-AUC", "by the summed probability of both"
    ),
    "malignant_or_premalignant_auprc": Described(
        "Malignant or premalignant: AUPRC", "average precision by the same score"
    ),
    **{
        f"malignant_sensitivity_at_{at}": Described(
            f"Malignant: sensitivity at {at} % specificity",
            f"highest of the thresholds that clear {at} % of the others",
        )
        for at in SPECIFICITIES
    },
    **{
        f"malignant_specificity_at_{at}": Described(
            f"Malignant: specificity at {at} % sensitivity",
            f"highest of the thresholds that call {at} % of malignant cases",
        )
        for at in SENSITIVITIES
    },
    "score_missed_malignancy_rate": Described(
        "Missed malignancies by score",
        "malignant cases whose most probable diagnosis is not malignant",
        lower_is_better=True,
    ),
    "brier": Described(
        "Brier score", "squared distance of the probabilities from the truth, 0 to 2", lower_is_better=True
    ),
    "nll": Described(
        "Negative log-likelihood", "mean of -ln of the true diagnosis' probability", lower_is_better=True
    ),
    "ece_mass": Described(
        "ECE, bins of equal mass",
        f"gap of confidence and accuracy over {BINS} bins of like size",
        lower_is_better=True,
    ),
    "ece_width": Described(
        "ECE, bins of equal width", f"the same over {BINS} bins of like width", lower_is_better=True
    ),
    "ece_debiased": Described(
        "Calibration error, debiased",
        "root mean square gap of the first bins, less what chance adds",
        lower_is_better=True,
    ),
    "aurc": Described(
        "Risk-coverage area", "mean share of wrong answers as ever less sure cases are answered", lower_is_better=True
    ),
    "excess_aurc": Described(
        "Excess risk-coverage area", "the same, less that of a perfect order of confidence", lower_is_better=True
    ),
    **{
        f"accuracy_at_coverage_{at}": Described(
            f"Accuracy at {at} % coverage", f"accuracy over the {at} % most confident cases"
        )
        for at in COVERAGES
    },
}


def probability(table: LabelTable) -> list[Metric | Ranked]:
    """The metrics of `NAMES` on these cases, in that order."""
    found = [
        *(_mean(f"score_top_{k}_accuracy", table.hits(k), table.known) for k in TOP),
        *_one_against_rest(table),
        *_malignancy(table),
        *_proper(table),
        *_confidence(table),
    ]
    order = list(NAMES)
    return sorted(found, key=lambda metric: order.index(metric.name))


def _mean(name: str, values: Floats | Mask, where: Mask) -> Metric:
    """Mean of one value per case; what stands in cases that it does not apply to is ignored."""
    return share(name, np.where(where, values, 0.0).tolist(), [1.0] * len(where), where.tolist())


def _curve(
    name: str, curve: Callable[[Floats, Mask], Statistic], scores: Floats, positive: Mask, where: Mask
) -> Ranked:
    """A ranking metric of scores [cases] and what is positive [cases], over the cases where it applies."""
    return Ranked(name, lambda on: curve(scores[on], positive[on]), where)


def _one_against_rest(table: LabelTable) -> list[Ranked]:
    def mean(curve: Callable[[Floats, Mask], Statistic]) -> Callable[[Mask], Statistic]:
        def among(on: Mask) -> Statistic:
            log_p, truth = table.log_p[on], table.truth[on]
            return mean_of([curve(log_p[:, c], truth == c) for c in np.unique(truth)])

        return among

    return [Ranked("roc_auc", mean(roc_auc), table.known), Ranked("auprc", mean(average_precision), table.known)]


def _malignancy(table: LabelTable) -> list[Metric | Ranked]:
    """Cases of unknown or indeterminate malignancy are in none of these."""
    where = table.scored & np.array([kind not in (None, "indeterminate") for kind in table.malignancy], dtype=bool)
    found: list[Metric | Ranked] = []
    for prefix, kinds in SICK.items():
        scores = table.log_p_of(kinds)
        sick = np.array([kind in kinds for kind in table.malignancy], dtype=bool)
        curves = {"roc_auc": roc_auc, "auprc": average_precision}
        if prefix == "malignant":
            curves |= {f"sensitivity_at_{at}": partial(sensitivity_at, at / 100) for at in SPECIFICITIES}
            curves |= {f"specificity_at_{at}": partial(specificity_at, at / 100) for at in SENSITIVITIES}
            found.append(_mean("score_missed_malignancy_rate", ~table.leads(kinds), where & sick))
        found += [_curve(f"{prefix}_{name}", curve, scores, sick, where) for name, curve in curves.items()]
    return found


def _proper(table: LabelTable) -> Sequence[Metric]:
    """Brier, Mon. Weather Rev. 78 (1950) 1-3, summed over classes; and the logarithmic score."""
    p, known = table.p, table.known
    p_true = np.exp(table.log_p_true())
    # sum over classes of (p - y)^2, where y is 1 at the truth and 0 elsewhere
    return [
        _mean("brier", (p**2).sum(axis=1) - 2 * p_true + 1, known),
        _mean("nll", -np.maximum(table.log_p_true(), np.log(FLOOR)), known),
    ]


def _confidence(table: LabelTable) -> list[Metric | Ranked]:
    known, confidence, correct = table.known, table.confidence, table.hits(1)
    laid: dict[Kind, Floats] = {}
    kinds: tuple[Kind, ...] = ("mass", "width")
    for kind in kinds:
        laid[kind] = np.zeros((len(known), 3 * BINS))
        laid[kind][known] = bin_totals(confidence[known], correct[known], bin_of(confidence[known], kind))
    curves = {"aurc": aurc, "excess_aurc": excess_aurc}
    curves |= {f"accuracy_at_coverage_{at}": partial(accuracy_at, at / 100) for at in COVERAGES}
    return [
        Metric("ece_mass", laid["mass"], expected_error, known, biased=True),
        Metric("ece_width", laid["width"], expected_error, known, biased=True),
        Metric("ece_debiased", laid["mass"], debiased_error, known),
        *(_curve(name, curve, confidence, correct, known) for name, curve in curves.items()),
    ]
