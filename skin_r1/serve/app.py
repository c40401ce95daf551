"""The gateway as an application: its routes, what is around them, and what starts and stops with it."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from skin_r1.errors import UserError
from skin_r1.serve.answer.cases import Cases
from skin_r1.serve.answer.diagnose import version_table
from skin_r1.serve.audit.log import Audit
from skin_r1.serve.engines.engine import Engine
from skin_r1.serve.gateway import Gateway, Settings, handle
from skin_r1.serve.guard.keys import Keys
from skin_r1.serve.guard.limiter import Limiter
from skin_r1.serve.guard.shield import Shield
from skin_r1.serve.intake.decoder import Decoder
from skin_r1.serve.operation.meters import Meters
from skin_r1.serve.operation.tracing import spans_from_environment
from skin_r1.serve.operation.watch import Watch
from skin_r1.serve.refused import Refused
from skin_r1.serve.routes.chat import chat_completions
from skin_r1.serve.routes.diagnose import diagnose_pictures
from skin_r1.serve.routes.status import PAGE, add_status

ASKING = ("/v1/chat/completions", "/v1/diagnose")
CLOSING_SECONDS = 5.0
READING = ("/v1/models", "/healthz", "/readyz", "/metrics", *PAGE)


def create_app(engine: Engine, settings: Settings, keys: Keys, audit: Audit | None, decoder: Decoder) -> FastAPI:
    """The application; its lifespan starts and stops the engine, the decoder and the audit.

    Raises:
        UserError: tracing is asked for, but OpenTelemetry is not installed.
    """
    gateway = Gateway(
        engine=engine,
        decoder=decoder,
        keys=keys,
        limiter=Limiter(settings.max_waiting, max_held_bytes=settings.max_held_bytes),
        audit=audit,
        meters=Meters(),
        span=spans_from_environment(),
        cases=Cases(),
        settings=settings,
        made_by=version_table(engine.name),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        _reload_on_hangup(keys)
        try:
            await decoder.start()
            await engine.start()
            yield
        finally:
            await _until_closed(gateway.limiter)
            await engine.stop()
            await decoder.stop()
            if audit:
                await audit.close()

    # A redirect for a slash too many would name the host that the client names.
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(Watch, meters=gateway.meters, routes=(*ASKING, *READING))
    app.add_middleware(Shield)

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        gateway.meters.refused(error.code)
        return error.response()

    @app.exception_handler(HTTPException)
    async def not_found(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        gateway.meters.refused(code)
        response = Refused(error.status_code, code, str(error.detail)).response()
        response.headers.update(error.headers or {})  # `Allow`, which a 405 must have (RFC 9110, 15.5.6)
        return response

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await handle(gateway, request, "chat", chat_completions)

    @app.post("/v1/diagnose")
    async def diagnosis(request: Request) -> Response:
        return await handle(gateway, request, "diagnose", diagnose_pictures)

    add_status(app, gateway)
    return app


async def _until_closed(turns: Limiter) -> None:
    """Wait for the last words and the closing lines of requests that were cut off."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while len(turns) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)


def _reload_on_hangup(keys: Keys) -> None:
    """`kill -HUP` takes up a changed file of keys; a file with a mistake leaves the old ones in force."""

    def reload() -> None:
        try:
            keys.reload()
        except UserError as error:
            logging.getLogger(__name__).error("the keys are unchanged: %s", error)
        else:
            logging.getLogger(__name__).info("%d keys are in force", len(keys))

    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    except (RuntimeError, NotImplementedError, AttributeError):
        pass  # not the main thread, or a system without the signal: a restart reads the file
