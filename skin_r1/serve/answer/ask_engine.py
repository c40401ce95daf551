"""Ask the engine once; and, where the client listens, tell it each piece of the text as it comes."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from skin_r1.serve.engines.engine import Chat, Engine

Emit = Callable[[dict[str, Any]], Awaitable[None]]


async def whole_text(engine: Engine, chat: Chat) -> dict[str, Any]:
    """The engine's message, in one go."""
    message: dict[str, Any] = (await engine.complete(chat))["choices"][0]["message"]
    return message


async def told(engine: Engine, chat: Chat, emit: Emit | None) -> dict[str, Any]:
    """The engine's message; with `emit` a `token` event for every piece, in the shape `<think>...</think>{...}`.

    Engines that split the reasoning off stream it as `reasoning`; its tags are put back, so that a listener sees one shape.
    """
    if emit is None:
        return await whole_text(engine, chat)
    message = {"reasoning": "", "content": ""}
    async with aclosing(engine.stream(chat)) as chunks:
        async for choice in (choice async for chunk in chunks for choice in chunk["choices"]):
            for key in message:
                if piece := choice["delta"].get(key):
                    opening = _tag(key, message)
                    message[key] += piece
                    await emit({"type": "token", "text": opening + piece})
    return message


def _tag(key: str, message: dict[str, str]) -> str:
    """The tag before the first piece of the reasoning, and of the content after a reasoning."""
    if message[key]:
        return ""
    return "<think>" if key == "reasoning" else "</think>\n" * bool(message["reasoning"])
