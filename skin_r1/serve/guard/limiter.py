"""Turns at the engine: how many requests may be at work, of one caller and of all, and how many bytes they may hold.

Who gets none is told when to come. The bytes are counted because the number of requests alone is no bound on memory worth
having: 64 of them with four large pictures each would hold 6 GB.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from skin_r1.serve.guard.buckets import Buckets, Clock
from skin_r1.serve.guard.keys import Caller
from skin_r1.serve.refused import Refused

MAX_HELD_BYTES = 2**30
Hold = Callable[[int], None]
"""hold(count): `count` more bytes are kept until the turn ends; raises `Refused` 429 `busy` where there is no room."""


class Limiter:
    """Turns at the engine: per caller a rate and a number at one time; a number and bytes for all together."""

    def __init__(self, most: int, clock: Clock = time.monotonic, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        """Allow `most` requests of all callers at one time, those that wait for the engine included.

        `max_held_bytes` is for the bodies and the cleaned pictures of them all; 100 MB is the most that one request can hold.
        """
        self._most, self._clock, self._max_held_bytes, self._held_bytes = most, clock, max_held_bytes, 0
        self._rates = Buckets(clock=clock)
        self._began: dict[str, OrderedDict[object, float]] = {}
        self._took: deque[float] = deque(maxlen=32)

    def __len__(self) -> int:
        """Turns taken now."""
        return sum(map(len, self._began.values()))

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncIterator[Hold]:
        """Hold a turn while the request is at work; yields what counts its bytes.

        Raises:
            Refused: 429 `rate_limited` (this caller asks too often or too much at once) or `busy` (all together do);
                `retry_after` is when a token, or probably a turn, will be there.
        """
        mine = self._began.setdefault(caller.id, OrderedDict())
        if len(self) >= self._most:
            raise self._busy("too many requests are at work or waiting")
        if len(mine) >= caller.concurrent:
            message = f"this key may have {caller.concurrent} requests at work at one time"
            raise Refused(429, "rate_limited", message, self._until_free(list(mine.values())))
        rate = caller.requests_per_minute
        if math.isfinite(rate) and (wait := self._rates.take(caller.id, rate, burst(caller))):
            message = f"this key may ask {rate:g} times a minute"
            raise Refused(429, "rate_limited", message, math.ceil(wait))
        me, held = object(), 0

        def hold(count: int) -> None:
            nonlocal held
            if self._held_bytes + count > self._max_held_bytes:
                raise self._busy("the requests at work hold as many bytes as there is room for")
            self._held_bytes += count
            held += count

        mine[me] = began = self._clock()
        try:
            yield hold
        finally:
            del mine[me]
            self._held_bytes -= held
            self._took.append(self._clock() - began)

    def _busy(self, message: str) -> Refused:
        everyone = [began for turns in self._began.values() for began in turns.values()]
        return Refused(429, "busy", message, self._until_free(everyone))

    def _until_free(self, began: list[float]) -> int:
        """Whole seconds until the oldest turn probably ends, going by how long the last 32 took; at least 1."""
        if not self._took or not began:
            return 1
        usual = sum(self._took) / len(self._took)
        return max(1, math.ceil(min(began) + usual - self._clock()))


def burst(caller: Caller) -> float:
    """Requests that may come at once: ten seconds' worth, and never fewer than may be at work at one time."""
    return max(float(caller.concurrent), caller.requests_per_minute / 6)
