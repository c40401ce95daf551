"""The metrics, by family.

Undefined is NaN here and null in summary.json, never 0. An answer that cannot be read is wrong, never dropped.
"""

from collections.abc import Sequence

from eval.cases import CaseScore
from eval.metrics import diagnosis, form, grounding, malignancy
from eval.metrics.sums import Described
from eval.statistics.bootstrap import Metric, Ranked

# Key in summary.json -> what it is. The order is that of the report.
NAMES: dict[str, Described] = {**diagnosis.NAMES, **malignancy.NAMES, **grounding.NAMES, **form.NAMES}


def build_metrics(scores: Sequence[CaseScore]) -> list[Metric | Ranked]:
    """Every metric of `NAMES` on these cases, in that order."""
    return [
        *diagnosis.diagnosis(scores),
        *malignancy.malignancy(scores),
        *grounding.grounding(scores),
        *form.form(scores),
    ]
