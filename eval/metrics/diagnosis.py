"""Is the diagnosis right, exactly and by the tree? Over cases whose true diagnosis is known.

A failed parse, and a case without a prediction, is a wrong diagnosis. Classes are those of the truth: recall of a class that
nobody has is undefined, so balanced accuracy and macro-F1 average over true classes only (scikit-learn's
`balanced_accuracy_score`, and `f1_score` with `labels=` the true classes). A name outside of them is just wrong.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.cases import CaseScore
from eval.metrics.sums import Described, divide, ratio, share
from eval.statistics.bootstrap import Floats, Mask, Metric
from skin_r1.taxonomy import load_ontology

NAMES = {
    "accuracy": Described("Accuracy (top-1)", "exact diagnosis, after resolving synonyms"),
    "top_3_accuracy": Described(
        "Top-3 accuracy", "truth is the diagnosis or one of the first two of the differential"
    ),
    "top_5_accuracy": Described(
        "Top-5 accuracy", "truth is the diagnosis or one of the first four of the differential"
    ),
    "balanced_accuracy": Described("Balanced accuracy", "mean recall over the true diagnoses"),
    "macro_f1": Described("Macro F1", "mean F1 over the true diagnoses"),
    "weighted_f1": Described("Weighted F1", "mean F1 over the true diagnoses, weighted by their cases"),
    "hierarchical_accuracy": Described(
        "Hierarchical accuracy", "1 exact, 0.5 sibling, parent or child, 0.25 same grandparent"
    ),
    "hierarchical_precision": Described(
        "Hierarchical precision", "nodes shared by the paths of truth and answer, of those on the answer's"
    ),
    "hierarchical_recall": Described("Hierarchical recall", "the same nodes, of those on the truth's path"),
    "hierarchical_f1": Described("Hierarchical F1", "harmonic mean of the two"),
}


def diagnosis(scores: Sequence[CaseScore]) -> list[Metric]:
    """The metrics of `NAMES` on these cases."""
    known = [s.diagnosis is not None for s in scores]
    where = np.asarray(known, dtype=bool)
    classes = sorted({s.diagnosis for s in scores if s.diagnosis is not None})
    true = _one_hot([s.diagnosis for s in scores], classes)
    said = _one_hot([s.predicted for s in scores], classes) * where[:, None]
    per_class = np.concatenate([true * said, true, said], axis=1)  # [cases, 3 * classes]
    ones = [1.0] * len(scores)
    count = len(classes)
    return [
        share("accuracy", [float(s.correct) for s in scores], ones, known),
        *(share(f"top_{k}_accuracy", [float(_among_first(s, k)) for s in scores], ones, known) for k in (3, 5)),
        Metric("balanced_accuracy", per_class, _mean_over_classes(count, _recall), where),
        Metric("macro_f1", per_class, _mean_over_classes(count, _class_f1), where),
        Metric("weighted_f1", per_class, _mean_over_classes(count, _class_f1, by_cases=True), where),
        share("hierarchical_accuracy", [s.credit or 0.0 for s in scores], ones, known),
        *_hierarchical(scores, where),
    ]


def _among_first(score: CaseScore, k: int) -> bool:
    """The truth is among the first k names that the answer gives; a name said twice takes two places."""
    return score.diagnosis is not None and score.diagnosis in (score.predicted, *score.differential)[:k]


def _hierarchical(scores: Sequence[CaseScore], where: Mask) -> list[Metric]:
    """Set-based precision, recall and F1 over the nodes from the root's children to the diagnosis, summed over cases.

    Source: Kiritchenko, Matwin, Nock & Famili, Canadian AI 2006, LNAI 4013, 395-406. An unread answer has no nodes.
    """
    tree = load_ontology()
    sums = np.zeros((len(scores), 3))  # shared nodes, nodes of the answer, nodes of the truth
    for row, score in enumerate(scores):
        if score.diagnosis is not None:
            said = set() if score.predicted is None else {*tree.path(score.predicted)}
            true = {*tree.path(score.diagnosis)}
            sums[row] = len(true & said), len(said), len(true)
    return [
        Metric("hierarchical_precision", sums[:, :2], ratio, where),
        Metric("hierarchical_recall", sums[:, ::2], ratio, where),
        Metric("hierarchical_f1", sums, lambda s: divide(2 * s[..., 0], s[..., 1] + s[..., 2]), where),
    ]


def _recall(hit: Floats, true: Floats, said: Floats) -> Floats:
    return divide(hit, true)


def _class_f1(hit: Floats, true: Floats, said: Floats) -> Floats:
    return divide(2 * hit, true + said)


def _mean_over_classes(
    classes: int, per_class: Callable[[Floats, Floats, Floats], Floats], *, by_cases: bool = False
) -> Callable[[Floats], Floats]:
    """Average of a per-class metric over the classes that have a true case among those drawn; each alike, or by its cases."""

    def reduce(sums: Floats) -> Floats:
        hit, true, said = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, classes), -2, 0)  # each [..., classes]
        weight = true if by_cases else (true > 0).astype(float)
        values = np.where(true > 0, per_class(hit, true, said), 0.0)
        return divide((values * weight).sum(axis=-1), weight.sum(axis=-1))

    return reduce


def _one_hot(slugs: Sequence[str | None], classes: Sequence[str]) -> Floats:
    index = {slug: i for i, slug in enumerate(classes)}
    hot: NDArray[np.float64] = np.zeros((len(slugs), len(classes)))
    for row, slug in enumerate(slugs):
        if slug in index:
            hot[row, index[slug]] = 1.0
    return hot
