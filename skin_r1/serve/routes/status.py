"""What can be read without asking the engine: the models, the health, the figures, the page."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from skin_r1.serve.gateway import Gateway
from skin_r1.serve.guard.admission import authorize

UI = Path(__file__).resolve().parent.parent / "ui"
PAGE = {"/" if file.name == "index.html" else f"/{file.name}": file for file in sorted(UI.iterdir())}


def add_status(app: FastAPI, gateway: Gateway) -> None:
    """Give the application these routes."""

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        authorize(request, gateway.keys, None)
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "skin-r1"} for name in gateway.engine.names
        ]
        return {"object": "list", "data": listed}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        reason = await gateway.engine.ready()
        if reason:
            return JSONResponse({"status": "not ready", "reason": reason}, 503, {"Retry-After": "2"})
        return JSONResponse({"status": "ready", "model": gateway.engine.name})

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        authorize(request, gateway.keys, "metrics")
        gateway.meters.waiting(len(gateway.limiter))
        return Response(gateway.meters.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    for route, file in PAGE.items():
        app.add_api_route(route, _page(file), methods=["GET"], include_in_schema=False)


def _page(file: Path) -> Callable[[], Awaitable[FileResponse]]:
    async def page() -> FileResponse:
        return FileResponse(file, headers={"Cache-Control": "no-cache"})

    return page
