"""Who may call, and what every response carries: keys, host and origin checks, security headers."""

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Request, Response

from skin_r1.errors import problem
from skin_r1.serve.refused import Refused

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Skin-R1-Notice": "Research use only: not a medical device.",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_keys(host: str, file: str | None) -> frozenset[str]:
    """SHA-256 hashes (hex) of the keys from `SKIN_R1_API_KEYS` and from a file of hashes.

    Raises:
        UserError: a line of the file is not a hash, or there is no key and `host` is not the loopback interface.
    """
    hashes = {hashlib.sha256(key.strip().encode()).hexdigest() for key in _environment_keys()}
    if file is not None:
        path = Path(file)
        if not path.is_file():
            raise problem("there is no such file of key hashes", file=path)
        for row, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            value = line.split("#")[0].strip().lower()
            if value and not re.fullmatch(r"[0-9a-f]{64}", value):
                raise problem(
                    "not a SHA-256 hash",
                    file=path,
                    row=row,
                    allowed="64 hexadecimal digits, one key a line; # begins a comment",
                    next_step="printf %s YOUR_KEY | sha256sum",
                )
            hashes |= {value} if value else set()
    if not hashes and not is_loopback(host):
        raise problem(
            "without an API key the server answers on this machine only",
            column="host",
            found=host,
            allowed=("127.0.0.1", "localhost", "::1"),
            next_step="set SKIN_R1_API_KEYS=KEY[,KEY...] or --api_keys_file FILE to serve other machines",
        )
    return frozenset(hashes)


def _environment_keys() -> list[str]:
    return [key for key in os.environ.get("SKIN_R1_API_KEYS", "").split(",") if key.strip()]


def authorize(request: Request, hashes: frozenset[str]) -> str:
    """The caller's key id (8 digits of the hash), or `local` where no key is asked for.

    Raises:
        Refused: 401 without a valid key; 403 when another site's page, or another host name, sends a browser here.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "cross_site", "another site's page may not use this server")
    if not hashes:
        # A page of a stranger can point a name of its own at 127.0.0.1 (DNS rebinding): the name tells.
        name = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        if not is_loopback(name):
            raise Refused(403, "host_not_allowed", "without an API key this server answers to localhost only")
        return "local"
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = hashlib.sha256((token.strip() if scheme.lower() == "bearer" else "").encode()).hexdigest()
    matches = [known for known in hashes if hmac.compare_digest(known, given)]
    if not matches:
        raise Refused(401, "invalid_api_key", "send a valid key: Authorization: Bearer KEY")
    return matches[0][:8]


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: the security headers on every response."""
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def read_body(request: Request, limit: int) -> bytes:
    """The body, counted while it arrives; a declared length is believed only when it is too large.

    Raises:
        Refused: 413 past `limit` bytes.
    """
    refusal = Refused(413, "body_too_large", f"the request has more than {limit:,} bytes")
    if request.headers.get("content-length", "").isdigit() and int(request.headers["content-length"]) > limit:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refusal
    return bytes(body)
