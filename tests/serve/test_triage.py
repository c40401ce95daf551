"""Red flags only ever raise the level."""

import pytest

from skin_r1.reading import parse, render
from skin_r1.serve.answer.triage import LEVELS, triage


def reading(diagnosis="melanocytic nevus", malignancy="benign", differential=()):
    return parse(render("I see a spot", ["regular border"], list(differential), diagnosis, malignancy))


@pytest.mark.parametrize(
    "history, level",
    [
        ("fever, blisters and sore mouth since a new drug", "emergency"),
        ("purple spots and high temperature", "emergency"),
        ("red leg, pain out of proportion", "emergency"),
        ("swollen tongue after a sting", "emergency"),
        ("newborn with blisters", "emergency"),
        ("rash with chills", "urgent"),
        ("kidney transplant, new wart", "urgent"),
        ("the mole is growing and bleeds", "urgent"),
        ("stable for years", "routine"),
        (None, "routine"),
    ],
)
def test_what_a_person_writes_raises_the_level(history, level):
    assert triage(history, reading()).level == level


def test_an_answer_never_lowers_a_level():
    for history in ("fever, blisters and sore mouth", "the mole bleeds"):
        for answer in (None, reading(), reading("melanoma", "malignant")):
            assert LEVELS.index(triage(history, answer).level) >= LEVELS.index("urgent")


@pytest.mark.parametrize(
    "answer, level, rule",
    [
        (reading("melanoma", "malignant"), "urgent", "malignant-answer"),
        (reading("melanoma", "benign"), "urgent", "contradiction"),
        (reading("actinic keratosis", "premalignant"), "soon", "premalignant-answer"),
        (reading(differential=["melanoma"]), "soon", "malignant-differential"),
        (reading("a name nobody knows", "benign"), "soon", "indeterminate-answer"),
        (None, "soon", "no-answer"),
    ],
)
def test_the_answer_raises_the_level(answer, level, rule):
    found = triage(None, answer)
    assert found.level == level and rule in {flag.rule for flag in found.flags}
