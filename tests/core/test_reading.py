"""The strict reader: what counts as an answer, and what does not."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skin_r1.reading import KEYS, MALIGNANCIES, ParseFailure, Reading, messages_for, parse, render

GOLD = render("There is an ulcer.", ["ulcer"], ["melanoma"], "basal cell carcinoma", "malignant")


def test_a_rendered_answer_reads_back():
    reading = parse(GOLD)
    assert isinstance(reading, Reading)
    assert reading.think == "There is an ulcer."
    assert reading.findings == ("ulcer",) and reading.finding_slugs == ("ulcer",)
    assert reading.differential_slugs == ("melanoma",)
    assert reading.diagnosis_slug == "basal-cell-carcinoma"
    assert reading.malignancy == "malignant"


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content", "thinking"])
def test_reasoning_that_a_server_split_off_is_put_back(key):
    think, content = "There is an ulcer.", GOLD.split("</think>\n")[1]
    assert parse({"role": "assistant", "content": content, key: think}) == parse(GOLD)


def test_an_unknown_diagnosis_is_read_but_not_resolved():
    reading = parse(render("x", [], [], "martian pox", "benign"))
    assert isinstance(reading, Reading) and reading.diagnosis_slug is None


ANSWER = json.loads(GOLD.split("</think>\n")[1])


def broken(**changes):
    return "<think>seen</think>" + json.dumps({**ANSWER, **changes})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not one <think>"),
        ("melanoma", "not one <think>"),
        ("<think></think>" + json.dumps(ANSWER), "reasoning is empty"),
        ("<think> \n </think>" + json.dumps(ANSWER), "reasoning is empty"),
        (json.dumps(ANSWER), "not one <think>"),
        (GOLD + GOLD, "more than one"),
        (GOLD + json.dumps(ANSWER), "not one JSON object"),
        (GOLD + " and more", "not one <think>"),
        ("Sure! " + GOLD, "not one <think>"),
        (broken(diagnosis=["melanoma", "nevus"]), "diagnosis is not one name"),
        (broken(diagnosis=""), "diagnosis is not one name"),
        (broken(diagnosis="x" * 200), "diagnosis is not one name"),
        (broken(findings="ulcer"), "findings is not a list"),
        (broken(findings=[1]), "findings is not a list"),
        (broken(findings=["ulcer"] * 33), "more than 32"),
        (broken(malignancy="benign or malignant"), "malignancy is not one of"),
        (broken(confidence=1.0), "the keys are"),
        ("<think>seen</think>{}", "the keys are"),
        ('<think>seen</think>{"diagnosis": "nevus", "diagnosis": "melanoma"}', "a key occurs twice"),
        ("<think>seen</think>{'diagnosis': 'nevus'}", "not one JSON object"),
        ("<think>" + "x" * 30_000 + "</think>" + json.dumps(ANSWER), "longer than"),
        ("<think>a</think><think>b</think>" + json.dumps(ANSWER), "more than one"),
    ],
)
def test_what_is_not_an_answer_says_why(text, reason):
    failure = parse(text)
    assert isinstance(failure, ParseFailure), failure
    assert reason in failure.reason


@settings(deadline=None, max_examples=150)
@given(st.text() | st.text(alphabet='<think>/{}[]":,abc \n'))
def test_no_text_raises(text):
    assert isinstance(parse(text), ParseFailure | Reading)
    assert isinstance(parse("<think>a</think>{" + text + "}"), ParseFailure | Reading)


NAMES = st.text(min_size=1, max_size=40).filter(lambda name: name.strip() != "")


@settings(deadline=None, max_examples=100)
@given(
    st.text(min_size=1, max_size=200).filter(lambda t: t.strip() and "think>" not in t.lower()),
    st.lists(NAMES, max_size=5),
    NAMES,
    st.sampled_from(MALIGNANCIES),
)
def test_render_and_parse_are_inverse(think, findings, diagnosis, malignancy):
    reading = parse(render(think, findings, [], diagnosis, malignancy))
    assert isinstance(reading, Reading), reading
    assert (list(reading.findings), reading.diagnosis, reading.malignancy) == (findings, diagnosis, malignancy)
    assert reading.think == think.strip()


def test_the_prompt_names_every_key_and_malignancy():
    prompt = messages_for({"modality": "dermoscopic", "history": "It itches."})[0]["content"]
    for word in (*KEYS, *MALIGNANCIES, "dermoscopic", "It itches."):
        assert word in prompt
    assert "History" not in messages_for({"modality": "clinical", "history": None})[0]["content"]
