"""When the server gives no diagnosis, and why: fixed rules over the pictures' quality and the answers."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from skin_r1.reading import ParseFailure
from skin_r1.serve.answer.agreement import Agreement, grade
from skin_r1.serve.answer.settings import AnswerSettings

if TYPE_CHECKING:
    from skin_r1.serve.intake.picture import Picture

# "not skin", "no skin visible", "not a skin image"; but "no skin lesion" is skin.
_NOT_SKIN = re.compile(
    r"\b(?:non-?skin|not (?:a |an )?(?:picture |image |photo )?(?:of )?(?:human )?skin|no (?:human )?skin"
    r"(?! (?:lesion|disease|change|condition|cancer|abnormal|problem|find|disorder|tumou?r|rash)))\b",
    re.IGNORECASE,
)


class Abstention(NamedTuple):
    """Why no diagnosis is given: a stable code, and the reason in words."""

    code: str
    reason: str


def usable(pictures: Sequence["Picture"]) -> list["Picture"]:
    """Those that the quality gate does not refuse; only they are shown to the model."""
    return [picture for picture in pictures if all(advice.level != "refuse" for advice in picture.quality)]


def refused_pictures(pictures: Sequence["Picture"]) -> Abstention:
    """For pictures that the gate refuses, all of them: `not_skin` where none shows skin, else `poor_image`."""
    refusals = [[advice for advice in picture.quality if advice.level == "refuse"] for picture in pictures]
    words = "; ".join(dict.fromkeys(advice.message for each in refusals for advice in each))
    no_skin = all(any(advice.code == "not_skin" for advice in each) for each in refusals)
    if no_skin:
        return Abstention("not_skin", f"no picture seems to show skin: {words}")
    return Abstention("poor_image", f"no picture is good enough to be read: {words}")


def unreadable(failure: ParseFailure) -> Abstention:
    """For a first answer that could not be read twice."""
    return Abstention("unreadable", f"the model gave no readable answer: {failure.reason}")


def doubt(agreement: Agreement, settings: AnswerSettings) -> Abstention | None:
    """The first rule that holds, or None.

    1. `not_skin`: the leading answer says that it is not skin.
    2. `out_of_scope`: the leading diagnosis is not in our tree, and no other that is has enough answers.
    3. `no_agreement`: no diagnosis has `agreement_threshold` of the answers.
    4. `no_agreement`: the leading diagnosis is not malignant, but `undecided_threshold` of the answers are.
    """
    leader, asked = agreement.leader, agreement.asked
    if _NOT_SKIN.search(leader.diagnosis):
        return Abstention("not_skin", "the model says that the picture does not show skin")
    known = [count for name, count in agreement.votes.items() if not name.startswith("?")]
    if leader.diagnosis_slug is None and max(known, default=0) < max(1.0, settings.agreement_threshold * asked):
        return Abstention("out_of_scope", "the model names no diagnosis of the tree that this server knows")
    if agreement.support < settings.agreement_threshold:
        return Abstention(
            "no_agreement",
            f"{asked} answers agree too little: at most {agreement.support:.0%} stand behind one diagnosis",
        )
    if grade(leader) != "malignant" and agreement.malignant >= settings.undecided_threshold:
        return Abstention(
            "no_agreement", f"{agreement.malignant:.0%} of {asked} answers are malignant, the leading one is not"
        )
    return None
