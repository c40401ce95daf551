"""The metrics, by family.

Undefined is NaN here and null in summary.json, never 0. An answer that cannot be read is wrong, never dropped.
"""

from collections.abc import Sequence
from dataclasses import replace

from eval.calibration.consistency import consistency_table
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
    **{f"votes_{name}": replace(each, title=f"Votes: {each.title}") for name, each in probability.NAMES.items()},
}


def build_metrics(scores: Sequence[CaseScore]) -> list[Metric | Ranked]:
    """The metrics of `NAMES` on these cases, in that order.

    Those of probabilities need label scores, and those of votes, the same figures of self-consistency, need sampled answers:
    without any in these cases they are left out.
    """
    found: list[Metric | Ranked] = [
        *diagnosis.diagnosis(scores),
        *malignancy.malignancy(scores),
        *grounding.grounding(scores),
        *rationale.rationale([s.rationale for s in scores], [s.dense for s in scores]),
        *form.form(scores),
    ]
    truth = [s.diagnosis for s in scores], [s.malignancy for s in scores]
    if any(s.label_scores for s in scores):
        found += probability.probability(label_table([s.label_scores for s in scores], *truth))
    if any(s.votes for s in scores):
        votes = consistency_table([s.votes or () for s in scores], *truth)
        found += [replace(metric, name=f"votes_{metric.name}") for metric in probability.probability(votes)]
    return found
