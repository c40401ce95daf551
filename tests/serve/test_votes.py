"""Several answers become one, or none."""

import asyncio

import pytest
from answering import MELANOMA, NEVUS, SHOWN, WART, Speaker, answered, blurred, flags

from skin_r1.errors import UserError
from skin_r1.reading import parse, render
from skin_r1.serve.answer.agreement import Agreement
from skin_r1.serve.answer.diagnose import diagnose
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.intake.requests import Ask
from skin_r1.serve.refused import Refused

UNKNOWN = render("I see a thing.", [], [], "zorblax syndrome", "benign")
COMPOUND = render("I see a regular border.", ["regular border"], [], "compound nevus", "benign")


def test_shares_of_votes_are_the_probabilities():
    answer = answered(NEVUS, NEVUS, WART, NEVUS)
    assert [(row["slug"], row["probability"]) for row in answer["differential"]] == [
        ("melanocytic-nevus", 3 / 5),
        ("verruca-vulgaris", 1 / 5),
        ("melanoma", None),  # named as an alternative, the answer of none
    ]
    assert answer["confidence"]["value"] == 3 / 5 and answer["confidence"]["samples"] == 4
    assert answer["confidence"]["calibrated"] is False and "not calibrated" in answer["confidence"]["note"]
    assert [row["malignancy"] for row in answer["differential"]] == ["benign", "non-neoplastic", "malignant"]


def test_the_answer_shown_is_one_that_names_the_leading_diagnosis():
    answer = answered(WART, NEVUS, NEVUS, NEVUS)
    assert answer["diagnosis"] == "melanocytic nevus" and answer["rationale"].startswith("I see a regular")
    assert [finding["name"] for finding in answer["findings"]] == ["regular border"]


def test_on_a_tie_the_greedy_answer_leads():
    assert Agreement([parse(WART), parse(NEVUS)]).leader.diagnosis == "common wart"
    assert Agreement([parse(NEVUS), parse(WART)]).leader.diagnosis == "melanocytic nevus"


def test_one_answer_has_no_confidence():
    confidence = answered(NEVUS)["confidence"]
    assert (confidence["value"], confidence["method"], confidence["prediction_set"]) == (None, None, None)


def test_an_answer_that_cannot_be_read_counts_and_agrees_with_none():
    answer = answered(NEVUS, "no JSON", NEVUS, "no JSON")
    assert answer["confidence"]["value"] == 2 / 5


@pytest.mark.parametrize(
    "texts, code",
    [
        ((NEVUS, WART, UNKNOWN, COMPOUND, "nothing"), "no_agreement"),
        ((NEVUS, WART, WART, NEVUS, NEVUS), None),
        ((NEVUS, COMPOUND, COMPOUND, NEVUS, WART), None),  # a compound nevus is a melanocytic nevus: 4 of 5 agree
        ((NEVUS, NEVUS, NEVUS, MELANOMA, MELANOMA), "no_agreement"),  # 40 % malignant
        ((NEVUS, NEVUS, NEVUS, NEVUS, MELANOMA), None),
        ((MELANOMA, MELANOMA, MELANOMA, NEVUS, NEVUS), None),
        ((UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, NEVUS), "out_of_scope"),
        ((UNKNOWN,), "out_of_scope"),
        ((UNKNOWN, NEVUS, NEVUS, NEVUS), None),
        ((render("I see a shoe.", [], [], "not skin", "benign"),), "not_skin"),
        ((render("I see fur.", [], [], "no human skin visible", "benign"),), "not_skin"),
        (("no JSON", "no JSON"), "unreadable"),
    ],
)
def test_when_no_diagnosis_is_given(texts, code):
    answer = answered(*texts)
    assert answer["reason_code"] == code and answer["abstained"] is (code is not None)
    if code:
        assert answer["diagnosis"] is None and answer["malignancy"] is None and answer["confidence"]["value"] is None
        assert answer["reason"] and answer["triage"]["level"] != "routine"
    if code in ("no_agreement", "out_of_scope"):
        assert answer["rationale"] and answer["differential"], "an abstention still shows what was seen"
        assert answer["resolved"]["diagnosis"] is None and answer["resolved"]["path"] == []


def test_normal_skin_is_not_called_another_thing():
    for name in ("no skin lesion", "no skin cancer", "normal skin"):
        assert answered(render("I see it.", [], [], name, "benign"))["reason_code"] != "not_skin"


