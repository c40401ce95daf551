"""A real HTTP server of the OpenAI shape that misbehaves on purpose, and counts what it was asked and what it answered."""

import asyncio
import json
import random
import socket
import struct
import threading
import time
from collections import Counter

from skin_r1.distill.teacher.cache import request_key
from skin_r1.reading import render

ANSWERED = "answered"
KINDS = ("429 seconds", "429", "500", "hang", "cut body", "half json", "empty", "schema", "trickle", "reset")
PHRASES = {200: "OK", 400: "Bad Request", 429: "Too Many Requests", 500: "Internal Server Error"}


def completion(text, reason="stop", **message):
    """The body of a chat completion; 10 prompt and 5 completion tokens."""
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    )


def prompt_of(body):
    """The text of the last message."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def echo(body):
    """An answer that shows which question it belongs to."""
    return f"answer to {prompt_of(body)} with seed {body['seed']}"


def obedient(body):
    """Repeats the findings and the diagnosis of the hint; takes psoriasis for melanoma, and knows nothing unhinted."""
    text = prompt_of(body)
    if "Experts found" not in text:
        return "I see a picture."
    findings = text.split("Experts found in this image: ")[1].split(". ")[0]
    names = [] if findings == "none" else findings.split(", ")
    diagnosis, malignancy = text.split("confirmed diagnosis is ")[1].split("). ")[0].rsplit(" (", 1)
    if diagnosis == "psoriasis":
        diagnosis = "melanoma"
    return render(f"There is {', '.join(names) or 'nothing'}.", names, [], diagnosis, malignancy)


class Endpoint:
    """Serves on the loopback interface in a thread.

    `kinds` are drawn with `chance`: one of them at most, or each by itself when `independent`; the draw depends on
    the request and on how often it came, not on the order of requests. `script` is served first: status codes, whole
    bodies of status 200, or (status, headers, body).
    """

    def __init__(self, answer=echo, *, kinds=(), chance=0.3, independent=False, latency=0.0, seed=0):
        self.answer, self.latency = answer, latency
        self.kinds, self.chance, self.independent, self.seed = kinds, chance, independent, seed
        self.script, self.thoughts = [], None
        self.asked, self.answered, self.troubled = Counter(), Counter(), Counter()  # the first two by request_key
        self.bodies, self.arrivals = [], []
        self.inside = self.peak = 0
        self.loop, self.tasks = asyncio.new_event_loop(), set()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def _serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**26))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _connection(self, reader, writer):
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        body = json.loads(await reader.readexactly(length))
        key = request_key(body)
        self.arrivals.append(time.monotonic())
        self.bodies.append(body)
        self.asked[key] += 1
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        try:
            if self.latency:
                await asyncio.sleep(self.latency(body) if callable(self.latency) else self.latency)
            if self.script:
                step = self.script.pop(0)
                step = (step, {}, '{"error": {"message": "trouble"}}') if isinstance(step, int) else step
                return await self._write(writer, *((200, {}, step) if isinstance(step, str) else step))
            kind = self._draw(key)
            self.troubled[kind or "none"] += 1
            if kind:
                return await self._trouble(kind, reader, writer)
            await self._write(writer, 200, {}, completion(self.answer(body), reasoning_content=self.thoughts))
            self.answered[key] += 1
            return True
        finally:
            self.inside -= 1

    def _draw(self, key):
        draw = random.Random(f"{self.seed}/{key}/{self.asked[key]}")
        if not self.independent:
            return draw.choice(self.kinds) if self.kinds and draw.random() < self.chance else None
        return next((kind for kind in draw.sample(self.kinds, len(self.kinds)) if draw.random() < self.chance), None)

    async def _write(self, writer, status, headers, body, length=None):
        kind = "text/html" if body.startswith("<") else "application/json"
        lines = [f"HTTP/1.1 {status} {PHRASES.get(status, 'Trouble')}", f"Content-Type: {kind}"]
        lines += [f"Content-Length: {len(body.encode()) if length is None else length}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        await writer.drain()
        return True

    async def _trouble(self, kind, reader, writer):
        if kind.isdigit() or kind == "429 seconds":
            headers = {"Retry-After": "0.05"} if kind == "429 seconds" else {}
            return await self._write(writer, int(kind[:3]), headers, '{"error": {"message": "busy"}}')
        whole = completion("never to be believed")
        bodies = {"half json": whole[: len(whole) // 2], "empty": completion(""), "schema": '{"choices": {"text": 1}}'}
        if kind in bodies:
            return await self._write(writer, 200, {}, bodies[kind])
        if kind == "cut body":
            await self._write(writer, 200, {}, whole[: len(whole) // 2], length=len(whole))
        elif kind == "hang":
            await reader.read(1)  # until the client goes
        elif kind == "trickle":
            await self._write(writer, 200, {}, "{", length=10**6)
            while True:  # until the client goes: then drain raises
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif kind == "reset":
            linger = struct.pack("ii", 1, 0)  # closing sends RST
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return False
