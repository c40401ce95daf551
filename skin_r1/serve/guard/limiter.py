"""Turns at the engine: how many requests may be at work, of one caller and of all. Who gets none is told when to come."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skin_r1.serve.guard.buckets import Buckets, Clock
from skin_r1.serve.guard.keys import Caller
from skin_r1.serve.refused import Refused


class Limiter:
    """Turns at the engine: per caller a rate and a number at one time, and a number for all together."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        """Allow `most` requests of all callers at one time, those that wait for the engine included."""
        self._most, self._clock = most, clock
        self._rates = Buckets(clock=clock)
        self._began: dict[str, OrderedDict[object, float]] = {}
        self._took: deque[float] = deque(maxlen=32)

    def __len__(self) -> int:
        """Turns taken now."""
        return sum(map(len, self._began.values()))

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncIterator[None]:
        """Hold a turn while the request is at work.

        Raises:
            Refused: 429 `rate_limited` (this caller asks too often or too much at once) or `busy` (all together do);
                `retry_after` is when a token, or probably a turn, will be there.
        """
        mine = self._began.setdefault(caller.id, OrderedDict())
        if len(self) >= self._most:
            everyone = [began for turns in self._began.values() for began in turns.values()]
            raise Refused(429, "busy", "too many requests are at work or waiting", self._until_free(everyone))
        if len(mine) >= caller.concurrent:
            message = f"this key may have {caller.concurrent} requests at work at one time"
            raise Refused(429, "rate_limited", message, self._until_free(list(mine.values())))
        rate = caller.requests_per_minute
        if math.isfinite(rate) and (wait := self._rates.take(caller.id, rate, burst(caller))):
            message = f"this key may ask {rate:g} times a minute"
            raise Refused(429, "rate_limited", message, math.ceil(wait))
        me = object()
        mine[me] = began = self._clock()
        try:
            yield
        finally:
            del mine[me]
            self._took.append(self._clock() - began)

    def _until_free(self, began: list[float]) -> int:
        """Whole seconds until the oldest turn probably ends, going by how long the last 32 took; at least 1."""
        if not self._took or not began:
            return 1
        usual = sum(self._took) / len(self._took)
        return max(1, math.ceil(min(began) + usual - self._clock()))


def burst(caller: Caller) -> float:
    """Requests that may come at once: ten seconds' worth, and never fewer than may be at work at one time."""
    return max(float(caller.concurrent), caller.requests_per_minute / 6)
