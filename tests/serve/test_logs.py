"""Logs and traces: what they tell, and what they must never tell."""

import asyncio
import json
import logging
import logging.config
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from skin_r1.serve.operation.logs import JsonFormatter, log_request
from skin_r1.serve.operation.tracing import ENDPOINT, spans_from_environment, spans_to
from skin_r1.serve.refused import Refused

SECRET = "named patient with a rash"
SERVER = f"""
import sys, uvicorn
from skin_r1.serve.operation.logs import CONFIG, log_request

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    log_request("r1", "0badcafe", "/v1/diagnose", 500, 0.25)
    try:
        int("{SECRET}")
    except ValueError as error:
        raise KeyError("{SECRET}") from error

uvicorn.run(app, port=int(sys.argv[1]), log_config=CONFIG, access_log=False, lifespan="off")
"""


def test_a_server_that_fails_tells_type_and_place_but_no_content():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while True:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/{SECRET}?name={SECRET}", trust_env=False)
            break
        except httpx.TransportError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    server.terminate()
    text = server.communicate(timeout=30)[1]
    assert answer.status_code == 500
    assert "patient" not in text and "127.0.0.1:" not in text.replace(f"127.0.0.1:{port}", "")
    lines = [json.loads(line) for line in text.splitlines()]
    (request,) = [line for line in lines if line["logger"] == "skin_r1.request"]
    assert {"request", "key", "route", "status", "seconds"} < request.keys() and request["status"] == 500
    (failure,) = [line for line in lines if line["level"] == "error"]
    assert failure["error"] == ["KeyError", "ValueError"] and failure["places"][-1].endswith(" app")


@pytest.fixture
def captured():
    """Lines that reach the JSON formatter through the root logger."""
    lines: list = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Keep()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger("skin_r1").setLevel(logging.INFO)
    yield lines
    logging.getLogger().removeHandler(handler)
    logging.getLogger("skin_r1").setLevel(logging.NOTSET)


def test_words_of_other_libraries_are_left_out(captured):
    async def forgotten():
        asyncio.get_running_loop().call_exception_handler({"message": SECRET, "exception": ValueError(SECRET)})

    asyncio.run(forgotten())
    logging.getLogger("httpx").warning("GET http://%s", SECRET)
    assert [line["logger"] for line in captured] == ["asyncio", "httpx"]
    assert captured[0]["error"] == ["ValueError"] and "test_logs.py" in captured[1]["at"]
    assert "patient" not in json.dumps(captured)


def test_a_value_cannot_fake_a_line():
    log = logging.LogRecord("skin_r1.request", logging.INFO, __file__, 1, 'a\n{"status": 200}', (), None)
    assert len(JsonFormatter().format(log).splitlines()) == 1


def test_one_line_a_request(captured):
    log_request("r1", None, "other", 404, 0.00012)
    (line,) = captured
    assert line["key"] is None and line["route"] == "other" and line["seconds"] == 0.0001


def test_spans_nest_and_hold_no_words_of_an_error():
    kept = InMemorySpanExporter()
    span = spans_to(SimpleSpanProcessor(kept))

    async def request(number):
        with span("request", route="/v1/diagnose", number=number):
            await asyncio.sleep(0.01)
            with span("decode", bytes=number):
                await asyncio.sleep(0.01)

    async def both():
        await asyncio.gather(request(1), request(2))

    asyncio.run(both())
    outer = {s.context.span_id: s for s in kept.get_finished_spans() if s.name == "request"}
    inner = [s for s in kept.get_finished_spans() if s.name == "decode"]
    assert len(outer) == len(inner) == 2
    for each in inner:
        assert outer[each.parent.span_id].attributes["number"] == each.attributes["bytes"]
    kept.clear()
    for error in (ValueError(SECRET), Refused(502, "engine_failed", SECRET), asyncio.CancelledError(SECRET)):
        with pytest.raises(type(error)), span("engine"):
            raise error
    kinds = [s.attributes["error.type"] for s in kept.get_finished_spans()]
    assert kinds == ["ValueError", "engine_failed", "CancelledError"]
    assert "patient" not in "".join(s.to_json() for s in kept.get_finished_spans())


def test_spans_reach_a_collector_and_without_one_a_span_does_nothing(monkeypatch):
    monkeypatch.delenv(ENDPOINT, raising=False)
    with spans_from_environment()("request", route="/"):
        pass
    got: list = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    program = "from skin_r1.serve.operation.tracing import *\nwith spans_from_environment()('decode', bytes=7): pass"
    env = {
        **os.environ,
        ENDPOINT: f"http://127.0.0.1:{collector.server_port}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    subprocess.run([sys.executable, "-c", program], env=env, check=True, timeout=60)
    collector.shutdown()
    assert got[0][0] == "/v1/traces" and b"decode" in got[0][1] and b"skin-r1" in got[0][1]
