"""What the claims of the rationales are worth, and how they argue.

Claims are counted over densely annotated cases, reasoning and answer together, each once a case (`eval.rationale`). The five
shares of claims add up to 1; denials are claims too, so read them beside the missing and the hallucinated findings. An
answer that cannot be read is the check of an empty text: no claim, every finding missed, no argument (coverage 0), the worst
differential.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Metric

if TYPE_CHECKING:
    from eval.rationale.check import RationaleCheck

_OF_CLAIMS = {
    "supported": Described("Claims: supported", "claims that the annotation bears out, of all claims"),
    "partial": Described(
        "Claims: partly right", "claims hedged and right, or of nearly the same finding, of all claims"
    ),
    "contradicted": Described("Claims: contradicted", "claims that the annotation refutes, of all claims", True),
    "unknown": Described("Claims: unknown", "claims that the annotation does not cover, of all claims", True),
    "vague": Described("Claims: vague", "sentences that give an impression only, of all claims", True),
}
_MEANS: dict[str, tuple[Described, "Callable[[RationaleCheck], float | None]"]] = {
    "finding_diagnosis_consistency": (
        Described(
            "Findings carry the diagnosis", "how far the claimed findings fit the said diagnosis; the truth aside"
        ),
        lambda check: check.consistency,
    ),
    "differential_quality": (
        Described("Differential: nDCG", "discounted gain of the other diagnoses named, over that of the best order"),
        lambda check: check.differential_quality,
    ),
    "argument_coverage": (
        Described("Argument: steps taken", "share of the six steps, description to outlook, mean over cases"),
        lambda check: check.coverage,
    ),
    "argument_order": (
        Described("Argument: steps in order", "share of the pairs of taken steps in order, mean over cases"),
        lambda check: check.order,
    ),
    "rationale_words": (
        Described("Words of a rationale", "mean over cases with one"),
        lambda check: float(check.readability.words) if check.readability.words else None,
    ),
    "rationale_grade": (
        Described("School grade of the prose", "Flesch-Kincaid grade, mean over cases with a rationale", True),
        lambda check: check.readability.grade,
    ),
    "rationale_repetition": (
        Described("Repeated words", "share of 4-word runs that stood before, mean over cases with a rationale", True),
        lambda check: check.readability.repeated if check.readability.words else None,
    ),
}
NAMES = {
    **{f"{name}_claim_rate": described for name, described in _OF_CLAIMS.items()},
    "missing_finding_rate": Described(
        "Findings never mentioned", "findings annotated present of which nothing is said", True
    ),
    "hallucinated_finding_rate": Described(
        "Hallucinated, in reasoning or answer",
        "asserted findings that are not there, of those the annotation knows",
        True,
    ),
    **{name: described for name, (described, _) in _MEANS.items()},
}


def rationale(checks: "Sequence[RationaleCheck | None]", dense: Sequence[bool]) -> list[Metric]:
    """The metrics of `NAMES` on these cases.

    Args:
        checks: of each case; None leaves it out of every metric.
        dense: [cases], the findings of the case are annotated.
    """
    dense = [known and check is not None for known, check in zip(dense, checks, strict=True)]
    made = [float(check.made) if check else 0.0 for check in checks]
    metrics = [share(f"{name}_claim_rate", _counts(checks, name), made, dense) for name in _OF_CLAIMS]
    metrics.append(share("missing_finding_rate", _counts(checks, "missing"), _counts(checks, "present"), dense))
    metrics.append(
        share("hallucinated_finding_rate", _counts(checks, "hallucinated"), _counts(checks, "asserted"), dense)
    )
    for name, (_, of) in _MEANS.items():
        values = [of(check) if check else None for check in checks]
        known = [value is not None for value in values]
        metrics.append(share(name, [value or 0.0 for value in values], [1.0] * len(values), known))
    return metrics


def _counts(checks: "Sequence[RationaleCheck | None]", name: str) -> list[float]:
    return [float(getattr(check, name)) if check else 0.0 for check in checks]
