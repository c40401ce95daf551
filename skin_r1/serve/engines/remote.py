"""An engine elsewhere: any server that speaks OpenAI's chat completions, for example vLLM."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from skin_r1.serve.engines.engine import Chat, canary
from skin_r1.serve.refused import Refused

TIMEOUT = httpx.Timeout(300.0, connect=5.0)  # seconds; a long answer of a large model takes minutes


class UrlEngine:
    """Any OpenAI-compatible server, for example vLLM; only the gateway talks to it."""

    def __init__(self, name: str, base_url: str, api_key: str | None = None) -> None:
        """Remember the server.

        Args:
            name: the model's id at that server.
            base_url: its address up to and including `/v1`.
            api_key: sent as a bearer token.
        """
        self.name = name
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # trust_env off: no proxy of the environment may see the pictures; redirects stay off (httpx's default)
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/", headers=headers, timeout=TIMEOUT, trust_env=False
        )
        self._answered = False
        self._first = asyncio.Lock()

    async def start(self) -> None:
        """Nothing to start: the server is somebody else's."""

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ready(self) -> str | None:
        """None once the server lists our model and has answered a first request with a picture."""
        try:
            models = (await self._client.get("models", timeout=5.0)).raise_for_status().json()["data"]
            names = [model["id"] for model in models]
            if self.name not in names:
                return f"the server does not offer {self.name!r} (it offers {', '.join(names)})"
            async with self._first:  # whoever asks meanwhile waits for the same first answer
                if not self._answered:
                    await self.complete(canary())
                    self._answered = True
        except Refused as error:
            return error.message
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return f"the server does not answer: {type(error).__name__}"
        return None

    def _body(self, chat: Chat, stream: bool) -> dict[str, Any]:
        body = {"model": self.name, "messages": chat.messages, "max_tokens": chat.max_tokens, "n": 1}
        body |= {"temperature": chat.temperature, "seed": chat.seed, "stream": stream}
        return body | ({"stream_options": {"include_usage": True}} if stream else {})

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """Ask the server."""
        try:
            response = await self._client.post("chat/completions", json=self._body(chat, stream=False))
        except httpx.TimeoutException as error:
            raise Refused(504, "engine_timeout", "the engine took too long") from error
        except httpx.HTTPError as error:
            raise Refused(502, "engine_unreachable", "the engine does not answer") from error
        if response.status_code != 200:
            raise _engine_error(response.status_code, response.content)
        answer: dict[str, Any] = response.json()
        return answer

    async def stream(self, chat: Chat) -> AsyncIterator[dict[str, Any]]:
        """Pass the server's events on, decoded."""
        try:
            async with self._client.stream("POST", "chat/completions", json=self._body(chat, stream=True)) as response:
                if response.status_code != 200:
                    raise _engine_error(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    if line.startswith("data:") and line[5:].strip() != "[DONE]":
                        yield json.loads(line[5:])
        except httpx.HTTPError as error:
            raise Refused(502, "engine_unreachable", "the engine stopped answering") from error


def _engine_error(status: int, body: bytes) -> Refused:
    """The engine's refusal: a client's mistake keeps its message, anything else becomes 502."""
    try:
        content: Mapping[str, Any] = json.loads(body)
        message = str(content.get("error", content).get("message", ""))[:500]  # type: ignore[union-attr]
    except (ValueError, AttributeError):
        message = ""
    if status in (400, 413, 422):
        return Refused(400, "engine_refused", message or "the engine refused the request")
    return Refused(502, "engine_failed", f"the engine failed with {status}")
