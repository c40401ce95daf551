"""The one-file client: its form as the gateway reads it, and both ends together over a socket."""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi import Request
from serving import served, skin_picture

from skin_r1.serve.intake.form import read_form

FILE = Path(__file__).parents[2] / "recipes" / "clients" / "skin_r1_client.py"
KEY = "a-long-enough-key"


def load():
    spec = importlib.util.spec_from_file_location("skin_r1_client", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


api = load()


def read(body, kind):
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return asyncio.run(read_form(Request(scope), body, ("m",)))


def test_the_gateway_reads_the_form_as_it_was_meant():
    images = [skin_picture("PNG"), b"\r\n--\r\n\0\xff" * 100, skin_picture("WEBP"), b"x"]
    fields = {"history": 'growing "fast", ümlaut \U0001f600', "age": "61", "skin_type": "2", "model": "m"}
    ask = read(*api.form(images, fields))
    assert list(ask.images) == images
    assert (ask.history, ask.age, ask.skin_type, ask.model) == (fields["history"], 61, 2, "m")
    question = read(*api.form([], {"case": "0" * 32, "question": "Why?"}))
    assert (question.case, question.question, question.images) == ("0" * 32, "Why?", ())


@pytest.fixture(scope="module")
def gateway(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    arguments = ["--model", tiny, "--max_new_tokens", "8", "--audit", "none"]
    with served(folder, *arguments, env={"SKIN_R1_API_KEYS": KEY}) as (client, _):
        yield str(client.base_url)


def test_a_picture_goes_to_the_real_gateway_and_an_answer_comes_back(gateway, tmp_path):
    (tmp_path / "lesion.jpg").write_bytes(skin_picture())
    client = api.Client(gateway, KEY)
    answer = client.diagnose([tmp_path / "lesion.jpg"], modality="dermoscopic", history="the mole bleeds")
    assert answer["abstained"] and answer["triage"]["level"] == "urgent" and "Research use" in answer["disclaimer"]
    assert KEY not in repr(client)
    with pytest.raises(api.Refusal) as refusal:
        client.diagnose([b"GIF89a"])
    assert (refusal.value.status, refusal.value.code) == (415, "not_an_image")
    with pytest.raises(api.Refusal) as refusal:
        api.Client(gateway, "wrong").diagnose([skin_picture()])
    assert (refusal.value.status, refusal.value.code) == (401, "invalid_api_key")


def test_the_command_line(gateway, tmp_path):
    (tmp_path / "lesion.jpg").write_bytes(skin_picture())
    command = [sys.executable, str(FILE), str(tmp_path / "lesion.jpg"), "--url", gateway]
    done = subprocess.run(command, env={**os.environ, "SKIN_R1_API_KEY": KEY}, capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["abstained"]
    done = subprocess.run(command, env={**os.environ, "SKIN_R1_API_KEY": "no"}, capture_output=True, text=True)
    assert done.returncode == 1 and "invalid_api_key" in done.stderr and "Traceback" not in done.stderr


class Scripted(BaseHTTPRequestHandler):
    """A server on a socket that sends the replies the test has put in `replies`: (status, headers, body)."""

    replies: list = []
    seen: list = []

    def do_POST(self):
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, headers, body = self.replies.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def scripted():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Scripted.seen = []
    yield api.Client(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()


def error(status, code, **headers):
    return status, headers, json.dumps({"error": {"message": "no", "code": code}})


def test_a_busy_server_is_asked_again_after_the_time_it_names(scripted):
    Scripted.replies = [error(429, "busy", **{"Retry-After": "0"}), error(503, "x", **{"Retry-After": "0"})]
    Scripted.replies.append((200, {}, '{"diagnosis": null}'))
    assert scripted.diagnose([b"x"]) == {"diagnosis": None}
    assert len(Scripted.seen) == 3 and len({len(body) for body in Scripted.seen}) == 1
    Scripted.replies = [error(429, "busy", **{"Retry-After": "0"})] * 9
    with pytest.raises(api.Refusal, match="busy"):
        scripted.diagnose([b"x"])
    assert len(Scripted.replies) == 5  # 1 and 3 retries


def test_other_refusals_are_not_repeated_and_redirects_not_followed(scripted):
    for reply in (error(400, "no_image"), error(502, "engine_failed"), error(429, "busy")):
        Scripted.replies = [reply]
        with pytest.raises(api.Refusal, match=json.loads(reply[2])["error"]["code"]):
            scripted.diagnose([b"x"])
    Scripted.replies = [(307, {"Location": scripted.url + "elsewhere"}, "")]
    with pytest.raises(api.Refusal) as refusal:
        scripted.diagnose([b"x"])
    assert (refusal.value.status, refusal.value.code) == (307, "unknown")


def test_events_come_one_by_one_and_an_error_in_the_stream_is_raised(scripted):
    events = [{"type": "token", "text": "I see\n"}, {"type": "answer", "answer": {"diagnosis": "nevus"}}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    Scripted.replies = [(200, {}, ": comment\n\n" + body)]
    assert list(scripted.stream([b"x"], site="arm")) == events
    assert b'name="stream"\r\n\r\ntrue' in Scripted.seen[0]
    failed = {"type": "error", "error": {"code": "engine_failed", "message": "the engine stopped"}}
    Scripted.replies = [(200, {}, f"data: {json.dumps(events[0])}\n\ndata: {json.dumps(failed)}\n\n")]
    stream = scripted.stream([b"x"])
    assert next(stream) == events[0]
    with pytest.raises(api.Refusal, match="engine_failed"):
        next(stream)


def test_a_server_that_is_not_there():
    with pytest.raises(api.Refusal) as refusal:
        api.Client("http://127.0.0.1:9", retries=0).diagnose([b"x"])
    assert (refusal.value.status, refusal.value.code) == (0, "unreachable")
