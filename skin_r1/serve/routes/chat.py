"""`POST /v1/chat/completions`: OpenAI's shape, with our notice, the red flags and the pictures' quality beside it."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from skin_r1.reading import Reading, message_text, parse
from skin_r1.serve.answer.diagnose import DISCLAIMER
from skin_r1.serve.answer.triage import triage
from skin_r1.serve.engines.engine import Chat
from skin_r1.serve.gateway import DONE, Call, Stream, event
from skin_r1.serve.intake.chat import read_chat
from skin_r1.serve.intake.picture import Picture
from skin_r1.serve.intake.requests import ChatAsk
from skin_r1.serve.refused import Refused


async def chat_completions(call: Call) -> Response:
    """One completion, or a stream of its chunks.

    Raises:
        Refused: see `read_chat`, `Decoder.picture` and the engine.
    """
    settings, engine, meters = call.gateway.settings, call.gateway.engine, call.gateway.meters
    # In a thread: base64 of large pictures takes some 10 ms, in which nobody else would be served.
    ask = await asyncio.to_thread(
        read_chat, call.take_body(), engine.names, settings.limits, settings.answer.max_new_tokens
    )
    call.facts |= {"model": ask.model, "stream": ask.stream}
    pictures = await call.pictures([(upload.data, upload.expected) for upload in ask.images], None)
    ask = replace(ask, images=())  # not kept while the engine works
    chat = Chat(
        ask.filled([picture.data_url for picture in pictures]),
        ask.max_tokens,
        ask.temperature,
        ask.seed,
        model=ask.model,
        top_p=ask.top_p,
    )
    if ask.stream:
        await call.written()
        events = engine.events(chat)
        first = await anext(events, b"")  # before the response begins, a refusal can still have its own status
        stream = Stream(call, _events(call, ask, pictures, first, events))
        stream.turn.push_async_callback(events.aclose)  # also where the client goes before the first word
        return stream
    began = time.monotonic()
    with call.gateway.span("engine", model=ask.model):
        answer = await engine.complete(chat)
    meters.engine(time.monotonic() - began)
    # In a thread: the red flags of 20,000 characters take a second at worst.
    beside = await asyncio.to_thread(_beside, call, ask, pictures, answer["choices"][0]["message"])
    return JSONResponse(answer | beside)


def _beside(call: Call, ask: ChatAsk, pictures: Sequence[Picture], message: dict[str, Any]) -> dict[str, Any]:
    """What we add to the model's message: red flags of what the person wrote and of what it says, quality, notice."""
    texts = [
        part["text"]
        for each in ask.messages
        if each["role"] == "user"
        for part in each["content"]
        if part["type"] == "text"
    ]
    outcome = parse(message)
    readings = [outcome] if isinstance(outcome, Reading) else []
    found = triage(texts, readings, spoken="" if readings else message_text(message))
    call.gateway.meters.triage(found.level)
    call.facts |= {"triage": found.level, "content": {"messages": ask.messages, "answer": message}}
    quality = [[asdict(advice) for advice in picture.quality] for picture in pictures]
    return {"triage": asdict(found), "image_quality": quality, "disclaimer": DISCLAIMER}


async def _events(
    call: Call, ask: ChatAsk, pictures: Sequence[Picture], first: bytes, rest: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """The engine's events as they come; ours is the last before [DONE]."""
    began, said = time.monotonic(), [first]
    async with aclosing(rest):
        yield first
        try:
            async for piece in rest:
                said.append(piece)
                yield piece
        except Refused as error:
            yield call.failed(error)
    call.gateway.meters.engine(time.monotonic() - began)
    head, message = _joined(b"".join(said))
    beside = await asyncio.to_thread(_beside, call, ask, pictures, message)
    try:
        await call.end(200)
        yield event({**head, "choices": [], **beside})
    except Refused as error:
        yield call.failed(error)
    yield DONE


def _joined(events: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """The chunks' common head, and the message that they make up."""
    message, head = {"reasoning": "", "content": ""}, {}
    for line in events.splitlines():
        if line.startswith(b"data: {"):
            chunk = json.loads(line[6:])
            head = {key: chunk.get(key) for key in ("id", "object", "created", "model")}
            for choice in chunk.get("choices", ()):
                for key in message:
                    message[key] += choice["delta"].get(key) or ""
    return head, message
