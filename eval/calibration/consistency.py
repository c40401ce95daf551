"""Self-consistency: how often k sampled answers name the same diagnosis, as a score of it.

Source: Wang et al., Self-Consistency Improves Chain of Thought Reasoning in Language Models, ICLR 2023. It needs no access to
the model's probabilities. An answer that cannot be read, or names no diagnosis of ours, counts among the k and agrees with
none: dropping it would make a model that often fails look sure.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from eval.label_scores import LabelTable, class_names, indices
from eval.statistics.bootstrap import Floats


def votes(samples: Sequence[Sequence[str | None]], classes: Sequence[str]) -> Floats:
    """Share of a case's answers that name each class, [cases, classes], in [0, 1]; NaN in a case without answers.

    Args:
        samples: per case the diagnosis slugs of its answers, None where there is none. Their number may differ.
        classes: the columns; every slug that is named is among them.
    """
    column = {slug: i for i, slug in enumerate(classes)}
    counts = np.zeros((len(samples), len(column)))
    for row, answers in enumerate(samples):
        for slug in answers:
            if slug is not None:
                counts[row, column[slug]] += 1
    asked = np.array([len(answers) for answers in samples], dtype=float)
    return counts / np.where(asked > 0, asked, np.nan)[:, None]


def consistency_table(
    samples: Sequence[Sequence[str | None]], diagnoses: Sequence[str | None], malignancies: Sequence[str | None]
) -> LabelTable:
    """Votes in the shape of label scores, for every metric of `eval.metrics.probability`.

    Args:
        samples: per case the diagnosis slugs of its k answers, None where there is none.
        diagnoses, malignancies: the truth of each case; None where unknown.
    """
    classes = class_names({slug for answers in samples for slug in answers if slug is not None}, diagnoses)
    with np.errstate(divide="ignore"):
        log_p = np.log(votes(samples, classes))
    return LabelTable(classes, log_p, indices(diagnoses, classes), tuple(malignancies))


def entropy(samples: Sequence[Sequence[str | None]]) -> Floats:
    """Entropy of a case's answers in nats, [cases], 0 (all alike) to ln k; NaN in a case without answers.

    Each answer that names no diagnosis is an outcome of its own.
    """
    return np.array([_entropy(answers) for answers in samples], dtype=float)


def _entropy(answers: Sequence[str | None]) -> float:
    if not answers:
        return float("nan")
    named = Counter(slug for slug in answers if slug is not None)
    counts = np.array([*named.values(), *[1] * answers.count(None)]) / len(answers)
    return float(abs((counts * np.log(counts)).sum()))
