"""Who is let in: the origin and host checks, the key, and the brake on guessing keys."""

import ipaddress
import math
from urllib.parse import SplitResult, urlsplit

from fastapi import Request

from skin_r1.serve.guard.keys import LOCAL, Caller, Keys, is_loopback
from skin_r1.serve.refused import Refused

WRONG_KEYS_PER_MINUTE = 20


def authorize(request: Request, keys: Keys, scope: str | None) -> Caller:
    """The caller.

    Args:
        request: its headers and its client's address are read.
        keys: those in force, and the count of wrong ones.
        scope: what the key must be good for; None: any key will do.

    Raises:
        Refused: 401 without a valid key; 403 when another site's page, or another host name, sends a browser here,
            or the key is not for this; 429 after too many wrong keys from the same address.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if origin is not None and _split(origin).netloc != host:
        raise Refused(403, "cross_site", "another site's page may not use this server")
    if not len(keys):
        # A page of a stranger can point a name of its own at 127.0.0.1 (DNS rebinding): the name tells.
        if not is_loopback(_split("//" + host).hostname or ""):
            raise Refused(403, "host_not_allowed", "without an API key this server answers to localhost only")
        return LOCAL
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    given = key.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    refusal = Refused(401, "invalid_api_key", "send a valid key: Authorization: Bearer KEY")
    if not given:
        raise refusal
    guess = (
        client_network(request.client.host if request.client else ""),
        WRONG_KEYS_PER_MINUTE,
        WRONG_KEYS_PER_MINUTE,
    )
    # Before the key is looked at: a guess past the limit must not learn whether it was right.
    if wait := keys.wrong.wait(*guess):
        raise Refused(429, "rate_limited", "too many wrong keys came from this address", math.ceil(wait))
    caller = keys.caller(given)
    if caller is None:
        keys.wrong.take(*guess)
        raise refusal
    if scope is not None and scope not in caller.scopes:
        raise Refused(403, "scope_not_allowed", f"this key is not good for {scope!r}")
    return caller


def client_network(host: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which one client usually owns."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # for example an unclosed [ of IPv6
        return urlsplit("")
