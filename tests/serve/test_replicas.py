"""Requests over several servers. The servers are real HTTP servers of this test that can be told to fail: two of vLLM would
cost a minute to start (test_engine_faults.py shows what a real one does when it dies or hangs)."""

import asyncio

import pytest
from aiohttp import web
from engine_loop import chat

from skin_r1.serve.engines import replicas
from skin_r1.serve.engines.reasoning import event
from skin_r1.serve.engines.remote import UrlEngine
from skin_r1.serve.engines.replicas import ReplicaEngine
from skin_r1.serve.refused import Refused


class Server:
    """Speaks chat completions on a free port; `mood` is well, down (503 to all), breaks (mid-stream), hangs, or strict."""

    def __init__(self):
        self.mood, self.asked, self.gone = "well", 0, 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        self.runner = web.AppRunner(app, handler_cancellation=True)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    async def models(self, _):
        return web.Response(status=503) if self.mood == "down" else web.json_response({"data": [{"id": "m"}]})

    async def chat(self, request):
        body = await request.json()
        if self.mood == "down":
            return web.Response(status=503)
        if self.mood == "strict" and "response_format" in body:
            return web.json_response({"error": {"message": "what is a structural tag?"}}, status=400)
        if body["max_tokens"] == 1:  # the canary
            return web.json_response({"choices": [{"message": {"role": "assistant", "content": "a"}}]})
        self.asked += 1
        try:
            await self.hold.wait()
            if self.mood == "hangs":
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.gone += 1
            raise
        if not body["stream"]:
            return web.json_response({"choices": [{"message": {"role": "assistant", "content": "hello"}}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in ("hel", "lo"):
            data = event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
            await response.write(data[:9])  # an event may arrive in parts
            await asyncio.sleep(0.01)
            await response.write(data[9:])
            if self.mood == "breaks":
                request.transport.abort()
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
def play(monkeypatch):
    """Runs a test's coroutine with two servers and the engine over them, once both are well."""
    monkeypatch.setattr(replicas, "CHECK_SECONDS", 0.1)

    def run(story):
        async def whole():
            async with Server() as first, Server() as second:
                engine = ReplicaEngine([UrlEngine("m", server.url, patience=1.0) for server in (first, second)])
                assert "not asked yet" in await engine.ready()
                await engine.start()
                await until(lambda: not engine._faults)
                await story(engine, first, second)
                await engine.stop()

        asyncio.run(asyncio.wait_for(whole(), 30))

    return run


async def until(true):
    while not true():
        await asyncio.sleep(0.01)


async def said(engine):
    return "".join([chunk["choices"][0]["delta"]["content"] async for chunk in engine.stream(chat(8))])


def test_the_least_busy_is_asked(play):
    async def story(engine, first, second):
        first.hold.clear()
        tasks = [asyncio.create_task(engine.complete(chat(8)))]
        await until(lambda: first.asked == 1)
        for _ in range(3):
            await engine.complete(chat(8))
        assert (first.asked, second.asked) == (1, 3), "the free one gets all"
        second.hold.clear()
        tasks += [asyncio.create_task(engine.complete(chat(8))) for _ in range(63)]
        await until(lambda: first.asked + second.asked == 1 + 3 + 63)
        assert (first.asked, second.asked) == (32, 3 + 32), "64 at once are shared evenly"
        first.hold.set()
        second.hold.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)

    play(story)


@pytest.mark.parametrize("streaming", [False, True])
def test_what_fails_before_its_first_token_is_asked_elsewhere_once(play, streaming):
    async def ask(engine):
        if streaming:
            return await said(engine)
        return (await engine.complete(chat(8)))["choices"][0]["message"]["content"]

    async def story(engine, first, second):
        first.mood = "down"
        for _ in range(3):
            assert await ask(engine) == "hello"
        assert await engine.ready() is None and len(engine._faults) == 1
        second.mood = "down"
        with pytest.raises(Refused) as error:
            await ask(engine)
        assert error.value.status in (502, 503)
        await until(lambda: len(engine._faults) == 2)
        assert first.url in await engine.ready()
        with pytest.raises(Refused, match="no engine is ready"):
            await ask(engine)
        first.mood = second.mood = "well"
        await until(lambda: not engine._faults)
        assert await ask(engine) == "hello"

    play(story)


def test_a_stream_that_breaks_is_not_begun_again(play):
    async def story(engine, first, second):
        first.mood = second.mood = "breaks"
        heard = []
        with pytest.raises(Refused) as error:
            async for chunk in engine.stream(chat(8)):
                heard.append(chunk)
        assert len(heard) == 1 and error.value.code == "engine_unreachable"
        assert first.asked + second.asked == 1

    play(story)


def test_a_server_that_hangs_is_a_timeout_and_set_aside(play):
    async def story(engine, first, second):
        first.mood = second.mood = "hangs"
        with pytest.raises(Refused) as error:
            await engine.complete(chat(8))
        assert (error.value.status, error.value.code) == (504, "engine_timeout")
        assert first.asked + second.asked == 1, "it is not asked a second time: the client has waited long enough"
        assert len(engine._faults) == 1

    play(story)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_client_that_leaves_closes_the_connection(play, streaming):
    async def story(engine, first, second):
        first.hold.clear()
        second.hold.clear()
        task = asyncio.create_task(said(engine) if streaming else engine.complete(chat(8)))
        await until(lambda: first.asked + second.asked == 1)
        task.cancel()
        await until(lambda: first.gone + second.gone == 1)

    play(story)


def test_a_server_without_structural_tags_answers_unbound(play):
    async def story(engine, first, second):
        assert engine.constrained
        for replica in engine._replicas:
            replica._answered = False
        first.mood = "strict"
        for replica in engine._replicas:
            assert await replica.ready() is None
        assert [replica.constrained for replica in engine._replicas] == [False, True] and not engine.constrained
        answer = await engine._replicas[0].complete(chat(8, schema={"type": "object"}))
        assert answer["choices"][0]["message"]["content"] == "hello"

    play(story)
