"""The body of a request: counted and timed while it arrives."""

import asyncio
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect

from skin_r1.serve.guard.limiter import Hold
from skin_r1.serve.refused import Refused


@dataclass(frozen=True)
class BodyPace:
    """How slow a body may be.

    Attributes:
        seconds: for the whole body.
        grace: seconds before the rate counts.
        bytes_per_second: on average after the grace; a phone's slow uplink has about 30 kB a second.
    """

    seconds: float = 120.0
    grace: float = 10.0
    bytes_per_second: float = 8_000.0


async def read_body(request: Request, limit: int, pace: BodyPace | None = None, hold: Hold | None = None) -> bytes:
    """The body, counted while it arrives; a declared length is believed only when it is too large.

    Args:
        request: whose body nobody has read.
        limit: bytes.
        pace: how slow it may be.
        hold: is told of each piece that is kept.

    Raises:
        Refused: 413 past `limit` bytes, 408 `too_slow`, 429 where `hold` has no room, 499 when the client goes.
    """
    pace = pace or BodyPace()
    refusal = Refused(413, "body_too_large", f"the request has more than {limit:,} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise refusal
    body = bytearray()
    now = asyncio.get_running_loop().time
    began = now()
    try:
        async with asyncio.timeout(min(pace.grace, pace.seconds)) as patience:
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise refusal
                if hold:
                    hold(len(chunk))
                earned = pace.grace + len(body) / pace.bytes_per_second
                patience.reschedule(began + min(pace.seconds, earned))
    except TimeoutError:
        message = (
            f"the body came too slowly: {pace.bytes_per_second:,.0f} bytes a second, {pace.seconds:g} seconds at most"
        )
        raise Refused(408, "too_slow", message) from None
    except ClientDisconnect:
        raise Refused(499, "client_gone", "the client went away") from None
    return bytes(body)
