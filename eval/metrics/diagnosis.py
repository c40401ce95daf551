"""Is the diagnosis right, exactly and by the tree? Over cases whose true diagnosis is known.

A failed parse, and a case without a prediction, is a wrong diagnosis. Classes are those of the truth: recall of a class that
nobody has is undefined, so balanced accuracy and macro-F1 average over true classes only (scikit-learn's
`balanced_accuracy_score`, and `f1_score` with `labels=` the true classes). A name outside of them is just wrong.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.cases import CaseScore
from eval.metrics.sums import Described, divide, share
from eval.statistics.bootstrap import Floats, Metric

NAMES = {
    "accuracy": Described("Accuracy (top-1)", "exact diagnosis, after resolving synonyms"),
    "balanced_accuracy": Described("Balanced accuracy", "mean recall over the true diagnoses"),
    "macro_f1": Described("Macro F1", "mean F1 over the true diagnoses"),
    "hierarchical_accuracy": Described(
        "Hierarchical accuracy", "1 exact, 0.5 sibling, parent or child, 0.25 same grandparent"
    ),
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
    return [
        share("accuracy", [float(s.correct) for s in scores], ones, known),
        Metric("balanced_accuracy", per_class, _mean_over_classes(len(classes), lambda h, t, s: divide(h, t)), where),
        Metric("macro_f1", per_class, _mean_over_classes(len(classes), lambda h, t, s: divide(2 * h, t + s)), where),
        share("hierarchical_accuracy", [s.credit or 0.0 for s in scores], ones, known),
    ]


def _mean_over_classes(
    classes: int, per_class: Callable[[Floats, Floats, Floats], Floats]
) -> Callable[[Floats], Floats]:
    """Average of a per-class metric over the classes that have a true case among those drawn."""

    def reduce(sums: Floats) -> Floats:
        hit, true, said = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, classes), -2, 0)  # each [..., classes]
        values = np.where(true > 0, per_class(hit, true, said), 0.0)
        return divide(values.sum(axis=-1), (true > 0).sum(axis=-1).astype(float))

    return reduce


def _one_hot(slugs: Sequence[str | None], classes: Sequence[str]) -> Floats:
    index = {slug: i for i, slug in enumerate(classes)}
    hot: NDArray[np.float64] = np.zeros((len(slugs), len(classes)))
    for row, slug in enumerate(slugs):
        if slug in index:
            hot[row, index[slug]] = 1.0
    return hot
