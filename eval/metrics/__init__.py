"""The metrics, by family.

Undefined is NaN here and null in summary.json, never 0. An answer that cannot be read is wrong, never dropped.
"""

from collections.abc import Sequence

from eval.cases import CaseScore
from eval.label_scores import label_table
from eval.metrics import diagnosis, form, grounding, malignancy, probability, rationale
from eval.metrics.sums import Described
from eval.statistics.bootstrap import Metric, Ranked

# Key in summary.json -> what it is. The order is that of the report.
NAMES: dict[str, Described] = {
    **diagnosis.NAMES,
    **malignancy.NAMES,
    **grounding.NAMES,
    **rationale.NAMES,
    **form.NAMES,
    **probability.NAMES,
}


def build_metrics(scores: Sequence[CaseScore]) -> list[Metric | Ranked]:
    """Every metric of `NAMES` on these cases, in that order; those of probabilities only where a case has label scores."""
    found: list[Metric | Ranked] = [
        *diagnosis.diagnosis(scores),
        *malignancy.malignancy(scores),
        *grounding.grounding(scores),
        *rationale.rationale([s.rationale for s in scores], [s.dense for s in scores]),
        *form.form(scores),
    ]
    if any(s.label_scores for s in scores):
        table = label_table(
            [s.label_scores for s in scores], [s.diagnosis for s in scores], [s.malignancy for s in scores]
        )
        found += probability.probability(table)
    return found
