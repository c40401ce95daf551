"""What stands behind the gateway: transformers in this process (here), or a server elsewhere (remote.py, vllm.py).

An engine answers requests that the gateway has already checked and cleaned. The two kinds share one small protocol and
one wire shape, OpenAI's chat completion.
"""

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from skin_r1.serve.refused import Refused


@dataclass(frozen=True)
class Chat:
    """A checked request.

    Attributes:
        messages: OpenAI shape; pictures are PNG data URLs that the gateway made.
        max_tokens: longest completion.
        temperature: 0 is greedy.
        seed: of the sampling.
    """

    messages: list[dict[str, Any]]
    max_tokens: int
    temperature: float
    seed: int


class Engine(Protocol):
    """What the gateway needs."""

    name: str

    async def start(self) -> None:
        """Begin to get ready; returns soon."""

    async def stop(self) -> None:
        """Free everything."""

    async def ready(self) -> str | None:
        """None once a request can be answered, else why not."""

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """One chat completion, OpenAI shape."""

    def stream(self, chat: Chat) -> AsyncIterator[dict[str, Any]]:
        """The same in chunks, OpenAI shape; the last one has `usage`."""


def canary() -> Chat:
    """The smallest request that uses every part: one gray picture, one token."""
    buffer = BytesIO()
    Image.new("RGB", (56, 56), "gray").save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "a"}]
    return Chat([{"role": "user", "content": parts}], max_tokens=1, temperature=0.0, seed=0)


class TransformersEngine:
    """The model in this process, one request at a time; the embedded default."""

    def __init__(self, name: str, model: str, adapter: str | None) -> None:
        """Remember what to load; `start` loads it."""
        self.name = name
        self._paths = (model, adapter)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="generate")
        self._loaded: Any = None
        self._failure: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load in the background; `ready` says when."""
        self._task = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._load_now)
        except Exception as error:  # shown by /readyz and on the console; the gateway itself stays up
            self._failure = f"the model could not be loaded: {error}"
            print(self._failure, flush=True)

    def _load_now(self) -> None:
        from skin_r1.models import load

        loaded = load(self._paths[0], adapter=self._paths[1])
        _generate(loaded, canary())
        self._loaded = loaded

    async def stop(self) -> None:
        """Let the running request end, drop those that wait."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ready(self) -> str | None:
        """None once the model has answered a first request."""
        return None if self._loaded is not None else self._failure or "the model is loading"

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """Generate in the worker thread."""
        reason = await self.ready()
        if reason:
            raise Refused(503, "not_ready", reason)
        run = asyncio.get_running_loop().run_in_executor
        text, prompt_tokens, completion_tokens = await run(self._thread, _generate, self._loaded, chat)
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.name,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "length" if completion_tokens >= chat.max_tokens else "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }

    async def stream(self, chat: Chat) -> AsyncIterator[dict[str, Any]]:
        """The finished answer, word by word: transformers writes it in one go."""
        whole = await self.complete(chat)
        choice = whole["choices"][0]
        base = {**{key: whole[key] for key in ("id", "created", "model")}, "object": "chat.completion.chunk"}
        for index, word in enumerate(choice["message"]["content"].split(" ")):
            delta = {"content": word if index == 0 else " " + word}
            if index == 0:
                delta["role"] = "assistant"
            yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
        yield {**base, "choices": [], "usage": whole["usage"]}


def _generate(loaded: Any, chat: Chat) -> tuple[str, int, int]:
    """Text, prompt tokens, completion tokens."""
    from skin_r1.models import generate

    messages, images = _pictures_out(chat.messages)
    text = generate(
        loaded,
        [(messages, images)],
        max_new_tokens=chat.max_tokens,
        temperature=chat.temperature,
        seed=chat.seed,
    )[0]
    prompt = loaded.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = loaded.processor(text=[prompt], images=[images] if images else None, return_tensors="pt")
    # Counted again from the text: without the token that ended it, and a broken text may split into other tokens.
    count = min(len(loaded.processor.tokenizer(text)["input_ids"]), chat.max_tokens)
    return text, int(inputs["input_ids"].shape[1]), count


def _pictures_out(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Image.Image]]:
    """OpenAI parts -> the parts that chat templates know, and the pictures in their order."""
    images: list[Image.Image] = []
    plain = []
    for message in messages:
        parts = []
        for part in message["content"]:
            if part["type"] == "image_url":
                data = base64.b64decode(part["image_url"]["url"].split(",", 1)[1])
                images.append(Image.open(BytesIO(data)).convert("RGB"))
                parts.append({"type": "image"})
            else:
                parts.append(part)
        plain.append({"role": message["role"], "content": parts})
    return plain, images


def served_name(model: str, adapter: str | None) -> str:
    """The id under which a model is served: the last part of its path, or of its adapter's."""
    return Path(adapter or model).name or "model"
