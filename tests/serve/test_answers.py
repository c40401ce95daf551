"""A whole answer, from a real server on a socket that speaks the OpenAI shape, and from the real tiny model."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from answering import NEVUS, SHOWN, answered, flags

from skin_r1.history import history_text
from skin_r1.reading import messages_for, render
from skin_r1.serve.answer.diagnose import diagnose, version_table
from skin_r1.serve.answer.prompt import case_messages, history_of
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.engines.remote import UrlEngine
from skin_r1.serve.intake.requests import Ask
from skin_r1.serve.refused import Refused

KEYS = {
    "abstained", "reason", "reason_code", "findings", "differential", "diagnosis", "malignancy", "rationale", "resolved",
    "confidence", "image_quality", "triage", "attempts", "disclaimer",
}  # fmt: skip


class Scripted(BaseHTTPRequestHandler):
    """Answers in turn what the test has put in `answers`; keeps what it was asked."""

    answers: list = []
    asked: list = []

    def log_message(self, *_):
        pass

    def reply(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return self.reply({"error": {"message": "inner detail"}}, answer)
        message = answer if isinstance(answer, dict) else {"role": "assistant", "content": answer}
        return self.reply({"id": "1", "created": 1, "model": "m", "choices": [{"index": 0, "message": message}]})


@pytest.fixture(scope="module")
def url():
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{upstream.server_port}/v1"
    upstream.shutdown()
    upstream.server_close()


def ask(url, *answers, samples=1, **fields):
    Scripted.answers, Scripted.asked[:] = list(answers), []

    async def run():
        engine = UrlEngine("m", url, None)
        await engine.start()
        try:
            return await diagnose(engine, Ask(**fields), [SHOWN], AnswerSettings(samples=samples))
        finally:
            await engine.stop()

    return asyncio.run(run())


def test_a_reading_becomes_an_answer(url):
    answer = ask(url, NEVUS, modality="dermoscopic")
    assert set(answer) == KEYS and not answer["abstained"] and answer["attempts"] == 1
    assert answer["diagnosis"] == "melanocytic nevus" and answer["malignancy"] == "benign"
    assert answer["resolved"]["diagnosis"] == answer["resolved"]["path"][-1] == answer["differential"][0]["slug"]
    (asked,) = Scripted.asked
    assert asked["n"] == 1 and asked["temperature"] == 0
    image, text = asked["messages"][0]["content"]
    assert image["image_url"]["url"] == SHOWN.data_url and "dermoscopic" in text["text"]
    json.dumps(answer, allow_nan=False)


def test_reasoning_that_the_server_has_split_off_is_put_back(url):
    think, answer = NEVUS.removeprefix("<think>").split("</think>")
    message = {"role": "assistant", "reasoning": think, "content": answer}
    assert ask(url, message)["rationale"] == "I see a regular border here."


def test_one_retry_then_no_invented_answer(url):
    answer = ask(url, "It is surely benign.", NEVUS)
    assert answer["attempts"] == 2 and answer["diagnosis"] == "melanocytic nevus"
    assert Scripted.asked[1]["temperature"] > 0
    answer = ask(url, "It is surely benign.", "No JSON here.")
    assert answer["abstained"] and answer["reason_code"] == "unreadable" and answer["diagnosis"] is None
    assert len(Scripted.asked) == 2 and answer["triage"]["level"] == "soon"


def test_samples_reach_the_server(url):
    answer = ask(url, NEVUS, NEVUS, NEVUS, samples=3)
    assert answer["confidence"]["samples"] == 3 and sorted(body["seed"] for body in Scripted.asked) == [0, 1, 2]


def test_a_malignant_answer_cannot_be_missed(url):
    answer = ask(url, render("I see", ["irregular border"], ["melanocytic nevus"], "melanoma", "benign"))
    assert answer["triage"]["level"] == "urgent" and "contradiction" in flags(answer)


def test_a_failing_engine_gives_502_without_its_inner_words(url):
    with pytest.raises(Refused) as refusal:
        ask(url, 500)
    assert refusal.value.status == 502 and "inner detail" not in refusal.value.message


def test_findings_say_where_they_are_said():
    think = "There is scale here, no ulceration. Melanoma would show a blue-white veil. The scale is white."
    answer = answered(render(think, ["scale", "regular border"], [], "psoriasis", "non-neoplastic"))
    found = {each["slug"] or each["name"]: each for each in answer["findings"]}
    places = [answer["rationale"][start:end] for start, end in found["scale"]["said"]]
    assert places == ["scale", "scale"] and found["scale"]["in_answer"]
    assert found["regular-border" if "regular-border" in found else "regular border"]["said"] == []
    assert not {"ulceration", "blue-white-veil", "erosion"} & set(found), "denied, or said of a disease"


def test_a_finding_that_only_the_reasoning_tells_is_marked():
    answer = answered(render("There is scale here.", [], [], "psoriasis", "non-neoplastic"))
    assert [(each["slug"], each["in_answer"], each["said"]) for each in answer["findings"]] == [
        ("scale", False, [[9, 14]])
    ]


def test_the_history_is_worded_as_in_training():
    assert history_of(Ask()) is None
    trained = history_text(age=57, sex="female", site="back")
    assert history_of(Ask(age=57, sex="female", site="Back")) == trained == "Woman aged 50 to 59, site: back."
    told = history_of(Ask(age=57, skin_type=4, history='grew "fast"\nsince May'))
    assert told == "Patient aged 50 to 59. Background: skin type 4. In the person's words: \"grew 'fast' since May\"."
    assert messages_for({"modality": "clinical", "history": trained})[0]["content"] in str(
        case_messages(Ask(age=57, sex="female", site="back"), [SHOWN])[0]["content"][-1]["text"]
    )


def test_several_pictures_come_before_the_text_in_their_order():
    (message,) = case_messages(Ask(), [SHOWN, SHOWN, SHOWN])
    assert [part["type"] for part in message["content"]] == ["image_url"] * 3 + ["text"]


def test_versions_name_model_prompt_and_ontology():
    table = version_table("m")
    assert table["model"] == "m" and len(table["prompt"]) == 12 and table["ontology"]
