"""Engines on one real vLLM (CPU): the bound answer, likelihood of labels, clients that leave, and faults."""

import asyncio
import os
import signal
import subprocess
import time
from importlib.util import find_spec

import aiohttp
import pytest
from engine_loop import Loop, chat, spoken, until_ready
from fault_tools import slowly

from skin_r1.reading import ParseFailure, Reading, parse
from skin_r1.serve.engines.schema import answer_schema
from skin_r1.serve.engines.vllm import VllmEngine
from skin_r1.serve.refused import Refused

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")


@pytest.fixture(scope="module")
def engine(endless):
    """A running vLLM that is restarted once at most."""
    loop = Loop()
    engine = VllmEngine("tiny-model", str(endless), None, 2048, restarts=1)
    loop.run(engine.start())
    loop.run(until_ready(engine))
    engine.test = loop
    yield engine
    loop.run(engine.stop())
    loop.close()


def group(engine):
    """Process ids of vLLM and its workers."""
    table = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True).stdout
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    return [pid for pid, leader in rows if leader == engine._child._process.pid]


async def running(engine):
    """Sequences that vLLM works on, as it says itself."""
    url = engine.base_url.removesuffix("/v1") + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    names = ("vllm:num_requests_running", "vllm:num_requests_waiting{")
    return sum(float(line.split()[-1]) for line in lines if line.startswith(names))


async def becomes(engine, count, seconds=20):
    deadline = time.monotonic() + seconds
    while await running(engine) != count:
        assert time.monotonic() < deadline, f"{await running(engine)} sequences run, not {count}"
        await asyncio.sleep(0.1)


def test_a_random_model_writes_a_reading_only_with_the_schema(engine):
    run = engine.test.run
    free = run(engine.complete(chat(60)))["choices"][0]["message"]
    assert isinstance(parse(free), ParseFailure)
    request = chat(400, schema=answer_schema())
    whole = run(engine.complete(request))
    message = whole["choices"][0]["message"]
    assert engine.constrained and isinstance(parse(message), Reading) and message["reasoning"]
    text, usage = run(spoken(engine, request))
    assert text == {key: message[key] for key in text}
    assert usage["completion_tokens"] == whole["usage"]["completion_tokens"] < 400


def test_words_arrive_while_the_rest_is_written(engine):
    async def moments():
        began = time.monotonic()
        return [time.monotonic() - began async for _ in engine.stream(chat(800))]

    for _ in range(4):
        first, *_, last = engine.test.run(moments())
        assert first < last / 2, "the answer was held back till it was whole"


@pytest.mark.parametrize("streaming", [False, True])
def test_a_client_that_leaves_frees_the_engine(engine, streaming):
    async def leave():
        request = chat(1500)
        work = spoken(engine, request) if streaming else engine.complete(request)
        task = asyncio.create_task(work)
        await becomes(engine, 1)
        task.cancel()
        await becomes(engine, 0, seconds=5)
        assert engine.at_work == 0

    with slowly(group(engine)):
        engine.test.run(leave())


def test_a_hung_engine_times_out_is_set_aside_and_recovers(engine):
    async def hang():
        for pid in group(engine):
            os.kill(pid, signal.SIGSTOP)
        engine.patience, usual = 4.0, engine.patience
        try:
            began = time.monotonic()
            with pytest.raises(Refused) as error:
                await engine.complete(chat(4))
            assert (error.value.status, error.value.code) == (504, "engine_timeout")
            assert 4 <= time.monotonic() - began < 15
            assert "does not answer" in await engine.ready()
        finally:
            engine.patience = usual
            for pid in group(engine):
                os.kill(pid, signal.SIGCONT)
        life = engine._child.life
        await until_ready(engine, 90)
        assert engine._child.life == life, "it came back by itself"
        assert (await engine.complete(chat(4)))["usage"]["completion_tokens"] <= 4

    engine.test.run(hang())


def test_killed_in_the_middle_the_client_is_told_and_the_engine_comes_back(engine):
    async def kill():
        chunks = engine.events(chat(1500))
        with slowly(group(engine)):
            first = await anext(chunks)
            assert first.startswith(b"data: {")
            os.kill(engine._child._process.pid, signal.SIGKILL)
            with pytest.raises(Refused) as error:
                async for _ in chunks:
                    pass
        assert (error.value.status, error.value.code) == (502, "engine_unreachable")
        await asyncio.sleep(0.5)
        assert "restart 1 of 1" in await engine.ready()
        await until_ready(engine, 500)
        assert (await engine.complete(chat(4)))["usage"]["completion_tokens"] <= 4

    engine.test.run(kill(), timeout=600)


def test_when_restarts_are_used_up_it_stays_not_ready_and_says_why(engine):
    async def kill_again():
        workers = group(engine)
        os.kill(engine._child._process.pid, signal.SIGKILL)
        await asyncio.sleep(4)
        assert "ended with code -9 and was restarted 1 times" in await engine.ready()
        with pytest.raises(Refused, match="does not answer"):
            await engine.complete(chat(4))
        assert len(workers) > 1 and not group(engine), "its workers are gone"

    engine.test.run(kill_again())
