"""A case can be asked about for a while, by who made it, and no red flag of it is lost."""

import asyncio

import pytest
from answering import MELANOMA, NEVUS, SHOWN, Speaker, blurred

from skin_r1.serve.answer.cases import Cases
from skin_r1.serve.answer.diagnose import diagnose
from skin_r1.serve.answer.follow_up import MAX_TURNS, follow_up, opened
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.intake.requests import Ask
from skin_r1.serve.refused import Refused

ONE = AnswerSettings(samples=1)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def case_of(cases, caller="a", text=NEVUS, pictures=(SHOWN,), **fields):
    ask = Ask(images=(b"raw",), **fields)
    answer = asyncio.run(diagnose(Speaker(text), ask, pictures, ONE))
    return opened(cases, caller, ask, pictures, answer)


def asked(cases, id_, question, *texts, caller="a", **options):
    engine = Speaker(*texts)
    return asyncio.run(follow_up(engine, cases, cases.get(id_, caller), question, ONE, **options)), engine


def test_the_picture_and_all_turns_go_to_the_model():
    cases = Cases()
    id_ = case_of(cases, history="stable for years", age=44)
    answer, _ = asked(cases, id_, "Is it harmless?", "<think>hm</think> Most likely.")
    assert answer["case"] == id_ and answer["answer"] == "Most likely." and "Research use" in answer["disclaimer"]
    _, engine = asked(cases, id_, "Are you\nsure?", "I am not.")
    messages = engine.asked[0].messages
    assert [each["role"] for each in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[0]["content"][0]["image_url"]["url"] == SHOWN.data_url
    texts = [each["content"][-1]["text"] for each in messages]
    assert "aged 40 to 49" in texts[0] and "stable for years" in texts[0] and "melanocytic nevus" in texts[1]
    assert texts[2:] == ["Is it harmless?", "Most likely.", "Are you sure?"]
    assert engine.asked[0].schema is None, "a question gets free text"


def test_a_question_raises_the_level_and_nothing_lowers_it():
    cases = Cases()
    id_ = case_of(cases)
    assert asked(cases, id_, "Thanks", "Fine.")[0]["triage"]["level"] == "soon"  # melanoma was an alternative
    assert asked(cases, id_, "It bleeds", "No harm.")[0]["triage"]["level"] == "urgent"
    assert asked(cases, id_, "All is well", "It is harmless.")[0]["triage"]["level"] == "urgent"
    assert asked(cases, id_, "Now fever and blisters", "Fine.")[0]["triage"]["level"] == "emergency"


def test_the_flag_names_what_raised_the_level():
    cases = Cases()
    id_ = case_of(cases)
    flags = asked(cases, id_, "It bleeds", "No harm.")[0]["triage"]["flags"]
    assert [(flag["level"], flag["rule"]) for flag in flags] == [("urgent", "changing-lesion"), ("soon", "earlier")]


def test_a_model_that_only_reasons_is_quoted():
    cases = Cases()
    answer, _ = asked(cases, case_of(cases), "Why?", "<think>The border is regular.</think>")
    assert answer["answer"] == "The border is regular."


def test_what_the_model_says_of_a_malignancy_raises_the_level():
    cases = Cases()
    id_ = case_of(cases)
    assert asked(cases, id_, "What is it?", "This is a melanoma.")[0]["triage"]["level"] == "urgent"
    id_ = case_of(cases)
    answer, _ = asked(cases, id_, "What is it?", MELANOMA)
    assert answer["triage"]["level"] == "urgent" and "Diagnosis: melanoma" in answer["answer"]


def test_a_failed_turn_keeps_its_red_flag():
    cases = Cases()
    id_ = case_of(cases)
    with pytest.raises(Refused):
        asked(cases, id_, "fever and blisters", Refused(502, "engine_failed", "no"))
    assert cases.get(id_, "a").level == "emergency" and len(cases.get(id_, "a").messages) == 2


def test_two_turns_at_once_keep_the_higher_level():
    cases = Cases()
    id_ = case_of(cases)
    before = cases.get(id_, "a")

    async def both():
        turns = [follow_up(Speaker("Yes."), cases, before, text, ONE) for text in ("fever and blisters", "thanks")]
        await asyncio.gather(*turns)

    asyncio.run(both())
    assert cases.get(id_, "a").level == "emergency"


def test_another_key_learns_nothing():
    cases = Cases()
    id_ = case_of(cases, caller="a")
    said = []
    for wrong in (lambda: cases.get(id_, "b"), lambda: cases.get("0" * 32, "b"), lambda: cases.get("", "a")):
        with pytest.raises(Refused) as refusal:
            wrong()
        said.append((refusal.value.status, refusal.value.code, refusal.value.message))
    assert set(said) == {said[0]} and said[0][:2] == (404, "case_not_found")
    assert cases.get(id_, "a").id == id_
    assert len({case_of(cases) for _ in range(20)}) == 20 and len(id_) == 32


def test_a_case_is_forgotten_in_time_and_asking_keeps_it():
    clock = Clock()
    cases = Cases(seconds=60, clock=clock)
    first, second = case_of(cases), case_of(cases)
    clock.now += 59
    asked(cases, first, "?", "Yes.")
    clock.now += 2
    assert cases.get(first, "a") and len(cases) == 1
    with pytest.raises(Refused):
        cases.get(second, "a")
    clock.now += 60
    assert len(cases) == 0 and cases.bytes == 0


def test_the_store_keeps_to_its_bytes_and_the_least_used_goes_first():
    size = len(SHOWN.data_url)
    cases = Cases(max_bytes=int(3.9 * size) + 20_000)
    ids = [case_of(cases) for _ in range(3)]
    asked(cases, ids[0], "?", "Yes.")
    while len(cases) == 3:
        case_of(cases)
        assert cases.bytes <= int(3.9 * size) + 20_000
    kept = []
    for id_ in ids:
        try:
            kept.append(cases.get(id_, "a").id)
        except Refused:
            pass
    assert ids[1] not in kept
    assert case_of(Cases(max_bytes=100)) is None, "a case larger than the store is not kept"


def test_uploads_are_not_kept_and_nothing_is_kept_of_what_was_not_read():
    cases = Cases()
    assert cases.get(case_of(cases), "a").ask.images == ()
    assert case_of(cases, pictures=(blurred(),)) is None and case_of(cases, text="no JSON") is None


def test_turns_are_limited():
    cases = Cases()
    id_ = case_of(cases)
    for _ in range(MAX_TURNS - 1):
        asked(cases, id_, "?", "Yes.")
    with pytest.raises(Refused) as refusal:
        asked(cases, id_, "?", "Yes.")
    assert refusal.value.code == "too_many_turns"


def test_the_words_are_streamed():
    events, cases = [], Cases()

    async def emit(event):
        events.append(event)

    asked(cases, case_of(cases), "?", "It is so.", emit=emit)
    assert "".join(event["text"] for event in events).strip() == "It is so."
