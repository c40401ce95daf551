"""Counts, times and logs every request, streams to their end."""

import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_r1.serve.operation.logs import log_request
from skin_r1.serve.operation.meters import Meters


class Watch:
    """ASGI middleware, inside `Shield`, whose request id it reads; `state.key` is set by who finds out the caller."""

    def __init__(self, app: ASGIApp, meters: Meters, routes: Collection[str]) -> None:
        """Watch `app`; a path outside `routes` is counted as `other`."""
        self._app, self._meters, self._routes = app, meters, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in self._routes else "other"
        status, began = 500, time.monotonic()

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._meters.began(route)
        try:
            await self._app(scope, receive, send_watched)
        finally:
            seconds, state = time.monotonic() - began, scope["state"]
            self._meters.ended(route, status, seconds)
            log_request(state["request_id"], state.get("key"), route, status, seconds)
