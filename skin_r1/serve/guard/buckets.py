"""Token buckets: how often something may happen, and how long until it may again. Nothing here waits.

Own code because the libraries do not fit: `limits` counts by the wall clock, which jumps; `aiolimiter` makes the
caller wait inside the server, which costs memory that a refusal does not, and has no bucket per name.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each name, at most `most` of them: the one not asked for the longest goes first.

    A bucket holds up to `burst` tokens and gains `per_minute` / 60 a second; each request takes one.
    """

    def __init__(self, most: int = 10_000, clock: Clock = time.monotonic) -> None:
        """`clock` counts seconds and never goes back."""
        self._most, self._clock = most, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._buckets)

    def wait(self, name: str, per_minute: float, burst: float) -> float:
        """Seconds until `take` would succeed; 0 now."""
        missing = 1 - self._filled(name, per_minute, burst).tokens
        # A millionth is for rounding: after exactly the seconds told, there must be a token and not 0.9999999.
        return missing * 60 / per_minute if missing > 1e-6 else 0.0

    def take(self, name: str, per_minute: float, burst: float) -> float:
        """Take a token: 0 when there was one, else the seconds until there will be and none is taken."""
        wait = self.wait(name, per_minute, burst)
        if not wait:
            self._buckets[name].tokens -= 1
        return wait

    def _filled(self, name: str, per_minute: float, burst: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(burst, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        return bucket
