"""Requests with a picture, sent in blocks or for a while, and what they took: the client half of `benchmarks.serving`."""

import asyncio
import base64
import io
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image


@dataclass
class Arm:
    """One way to the model, and what was measured on it: seconds a request, requests/s a block, tokens an answer."""

    url: str
    key: str
    latencies: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def request_body(seed: int, model: str, shortest: int, longest: int) -> dict[str, Any]:
    """A chat about a brown spot on skin, another one for each seed; greedy and cut at a drawn number of tokens."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:450, :600]
    spot = ((rows - 225) / 90) ** 2 + ((columns - 300) / (60 + seed % 60)) ** 2 < 1
    pixels = np.where(spot[..., None], (92, 58, 40), (224, 178, 150)) + rng.normal(0, 6, (450, 600, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(buffer, "JPEG", quality=90)
    url = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
    messages = [{"role": "user", "content": parts}]
    limit = int(rng.integers(shortest, longest + 1))
    return {"model": model, "messages": messages, "max_tokens": limit, "temperature": 0.0, "seed": 0}


async def ask(client: httpx.AsyncClient, arm: Arm, body: dict[str, Any]) -> None:
    """One request; its outcome is `ok`, the HTTP status, or the kind of the fault."""
    began = time.perf_counter()
    try:
        response = await client.post(f"{arm.url}/chat/completions", json=body)
        outcome = "ok" if response.status_code == 200 else str(response.status_code)
    except httpx.HTTPError as error:
        outcome = type(error).__name__
    arm.outcomes[outcome] += 1
    if outcome == "ok":
        arm.latencies.append(time.perf_counter() - began)
        arm.tokens.append(response.json()["usage"]["completion_tokens"])


def session(arm: Arm, concurrency: int) -> httpx.AsyncClient:
    """Kept-alive connections, one for each client."""
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    return httpx.AsyncClient(
        headers={"Authorization": f"Bearer {arm.key}"}, timeout=300, limits=limits, trust_env=False
    )


async def block(arm: Arm, bodies: Sequence[dict[str, Any]], concurrency: int) -> None:
    """All bodies, `concurrency` at a time."""
    waiting = list(bodies)
    async with session(arm, concurrency) as client:

        async def worker() -> None:
            while waiting:
                await ask(client, arm, waiting.pop())

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        arm.rates.append(len(bodies) / (time.perf_counter() - began))


def memory(pid: int) -> float:
    """Resident MiB of a process and of all it has started."""
    total, process = 0, psutil.Process(pid)
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:  # a worker that has just ended
            pass
    return total / 2**20


async def soak(arm: Arm, bodies: Sequence[dict[str, Any]], clients: int, seconds: float, pid: int | None) -> None:
    """`clients` loops for `seconds`; prints memory of the gateway on the way, then outcomes."""
    until, samples = time.monotonic() + seconds, []
    async with session(arm, clients) as client:

        async def loop(start: int) -> None:
            while time.monotonic() < until:
                await ask(client, arm, bodies[start % len(bodies)])
                start += clients

        loops = asyncio.gather(*map(loop, range(clients)))
        while time.monotonic() < until:
            await asyncio.sleep(min(5.0, max(0.0, until - time.monotonic())))
            if pid is not None:
                samples.append(memory(pid))
        await loops
    failed = arm.outcomes.total() - arm.outcomes["ok"]
    cut = statistics.quantiles(arm.latencies, n=20) if len(arm.latencies) > 1 else [float("nan")] * 19
    print(
        f"soak: {clients} clients, {seconds:.0f} s: {arm.outcomes['ok']:,} answers, {failed} errors {dict(arm.outcomes)}"
    )
    print(f"  p50 {cut[9]:.2f} s, p95 {cut[18]:.2f} s, {arm.outcomes['ok'] / seconds:.1f} requests/s")
    if len(samples) > 5:
        third = len(samples) // 3
        first, last = statistics.median(samples[third : 2 * third]), statistics.median(samples[2 * third :])
        print(f"  gateway's memory, MiB, every 5 s: {' '.join(f'{each:.0f}' for each in samples)}")
        print(f"  median of the second third {first:.0f}, of the last third {last:.0f}: {last - first:+.0f} MiB")
