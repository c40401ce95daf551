"""A client that goes takes its work with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from skin_r1.serve.refused import Refused

T = TypeVar("T")


async def until_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client closes the connection.

    ASGI tells of a disconnect as the next message once the body is read; nothing but this waits for it while a plain
    (not streaming) answer is being made. For a stream, Starlette's `StreamingResponse` does the same.

    Args:
        request: whose body has been read to its end.
        work: has ended, its clean-up included, when this returns or raises.

    Raises:
        Refused: 499 `client_gone`.
    """
    task, watch = asyncio.create_task(work), asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refused(499, "client_gone", "the client went away")
        return task.result()
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
