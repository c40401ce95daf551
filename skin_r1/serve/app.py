"""The gateway: checks who asks and what, cleans the picture, asks the engine, writes the audit line."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from skin_r1.serve.answer.diagnose import DISCLAIMER, diagnose, version_table
from skin_r1.serve.audit.chain import Audit
from skin_r1.serve.engines.engine import Engine
from skin_r1.serve.guard.access import add_headers, authorize, read_body
from skin_r1.serve.intake.picture import ImageLimits, picture
from skin_r1.serve.intake.requests import MAX_IMAGES, read_chat, read_form
from skin_r1.serve.refused import Refused

UI = Path(__file__).resolve().parent / "ui"
PAGE = {"/": "index.html", "/app.js": "app.js", "/style.css": "style.css"}


@dataclass(frozen=True)
class Settings:
    """What the gateway allows.

    Attributes:
        keys: SHA-256 hashes of the API keys; empty: no key is asked for.
        audit: where a line per request is written, or None.
        max_new_tokens: longest answer; a request may ask for less.
        max_waiting: requests at work or waiting; one more gets 429.
        limits: of a picture.
    """

    keys: frozenset[str] = frozenset()
    audit: Path | None = None
    max_new_tokens: int = 1024
    max_waiting: int = 16
    limits: ImageLimits = field(default_factory=ImageLimits)


def create_app(engine: Engine, settings: Settings) -> FastAPI:
    """The application; its lifespan starts and stops the engine.

    Raises:
        UserError: the audit file that is there is broken.
    """
    audit = Audit(settings.audit) if settings.audit else None
    made_by = version_table(engine.name)
    waiting: set[str] = set()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await engine.start()
        yield
        await engine.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(add_headers)

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return _refusal(error)

    @app.exception_handler(HTTPException)
    async def not_found(_: Request, error: HTTPException) -> JSONResponse:
        return _refusal(Refused(error.status_code, "not_found", str(error.detail)))

    async def handle(request: Request, work: Callable[[dict[str, Any], bytes], Awaitable[Response]]) -> Response:
        """Key, turn, body, work and audit line of one request."""
        line: dict[str, Any] = {"request": uuid.uuid4().hex, "route": request.url.path, "model": engine.name}
        began, status = time.monotonic(), 500
        try:
            line["key"] = authorize(request, settings.keys)
            if len(waiting) >= settings.max_waiting:
                raise Refused(429, "busy", "too many requests are waiting; try again in some seconds")
            waiting.add(line["request"])
            most = settings.limits.max_bytes
            body = await read_body(request, most + 2**18 if request.url.path == "/v1/diagnose" else MAX_IMAGES * most)
            line["bytes"] = len(body)
            response = await work(line, body)
            status = response.status_code
        except Refused as error:
            status, line["refused"] = error.status, error.code
            raise
        finally:
            waiting.discard(line["request"])
            if audit:
                line |= {"status": status, "seconds": round(time.monotonic() - began, 3)}
                await run_in_threadpool(audit.append, **line)
        response.headers["X-Request-Id"] = line["request"]
        return response

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        async def work(line: dict[str, Any], body: bytes) -> Response:
            chat, stream = await run_in_threadpool(
                read_chat, body, engine.name, settings.limits, settings.max_new_tokens
            )
            line["stream"] = stream
            if not stream:
                return JSONResponse({**await engine.complete(chat), "disclaimer": DISCLAIMER})
            chunks = engine.stream(chat)
            first = await anext(chunks)  # before the response begins, a refusal can still have its own status
            return StreamingResponse(_events(first, chunks), media_type="text/event-stream")

        return await handle(request, work)

    @app.post("/v1/diagnose")
    async def diagnose_picture(request: Request) -> Response:
        async def work(line: dict[str, Any], body: bytes) -> Response:
            data, modality, history = await read_form(request, body)
            if audit:
                line["picture"] = audit.fingerprint(data)
            clean = await run_in_threadpool(picture, data, settings.limits)
            answer = await diagnose(engine, clean, modality, history, settings.max_new_tokens)
            line |= {"abstained": answer["abstained"], "triage": answer["triage"]["level"]}
            return JSONResponse({"id": line["request"], **answer, "versions": made_by})

        return await handle(request, work)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        authorize(request, settings.keys)
        return {"object": "list", "data": [{"id": engine.name, "object": "model", "owned_by": "skin-r1"}]}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        reason = await engine.ready()
        if reason:
            return JSONResponse({"status": "not ready", "reason": reason}, 503, {"Retry-After": "2"})
        return JSONResponse({"status": "ready", "model": engine.name})

    for route, name in PAGE.items():
        app.add_api_route(route, _page(name), methods=["GET"], include_in_schema=False)
    return app


def _page(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def page() -> FileResponse:
        return FileResponse(UI / name, headers={"Cache-Control": "no-cache"})

    return page


def _refusal(error: Refused) -> JSONResponse:
    """OpenAI's error shape."""
    body = {"error": {"message": error.message, "type": "invalid_request_error", "code": error.code}}
    headers = {"Retry-After": "5"} if error.status in (429, 503) else {}
    if error.status == 413:
        headers["Connection"] = "close"  # or the rest of the body would still be taken in, only to be dropped
    return JSONResponse(body, error.status, headers)


async def _events(first: dict[str, Any], rest: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """Server-sent events; the notice comes last, before [DONE]."""
    yield f"data: {json.dumps(first)}\n\n"
    try:
        async for chunk in rest:
            yield f"data: {json.dumps(chunk)}\n\n"
    except Refused as error:
        yield f"data: {json.dumps({'error': {'message': error.message, 'code': error.code}})}\n\n"
    notice = {"id": first.get("id"), "object": "chat.completion.chunk", "created": first.get("created")}
    notice |= {"model": first.get("model"), "choices": [], "disclaimer": DISCLAIMER}
    yield f"data: {json.dumps(notice)}\n\ndata: [DONE]\n\n"
