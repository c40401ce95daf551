"""A loop that stays open over a module: an engine lives in one, and starting vLLM costs half a minute."""

import asyncio
import base64
import threading
import time

from serving import skin_picture

from skin_r1.reading import messages_for
from skin_r1.serve.engines.engine import Chat

PICTURE = "data:image/jpeg;base64," + base64.b64encode(skin_picture()).decode()
QUESTION = messages_for({"modality": "clinical", "history": None})[0]["content"]


class Loop:
    """An event loop in a thread; `run` waits for a coroutine's result."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine, timeout=300):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def chat(max_tokens=32, temperature=0.0, picture=True, **fields):
    parts = [{"type": "image_url", "image_url": {"url": PICTURE}}] * picture + [{"type": "text", "text": QUESTION}]
    return Chat([{"role": "user", "content": parts}], max_tokens, temperature, 0, **fields)


async def until_ready(engine, patience=300):
    deadline = time.monotonic() + patience
    while reason := await engine.ready():
        assert time.monotonic() < deadline, reason
        await asyncio.sleep(0.2)


async def spoken(engine, request):
    """Reasoning and content of a stream, and its last usage."""
    text, usage = {"reasoning": "", "content": ""}, None
    async for chunk in engine.stream(request):
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            for key in text:
                text[key] += choice["delta"].get(key) or ""
    return text, usage
