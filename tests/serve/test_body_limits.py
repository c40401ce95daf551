"""A real uvicorn with our connection, shield and body limits, and clients that misbehave on raw sockets."""

import asyncio
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager

import psutil
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from serving import free_port

from skin_r1.serve.guard import connection as connection_module
from skin_r1.serve.guard.body import BodyPace, read_body
from skin_r1.serve.guard.connection import Connection
from skin_r1.serve.guard.gone import until_gone
from skin_r1.serve.guard.shield import HEADERS, Shield, request_id
from skin_r1.serve.refused import Refused

LIMIT = 2**20
PACE = BodyPace(seconds=2.5, grace=0.6, bytes_per_second=10_000)


class Seen:
    """What happened inside the server, for a test in another thread to wait for."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    def wait(self, event, seconds=5):
        deadline = time.monotonic() + seconds
        while event not in self.events:
            assert time.monotonic() < deadline, (event, self.events)
            time.sleep(0.01)


def application(seen):
    app = FastAPI(openapi_url=None)
    app.add_middleware(Shield)

    @app.exception_handler(Refused)
    async def refused(request, error):
        seen(error.code)
        return error.response()

    async def work():
        seen("began")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen("cancelled")
            raise
        finally:
            seen("ended")
        return JSONResponse({})

    @app.post("/read")
    async def read(request: Request):
        return {"bytes": len(await read_body(request, LIMIT, PACE)), "id": request_id(request)}

    @app.post("/work")
    async def slow(request: Request):
        await read_body(request, LIMIT, PACE)
        return await until_gone(request, work())

    @app.post("/quick")
    async def quick(request: Request):
        await read_body(request, LIMIT, PACE)

        async def soon():
            await asyncio.sleep(0.05)
            return JSONResponse({"done": True})

        return await until_gone(request, soon())

    @app.post("/fail")
    async def fail(request: Request):
        async def broken():
            raise ValueError("private words of a patient")

        return await until_gone(request, broken())

    @app.post("/stream")
    async def stream(request: Request):
        await read_body(request, LIMIT, PACE)

        async def events():
            try:
                for number in range(2000):
                    yield f"data: {number}\n\n"
                    await asyncio.sleep(0.02)
            finally:
                seen("stream ended")

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.post("/flood")
    async def flood(request: Request):
        async def events():
            try:
                while True:
                    yield b"x" * 2**16
                    await asyncio.sleep(0)
            finally:
                seen("flood ended")

        return StreamingResponse(events())

    @app.post("/whole")
    async def whole(request: Request):
        return Response(b"x" * int(await read_body(request, LIMIT, PACE)))

    @app.post("/broken-stream")
    async def broken_stream(request: Request):
        async def events():
            yield "data: 1\n\n"
            raise ValueError("private words of a patient")

        return StreamingResponse(events())

    return app


@contextmanager
def running(seen):
    port = free_port()
    config = uvicorn.Config(
        application(seen), host="127.0.0.1", port=port, http=Connection, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def patience():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection_module, "HEADER_SECONDS", 0.8)
        patch.setattr(connection_module, "UNREAD_SECONDS", 0.8)
        yield


@pytest.fixture(scope="module")
def server(patience):
    seen = Seen()
    with running(seen) as port:
        yield port, seen


@pytest.fixture
def dial(server):
    port, seen = server
    seen.events.clear()
    opened = []

    def dial(*sent):
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        opened.append(client)
        for data in sent:
            client.sendall(data)
        return client

    yield dial
    for client in opened:
        client.close()


def head(path, *lines, method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def answer(client):
    """Status, headers and body of the one answer on a connection; status None when it just ends."""
    file = client.makefile("rb")
    first = file.readline()
    if not first:
        return None, {}, b""
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return int(first.split()[1]), headers, file.read(int(headers.get("content-length", 0)))


def code(client):
    status, _, body = answer(client)
    return status, json.loads(body)["error"]["code"]


def drip(client, data, pause, most=20.0):
    """Send a byte at a time until the server ends it; seconds it took."""
    began = time.monotonic()
    try:
        for byte in data:
            client.send(bytes([byte]))
            time.sleep(pause)
            assert time.monotonic() - began < most, "the server waited for ever"
    except (BrokenPipeError, ConnectionResetError):
        pass
    return time.monotonic() - began


def test_a_body_is_read_whole(dial):
    for size in (0, 1, LIMIT):
        status, _, body = answer(dial(head("/read", f"Content-Length: {size}"), b"x" * size))
        assert status == 200 and json.loads(body)["bytes"] == size
    chunked = dial(head("/read", "Transfer-Encoding: chunked"), b"3\r\nabc\r\n" * 5 + b"0\r\n\r\n")
    assert json.loads(answer(chunked)[2])["bytes"] == 15


def test_one_byte_too_many_is_refused_while_it_arrives(dial):
    assert code(dial(head("/read", f"Content-Length: {LIMIT + 1}"))) == (413, "body_too_large")  # nothing was sent yet
    client = dial(head("/read", "Transfer-Encoding: chunked"))
    sent = 0
    try:
        for _ in range(200):
            client.sendall(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
            sent += 2**16
    except OSError:
        pass
    assert sent < 12 * 2**20  # the rest stayed in the client: what was under way filled the sockets' buffers only


def test_a_body_that_drips_is_refused(dial):
    client = dial(head("/read", "Content-Length: 1000"))
    began = time.monotonic()
    client.sendall(b"x" * 10)
    assert code(client) == (408, "too_slow")
    assert PACE.grace <= time.monotonic() - began < PACE.grace + 1.5


def test_a_body_just_above_the_rate_still_has_an_end(dial):
    """Fast enough at every moment, but it would never end."""
    client = dial(head("/read", "Transfer-Encoding: chunked"))
    began = time.monotonic()

    def feed():
        try:
            while time.monotonic() - began < 15:
                client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                time.sleep(0.04)
        except OSError:
            pass

    threading.Thread(target=feed, daemon=True).start()
    assert code(client) == (408, "too_slow")
    assert PACE.seconds - 0.1 <= time.monotonic() - began < PACE.seconds + 2


@pytest.mark.parametrize(
    "sent", [b"", b"POST /read HT", head("/read", "Content-Length: 3")[:-2]], ids=["no", "half", "most"]
)
def test_headers_that_do_not_come_end_the_connection(dial, sent):
    client = dial(sent)
    began = time.monotonic()
    status, _, _ = answer(client)
    assert status == (408 if sent else None)
    assert 0.5 < time.monotonic() - began < 4


def test_headers_that_drip_do_not_keep_a_connection(dial):
    """Also on a connection that has been answered before: uvicorn stops its own clock at the first byte."""
    endless = b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000
    assert drip(dial(), endless, 0.05) < 4
    client = dial(head("/read", "Content-Length: 1"), b"x")
    assert client.recv(10_000)
    assert drip(client, endless, 0.05) < 4


def test_what_comes_after_an_early_refusal_is_not_taken_for_ever(dial):
    client = dial(head("/nowhere", "Content-Length: 100000000"))
    assert client.recv(10_000).startswith(b"HTTP/1.1 404")
    assert drip(client, b"x" * 10_000, 0.05) < 4


def test_a_client_that_does_not_read_is_dropped(dial, server):
    dial(head("/flood"))
    server[1].wait("flood ended", 10)


def test_an_answer_that_is_only_half_taken_does_not_keep_a_connection(server):
    """In steps smaller than asyncio's own buffer: one of these answers just fills what the system takes."""
    port, _ = server
    clients = []
    for size in range(0, 6_000_000, 50_000):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", port))
        client.sendall(head("/whole", "Connection: close", f"Content-Length: {len(str(size))}") + str(size).encode())
        clients.append(client)

    def kept():
        ours = psutil.Process().net_connections("tcp")
        return [each for each in ours if each.laddr.port == port and each.raddr and each.status != psutil.CONN_CLOSE]

    deadline = time.monotonic() + 10
    while kept():
        assert time.monotonic() < deadline, f"{len(kept())} connections stay open"
        time.sleep(0.1)
    for client in clients:
        client.close()


