"""Can the answer be read, and does its reasoning say what its findings say?"""

from collections.abc import Sequence

from eval.cases import CaseScore
from eval.metrics.sums import Described, share
from eval.statistics.bootstrap import Metric

NAMES = {
    "think_agreement": Described(
        "Reasoning agrees with answer", "concepts in both reasoning and answer, of those in either"
    ),
    "parse_failure_rate": Described(
        "Parse failures", "completions that are not of the asked form, missing ones too", lower_is_better=True
    ),
    "unread_rate": Described(
        "Unread answers", "cases without an answer that could be read; they count as wrong", lower_is_better=True
    ),
}


def form(scores: Sequence[CaseScore]) -> list[Metric]:
    """The metrics of `NAMES` on these cases."""
    both = [float(len({*s.think} & {*s.asserted})) for s in scores]
    either = [float(len({*s.think} | {*s.asserted})) for s in scores]
    formless = [float(s.form is not None) for s in scores]
    unread = [float(s.failure is not None) for s in scores]
    ones, every = [1.0] * len(scores), [True] * len(scores)
    return [
        share("think_agreement", both, either, [s.failure is None for s in scores]),
        share("parse_failure_rate", formless, ones, every),
        share("unread_rate", unread, ones, every),
    ]
