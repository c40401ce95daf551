"""One request from its head to its closing line: who asks, whether it is their turn, the body, the work, the audit."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from skin_r1.serve.answer.cases import Cases
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.audit.log import Audit
from skin_r1.serve.engines.engine import Engine
from skin_r1.serve.guard.admission import authorize
from skin_r1.serve.guard.body import read_body
from skin_r1.serve.guard.gone import until_gone
from skin_r1.serve.guard.keys import Caller, Keys
from skin_r1.serve.guard.limiter import Hold, Limiter
from skin_r1.serve.guard.shield import request_id
from skin_r1.serve.intake.decoder import Decoder
from skin_r1.serve.intake.picture import ImageLimits, Picture
from skin_r1.serve.operation.meters import Meters
from skin_r1.serve.operation.tracing import Span
from skin_r1.serve.refused import Refused

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Settings:
    """What the gateway allows.

    Attributes:
        limits: of a picture.
        answer: how an answer is made.
        max_waiting: requests at work or waiting, of all callers; one more gets 429.
        max_request_bytes: of a body, its pictures and their base64 included.
        max_held_bytes: bodies and cleaned pictures of all requests at work; one that would be more gets 429.
    """

    limits: ImageLimits = field(default_factory=ImageLimits)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    max_waiting: int = 64
    max_request_bytes: int = 24 * 2**20
    max_held_bytes: int = 2**30


@dataclass(frozen=True)
class Gateway:
    """Everything that a request passes; see the folders of the same names."""

    engine: Engine
    decoder: Decoder
    keys: Keys
    limiter: Limiter
    audit: Audit | None
    meters: Meters
    span: Span
    cases: Cases
    settings: Settings
    made_by: Mapping[str, str]


class Call:
    """A request whose body is here.

    Attributes:
        facts: of the audit's closing line; no content but in `content`, which the audit drops unless told otherwise.
    """

    def __init__(self, gateway: Gateway, request: Request, caller: Caller, body: bytes, hold: Hold) -> None:
        """Hand the opening line to the audit."""
        self.gateway, self.request, self.caller = gateway, request, caller
        self._body, self._hold = body, hold
        self.id = request_id(request)
        self.facts: dict[str, Any] = {}
        self._ended = False
        versions = {name: gateway.made_by[name] for name in ("model", "prompt", "ontology")}
        fields = {"request": self.id, "key": caller.id, "route": request.url.path, "bytes": len(body), **versions}
        self._entry = gateway.audit.begin(**fields) if gateway.audit else None

    def take_body(self) -> bytes:
        """The body, once: it is not kept while the engine works."""
        body, self._body = self._body, b""
        return body

    async def pictures(self, uploads: Sequence[tuple[bytes, str | None]], modality: str | None) -> list[Picture]:
        """Clean the pictures: bytes and declared format, in order.

        Raises:
            Refused: see `Decoder.picture`, and 429 `busy`; the others are given up.
        """
        audit, decoder = self.gateway.audit, self.gateway.decoder
        if audit and uploads:
            self.facts["pictures"] = [audit.fingerprint(data) for data, _ in uploads]

        async def one(data: bytes, expected: str | None) -> Picture:
            began = time.monotonic()
            try:
                picture = await decoder.picture(data, expected, modality)
            finally:
                self.gateway.meters.decode(time.monotonic() - began)
            self._hold(len(picture.data_url))
            return picture

        with self.gateway.span("decode", pictures=len(uploads)):
            try:
                # Not `gather`: after the first refusal it would let the others wait for a decoder without a turn.
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(data, expected)) for data, expected in uploads]
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def written(self) -> None:
        """Wait until the opening line is on the disk: before the first word of a stream.

        Raises:
            Refused: 503 `audit_unavailable`.
        """
        if self._entry:
            await self._entry.written()

    def failed(self, error: Refused) -> bytes:
        """The event that a stream ends with instead of its answer; OpenAI's clients know it by its key `error`."""
        self.facts["refused"] = error.code
        self.gateway.meters.refused(error.code)
        return event({"type": "error", "error": {"code": error.code, "message": error.message}})

    async def end(self, status: int) -> None:
        """Write the closing line, once; raises as `written`."""
        if not self._ended:
            self._ended = True
            if self._entry:
                await self._entry.end(status=status, **self.facts)


class Stream(StreamingResponse):
    """Server-sent events. However they end, the closing line is written and then the turn is given back.

    Attributes:
        turn: closed at the end.
    """

    def __init__(self, call: Call, events: AsyncGenerator[bytes]) -> None:
        """Send `events`, whole `data: ...` lines with their blank line."""
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._call, self._events, self.turn = call, events, AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, then close the events and what stands behind them."""
        async with self.turn:
            status = 499
            try:
                await super().__call__(scope, receive, send)
            except asyncio.CancelledError:  # a client that goes does not come to here
                status = 503
                await send({"type": "http.response.body", "body": self._call.failed(_stopping()) + DONE})
            finally:
                await self._events.aclose()
                await _end(self._call, status)


def event(content: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


async def handle(
    gateway: Gateway, request: Request, scope: str, work: Callable[[Call], Coroutine[Any, Any, Response]]
) -> Response:
    """Answer one request that asks the engine.

    Args:
        gateway: what it passes.
        request: whose body nobody has read.
        scope: what the caller's key must be good for.
        work: makes the response; cancelled when the client goes.

    Raises:
        Refused: whatever is wrong; its line is written.
    """
    call = None
    async with AsyncExitStack() as turn:
        try:
            caller = authorize(request, gateway.keys, scope)
            request.scope["state"]["key"] = caller.id
            hold = await turn.enter_async_context(gateway.limiter.turn(caller))
            call = Call(
                gateway, request, caller, await read_body(request, gateway.settings.max_request_bytes, hold=hold), hold
            )
            response = await until_gone(request, work(call))
            if isinstance(response, Stream):
                await response.turn.enter_async_context(turn.pop_all())
                return response
            await call.end(response.status_code)
            return response
        except Refused as error:
            if call is None:
                raise
            call.facts["refused"] = error.code
            await call.end(error.status)
            raise
        except asyncio.CancelledError:
            stopping = _stopping()
            if call is not None:
                call.facts["refused"] = stopping.code
                await _end(call, stopping.status)
            raise stopping from None
        except BaseException as error:
            if call is not None:
                call.facts["refused"] = type(error).__name__
                await _end(call, 500)
            raise


def _stopping() -> Refused:
    """For a request that outlasts `drain_seconds`: uvicorn cancels it."""
    return Refused(503, "stopping", "the server is stopping; ask again", retry_after=10)


async def _end(call: Call, status: int) -> None:
    """The closing line of what went wrong: there is nobody left to refuse."""
    try:
        await call.end(status)
    except Refused:
        pass  # the log of the audit has said it
