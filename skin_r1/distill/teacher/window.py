"""The sliding window: so many requests under way at any time, built ahead, sent again when they fail in passing.

Requests are built in a thread of their own (encoding images takes longer than sending them), sent from an event loop
in another thread, and written to disk in a third: no slot waits for an image.
"""

import asyncio
import json
import math
import os
import queue
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx

from skin_r1.distill.teacher.attempt import FATAL, OWN, PASSING, Outcome, attempt
from skin_r1.distill.teacher.cache import AnswerCache, Attempt, Recorder, request_key
from skin_r1.distill.teacher.gate import Gate, backoff
from skin_r1.distill.teacher.question import Limits, Reply, Request, Settings, body_of
from skin_r1.errors import problem

CONNECT_SECONDS = 10.0
_ENDS = {
    "key": ("the {who} refuses the key", "export OPENAI_API_KEY=..."),
    "quota": ("the {who}'s quota is used up", "run again when it is renewed: what was answered is not asked twice"),
    "model": ("the {who} does not know the model, or base_url is not the root of its API (it often ends in /v1)",
              "ask it for its models: curl BASE_URL/models"),
}  # fmt: skip


SLIVER = 0.05  # seconds before the deadline in which no attempt is begun


class Window:
    """At most 2 * concurrency requests are built and unsettled, at most `concurrency` of them are under way."""

    def __init__(
        self, requests: Iterable[Request], settings: Settings, cache_path: Path, limits: Limits, who: str = "teacher"
    ) -> None:
        """Nothing happens before `run`; `replies` ends with None or with an error."""
        self.replies: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()
        self._requests, self._settings, self._path, self._limits = requests, settings, cache_path, limits
        self._who = who
        base = settings.base_url or os.environ.get("OPENAI_BASE_URL")
        if not base:
            raise problem(
                f"no address of the {who}: nothing is sent to a default one",
                column="base_url",
                next_step="give base_url, or export OPENAI_BASE_URL",
            )
        self._url = base.rstrip("/") + "/chat/completions"
        self._room = threading.Semaphore(2 * settings.concurrency)
        self._asking: dict[str, list[str]] = {}  # key under way -> ids that wait for it
        self._lock = threading.Lock()  # of the above
        self._failures = 0  # in a row
        self._stopped = threading.Event()
        self._main: asyncio.Task[None] | None = None

    def run(self) -> None:
        """All of it, in the calling thread."""
        end: BaseException | None = None
        try:
            asyncio.run(self._run())
        except BaseException as error:  # to be raised where the replies are read
            end = error
            while isinstance(end, BaseExceptionGroup):
                end = end.exceptions[0]
        self.replies.put(end)

    def stop(self) -> None:
        """Nobody reads on: what is under way is given up. From another thread, also when all is over."""
        self._halt()
        if self._main is not None:
            try:
                self._main.get_loop().call_soon_threadsafe(self._main.cancel)
            except RuntimeError:  # the loop is closed
                pass

    def _halt(self) -> None:
        self._stopped.set()
        self._room.release()  # the builder may be waiting for it

    async def _run(self) -> None:
        self._main = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._gate = Gate(self._settings.concurrency, self._limits.backoff, self._limits.longest_backoff)
        key = os.environ.get("OPENAI_API_KEY") or "none"
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        pool = httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.concurrency)
        patience = httpx.Timeout(None, connect=CONNECT_SECONDS)
        with ThreadPoolExecutor(1) as builder, ThreadPoolExecutor(1) as writer:
            cache = await loop.run_in_executor(writer, AnswerCache, self._path)
            self._recorder = Recorder(cache, writer)
            try:
                async with httpx.AsyncClient(headers=headers, limits=pool, timeout=patience) as self._client:
                    async with asyncio.TaskGroup() as group:
                        await loop.run_in_executor(builder, self._build, loop, group)
            finally:
                self._halt()
                writer.submit(cache.close)

    def _build(self, loop: asyncio.AbstractEventLoop, group: asyncio.TaskGroup) -> None:
        """Take requests while there is room; what the cache or a request under way will answer takes none."""
        cache = AnswerCache(self._path)
        requests = iter(self._requests)
        try:
            while True:
                self._room.acquire()
                if self._stopped.is_set() or (request := next(requests, None)) is None:
                    return
                body = body_of(request, self._settings)
                key = request_key(body)
                with self._lock:
                    waiting = self._asking.get(key)
                    text = cache.get(key) if waiting is None else None
                    if waiting is not None:
                        waiting.append(request.id)
                    elif text is None:
                        self._asking[key] = [request.id]
                        loop.call_soon_threadsafe(self._start, group, key, json.dumps(body).encode())
                        continue
                if text is not None:
                    self.replies.put(Reply(request.id, text, "", cached=True))
                self._room.release()
        finally:
            cache.close()

    def _start(self, group: asyncio.TaskGroup, key: str, body: bytes) -> None:
        if not self._stopped.is_set():
            group.create_task(self._settle(key, body))

    async def _settle(self, key: str, body: bytes) -> None:
        try:
            outcome = await self._send(key, body)
            self._reply(key, outcome)
        except BaseException:
            self._halt()
            raise
        finally:
            self._room.release()

    async def _send(self, key: str, body: bytes) -> Outcome:
        """The last outcome, after as many attempts as the limits allow. Waiting for the next one holds no slot."""
        limits, tries, end = self._limits, 0, math.inf
        outcome = Outcome("timeout")
        while True:
            async with self._gate:
                at, sent = time.time(), time.monotonic()
                end = min(end, sent + limits.deadline)
                if sent + SLIVER >= end:  # too little is left for any answer: what happened before is the reason
                    return outcome
                outcome = await attempt(
                    self._client, self._url, body, min(limits.timeout, end - sent), as_written=limits.as_written
                )
                seconds = time.monotonic() - sent
                wait = outcome.wait
                if outcome.kind == "rate limited":
                    wait = self._gate.slow_down(sent, wait)
                elif outcome.status:
                    self._gate.admitted()
                tokens = outcome.prompt_tokens, outcome.completion_tokens
                row = Attempt(key, self._settings.model, at, seconds, outcome.kind, outcome.status, *tokens)
                # in the slot: a killed run loses no more answers than it has slots
                await self._recorder.record(row, outcome.text)
            if outcome.kind not in PASSING:
                return outcome
            if outcome.kind != "rate limited":
                tries += 1
                wait = backoff(limits.backoff, tries, limits.longest_backoff) if wait is None else wait
            elif (wait or 0.0) > limits.deadline:
                return replace(outcome, kind="quota")
            if tries >= limits.attempts or time.monotonic() + (wait or 0.0) >= end:
                return outcome
            if outcome.kind != "rate limited":  # after a 429 the gate makes everybody wait
                await asyncio.sleep(wait or 0.0)

    def _reply(self, key: str, outcome: Outcome) -> None:
        """Tell all who wait for it.

        Raises:
            UserError: no later request could fare better.
        """
        reason = "" if outcome.text is not None else f"{self._who}: {outcome.kind}: {outcome.detail}"
        own = self._limits.as_written and outcome.kind in OWN
        self._failures = self._failures + 1 if reason and not own else 0
        if outcome.kind in FATAL:
            what, next_step = _ENDS[outcome.kind]
            raise problem(what.format(who=self._who), found=outcome.detail, next_step=next_step)
        if self._failures >= self._limits.hopeless:
            raise problem(
                f"the last {self._failures} requests failed",
                found=reason,
                next_step="mend the endpoint and run again: what was answered is not asked twice",
            )
        with self._lock:
            first, *others = self._asking.pop(key)
        self.replies.put(Reply(first, outcome.text, reason, cached=False, partial=outcome.partial))
        for other in others:
            self.replies.put(Reply(other, outcome.text, reason, cached=True, partial=outcome.partial))
