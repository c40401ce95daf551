"""How full does the teacher's client keep its window? Requests in flight, averaged, over the concurrency asked for.

Two servers on this machine: one that answers each request after the same time, and vLLM with the tiny model (random
weights, started here). Each question has a picture of its own. The mean runs from the first sending to the last answer,
by the client's own ledger and, for the first server, also by what it saw itself. Exit status 1 below 0.95.

Example:
    python -m benchmarks.teacher --requests 400 --concurrency 4 8 16
"""

import argparse
import asyncio
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from skin_r1.distill.teacher.endpoint import Limits, Request, ask
from skin_r1.distill.teacher.ledger import ledger
from skin_r1.distill.teacher.requests import data_url

ENOUGH = 0.95


@dataclass(frozen=True)
class Settings:
    """Of one run."""

    base_url: str
    concurrency: int
    model: str = "tiny-model"
    temperature: float = 1.0
    max_tokens: int = 96
    seed: int = 0


class FixedLatency:
    """Answers each request after `seconds`; adds up how long requests were inside."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.inside = seconds, 0.0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True).start()
        ready.wait()

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**24))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        self.loop.run_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = {"role": "assistant", "content": "yes"}
        reply = json.dumps({"choices": [{"finish_reason": "stop", "message": message}]}).encode()
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                began = time.monotonic()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                await asyncio.sleep(self.seconds)
                self.inside += time.monotonic() - began
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(reply), reply))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def vllm_server(folder: Path) -> Iterator[str]:
    """The root of the API of a vLLM server with the tiny model, once it answers."""
    from skin_r1.reading import messages_for
    from skin_r1.serve.engines.vllm import arguments, environment
    from skin_r1.tiny import build_tiny

    texts = [messages_for({"modality": "clinical", "history": None})[0]["content"]]
    model = build_tiny(folder / "tiny-model", texts, seed=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = arguments(str(model), None, name="tiny-model", port=port, cpu=True, max_model_len=1024)
    log = (folder / "vllm.log").open("w")
    process = subprocess.Popen(
        [sys.executable, *flags], env=environment("none", cpu=True), stdout=log, stderr=subprocess.STDOUT
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit((folder / "vllm.log").read_text()[-3000:]) from None
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()
        log.close()


def questions(count: int, seed: int) -> Iterator[Request]:
    """Each with a picture that is encoded when the request is built."""
    for index in range(count):
        picture = Image.effect_noise((96, 80), 10 + index % 50)
        picture.putpixel((0, 0), (seed * count + index) % 256)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG")
        parts = [
            {"type": "image_url", "image_url": {"url": data_url(buffer.getvalue())}},
            {"type": "text", "text": f"What is seen in picture {index} of run {seed}?"},
        ]
        yield Request(str(index), [{"role": "user", "content": parts}])


def measure(name: str, url: str, concurrency: int, count: int, server: FixedLatency | None) -> float:
    """Run once, print a line, return the share by the client's ledger."""
    inside = server.inside if server else 0.0
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache.sqlite"
        limits = Limits(attempts=1, hopeless=10**9)  # most random texts are cut off
        for reply in ask(questions(count, concurrency), Settings(url, concurrency), cache, limits=limits):
            if reply.text is None and not reply.reason.startswith(("teacher: cut off", "teacher: empty")):
                raise SystemExit(reply.reason)
        sums = ledger(cache)
    assert sums.first is not None and sums.last is not None
    span = sums.last - sums.first
    share = sums.mean_in_flight * sums.busy_seconds / span / concurrency
    seen = f"{(server.inside - inside) / span / concurrency:11.3f}" if server else f"{'':>11}"
    rate = sum(sums.attempts.values()) / span
    print(f"{name:<15} {concurrency:>11} {span:>9.1f} {rate:>10.1f} {share:>11.3f} {seen}", flush=True)
    return share


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 1 when a share is below 0.95."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--requests", type=int, default=400)
    p.add_argument("--concurrency", type=int, nargs="+", default=[4, 8, 16])
    p.add_argument("--latency", type=float, default=0.5, help="seconds, of the server of fixed latency")
    p.add_argument("--vllm", action=argparse.BooleanOptionalAction, default=True)
    options = p.parse_args(argv)
    os.environ.pop("OPENAI_API_KEY", None)
    shares = []
    print(f"{'server':<15} {'concurrency':>11} {'seconds':>9} {'requests/s':>10} {'share':>11} {'server saw':>11}")
    fixed = FixedLatency(options.latency)
    for concurrency in options.concurrency:
        name = f"fixed {options.latency:g} s"
        shares.append(measure(name, fixed.url, concurrency, options.requests, fixed))
    if options.vllm:
        with tempfile.TemporaryDirectory() as scratch, vllm_server(Path(scratch)) as url:
            for concurrency in options.concurrency:
                shares.append(measure("vLLM, tiny", url, concurrency, options.requests, None))
    print(f"smallest share {min(shares):.3f}, asked for {ENOUGH}")
    return 0 if min(shares) >= ENOUGH else 1


if __name__ == "__main__":
    raise SystemExit(main())
