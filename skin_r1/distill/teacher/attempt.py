"""One chat completion over HTTP, and what became of it: an answer, or a kind of failure and what to do about it."""

import asyncio
import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from skin_r1.reading import message_text

# The endpoint may do better next time.
PASSING = frozenset({"rate limited", "server error", "timeout", "connection", "malformed", "empty"})
# No other request would fare better.
FATAL = frozenset({"key", "quota", "model"})
# The endpoint works; the model gave no whole answer.
OWN = frozenset({"cut off", "refused"})
_KINDS = {400: "bad request", 401: "key", 403: "key", 404: "model", 413: "too large", 422: "bad request"}
_KINDS |= {408: "timeout", 409: "server error", 429: "rate limited"}
_SHOWN = 300  # characters of an error's body


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        kind: `answered`; `cut off` (longer than max_tokens); `refused` (a content filter); a kind of `PASSING` or of
            `FATAL`; `bad request`, `too large` or `http <status>`.
        text: of the answer, else None.
        detail: what the endpoint said, shortened.
        status: of HTTP, or 0 where there was none.
        wait: seconds that the endpoint asks for, or None.
        partial: of an answer that was cut off, what there is.
    """

    kind: str
    text: str | None = None
    detail: str = ""
    status: int = 0
    wait: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    partial: str = ""


async def attempt(
    client: httpx.AsyncClient, url: str, body: bytes, timeout: float, *, as_written: bool = False
) -> Outcome:
    """Send once and wait for the whole reply, at most `timeout` seconds. Never raises for what a server can do.

    The reply is not streamed: it is used whole or not at all, and `timeout` also ends a body that only trickles.
    """
    try:
        async with asyncio.timeout(timeout):
            response = await client.post(url, content=body)
    except (TimeoutError, httpx.TimeoutException):
        return Outcome("timeout", detail=f"no whole reply within {timeout:.3g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Outcome("connection", detail=f"{type(error).__name__}: {error}"[:_SHOWN])
    newer = _newer_name(body) if response.status_code == 400 and b"max_completion_tokens" in response.content else body
    if newer != body:
        return await attempt(client, url, newer, timeout, as_written=as_written)
    return read(response.status_code, response.headers, response.content, as_written=as_written)


def _newer_name(body: bytes) -> bytes:
    """OpenAI's newer models know the limit by its newer name only. Quotes in messages are escaped: only the key is met."""
    return body.replace(b'"max_tokens":', b'"max_completion_tokens":', 1)


def read(status: int, headers: Mapping[str, str], content: bytes, *, as_written: bool = False) -> Outcome:
    """Tell the outcome from status, headers and body; `as_written` as in `Limits`."""
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        reply = None
    shown = content[:_SHOWN].decode("utf-8", "replace")
    if status != 200:
        kind = _KINDS.get(status, "server error" if status >= 500 else f"http {status}")
        if code := _codes(reply) & {"content_filter", "insufficient_quota"}:
            kind = "refused" if "content_filter" in code else "quota"
        return Outcome(kind, detail=f"status {status}: {shown}", status=status, wait=seconds_to_wait(headers))
    try:
        choice = reply["choices"][0]  # type: ignore[index]
        message, reason = choice["message"], choice.get("finish_reason")
        text, refusal = message.get("content"), message.get("refusal")
        usage = reply.get("usage") or {}  # type: ignore[union-attr]
        tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        if not isinstance(text, str | None):
            raise TypeError(type(text).__name__)
        if as_written:
            text = message_text(message)
    except (LookupError, TypeError, AttributeError, ValueError):
        return Outcome("malformed", detail=f"no chat completion: {shown!r}", status=status)
    if reason == "length":
        return Outcome("cut off", None, "longer than max_tokens", status, None, *tokens, partial=text or "")
    if reason == "content_filter" or refusal:
        return Outcome("refused", None, str(refusal or reason)[:_SHOWN], status, None, *tokens)
    if not text or not text.strip():
        return Outcome("empty", None, f"no text in {shown!r}", status, None, *tokens)
    return Outcome("answered", text, "", status, None, *tokens)


def _codes(reply: Any) -> set[Any]:
    """`code` and `type` of an error of OpenAI's shape."""
    error = reply.get("error") if isinstance(reply, dict) else None
    return (
        {error[key] for key in ("code", "type") if isinstance(error.get(key), str)}
        if isinstance(error, dict)
        else set()
    )


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds from now, given as seconds or as a date (RFC 9110, section 10.2.3); None without one."""
    asked = headers.get("retry-after", "").strip()
    if asked.replace(".", "", 1).isdecimal():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
