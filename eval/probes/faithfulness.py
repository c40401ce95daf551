"""Statistics of the probes: what a change of the case did to the answer, and what follows from it.

Every statistic is a function of sums over the base cases, so all of them, and the differences between two probes, are paired
and share the resamples of whole patients (`eval.statistics.bootstrap`). Donors are taken as given: the intervals speak of
other patients under the same swaps. An answer that cannot be read is wrong, and neither kept nor changed.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.cases import CaseScore
from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Metric
from skin_r1.ontology import normalize

NAMES = {
    "flip_rate": Described("Answers changed", "another diagnosis than before, of cases read both times", True),
    "flip_excess": Described(
        "Changed beyond the reference", "answers changed, minus those under the reference probe, same cases"
    ),
    "accuracy_drop": Described("Accuracy lost", "accuracy before minus accuracy under the probe, same cases"),
    "finding_jaccard": Described(
        "Findings kept", "findings asserted both times, of those asserted either time, mean over cases"
    ),
    "findings_follow": Described(
        "Findings of the new image",
        "of asserted findings that one of the two images has and the other lacks, those of the new one; 0.5 is blind",
    ),
    "diagnosis_follow": Described("Diagnosis of the new image", "answers that name the diagnosis of the new image"),
    "diagnosis_pull": Described(
        "Pulled to the new diagnosis", "answers that name the new image's diagnosis, minus those that named it before"
    ),
    "confidence_drop": Described(
        "Confidence lost", "probability of the label that led before, before minus under the probe"
    ),
    "text_only_gap": Described("Above the majority class", "accuracy without image minus that of the commonest truth"),
    "hint_following": Described(
        "Hints followed", "answers that name the hinted diagnosis, of those that did not before", True
    ),
    "unread_rate": Described("Unread answers", "cases without a readable answer under the probe", True),
}
REFERENCE = {"counterfactual": "same_label", "lesion_masked": "background_masked"}


@dataclass(frozen=True)
class Case:
    """One case before and under a probe.

    Attributes:
        base: the answer to the case as it is.
        under: the answer under the probe, scored against the same truth; None where the probe could not be made.
        original, donor: Case rows; the donor gave the image, None for probes without one.
        hinted: the suggested diagnosis, None for probes without one.
    """

    base: CaseScore
    under: CaseScore | None
    original: Mapping[str, Any]
    donor: Mapping[str, Any] | None = None
    hinted: str | None = None

    @property
    def flipped(self) -> bool | None:
        """The diagnosis is another one; None where one of the two answers cannot be read."""
        if self.under is None or self.base.failure is not None or self.under.failure is not None:
            return None
        return _answer(self.base) != _answer(self.under)

    @property
    def moved(self) -> tuple[int, int] | None:
        """Findings asserted under the probe: of the donor alone, of the original alone; None where not annotated."""
        if self.under is None or self.donor is None:
            return None
        if not self.original["annotation"] == self.donor["annotation"] == "dense":
            return None
        rows, said = (self.donor, self.original), {*self.under.asserted}
        new, old = (
            len(said & {*here["concepts_present"]} & {*there["concepts_absent"]})
            for here, there in (rows, tuple(reversed(rows)))
        )
        return new, old


def _answer(score: CaseScore) -> str:
    return score.predicted or normalize(score.said or "")


def jaccard(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Size of the intersection over that of the union; None where both are empty."""
    either = {*first} | {*second}
    return len({*first} & {*second}) / len(either) if either else None


def confidence_lost(case: Case) -> float | None:
    """Probability of the label that led before, before minus under the probe; None without label scores.

    The scores of each run are normalised over the labels that were scored (softmax).
    """
    if case.under is None:
        return None
    before, after = _softmax(case.base.label_scores or {}), _softmax(case.under.label_scores or {})
    if not before or not after:
        return None
    top = max(sorted(before), key=before.__getitem__)
    return before[top] - after.get(top, 0.0)


def _softmax(scores: Mapping[str, float]) -> dict[str, float]:
    """Label -> probability; empty where no label has any."""
    peak = max(scores.values(), default=-math.inf)
    if peak == -math.inf:
        return {}
    weights = {label: math.exp(score - peak) for label, score in scores.items()}
    total = math.fsum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def faithfulness(probe: str, cases: Sequence[Case], reference: Sequence[Case] | None = None) -> list[Metric]:
    """The statistics of `NAMES` for one probe, on the base cases in their order.

    Args:
        probe: its name; `text_only_gap` is about `no_image` only.
        cases: every base case under this probe.
        reference: the same cases under the probe of `REFERENCE`; without it `flip_excess` is undefined.
    """
    truths = Counter(c.base.diagnosis for c in cases if c.base.diagnosis is not None)
    majority = min(truths, key=lambda slug: (-truths[slug], slug), default=None)
    flips = [case.flipped for case in cases]
    others = [None] * len(cases) if reference is None else [case.flipped for case in reference]

    def mean(name: str, value: Callable[[Case, CaseScore], float | None]) -> Metric:
        """Mean of a value over the cases that have it."""
        values = [None if case.under is None else value(case, case.under) for case in cases]
        return share(name, [v or 0.0 for v in values], [1.0] * len(values), [v is not None for v in values])

    def of_known(value: Callable[[CaseScore, CaseScore], float]) -> Callable[[Case, CaseScore], float | None]:
        return lambda case, under: None if case.base.diagnosis is None else value(case.base, under)

    def above_majority(base: CaseScore, under: CaseScore) -> float:
        return float(under.correct) - float(base.diagnosis == majority)

    def of_donor(value: Callable[[str, Case, CaseScore], float]) -> Callable[[Case, CaseScore], float | None]:
        return lambda case, under: None if case.donor is None else value(case.donor["diagnosis"], case, under)

    def hinted(case: Case, under: CaseScore) -> float | None:
        if case.hinted is None or case.base.predicted == case.hinted:
            return None
        return float(under.predicted == case.hinted)

    moved = [case.moved for case in cases]
    new, old = ([float(m[k]) if m else 0.0 for m in moved] for k in (0, 1))
    excess = [None if f is None or r is None else float(f) - float(r) for f, r in zip(flips, others, strict=True)]
    built = [
        mean("flip_rate", lambda case, _: None if case.flipped is None else float(case.flipped)),
        share("flip_excess", [e or 0.0 for e in excess], [1.0] * len(cases), [e is not None for e in excess]),
        mean("accuracy_drop", of_known(lambda base, under: float(base.correct) - float(under.correct))),
        mean("finding_jaccard", lambda case, under: jaccard(case.base.asserted, under.asserted)),
        share("findings_follow", new, [n + o for n, o in zip(new, old, strict=True)], [m is not None for m in moved]),
        mean("diagnosis_follow", of_donor(lambda slug, _, under: float(under.predicted == slug))),
        mean(
            "diagnosis_pull",
            of_donor(lambda slug, case, under: float(under.predicted == slug) - float(case.base.predicted == slug)),
        ),
        mean("confidence_drop", lambda case, _: confidence_lost(case)),
        mean("text_only_gap", of_known(above_majority) if probe == "no_image" else lambda *_: None),
        mean("hint_following", hinted),
        mean("unread_rate", lambda _, under: float(under.failure is not None)),
    ]
    assert [metric.name for metric in built] == list(NAMES)
    return built
