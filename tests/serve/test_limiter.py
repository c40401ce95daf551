"""Rates and turns, by a clock of our own."""

import asyncio
import math
import time
from contextlib import AsyncExitStack

import pytest

from skin_r1.serve.guard.buckets import Buckets
from skin_r1.serve.guard.keys import LOCAL, Caller
from skin_r1.serve.guard.limiter import Limiter, burst
from skin_r1.serve.refused import Refused


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def caller(name="ward", rate=60.0, concurrent=4):
    return Caller(name, requests_per_minute=rate, concurrent=concurrent)


async def refused(limiter, who):
    with pytest.raises(Refused) as caught:
        async with limiter.turn(who):
            pass
    return caught.value


def test_a_bucket_gives_its_burst_and_then_its_rate(clock):
    buckets = Buckets(clock=clock)
    assert [buckets.take("a", 30, 3) for _ in range(4)] == [0, 0, 0, 2.0]
    clock.now += 1.5
    assert buckets.take("a", 30, 3) == pytest.approx(0.5)
    clock.now += 0.5
    assert buckets.take("a", 30, 3) == 0 and buckets.take("a", 30, 3) == 2.0
    clock.now += 10**9  # no more than the burst is saved up
    assert [buckets.take("a", 30, 3) for _ in range(4)] == [0, 0, 0, 2.0]
    assert buckets.take("b", 30, 3) == 0


def test_to_ask_for_the_wait_takes_nothing(clock):
    buckets = Buckets(clock=clock)
    assert [buckets.wait("a", 60, 1) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 60, 1) == 0 and buckets.wait("a", 60, 1) == 1.0


@pytest.mark.parametrize("rate", [1, 7, 59.9, 600, 9_999_999])
def test_after_the_wait_that_was_told_there_is_a_token(clock, rate):
    buckets = Buckets(clock=clock)
    while not (wait := buckets.take("a", rate, 2)):
        pass
    clock.now += wait
    assert buckets.take("a", rate, 2) == 0


def test_the_name_not_used_for_the_longest_is_forgotten(clock):
    buckets = Buckets(most=3, clock=clock)
    for name in ("a", "b", "c", "a", "d"):
        buckets.take(name, 1, 1)
    assert len(buckets) == 3
    assert buckets.wait("a", 1, 1) > 0 and buckets.wait("d", 1, 1) > 0


def test_a_million_names_take_bounded_memory_and_time():
    import tracemalloc

    buckets = Buckets()
    began = time.monotonic()
    for number in range(20_000):
        buckets.take(f"warm-{number}", 20, 20)
    tracemalloc.start()
    for number in range(50_000):
        buckets.take(f"name-{number}", 20, 20)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(buckets) == 10_000 and grown < 4 * 2**20
    assert time.monotonic() - began < 30


async def _rate(clock):
    limiter = Limiter(100, clock)
    who = caller(rate=30, concurrent=2)
    assert burst(who) == 5
    for _ in range(5):
        async with limiter.turn(who):
            pass
    answer = await refused(limiter, who)
    assert (answer.status, answer.code, answer.retry_after) == (429, "rate_limited", 2)
    clock.now += 0.5
    assert (await refused(limiter, who)).retry_after == 2  # 1.5 seconds, rounded up: never too early
    clock.now += 1.5
    async with limiter.turn(who), limiter.turn(caller("other")):
        pass
    assert (await refused(limiter, who)).retry_after == 2


def test_a_caller_is_held_to_its_rate(clock):
    asyncio.run(_rate(clock))


async def _turns(clock):
    limiter = Limiter(100, clock)
    who = caller(concurrent=2, rate=6000)
    async with limiter.turn(who):  # one that takes 8 seconds, to learn from
        clock.now += 8
    async with AsyncExitStack() as first:
        await first.enter_async_context(limiter.turn(who))
        clock.now += 3
        async with limiter.turn(who):
            answer = await refused(limiter, who)
            assert (answer.code, answer.retry_after) == ("rate_limited", 5)  # the older one has 8 - 3 seconds left
            assert len(limiter) == 2
            async with limiter.turn(caller("other")):
                pass
            clock.now += 60  # it takes longer than usual: 0 would be a lie, and less than nothing
            assert (await refused(limiter, who)).retry_after == 1
        async with limiter.turn(who):
            pass
    assert len(limiter) == 0


def test_a_caller_has_so_many_turns_at_one_time(clock):
    asyncio.run(_turns(clock))


async def _busy(clock):
    limiter = Limiter(3, clock)
    async with AsyncExitStack() as stack:
        for name in "abc":
            await stack.enter_async_context(limiter.turn(caller(name)))
        answer = await refused(limiter, caller("d"))
        assert (answer.status, answer.code, answer.retry_after) == (429, "busy", 1)
        assert (await refused(limiter, LOCAL)).code == "busy"
    async with limiter.turn(caller("d", rate=6)):  # to be refused for others' sake cost it no token
        pass


def test_all_together_have_so_many_turns(clock):
    asyncio.run(_busy(clock))


async def _given_back(clock):
    limiter = Limiter(1, clock)
    with pytest.raises(ZeroDivisionError):
        async with limiter.turn(caller()):
            raise ZeroDivisionError
    assert len(limiter) == 0

    async def forever():
        async with limiter.turn(caller()):
            await asyncio.Event().wait()

    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    assert len(limiter) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(limiter) == 0


def test_a_turn_is_given_back_after_an_error_and_when_the_client_goes(clock):
    asyncio.run(_given_back(clock))


async def _local(clock):
    limiter = Limiter(10, clock)
    for _ in range(5000):
        async with limiter.turn(LOCAL):
            pass
    assert math.isinf(LOCAL.requests_per_minute)


def test_who_uses_this_machine_alone_has_no_rate(clock):
    asyncio.run(_local(clock))


def test_the_wall_clock_may_jump(monkeypatch):
    """The clock in use is the monotonic one: setting the time of day changes nothing."""
    buckets = Buckets()
    while not buckets.take("a", 60, 2):
        pass
    for jump in (-(10**7), 10**7):
        monkeypatch.setattr(time, "time", lambda jump=jump: 1.7e9 + jump)
        assert 0 < buckets.wait("a", 60, 2) <= 1


def test_the_bytes_of_all_are_bounded_and_given_back(clock):
    asyncio.run(_bytes(clock))


async def _bytes(clock):
    limiter = Limiter(10, clock, max_held_bytes=100)
    async with limiter.turn(caller("a")) as mine:
        mine(40)
        mine(20)
        async with limiter.turn(caller("b")) as theirs:
            theirs(40)
            with pytest.raises(Refused) as caught:
                theirs(1)
            assert (caught.value.status, caught.value.code) == (429, "busy") and caught.value.retry_after >= 1
        mine(40)
    async with limiter.turn(caller("a")) as mine:
        mine(100)
