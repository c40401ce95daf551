"""The model in this process, through transformers; the embedded default."""

import asyncio
import base64
import json
import logging
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from skin_r1.serve.engines.engine import Chat, canary
from skin_r1.serve.engines.reasoning import Splitter, chunks_of, event, split_message
from skin_r1.serve.engines.schema import structural_tag
from skin_r1.serve.engines.weights import weights
from skin_r1.serve.refused import Refused

if TYPE_CHECKING:
    from skin_r1.models import Loaded

Say = Callable[[str], object]


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """A completion: its text, the tokens of prompt and completion, and whether the model ended it itself."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    ended: bool


class TransformersEngine:
    """One request at a time. See `engine.Engine` for the methods; `schema` binds where xgrammar is installed."""

    def __init__(self, name: str, model: str, adapters: str | Mapping[str, str] | None = None) -> None:
        """Remember what to load; `start` loads it."""
        self._weights = weights(name, model, adapters)
        self.names = self._weights.names
        self.name = self.names[0]
        self.constrained = find_spec("xgrammar") is not None
        self.at_work = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="generate")
        self._loaded: Loaded | None = None
        self._compiler: Any = None
        self._failure: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load in the background; `ready` says when."""
        self._task = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._load_now)
        except Exception as error:  # the gateway itself stays up
            # Anyone may ask /readyz: what went wrong, and where, is for the operator.
            self._failure = "the model could not be loaded; the server's log says why"
            _log.error("the model could not be loaded: %s", error)

    def _load_now(self) -> None:
        from skin_r1.models import load

        first, *more = self._weights.adapters.items() or [(None, None)]
        loaded = load(self._weights.model, adapter=first[1])
        for name, folder in more:
            loaded.model.load_adapter(folder, adapter_name=name)
        if self.constrained:
            import xgrammar

            size = loaded.model.config.get_text_config().vocab_size
            info = xgrammar.TokenizerInfo.from_huggingface(loaded.processor.tokenizer, vocab_size=size)
            self._compiler = xgrammar.GrammarCompiler(info, cache_limit_bytes=2**29)
        self._write(loaded, canary(), None, threading.Event())
        self._loaded = loaded

    async def stop(self) -> None:
        """Let the running request end, drop those that wait."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ready(self) -> str | None:
        """None once the model has answered a first request."""
        return None if self._loaded is not None else self._failure or "the model is loading"

    async def complete(self, chat: Chat) -> dict[str, Any]:
        """Generate in the worker thread. Cancelled while it waits, it never starts; at work, it ends after a token."""
        written = await self._run(chat, None)
        message = split_message({"role": "assistant", "content": written.text})
        choice = {"index": 0, "message": message, "finish_reason": _reason(written)}
        return {**_head(chat.model or self.name, "chat.completion"), "choices": [choice], "usage": _usage(written)}

    async def stream(self, chat: Chat) -> AsyncGenerator[dict[str, Any]]:
        """See `Engine`."""
        async with aclosing(self.events(chat)) as events:
            async for block in events:
                for chunk in chunks_of(block):
                    yield chunk

    async def events(self, chat: Chat) -> AsyncGenerator[bytes]:
        """The words as the model writes them."""
        loop, pieces, splitter = asyncio.get_running_loop(), asyncio.Queue[str | None](), Splitter()
        head = _head(chat.model or self.name, "chat.completion.chunk")

        def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return splitter.feed(event({**head, "choices": [choice]}))

        work = asyncio.create_task(self._run(chat, lambda text: loop.call_soon_threadsafe(pieces.put_nowait, text)))
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            role = {"role": "assistant"}
            while (text := await pieces.get()) is not None:
                if block := chunk({**role, "content": text}):
                    role = {}
                    yield block
            written = await work
            yield chunk({**role, "content": ""}, _reason(written))
            yield event({**head, "choices": [], "usage": _usage(written)})
        finally:
            work.cancel()

    async def _run(self, chat: Chat, say: Say | None) -> Written:
        reason = await self.ready()
        if reason or self._loaded is None:
            raise Refused(503, "not_ready", str(reason))
        stop = threading.Event()
        self.at_work += 1
        try:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._thread, self._write, self._loaded, chat, say, stop)
        finally:
            stop.set()
            self.at_work -= 1

    def _write(self, loaded: "Loaded", chat: Chat, say: Say | None, stop: threading.Event) -> Written:
        """Generate, in the worker thread."""
        from transformers import StoppingCriteriaList

        from skin_r1.models import generate

        extra: dict[str, Any] = {"stopping_criteria": StoppingCriteriaList([lambda *_, **__: stop.is_set()])}
        extra["streamer"] = streamer = _streamer(loaded.processor.tokenizer, say)
        if chat.temperature > 0:
            extra["top_p"] = chat.top_p
        if chat.schema is not None and self._compiler is not None:
            from xgrammar.contrib.hf import LogitsProcessor

            grammar = self._compiler.compile_structural_tag(json.dumps(structural_tag(chat.schema, chat.max_tokens)))
            extra["logits_processor"] = [LogitsProcessor(grammar)]
        messages, images = _pictures_out(chat.messages)
        with self._adapted(loaded.model, chat.model or self.name):
            (text,) = generate(
                loaded,
                [(messages, images)],
                max_new_tokens=chat.max_tokens,
                temperature=chat.temperature,
                seed=chat.seed,
                extra=extra,
            )
        ends = loaded.model.generation_config.eos_token_id
        ended = streamer.last in (ends if isinstance(ends, list) else [ends])
        return Written(text, streamer.prompt, streamer.count, ended)

    @contextmanager
    def _adapted(self, model: Any, name: str) -> Iterator[None]:
        """Use the adapter of this name, or none."""
        if not self._weights.adapters:
            yield
        elif name == self._weights.base:
            with model.disable_adapter():
                yield
        else:
            model.set_adapter("default" if name == self.names[0] else name)  # peft calls the first one so
            yield


def _streamer(tokenizer: Any, say: Say | None) -> Any:
    """Counts tokens, and hands on whole words."""
    from transformers import TextStreamer

    class Streamer(TextStreamer):
        prompt = count = 0
        last = -1

        def put(self, value: Any) -> None:
            if self.prompt:
                self.count += value.shape[-1]
                self.last = int(value.flatten()[-1])
            else:
                self.prompt = value.shape[-1]
            super().put(value)

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if say and text:
                say(text)

    return Streamer(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _reason(written: Written) -> str:
    return "stop" if written.ended else "length"


def _usage(written: Written) -> dict[str, int]:
    prompt, completion = written.prompt_tokens, written.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


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
