"""How much a reward may pay a kind of answer, by what the reward judges.

A reward answers for what it judges and for nothing else: one of the diagnosis may pay a right JSON object after gibberish,
one of the findings may not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

from skin_r1.gold import gold_findings
from skin_r1.rewards import Reward

Judges = Literal[
    "format", "diagnosis", "malignancy", "findings", "gated findings", "expected findings", "differential",
    "agreement", "length", "novelty", "anything",
]  # fmt: skip
FORM: frozenset[Judges] = frozenset({"format", "agreement", "length", "novelty"})
"""What can be judged without knowing the truth."""
BY_NAME: Mapping[str, Judges] = {
    "format_reward": "format",
    "diagnosis_reward": "diagnosis",
    "malignancy_reward": "malignancy",
    "grounding_reward": "findings",
    "gated_grounding_reward": "gated findings",
    "expected_grounding_reward": "expected findings",
    "differential_reward": "differential",
    "consistency_reward": "agreement",
    "brevity_reward": "length",
    "novelty_reward": "novelty",
}
BY_COLUMN: tuple[tuple[str, Judges], ...] = (
    ("concepts_present", "findings"),
    ("differential", "differential"),
    ("diagnosis", "diagnosis"),
    ("malignancy", "malignancy"),
)


@dataclass(frozen=True)
class Bound:
    """How much an answer may be paid.

    Attributes:
        how: `most`: on no row more than `value`; `less`: on every row less than the gold answer; `mean`: on average less
            than the gold answer; `chance`: on average no more than `SLACK` above chance, nor than `value`; `gold`: on
            every row as much as the gold answer. The bounds of averages are widened by three standard errors.
        value: of `most` and `chance`, in [0, 1].
        missed: of `most`, where the case is malignant or premalignant; `value` by default.
    """

    how: Literal["most", "less", "mean", "chance", "gold"]
    value: float = 0.0
    missed: float | None = None


NOTHING, LESS, MEAN, GOLD = Bound("most"), Bound("less"), Bound("mean"), Bound("gold")
LISTED = Bound("chance", 0.3)  # listing everything has to lose even where blind answers are paid well
QUARTER = Bound("most", 0.25)
MISSED = Bound("most", 0.5, missed=0.0)  # a false alarm may earn something, a missed malignancy nothing
SLACK = 0.05  # of a mean over the rows: both sides are measured on the same rows, and a sample is small
MARGIN = 0.02  # by which a mean has to be below that of gold

_DIAGNOSIS = {
    "reworded": GOLD, "sibling": LESS, "other family": QUARTER, "opposite": QUARTER, "self-praise": QUARTER,
    "every word": QUARTER, "two at once": NOTHING, "homoglyphs": NOTHING,
}  # fmt: skip
_NAMED_ONCE = {  # findings that stand in one place only are worth nothing
    "prose denies": NOTHING, "JSON silent": NOTHING, "prose silent": NOTHING, "gibberish": NOTHING, "prompt copied": NOTHING,
}  # fmt: skip
_FINDINGS = _NAMED_ONCE | {
    "reworded": GOLD, "one missed": LESS, "one absent": LESS, "both of a pair": LESS, "other prose": LESS,
    "other findings": MEAN, "all in prose": MEAN,
}  # fmt: skip
BOUNDS: Mapping[Judges, Mapping[str, Bound]] = {
    "format": {"reworded": GOLD},
    "diagnosis": _DIAGNOSIS,
    "malignancy": {"reworded": GOLD, "opposite": MISSED, "flipped": MISSED, "self-praise": MISSED, "every word": MISSED},
    "findings": _FINDINGS | {"all findings": LISTED},
    "gated findings": _FINDINGS | _DIAGNOSIS | {"all findings": LISTED},
    "expected findings": _NAMED_ONCE | {
        "reworded": GOLD, "both of a pair": LESS, "all findings": MEAN, "all in prose": MEAN,
    },
    "differential": {
        "reversed": LESS, "no others": LESS, "whole family": LESS, "other family": LESS, "opposite": LESS,
        "two at once": LESS, "homoglyphs": LESS,
    },
    "agreement": {
        "reworded": GOLD, "flipped": LESS, "prose denies": LESS, "JSON silent": LESS, "prose silent": LESS,
        "other prose": LESS, "gibberish": LESS, "prompt copied": LESS, "every word": LESS, "all in prose": LESS,
        "two at once": NOTHING, "homoglyphs": NOTHING,
    },
    "length": {"padded": LESS},
    "novelty": {"padded": LESS},
    "anything": {},
}  # fmt: skip


def judges(reward: Reward) -> Judges:
    """What a reward judges: by its name, else by the column of a Case that its signature asks for."""
    if (named := BY_NAME.get(getattr(reward, "__name__", ""))) is not None:
        return named
    asked = signature(reward).parameters
    return next((what for column, what in BY_COLUMN if column in asked), "anything")


def full_pay(what: Judges, row: Mapping[str, Any]) -> bool:
    """Whether the gold answer to this row can be right in the eyes of such a reward.

    It cannot where the case's own weights rank another diagnosis above its label, and where a case has no finding at all but
    grounds are asked for. A reward that judges "anything" may have a scale of its own.
    """
    if what == "differential":
        ranked = sorted(row["differential"], key=lambda item: -item["weight"])
        return not ranked or ranked[0]["diagnosis"] == row["diagnosis"]
    if what == "agreement":
        return bool(gold_findings(row))
    return what != "anything"


def answers_for(what: Judges, row: Mapping[str, Any]) -> bool:
    """Whether the bounds of findings hold on this row: only where some finding is known to be present."""
    return what not in ("findings", "gated findings") or bool(row["concepts_present"])
