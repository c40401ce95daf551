"""What stands behind the gateway: transformers in this process (local.py), or servers elsewhere (remote.py, vllm.py).

An engine answers requests that the gateway has already checked and cleaned. All kinds share one small protocol and
one wire shape, OpenAI's chat completion.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

from PIL import Image

from skin_r1.serve.engines.schema import answer_schema


@dataclass(frozen=True)
class Chat:
    """A checked request.

    Attributes:
        messages: OpenAI shape; pictures are PNG data URLs that the gateway made.
        max_tokens: longest completion, the reasoning included.
        temperature: 0 is greedy.
        seed: of the sampling.
        model: one of the engine's `names`; None is the first.
        schema: JSON schema of what follows `</think>`, or None for free text. The reasoning stays free.
        top_p: share of the probability that is sampled from, in (0, 1].
    """

    messages: list[dict[str, Any]]
    max_tokens: int
    temperature: float
    seed: int
    model: str | None = None
    schema: Mapping[str, Any] | None = None
    top_p: float = 1.0


class Engine(Protocol):
    """What the gateway needs.

    Attributes:
        name: the model that answers unless a request names another; `names[0]`.
        names: every model that a request may name: the adapters, then the model under them.
        constrained: whether `Chat.schema` binds the answer; known once the engine is ready.
    """

    name: str
    names: tuple[str, ...]

    @property
    def constrained(self) -> bool:
        """See above."""

    async def start(self) -> None:
        """Begin to get ready; returns soon."""

    async def stop(self) -> None:
        """Free everything, at once. The server calls it when no request is at work any more, or none may go on."""

    async def ready(self) -> str | None:
        """None once a request can be answered, else why not."""

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """One chat completion, OpenAI shape; `message.reasoning` holds what was written between think tags.

        Raises:
            Refused: 400 the engine's own refusal, 502 it failed or ended, 503 not ready, 504 too slow.
        """

    def stream(self, chat: Chat) -> AsyncGenerator[dict[str, Any]]:
        """The same in chunks, OpenAI shape; the last one has `usage`. Ended early, the work is given up."""

    def events(self, chat: Chat) -> AsyncGenerator[bytes]:
        """The same as `data: {...}` events, ready to be sent: one or several whole ones at a time, without [DONE]."""


def canary() -> Chat:
    """The smallest request that uses every part: one gray picture, the answer's schema, one token.

    A server compiles the schema for it, which takes seconds with a large vocabulary; no client waits for that later.
    """
    buffer = BytesIO()
    Image.new("RGB", (56, 56), "gray").save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "a"}]
    return Chat([{"role": "user", "content": parts}], max_tokens=1, temperature=0.0, seed=0, schema=answer_schema())
