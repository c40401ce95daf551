"""Ask the engine once; and, where the client listens, tell it each piece of the text as it comes."""

from collections.abc import Awaitable, Callable
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
    async for chunk in engine.stream(chat):
        for choice in chunk["choices"]:
            for key in message:
                piece = choice["delta"].get(key)
                if not piece:
                    continue
                opening = ""
                if key == "reasoning" and not message["reasoning"]:
                    opening = "<think>"
                elif key == "content" and message["reasoning"] and not message["content"]:
                    opening = "</think>\n"
                message[key] += piece
                await emit({"type": "token", "text": opening + piece})
    return message
