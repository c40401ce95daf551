"""Around every request: an id of our own, security headers, no smuggled bodies, and no exception's text anywhere.

Plain ASGI, not Starlette's `BaseHTTPMiddleware`: that one runs the application in a task of its own and passes the
messages on, so a stream is held up and a client that goes is noticed late.
"""

import logging
import traceback
import uuid

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_r1.serve.refused import Refused

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Skin-R1-Notice": "Research use only: not a medical device.",
}
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 2**10
_log = logging.getLogger(__name__)


class Shield:
    """ASGI middleware; add it last, so that it is the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A client's X-Request-Id is not read: it could hold anything, and would end in logs and in the engine.
        scope.setdefault("state", {})["request_id"] = uuid.uuid4().hex
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = scope["state"]["request_id"]
            await send(message)

        try:
            check_headers(scope)
            await self._app(scope, receive, send_guarded)
        except Refused as error:
            await error.response(close=True)(scope, receive, send_guarded)
        except Exception as error:
            # The text of an exception may quote the request: only its kind and its place are written.
            _log.error("request %s: %s", scope["state"]["request_id"], where(error))
            if (
                begun
            ):  # too late for a status; the server cuts the answer off, and the client sees that it is not whole
                raise Broken(scope["state"]["request_id"]) from None
            await Refused(500, "internal_error", "the server made a mistake").response()(scope, receive, send_guarded)


class Broken(Exception):
    """An answer that could not be ended; its text is the request's id."""


def request_id(request: Request) -> str:
    """The id that `Shield` gave: 32 hexadecimal digits."""
    value: str = request.scope["state"]["request_id"]
    return value


def where(error: BaseException) -> str:
    """An exception without its text: its kind, and the function and line where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno} of {frames[-1].filename}" if frames else ""
    return type(error).__name__ + place


def check_headers(scope: Scope) -> None:
    """Refuse too many headers, and a body of two lengths: a proxy before us could go by another one than we do.

    h11 refuses lengths that differ, a length that is not a number and codings other than `chunked`, but where both
    `Content-Length` and `Transfer-Encoding` stand it goes by the latter (RFC 9112, 6.3 lets a server refuse it). It
    bounds headers while they are incomplete; those that come in one piece may have what one read takes, 256 KiB.

    Raises:
        Refused: 400, or 431.
    """
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        message = f"at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES:,} bytes in them"
        raise Refused(431, "headers_too_large", message)
    names = [name for name, _ in headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise Refused(400, "ambiguous_length", "send either Content-Length or Transfer-Encoding")
    if names.count(b"host") > 1:
        raise Refused(400, "ambiguous_host", "send one Host header")
