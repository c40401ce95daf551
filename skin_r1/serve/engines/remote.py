"""An engine elsewhere: a server that speaks OpenAI's chat completions, for example vLLM."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from typing import Any

import aiohttp

from skin_r1.serve.engines.engine import Chat, canary
from skin_r1.serve.engines.reasoning import Splitter, chunks_of, split_message
from skin_r1.serve.engines.schema import structural_tag
from skin_r1.serve.refused import Refused

PATIENCE = 300.0  # seconds without a byte; a long answer of a large model takes minutes
PROBE_SECONDS = 10.0  # for a first request after the server came up, or after it hung
_DONE = b"data: [DONE]\n\n"
_LOST = (aiohttp.ClientError, ConnectionError)


class UrlEngine:
    """A server that only the gateway talks to. See `engine.Engine` for the methods."""

    def __init__(
        self, name: str | Sequence[str], base_url: str, api_key: str | None = None, patience: float = PATIENCE
    ) -> None:
        """Remember the server.

        Args:
            name: the model's id at that server, or several, the default first.
            base_url: its address up to and including `/v1`.
            api_key: sent as a bearer token.
            patience: seconds without a byte until a request is given up with 504; without a stream that is the whole answer.
        """
        self.names = (name,) if isinstance(name, str) else tuple(name)
        self.name = self.names[0]
        self.constrained = True
        self.at_work = 0
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._answered = False
        self._first = asyncio.Lock()

    async def start(self) -> None:
        """Open the pool of connections; the server is somebody else's."""
        # No limit: the gateway has one. Connections are given up before vLLM closes them (after 5 s of silence), or a
        # request could meet one that is just being closed. trust_env stays off: no proxy may see the pictures.
        pool = aiohttp.TCPConnector(limit=0, keepalive_timeout=3.0)
        self._session = aiohttp.ClientSession(connector=pool, headers=self._headers)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def ready(self) -> str | None:
        """None once the server lists our models and has answered a request with a picture (again, after it hung)."""
        try:
            async with asyncio.timeout(PROBE_SECONDS), self._open().get(f"{self.base_url}/models") as response:
                response.raise_for_status()
                offered = [model["id"] for model in (await response.json())["data"]]
            missing = [name for name in self.names if name not in offered]
            if missing:
                return f"the server does not offer {missing[0]!r} (it offers {', '.join(offered)})"
            async with self._first:  # whoever asks meanwhile waits for the same first answer
                if not self._answered:
                    await self._probe()
        except Refused as error:
            return error.message
        except (*_LOST, TimeoutError, ValueError, KeyError, TypeError) as error:
            return f"the server does not answer: {type(error).__name__}"
        return None

    async def _probe(self) -> None:
        """Ask a first question; a server that does not know structural tags answers without a schema from then on."""
        self.constrained = True
        async with asyncio.timeout(6 * PROBE_SECONDS):  # a large vocabulary takes seconds to compile the schema for
            try:
                await self.complete(canary())
            except Refused as error:
                if error.code != "engine_refused":
                    raise
                self.constrained = False
                await self.complete(canary())
        self._answered = True

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Refused(503, "not_ready", "the engine is not started")
        return self._session

    def _body(self, chat: Chat, stream: bool) -> dict[str, Any]:
        body = {"model": chat.model or self.name, "messages": chat.messages, "max_tokens": chat.max_tokens, "n": 1}
        body |= {"temperature": chat.temperature, "top_p": chat.top_p, "seed": chat.seed, "stream": stream}
        if chat.schema is not None and self.constrained:
            body["response_format"] = structural_tag(chat.schema, chat.max_tokens)
        return body | ({"stream_options": {"include_usage": True}} if stream else {})

    def _ask(self, body: Mapping[str, Any]) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """POST; a redirect is not followed."""
        wait = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=self.patience)
        url = f"{self.base_url}/chat/completions"
        return self._open().post(url, json=body, timeout=wait, allow_redirects=False)

    async def _post(self, body: Mapping[str, Any]) -> Any:
        """One request, one JSON answer."""
        with self._asking():
            async with self._ask(body) as response:
                if response.status != 200:
                    raise _engine_error(response.status, await response.read())
                return await response.json()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Count the request, and turn what the network says into what the client is told."""
        self.at_work += 1
        try:
            yield
        except aiohttp.ConnectionTimeoutError as error:
            raise Refused(502, "engine_unreachable", "the engine does not answer") from error
        except TimeoutError as error:
            self._answered = False  # it may hang: `ready` asks it again before it says that it is well
            raise Refused(504, "engine_timeout", "the engine took too long") from error
        except _LOST as error:
            raise Refused(502, "engine_unreachable", "the engine does not answer, or stopped in the middle") from error
        finally:
            self.at_work -= 1

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """Ask the server. Cancelled, it closes the connection, and the server gives the work up."""
        answer: dict[str, Any] = await self._post(self._body(chat, stream=False))
        for choice in answer["choices"]:
            choice["message"] = split_message(choice["message"])
        return answer

    async def stream(self, chat: Chat) -> AsyncGenerator[dict[str, Any]]:
        """The server's events, decoded."""
        async with aclosing(self.events(chat)) as events:
            async for block in events:
                for chunk in chunks_of(block):
                    yield chunk

    async def events(self, chat: Chat) -> AsyncGenerator[bytes]:
        """The server's events as bytes; decoded only while the reasoning lasts.

        Raises:
            Refused: as `complete`; after the first event: the engine stopped in the middle.
        """
        splitter, rest, done = Splitter(), b"", False
        with self._asking():
            async with self._ask(self._body(chat, stream=True)) as response:
                if response.status != 200:
                    raise _engine_error(response.status, await response.read())
                async for data in response.content.iter_any():
                    whole, sign, rest = (rest + data.replace(b"\r", b"")).rpartition(b"\n\n")
                    block = whole + sign
                    if block.startswith(b'data: {"error"') or b'\ndata: {"error"' in block:
                        raise Refused(502, "engine_failed", "the engine failed in the middle of the answer")
                    done = done or block.endswith(_DONE)
                    if block := splitter.feed(block.removesuffix(_DONE)):
                        yield block
                if not done:
                    raise ConnectionError("no [DONE]")


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
