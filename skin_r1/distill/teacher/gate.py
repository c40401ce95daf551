"""Who may send now: a fixed number at once, and fewer for a while after the endpoint asked to slow down."""

import asyncio
import random
import time


def backoff(base: float, times: int, longest: float) -> float:
    """Seconds to wait after the `times`-th failure (from 1): doubling from `base` up to `longest`, with jitter."""
    return min(base * 2.0 ** min(times - 1, 16), longest) * random.uniform(0.5, 1.0)


class Gate:
    """An `async with` that holds at most `limit` at once.

    A 429 concerns the whole account: nobody is let in until the wait is over, and then half as many as before. Every
    other reply wins a part of it back: one more at once for each full round of replies (additive increase, multiplicative
    decrease, as TCP does: RFC 5681).
    """

    def __init__(self, limit: int, base: float, longest: float) -> None:
        """`base` and `longest`: of the backoff where the endpoint names no time."""
        self._limit, self._base, self._longest = limit, base, longest
        self._allowed = float(limit)
        self._inside = 0
        self._refusals = 0  # since the last other reply
        self._resume = self._halved = 0.0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        """Wait for a place, then until nobody has to wait."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._inside < int(self._allowed))
            self._inside += 1
        try:
            while (wait := self._resume - time.monotonic()) > 0:
                await asyncio.sleep(wait)
        except asyncio.CancelledError:
            self._inside -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give the place to the next."""
        self._inside -= 1
        async with self._changed:
            self._changed.notify(max(0, int(self._allowed) - self._inside))

    def admitted(self) -> None:
        """The endpoint replied, well or badly, but not with 429."""
        self._refusals = 0
        self._allowed = min(float(self._limit), self._allowed + 1.0 / self._allowed)

    def slow_down(self, sent: float, wait: float | None) -> float:
        """The endpoint said 429 to a request that was sent at `sent` (`time.monotonic`).

        Args:
            sent: a burst counts once: refusals of what was sent before the last halving halve nothing.
            wait: seconds that the endpoint asks for, or None.

        Returns:
            Seconds until the next may be sent.
        """
        now = time.monotonic()
        if sent >= self._halved:
            self._refusals += 1
            self._allowed = max(1.0, self._allowed / 2)
            self._halved = now
        if wait is None:
            wait = backoff(self._base, max(self._refusals, 1), self._longest)
        self._resume = max(self._resume, now + wait)
        return self._resume - now
