"""Is a malignancy called? Positive is `malignant`; the `malignant_or_premalignant_` pair counts premalignant as positive too.

Cases whose truth is unknown or `indeterminate` are in neither. What is said is the answer's own `malignancy`.
"""

from collections.abc import Sequence

from eval.cases import CaseScore
from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Metric

NAMES = {
    "malignancy_sensitivity": Described("Malignant: sensitivity", "malignant cases called malignant"),
    "malignancy_specificity": Described("Malignant: specificity", "all others called something else than malignant"),
    "malignant_or_premalignant_sensitivity": Described(
        "Malignant or premalignant: sensitivity", "malignant or premalignant cases called either"
    ),
    "malignant_or_premalignant_specificity": Described(
        "Malignant or premalignant: specificity", "all others called neither"
    ),
    "missed_malignancy_rate": Described(
        "Missed malignancies",
        "malignant cases called neither malignant nor premalignant, or not answered",
        lower_is_better=True,
    ),
}


def malignancy(scores: Sequence[CaseScore]) -> list[Metric]:
    """The metrics of `NAMES` on these cases."""
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
        metrics.append(share(f"{prefix}_sensitivity", called, ones, sick))
        metrics.append(share(f"{prefix}_specificity", cleared, ones, well))
    malignant = [s.malignancy == "malignant" for s in scores]
    missed = [float(s.predicted_malignancy not in ("malignant", "premalignant")) for s in scores]
    return [*metrics, share("missed_malignancy_rate", missed, [1.0] * len(scores), malignant)]