def test_a_slow_request_and_a_slow_answer_are_fine(dial):
    """Longer than the time for headers, but the client does nothing wrong."""
    client = dial(head("/read", "Content-Length: 30000"))
    for _ in range(10):
        client.sendall(b"x" * 3000)
        time.sleep(0.12)
    assert answer(client)[0] == 200
    client = dial(head("/stream"))
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        assert client.recv(10_000)


@pytest.mark.parametrize("path", ["/work", "/stream"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_goes_takes_its_work_with_it(dial, server, path, reset):
    seen = server[1]
    client = dial(head(path, "Content-Length: 2"), b"{}")
    if path == "/work":
        seen.wait("began")
    else:
        assert client.recv(10_000).startswith(b"HTTP/1.1 200")
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    if path == "/work":
        seen.wait("client_gone")
        assert seen.events.index("cancelled") < seen.events.index("ended") < seen.events.index("client_gone")
    else:
        seen.wait("stream ended")


def test_a_client_that_goes_while_it_sends(dial, server):
    client = dial(head("/read", "Content-Length: 1000"), b"x" * 10)
    time.sleep(0.1)
    client.close()
    server[1].wait("client_gone")


def test_a_client_that_stays_gets_its_answer_and_another(dial):
    client = dial(head("/quick", "Content-Length: 2"), b"{}")
    for _ in range(3):
        assert json.loads(answer(client)[2]) == {"done": True}
        client.sendall(head("/quick", "Content-Length: 0"))
    client = dial(head("/quick", "Content-Length: 0") * 2)  # the second is on its way already
    assert [json.loads(answer(client)[2])["done"] for _ in range(1)] == [True]


@pytest.mark.parametrize("path", ["/fail", "/broken-stream"])
def test_an_error_tells_nobody_what_it_was_about(dial, path, caplog):
    with caplog.at_level(logging.DEBUG):
        client = dial(head(path, "Content-Length: 0", "Connection: close"))
        everything = b"".join(iter(lambda: client.recv(10_000), b""))
        time.sleep(0.1)
    assert everything.startswith(b"HTTP/1.1 500" if path == "/fail" else b"HTTP/1.1 200")
    assert (b"internal_error" in everything) == (path == "/fail")
    assert b"private" not in everything and "private" not in caplog.text
    assert "ValueError in broken" in caplog.text or "ValueError in events" in caplog.text


def test_every_answer_has_the_headers_and_an_id_of_our_own(dial):
    ids = set()
    for path, method in (
        ("/read", "POST"),
        ("/nowhere", "GET"),
        ("/fail", "POST"),
        ("/read", "GET"),
        ("/stream", "POST"),
    ):
        lines = ("Content-Length: 0", "X-Request-Id: ../../evil", "Connection: close")
        status, headers, body = answer(dial(head(path, *lines, method=method)))
        for name, value in HEADERS.items():
            assert headers[name.lower()] == value, (path, status)
        assert "unsafe" not in headers["content-security-policy"] and "camera=(self)" in headers["permissions-policy"]
        assert len(headers["x-request-id"]) == 32 and "evil" not in str(headers)
        assert "server" not in headers or "uvicorn" in headers["server"]
        ids.add(headers["x-request-id"])
        if status == 200 and path == "/read":
            assert json.loads(body)["id"] == headers["x-request-id"]
        assert "access-control-allow-origin" not in headers
    assert len(ids) == 5


LENGTH, CHUNKED = "Content-Length: 3", "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH, CHUNKED),
        (CHUNKED, LENGTH),
        (LENGTH, "Content-Length: 4"),
        ("Content-Length: 3, 4",),
        ("Content-Length: +3",),
        ("Content-Length: -1",),
        ("Content-Length: 0x3",),
        ("Content-Length: " + "9" * 40,),
        ("Content-Length : 3",),
        (CHUNKED, CHUNKED),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding\x00: chunked",),
        ("X: a\x00b",),
        ("X: a\rContent-Length: 3",),
        ("Host: other",),
        ("X: " + "x" * 70_000,),
        tuple(f"X-{number}: {'x' * 50}" for number in range(2000)),
    ],
    ids=lambda lines: " / ".join(lines)[:50],
)
def test_smuggled_bodies_and_odd_headers_are_refused(dial, lines):
    """A second request hidden in the body of the first must never be answered."""
    hidden = head("/read", "Content-Length: 0")
    client = dial()
    try:
        client.sendall(head("/read", *lines) + b"0\r\n\r\n" + hidden)
        everything = b"".join(iter(lambda: client.recv(10_000), b""))
    except (BrokenPipeError, ConnectionResetError):
        return
    assert everything.count(b"HTTP/1.1 ") == 1 and everything.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_the_server_still_answers(dial):
    """After all of the above."""
    assert answer(dial(head("/read", "Content-Length: 1"), b"x"))[0] == 200
