"""`POST /v1/diagnose`: pictures and a history -> an answer with its grounds, or a question about an earlier one."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from skin_r1.serve.answer.ask_engine import Emit
from skin_r1.serve.answer.diagnose import diagnose
from skin_r1.serve.answer.follow_up import follow_up, opened
from skin_r1.serve.gateway import DONE, Call, Stream, event
from skin_r1.serve.intake.form import read_form
from skin_r1.serve.intake.picture import Picture
from skin_r1.serve.intake.requests import Ask
from skin_r1.serve.refused import Refused

Answering = Callable[[Emit | None], Awaitable[dict[str, Any]]]


async def diagnose_pictures(call: Call) -> Response:
    """One answer, or a stream of events whose last is the answer.

    Raises:
        Refused: see `read_form`, `Decoder.picture`, `Cases.get` and the engine.
    """
    gateway = call.gateway
    ask = await read_form(call.request, call.take_body(), gateway.engine.names)
    call.facts |= {"model": ask.model or gateway.engine.name, "stream": ask.stream}
    if ask.case is not None:
        case = gateway.cases.get(ask.case, call.caller.id)  # a stranger's case is refused before a stream begins
        call.facts["model"] = case.ask.model or gateway.engine.name
        pictures = []
    else:
        pictures = await call.pictures([(data, None) for data in ask.images], ask.modality)
        ask = replace(ask, images=())  # not kept while the engine works

    async def answering(emit: Emit | None) -> dict[str, Any]:
        began = time.monotonic()
        with gateway.span("answer", pictures=len(pictures)):
            answer = await (_questioned(call, ask, emit) if ask.case else _diagnosed(call, ask, pictures, emit))
        gateway.meters.engine(time.monotonic() - began)
        gateway.meters.triage(answer["triage"]["level"])
        call.facts["triage"] = answer["triage"]["level"]
        call.facts["content"] = {"ask": asdict(ask), "answer": answer}
        made_by = {**gateway.made_by, "model": call.facts["model"]}
        made_by["constrained"] = "yes" if gateway.engine.constrained else "no"  # known once the engine has answered
        return {"id": call.id, **answer, "versions": made_by}

    if not ask.stream:
        return JSONResponse(await answering(None))
    await call.written()
    return Stream(call, _events(call, answering))


async def _diagnosed(call: Call, ask: Ask, pictures: Sequence[Picture], emit: Emit | None) -> dict[str, Any]:
    gateway = call.gateway
    answer = await diagnose(gateway.engine, ask, pictures, gateway.settings.answer, emit)
    call.facts |= {"abstained": answer["abstained"], "reason_code": answer["reason_code"]}
    if answer["abstained"]:
        gateway.meters.abstained(answer["reason_code"])
    return {"case": opened(gateway.cases, call.caller.id, ask, pictures, answer), **answer}


async def _questioned(call: Call, ask: Ask, emit: Emit | None) -> dict[str, Any]:
    gateway = call.gateway
    case = gateway.cases.get(str(ask.case), call.caller.id)
    return await follow_up(gateway.engine, gateway.cases, case, str(ask.question), gateway.settings.answer, emit)


async def _events(call: Call, answering: Answering) -> AsyncGenerator[bytes]:
    """The events of the work as they come; the answer goes out once its closing line is written."""
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    task = asyncio.ensure_future(answering(queue.put))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (said := await queue.get()) is not None:
            yield event(said)
        last = event({"type": "answer", "answer": task.result()})
        await call.end(200)
    except Refused as error:
        last = call.failed(error)
        with suppress(Refused):  # the audit's log has said it
            await call.end(error.status)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    yield last + DONE