def test_the_thresholds_are_settings():
    mixed = (NEVUS, NEVUS, NEVUS, MELANOMA, MELANOMA)
    assert not answered(*mixed, settings=AnswerSettings(samples=5, undecided_threshold=0.5))["abstained"]
    split = (NEVUS, NEVUS, NEVUS, WART, WART)
    assert (
        answered(*split, settings=AnswerSettings(samples=5, agreement_threshold=0.8))["reason_code"] == "no_agreement"
    )
    for wrong in ({"samples": 0}, {"samples": 17}, {"temperature": 0}, {"agreement_threshold": 1.1}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            AnswerSettings(**wrong)


@pytest.mark.parametrize(
    "texts, level",
    [
        ((NEVUS, NEVUS, NEVUS, NEVUS, MELANOMA), "urgent"),
        ((WART, NEVUS, UNKNOWN, "nothing", MELANOMA), "urgent"),  # no agreement, and still urgent
        ((NEVUS,) * 7 + (MELANOMA,), "soon"),  # one of eight is below the share of 0.2, and is not lost
    ],
)
def test_a_malignant_answer_among_the_samples_is_never_hidden(texts, level):
    answer = answered(*texts)
    assert answer["triage"]["level"] == level and "malignant-answer" in flags(answer)
    assert "melanoma" in [row["slug"] for row in answer["differential"]]


def test_pictures_that_the_gate_refuses_are_not_shown_to_the_model():
    settings = AnswerSettings(samples=1)
    for pictures, code in (
        ([blurred()], "poor_image"),
        ([blurred("not_skin"), blurred("not_skin")], "not_skin"),
        ([blurred("not_skin"), blurred()], "poor_image"),
    ):
        engine = Speaker(NEVUS)
        answer = asyncio.run(diagnose(engine, Ask(history="fever and blisters"), pictures, settings))
        assert answer["reason_code"] == code and "hold the camera still" in answer["reason"]
        assert not engine.asked and answer["attempts"] == 0
        assert answer["triage"]["level"] == "emergency", "words count without a picture, too"
    engine = Speaker(NEVUS)
    answer = asyncio.run(diagnose(engine, Ask(), [blurred(), SHOWN, blurred(level="warn")], settings))
    assert not answer["abstained"] and len(answer["image_quality"]) == 3
    parts = engine.asked[0].messages[0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]


def test_samples_are_asked_at_the_same_time_with_seeds_of_their_own():
    engine = Speaker(NEVUS, WART, NEVUS, NEVUS, NEVUS)
    first = asyncio.run(diagnose(engine, Ask(model="b"), [SHOWN], AnswerSettings(samples=5)))
    assert engine.together == 4 and [chat.seed for chat in engine.asked] == [0, 1, 2, 3, 4]
    assert [chat.temperature for chat in engine.asked] == [0, 0.7, 0.7, 0.7, 0.7]
    assert {chat.model for chat in engine.asked} == {"b"} and all(chat.schema for chat in engine.asked)
    assert first == asyncio.run(diagnose(engine, Ask(model="b"), [SHOWN], AnswerSettings(samples=5)))


def test_the_listener_hears_quality_words_repair_and_progress():
    events = []

    async def emit(event):
        events.append(event)

    said = ("no JSON", NEVUS, NEVUS, NEVUS)  # the repair has the seed after those of the samples
    answer = answered(*said, settings=AnswerSettings(samples=3), emit=emit, pictures=[blurred(level="warn")])
    assert answer["attempts"] == 2 and answer["diagnosis"] == "melanocytic nevus"
    kinds = [event["type"] for event in events]
    assert kinds[0] == "quality" and kinds.count("restart") == 1 and kinds[-2:] == ["progress", "progress"]
    assert events[-1]["done"] == events[-1]["of"] == 3
    text = "".join(event["text"] for event in events[kinds.index("restart") :] if event["type"] == "token")
    assert parse(text) == parse(NEVUS)


def test_a_listener_is_told_when_the_samples_outvote_the_streamed_answer():
    events = []

    async def emit(event):
        events.append(event)

    answered(WART, NEVUS, NEVUS, emit=emit)
    assert [event["type"] for event in events if event["type"] != "token"] == [
        "quality",
        "progress",
        "progress",
        "restart",
    ]


def test_a_failing_engine_ends_the_request_with_its_own_refusal():
    with pytest.raises(Refused) as refusal:
        answered(NEVUS, NEVUS, Refused(504, "engine_timeout", "too slow"))
    assert refusal.value.code == "engine_timeout"
