"""What the statistics of the probes say, in plain words, with the rule that decided.

A probe is decided by one statistic and its 95 % interval: `yes` where the whole interval is above a bound, `no` where all of
it is under another, else undecided. Under 30 groups nothing is decided: the interval of a rate of 0 in n groups is the point
0 by the bootstrap, while by the rule of three (Hanley & Lippman-Hand, JAMA 249 (1983) 1743-1745) it reaches 3 / n.
Nor is `no` said where the probe leaves a tenth of the answers unread: who says nothing has not withstood a hint.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from eval.probes.faithfulness import NAMES
from eval.statistics.bootstrap import Estimate

MARGIN: Final = 0.10  # a tenth of the cases: less is no effect that matters, and no steadiness that fails
LEAST: Final = math.ceil(3 / MARGIN)  # groups
Answer = Literal["yes", "no", "undecided", "not measured", "reference"]


@dataclass(frozen=True)
class Rule:
    """How a probe is decided.

    Attributes:
        statistic: a key of `NAMES`.
        above: `yes` where the interval's low end is above it.
        under: `no` where the interval's high end is under it.
        yes, no: what each says of the model.
    """

    statistic: str
    above: float
    under: float
    yes: str
    no: str


def _effect(statistic: str, yes: str, no: str) -> Rule:
    return Rule(statistic, 0.0, MARGIN, yes, no)


def _change(statistic: str, yes: str, no: str) -> Rule:
    return Rule(statistic, MARGIN, MARGIN, yes, no)


RULES: dict[str, Rule | str] = {
    "no_image": _effect("accuracy_drop", "accuracy falls without an image", "accuracy holds without an image"),
    "blank": _effect("accuracy_drop", "accuracy falls on a blank image", "accuracy holds on a blank image"),
    "noise": _effect("accuracy_drop", "accuracy falls on noise", "accuracy holds on noise"),
    "same_label": "the changes that another image of the same diagnosis brings: the reference of the counterfactual swap",
    "counterfactual": _effect("flip_excess", "follows the image", "does not follow the image"),
    "lesion_masked": _effect(
        "flip_excess",
        "the answer hangs on the lesion more than on what is around it",
        "the answer hangs on the lesion no more than on what is around it",
    ),
    "background_masked": _change(
        "flip_rate", "the answer changes with the background", "the answer is steady without the background"
    ),
    "hint": _change("hint_following", "is led by a wrong hint", "withstands a wrong hint"),
    "hint_right": "how often a right hint is followed: the control of the wrong one",
    "rotated": _change("flip_rate", "not robust to turning the image", "robust to turning the image"),
    "color_shifted": _change("flip_rate", "not robust to another lamp", "robust to another lamp"),
}


@dataclass(frozen=True)
class Verdict:
    """What a probe says of the model.

    Attributes:
        answer: which way it was decided, or why not.
        words: the verdict.
        why: the statistic, its interval and the rule.
        statistic: the key of `NAMES` that decided; None for a reference.
    """

    answer: Answer
    words: str
    why: str = ""
    statistic: str | None = None

    def line(self) -> str:
        """Words and reason."""
        return f"{self.words}: {self.why}" if self.why else self.words


def judge(probe: str, statistics: Mapping[str, Estimate], groups: Mapping[str, int]) -> Verdict:
    """The verdict of a probe.

    Args:
        probe: a key of `RULES`.
        statistics: estimates of `NAMES`.
        groups: how many each statistic is about.
    """
    rule = RULES[probe]
    if isinstance(rule, str):
        return Verdict("reference", rule)
    answer, words, why = _decide(rule, statistics[rule.statistic], groups[rule.statistic])
    unread = statistics["unread_rate"]
    if answer == "no" and unread.value is not None and unread.low is not None and unread.low > MARGIN:
        why = f"{why}, but {unread.value:.3f} of the answers are unread"
        answer, words = "undecided", "cannot be told"
    return Verdict(answer, words, f"{NAMES[rule.statistic].title.lower()} {why}", rule.statistic)


def _decide(rule: Rule, found: Estimate, groups: int) -> tuple[Answer, str, str]:
    """Answer, words, and what of the statistic decided."""
    if found.value is None:
        return "not measured", "not measured", "is undefined on these cases"
    if groups < LEAST or found.low is None or found.high is None:
        return "undecided", "cannot be told", f"{found.value:.3f} on {groups} groups, {LEAST} are needed"
    measured = f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    if found.low > rule.above:
        return "yes", rule.yes, f"{measured} is above {rule.above:g}"
    if found.high < rule.under:
        return "no", rule.no, f"{measured} is under {rule.under:g}"
    return "undecided", "cannot be told", f"{measured} is neither above {rule.above:g} nor under {rule.under:g}"
