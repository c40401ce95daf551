"""Several servers of one model: each request goes to the one with the least at work."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from skin_r1.serve.engines.engine import Chat
from skin_r1.serve.engines.reasoning import chunks_of
from skin_r1.serve.engines.remote import UrlEngine
from skin_r1.serve.refused import Refused

CHECK_SECONDS = 5.0
LONGEST_PAUSE = 30.0  # seconds; a replica set aside is asked again after 1, 2, 4 ... of them
_ELSEWHERE = ("engine_unreachable", "engine_failed")  # faults of one server, not of the request


class ReplicaEngine:
    """Replicas behind one name. See `engine.Engine` for the methods.

    One that fails is set aside until it is well again; a request that failed before its first token is asked once
    elsewhere. A client's mistake (400) and a timeout are not asked again.
    """

    def __init__(self, replicas: Sequence[UrlEngine]) -> None:
        """Take the replicas, which all serve the same names."""
        self._replicas = tuple(replicas)
        self.name, self.names = self._replicas[0].name, self._replicas[0].names
        self._faults: dict[UrlEngine, str] = dict.fromkeys(self._replicas, "not asked yet")
        self._woken = {replica: asyncio.Event() for replica in self._replicas}
        self._checks: list[asyncio.Task[None]] = []

    @property
    def constrained(self) -> bool:
        """Whether all replicas in use bind the answer."""
        return all(replica.constrained for replica in self._replicas if replica not in self._faults)

    async def start(self) -> None:
        """Open the connections and begin to look after each replica."""
        for replica in self._replicas:
            await replica.start()
            self._checks.append(asyncio.create_task(self._look_after(replica)))

    async def _look_after(self, replica: UrlEngine) -> None:
        pause = 1.0
        while True:
            reason = await replica.ready()
            woken = self._woken[replica]
            if reason is None and not woken.is_set():
                self._faults.pop(replica, None)
                pause = 1.0
            elif reason:
                self._faults[replica] = reason
            woken.clear()
            if replica not in self._faults:
                try:
                    await asyncio.wait_for(woken.wait(), CHECK_SECONDS)
                    woken.clear()
                except TimeoutError:
                    continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _set_aside(self, replica: UrlEngine, error: Refused) -> None:
        self._faults[replica] = error.message
        self._woken[replica].set()

    async def stop(self) -> None:
        """Close all connections."""
        for check in self._checks:
            check.cancel()
        for replica in self._replicas:
            await replica.stop()

    async def ready(self) -> str | None:
        """None while one replica is well; else what each of them says."""
        if len(self._faults) < len(self._replicas):
            return None
        return "; ".join(f"{replica.base_url}: {reason}" for replica, reason in self._faults.items())

    def _least_busy(self, tried: UrlEngine | None = None) -> UrlEngine:
        well = [replica for replica in self._replicas if replica not in self._faults and replica is not tried]
        if not well:
            raise Refused(503, "not_ready", "no engine is ready", retry_after=5)
        return min(well, key=lambda replica: replica.at_work)

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """Ask the least busy replica, and once another if it fails."""
        replica = self._least_busy()
        try:
            return await replica.complete(chat)
        except Refused as error:
            other = self._after(replica, error)
            return await other.complete(chat)

    def _after(self, replica: UrlEngine, error: Refused) -> UrlEngine:
        """The replica to ask after a fault of this one; raises the error where there is none or it would not help."""
        if error.status >= 500:
            self._set_aside(replica, error)
        if error.code not in _ELSEWHERE:
            raise error
        try:
            return self._least_busy(replica)
        except Refused:
            raise error from None

    async def stream(self, chat: Chat) -> AsyncGenerator[dict[str, Any]]:
        """As `events`, decoded."""
        async with aclosing(self.events(chat)) as events:
            async for block in events:
                for chunk in chunks_of(block):
                    yield chunk

    async def events(self, chat: Chat) -> AsyncGenerator[bytes]:
        """The events of the least busy replica, or of another one if it fails before the first."""
        replica, begun, again = self._least_busy(), False, False
        while True:
            try:
                async with aclosing(replica.events(chat)) as events:
                    async for block in events:
                        begun = True
                        yield block
                return
            except Refused as error:
                other = self._after(replica, error)
                if begun or again:
                    raise
                replica, again = other, True
