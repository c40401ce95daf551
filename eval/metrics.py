"""The metrics: each is a few sums over cases and what is made of them, so that the bootstrap is one matrix product.

What counts, in one place:

- A failed parse, and a case without a prediction, is a wrong diagnosis, a malignancy not called, and no findings.
- Diagnosis metrics are over cases whose true diagnosis is known. Classes are those of the truth: recall of a class
  that nobody has is undefined, so balanced accuracy and macro-F1 average over true classes only (scikit-learn's
  `balanced_accuracy_score`, and `f1_score` with `labels=` the true classes). A name outside of them is just wrong.
- Positive for malignancy is `malignant`. The `malignant_or_premalignant_` pair counts premalignant as positive too.
  Cases whose truth is unknown or `indeterminate` are in neither. What is said is the answer's own `malignancy`.
- Grounding is micro-averaged over densely annotated cases, on concepts annotated present or absent.
- Undefined is NaN here and null in summary.json, never 0.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.bootstrap import Floats, Metric
from eval.cases import CaseScore

# Key in summary.json -> name for readers. The order is that of the report.
NAMES = {
    "accuracy": "Accuracy (top-1)",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "hierarchical_accuracy": "Hierarchical accuracy",
    "malignancy_sensitivity": "Malignant: sensitivity",
    "malignancy_specificity": "Malignant: specificity",
    "malignant_or_premalignant_sensitivity": "Malignant or premalignant: sensitivity",
    "malignant_or_premalignant_specificity": "Malignant or premalignant: specificity",
    "grounding_precision": "Findings: precision",
    "grounding_recall": "Findings: recall",
    "grounding_f1": "Findings: F1",
    "hallucination_rate": "Hallucinated findings",
    "unverifiable_finding_rate": "Unverifiable findings",
    "think_agreement": "Reasoning agrees with answer",
    "parse_failure_rate": "Parse failures",
}
LOWER_IS_BETTER = frozenset({"hallucination_rate", "unverifiable_finding_rate", "parse_failure_rate"})
DEFINITIONS = {
    "accuracy": "exact diagnosis, after resolving synonyms",
    "balanced_accuracy": "mean recall over the true diagnoses",
    "macro_f1": "mean F1 over the true diagnoses",
    "hierarchical_accuracy": "1 exact, 0.5 sibling, parent or child, 0.25 same grandparent",
    "malignancy_sensitivity": "malignant cases called malignant",
    "malignancy_specificity": "all others called something else than malignant",
    "malignant_or_premalignant_sensitivity": "malignant or premalignant cases called either",
    "malignant_or_premalignant_specificity": "all others called neither",
    "grounding_precision": "asserted findings annotated present, of those annotated at all",
    "grounding_recall": "findings annotated present that were asserted",
    "grounding_f1": "harmonic mean of the two",
    "hallucination_rate": "asserted findings annotated absent, of all asserted concepts",
    "unverifiable_finding_rate": "asserted findings that the annotation does not cover or that name no concept",
    "think_agreement": "concepts in both reasoning and answer, of those in either",
    "parse_failure_rate": "completions that are not an answer",
}


def build_metrics(scores: Sequence[CaseScore]) -> list[Metric]:
    """Every metric of `NAMES` on these cases, in that order."""
    return [*_diagnosis(scores), *_malignancy(scores), *_findings(scores), *_form(scores)]


def _divide(top: Floats, bottom: Floats) -> Floats:
    """Top / bottom, NaN where bottom is 0."""
    quotient: Floats = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


def _ratio(sums: Floats) -> Floats:
    return _divide(sums[..., 0], sums[..., 1])


def _f1(sums: Floats) -> Floats:
    """F1 from [..., (true positives, false positives, false negatives)]."""
    hit, false, missed = sums[..., 0], sums[..., 1], sums[..., 2]
    return _divide(2 * hit, 2 * hit + false + missed)


def _share(name: str, top: Sequence[float], bottom: Sequence[float], applies: Sequence[bool]) -> Metric:
    """sum(top) / sum(bottom) over the cases that it applies to."""
    where = np.asarray(applies, dtype=bool)
    totals = np.stack([np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)], axis=1)
    return Metric(name, totals * where[:, None], _ratio, where)


def _mean_over_classes(
    classes: int, per_class: Callable[[Floats, Floats, Floats], Floats]
) -> Callable[[Floats], Floats]:
    """Average of a per-class metric over the classes that have a true case among those drawn."""

    def reduce(sums: Floats) -> Floats:
        hit, true, said = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, classes), -2, 0)  # each [..., classes]
        values = np.where(true > 0, per_class(hit, true, said), 0.0)
        return _divide(values.sum(axis=-1), (true > 0).sum(axis=-1).astype(float))

    return reduce


def _diagnosis(scores: Sequence[CaseScore]) -> list[Metric]:
    known = [s.diagnosis is not None for s in scores]
    where = np.asarray(known, dtype=bool)
    classes = sorted({s.diagnosis for s in scores if s.diagnosis is not None})
    true = _one_hot([s.diagnosis for s in scores], classes)
    said = _one_hot([s.predicted for s in scores], classes) * where[:, None]
    per_class = np.concatenate([true * said, true, said], axis=1)  # [cases, 3 * classes]
    ones = [1.0] * len(scores)
    return [
        _share("accuracy", [float(s.correct) for s in scores], ones, known),
        Metric("balanced_accuracy", per_class, _mean_over_classes(len(classes), lambda h, t, s: _divide(h, t)), where),
        Metric("macro_f1", per_class, _mean_over_classes(len(classes), lambda h, t, s: _divide(2 * h, t + s)), where),
        _share("hierarchical_accuracy", [s.credit or 0.0 for s in scores], ones, known),
    ]


def _one_hot(slugs: Sequence[str | None], classes: Sequence[str]) -> Floats:
    index = {slug: i for i, slug in enumerate(classes)}
    hot: NDArray[np.float64] = np.zeros((len(slugs), len(classes)))
    for row, slug in enumerate(slugs):
        if slug in index:
            hot[row, index[slug]] = 1.0
    return hot


def _malignancy(scores: Sequence[CaseScore]) -> list[Metric]:
    metrics = []
    for prefix, positive in (
        ("malignancy", {"malignant"}),
        ("malignant_or_premalignant", {"malignant", "premalignant"}),
    ):
        known = [s.malignancy not in (None, "indeterminate") for s in scores]
        sick = [k and s.malignancy in positive for k, s in zip(known, scores, strict=True)]
        well = [k and s.malignancy not in positive for k, s in zip(known, scores, strict=True)]
        called = [float(s.predicted_malignancy in positive) for s in scores]
        cleared = [float(s.failure is None and s.predicted_malignancy not in positive) for s in scores]
        ones = [1.0] * len(scores)
        metrics.append(_share(f"{prefix}_sensitivity", called, ones, sick))
        metrics.append(_share(f"{prefix}_specificity", cleared, ones, well))
    return metrics


def _findings(scores: Sequence[CaseScore]) -> list[Metric]:
    dense = [s.dense for s in scores]
    hit = [float(len(s.supported)) for s in scores]
    false = [float(len(s.contradicted)) for s in scores]
    missed = [float(len(s.missed)) for s in scores]
    asserted = [float(len(s.asserted)) for s in scores]
    open_ends = [float(len(s.unknown) + len(s.unnamed)) for s in scores]
    every = [float(len(s.asserted) + len(s.unnamed)) for s in scores]
    where = np.asarray(dense, dtype=bool)
    return [
        _share("grounding_precision", hit, [h + f for h, f in zip(hit, false, strict=True)], dense),
        _share("grounding_recall", hit, [h + m for h, m in zip(hit, missed, strict=True)], dense),
        Metric("grounding_f1", np.stack([hit, false, missed], axis=1) * where[:, None], _f1, where),
        _share("hallucination_rate", false, asserted, dense),
        _share("unverifiable_finding_rate", open_ends, every, dense),
    ]


def _form(scores: Sequence[CaseScore]) -> list[Metric]:
    both = [float(len({*s.think} & {*s.asserted})) for s in scores]
    either = [float(len({*s.think} | {*s.asserted})) for s in scores]
    failed = [float(s.failure is not None) for s in scores]
    return [
        _share("think_agreement", both, either, [s.failure is None for s in scores]),
        _share("parse_failure_rate", failed, [1.0] * len(scores), [True] * len(scores)),
    ]
