"""A whole answer, from a real server on a socket that speaks the OpenAI shape, through the URL engine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serving import GOLD, served, skin_picture

from skin_r1.reading import render


class Scripted(BaseHTTPRequestHandler):
    """Answers in turn what the test has put in `answers`; keeps what it was asked."""

    answers: list = []
    asked: list = []

    def log_message(self, *_):
        pass

    def reply(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply({"data": [{"id": "teacher"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["max_tokens"] == 1:  # the readiness check
            return self.reply(self.completion("a"))
        self.asked.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return self.reply({"error": {"message": "inner detail"}}, answer)
        return self.reply(self.completion(answer))

    def completion(self, message):
        message = message if isinstance(message, dict) else {"role": "assistant", "content": message}
        return {"id": "1", "created": 1, "model": "teacher", "choices": [{"index": 0, "message": message}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{upstream.server_port}/v1"
    folder = tmp_path_factory.mktemp("answers")
    with served(folder, "--model", "teacher", "--engine", url, env={"SKIN_R1_API_KEYS": ""}) as (client, _):
        yield client
    upstream.shutdown()


def ask(client, *answers, **form):
    Scripted.answers, Scripted.asked[:] = list(answers), []
    return client.post("/v1/diagnose", files={"image": skin_picture()}, data=form)


def test_a_reading_becomes_an_answer(client):
    answer = ask(client, GOLD, modality="dermoscopic").json()
    assert not answer["abstained"] and answer["attempts"] == 1
    assert answer["findings"] == ["regular border"] and answer["diagnosis"] == "melanocytic nevus"
    assert answer["malignancy"] == "benign" and answer["rationale"] == "I see a brown spot"
    assert answer["resolved"]["diagnosis"] == answer["resolved"]["path"][-1]
    assert answer["triage"]["level"] == "routine" and "does not mean" in answer["triage"]["advice"]
    (asked,) = Scripted.asked
    assert asked["n"] == 1 and asked["temperature"] == 0
    image, text = asked["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,") and "dermoscopic" in text["text"]


def test_reasoning_that_the_server_has_split_off_is_put_back(client):
    think, answer = GOLD.removeprefix("<think>").split("</think>")
    message = {"role": "assistant", "reasoning": think, "content": answer}
    assert ask(client, message).json()["rationale"] == "I see a brown spot"


def test_one_retry_then_no_invented_answer(client):
    answer = ask(client, "It is surely benign.", GOLD).json()
    assert answer["attempts"] == 2 and answer["diagnosis"] == "melanocytic nevus"
    assert Scripted.asked[1]["temperature"] > 0
    answer = ask(client, "It is surely benign.", "No JSON here.").json()
    assert answer["abstained"] and answer["diagnosis"] is None and len(Scripted.asked) == 2


def test_a_malignant_answer_cannot_be_missed(client):
    gold = render("I see", ["irregular border"], ["melanocytic nevus"], "melanoma", "benign")
    answer = ask(client, gold).json()
    assert answer["triage"]["level"] == "urgent"
    assert "contradiction" in {flag["rule"] for flag in answer["triage"]["flags"]}


def test_a_failing_engine_gives_502_without_its_inner_words(client):
    response = ask(client, 500)
    assert response.status_code == 502 and "inner detail" not in response.text
