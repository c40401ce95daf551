"""Findings against the annotation, micro-averaged over densely annotated cases, on concepts annotated present or absent."""

from collections.abc import Sequence

import numpy as np

from eval.cases import CaseScore
from eval.metrics.sums import Described, f1, share
from eval.statistics.bootstrap import Metric

NAMES = {
    "grounding_precision": Described(
        "Findings: precision", "asserted findings annotated present, of those annotated at all"
    ),
    "grounding_recall": Described("Findings: recall", "findings annotated present that were asserted"),
    "grounding_f1": Described("Findings: F1", "harmonic mean of the two"),
    "hallucination_rate": Described(
        "Hallucinated findings", "asserted findings annotated absent, of all asserted concepts", lower_is_better=True
    ),
    "unverifiable_finding_rate": Described(
        "Unverifiable findings",
        "asserted findings that the annotation does not cover or that name no concept",
        lower_is_better=True,
    ),
}


def grounding(scores: Sequence[CaseScore]) -> list[Metric]:
    """The metrics of `NAMES` on these cases."""
    dense = [s.dense for s in scores]
    hit = [float(len(s.supported)) for s in scores]
    false = [float(len(s.contradicted)) for s in scores]
    missed = [float(len(s.missed)) for s in scores]
    asserted = [float(len(s.asserted)) for s in scores]
    open_ends = [float(len(s.unknown) + len(s.unnamed)) for s in scores]
    every = [float(len(s.asserted) + len(s.unnamed)) for s in scores]
    where = np.asarray(dense, dtype=bool)
    return [
        share("grounding_precision", hit, [h + f for h, f in zip(hit, false, strict=True)], dense),
        share("grounding_recall", hit, [h + m for h, m in zip(hit, missed, strict=True)], dense),
        Metric("grounding_f1", np.stack([hit, false, missed], axis=1) * where[:, None], f1, where),
        share("hallucination_rate", false, asserted, dense),
        share("unverifiable_finding_rate", open_ends, every, dense),
    ]
