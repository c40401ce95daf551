"""A teacher that sees the image: any OpenAI-compatible endpoint, asked concurrently, answered from the cache when possible.

The teacher is told the annotated findings and the diagnosis and asked for the reasoning between them; `verify.fault`
then decides whether the answer is kept. Case ids, patients' ids and file names are never sent.
"""

import asyncio
import base64
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import openai
from PIL import Image
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from skin_r1.concepts import concept_name
from skin_r1.distill.cache import AnswerCache, request_key
from skin_r1.errors import UserError, problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for

ATTEMPTS = 6
CHUNK = 256  # rows read at a time: the rest wait outside of memory
HOPELESS = 20  # requests that fail one after another before the run is given up
RETRIED = (408, 409, 429)  # and every 5xx
HINT = (
    "\n\nYou are writing a teaching example. The findings that experts annotated on this image are: {findings}. "
    "{absent}The confirmed diagnosis is {diagnosis} ({malignancy}). Write the reasoning that leads from these findings "
    "to the diagnosis as if you saw only the image. Use the findings' exact names. Claim no other finding. Do not "
    "mention annotations or that the diagnosis was given."
)


class MalformedReply(Exception):
    """A reply of status 200 that holds no answer: an error page, no choices, no text."""


class Settings(Protocol):
    """What the teacher needs of the recipe."""

    model: str
    base_url: str
    concurrency: int
    temperature: float
    max_tokens: int
    seed: int


def request_for(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The chat completion request of one case, image included as a data URL of a plain PNG."""
    names = [concept_name(slug) for slug in row["concepts_present"]]
    absent = [concept_name(slug) for slug in row["concepts_absent"]]
    hint = HINT.format(
        findings=", ".join(names) or "none",
        absent=f"Annotated as absent are: {', '.join(absent)}. " if absent else "",
        diagnosis=load_ontology().name(row["diagnosis"]),
        malignancy=row["malignancy"],
    )
    text = messages_for(row)[0]["content"] + hint
    pictures = [{"type": "image_url", "image_url": {"url": _data_url(image["bytes"])}} for image in row["images"]]
    return {
        "model": settings.model,
        "messages": [{"role": "user", "content": [*pictures, {"type": "text", "text": text}]}],
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": settings.seed,
    }


def ask_all(
    rows: Sequence[Mapping[str, Any]], settings: Settings, cache_path: Path
) -> Iterator[tuple[Mapping[str, Any], str | None, str]]:
    """Ask about every row, in order of the rows; a request that was answered before is not sent.

    Yields:
        (row, completion or None, reason when None). A request that keeps failing gives the reason `teacher: ...`, and
        is asked again by the next run.

    Raises:
        UserError: the endpoint refuses the key, does not know the model, or failed `HOPELESS` requests in a row: no
            later request could fare better. What was answered until then is in the cache.
    """
    cache = AnswerCache(cache_path)
    streak: list[str] = []
    try:
        for start in range(0, len(rows), CHUNK):
            chunk = [rows[index] for index in range(start, min(start + CHUNK, len(rows)))]
            answers = asyncio.run(_ask_chunk(chunk, settings, cache, streak))
            for row, (text, reason) in zip(chunk, answers, strict=True):
                yield row, text, reason
    finally:
        prompt, completion = cache.tokens()
        print(f"teacher tokens so far: {prompt} prompt, {completion} completion ({cache_path})", flush=True)
        cache.close()


async def _ask_chunk(
    rows: Sequence[Mapping[str, Any]], settings: Settings, cache: AnswerCache, streak: list[str]
) -> list[tuple[str | None, str]]:
    """Answers in the order of the rows; `streak` holds the reasons of the latest failures in a row."""
    client = openai.AsyncOpenAI(
        base_url=settings.base_url or None,
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
        max_retries=0,
        timeout=300,
    )
    gate = asyncio.Semaphore(settings.concurrency)

    async def one(row: Mapping[str, Any]) -> tuple[str | None, str]:
        async with gate:  # the request holds the images: only as many are built as may be sent
            request = request_for(row, settings)
            key = request_key(request)
            known = cache.get(key)
            if known is not None:
                return known, ""
            try:
                text, prompt, completion = await _ask(client, request)
            except (openai.APIError, MalformedReply) as error:
                reason = f"teacher: {type(error).__name__}: {str(error)[:200]}"
                streak.append(reason)
                if len(streak) >= HOPELESS:
                    raise problem(
                        f"the last {len(streak)} requests failed",
                        found=streak[-1],
                        next_step="mend the endpoint and run again: what was answered is not asked twice",
                    ) from error
                return None, reason
        streak.clear()
        cache.put(key, text, prompt, completion)
        return text, ""

    async with client:
        return list(await asyncio.gather(*(one(row) for row in rows)))


async def _ask(client: openai.AsyncOpenAI, request: dict[str, Any]) -> tuple[str, int, int]:
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS), wait=_wait, retry=retry_if_exception(_may_pass), reraise=True
    )
    try:
        async for attempt in retrying:
            with attempt:
                reply = await client.chat.completions.create(**request)
                text = _content(reply)
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise UserError(f"the teacher refuses the key: {error}\n  next:    export OPENAI_API_KEY=...") from error
    except openai.NotFoundError as error:
        raise problem("the teacher does not know the model", found=request["model"], next_step=str(error)) from error
    except ValueError as error:  # a body that says JSON and is none
        raise MalformedReply(str(error)) from error
    usage = reply.usage
    return text, usage.prompt_tokens if usage else 0, usage.completion_tokens if usage else 0


def _content(reply: Any) -> str:
    """The answer's text. A reasoning model's private thoughts (`reasoning_content`) are no rationale."""
    if isinstance(reply, openai.types.chat.ChatCompletion):
        for choice in reply.choices or ():
            if choice.message and isinstance(choice.message.content, str) and choice.message.content.strip():
                return choice.message.content
    shown = reply if isinstance(reply, str) else reply.model_dump_json(exclude_unset=True)
    raise MalformedReply(f"no answer in {shown[:120]!r}")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, openai.APIStatusError):
        return error.status_code in RETRIED or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | MalformedReply | ValueError)  # timeouts are the first


_backoff = wait_random_exponential(multiplier=0.5, max=60)


def _wait(state: RetryCallState) -> float:
    """What the server asks for by Retry-After, else exponential backoff with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdigit():
            return min(float(asked), 120.0)
    return float(_backoff(state))


def _data_url(content: bytes) -> str:
    """Pixels only: a re-encoded PNG carries no metadata of the original file."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
