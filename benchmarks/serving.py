"""What the gateway costs: vLLM asked directly and through the gateway, in one run, and a soak of many clients.

It builds the tiny model, starts real vLLM with it and the gateway before it, and sends both the same requests (a chat with
a picture of 600 x 450 pixels as a data URL) in interleaved blocks: direct, gateway, gateway, direct, ... vLLM's caches are
off, so the second arm gains nothing from the first. Answers differ in length, as they do: where all are equally long, the
clients stay in step, and vLLM waits idle while the gateway reads 16 pictures at once. Both arms share the machine with
vLLM and with this client: on few cores what the gateway computes is taken from vLLM. With `--apart` vLLM keeps one half of
the cores for itself, in both arms, and gateway and client have the other: as where the model has its own device.

Example:
    python -m benchmarks.serving --blocks 10                          vLLM and gateway on this machine
    python -m benchmarks.serving --blocks 10 --apart                  vLLM has its own cores
    python -m benchmarks.serving --blocks 0 --soak 180                64 clients for 3 minutes, through the gateway
    python -m benchmarks.serving --direct http://127.0.0.1:9000/v1 --gateway http://127.0.0.1:8000/v1 --model NAME
                                                        servers that run (keys: BENCH_DIRECT_KEY, BENCH_GATEWAY_KEY)
"""

import argparse
import asyncio
import hashlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import httpx
import numpy as np

from benchmarks.load import Arm, block, request_body, soak

NAME = "tiny-model"
KEY = "benchmark-key"
NO_CACHES = "--no-enable-prefix-caching --mm-processor-cache-gb 0"


def compare(direct: Arm, gateway: Arm) -> None:
    """Print both arms, and the paired ratios of their blocks with a 95 % interval over blocks."""
    for name, arm in (("direct vLLM", direct), ("gateway", gateway)):
        cut = statistics.quantiles(arm.latencies, n=20)
        rate, tokens = statistics.median(arm.rates), statistics.mean(arm.tokens)
        print(
            f"{name:12} {rate:6.2f} requests/s  p50 {cut[9] * 1000:6.0f} ms  p95 {cut[18] * 1000:6.0f} ms  "
            f"{tokens:.1f} tokens an answer  {dict(arm.outcomes)}"
        )
    size = len(direct.latencies) // len(direct.rates)
    medians = [
        [statistics.median(arm.latencies[at : at + size]) for at in range(0, len(arm.latencies), size)]
        for arm in (direct, gateway)
    ]
    _ratio("throughput, gateway / direct", gateway.rates, direct.rates)
    _ratio("p50 latency, gateway / direct", medians[1], medians[0])


def _ratio(what: str, above: Sequence[float], below: Sequence[float]) -> None:
    """Median of the paired ratios; percentile bootstrap over pairs, 2,000 draws."""
    ratios = np.array([a / b for a, b in zip(above, below, strict=False)])
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    print(f"{what}: {np.median(ratios):.3f} [{low:.3f}, {high:.3f}], {len(ratios)} pairs of blocks")


@contextmanager
def on(cores: Iterable[int]) -> Iterator[None]:
    """Processes started meanwhile stay on these cores (Linux)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(command: Sequence[str], url: str, log: Path, env: dict[str, str], patience: float = 600) -> Iterator[int]:
    """A server, once `url` answers 200; yields its process id.

    Raises:
        RuntimeError: it ended, or took longer than `patience` seconds.
    """
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=env, stdout=stream, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                if httpx.get(url, timeout=10, trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server of {url} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.5)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_vllm(stack: ExitStack, folder: Path, model: str | None) -> Arm:
    """Real vLLM on the CPU with the model, or with the tiny one, built here."""
    from skin_r1.reading import messages_for
    from skin_r1.serve.engines.vllm import arguments, environment
    from skin_r1.tiny import build_tiny

    if model is None:
        text = messages_for({"modality": "clinical", "history": None})[0]["content"]
        model = str(build_tiny(folder / NAME, [text], seed=0))
    port = free_port()
    command = arguments(model, None, name=NAME, port=port, cpu=True, max_model_len=1024, extra=NO_CACHES)
    env = environment(KEY, cpu=True)
    health = f"http://127.0.0.1:{port}/health"
    stack.enter_context(started([sys.executable, *command], health, folder / "vllm.log", env))
    return Arm(f"http://127.0.0.1:{port}/v1", KEY)


def start_gateway(stack: ExitStack, folder: Path, direct: Arm, name: str) -> tuple[Arm, int]:
    """The gateway before that vLLM, with a key and an audit log as in use; its process id comes second."""
    port, keys = free_port(), folder / "keys"
    keys.write_text(f"{hashlib.sha256(KEY.encode()).hexdigest()} benchmark chat,diagnose 1000000 1000\n")
    command = [sys.executable, "-m", "skin_r1.cli", "serve", "--model", name, "--engine", direct.url]
    command += ["--port", str(port), "--max_waiting", "256", "--api_keys_file", str(keys)]
    command += ["--audit", str(folder / "audit")]
    env = {**os.environ, "SKIN_R1_ENGINE_KEY": direct.key}
    ready = f"http://127.0.0.1:{port}/readyz"
    pid = stack.enter_context(started(command, ready, folder / "gateway.log", env))
    return Arm(f"http://127.0.0.1:{port}/v1", KEY), pid


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; exit status 1 when a request failed."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--model", help="checkpoint folder (default: the tiny model, random weights), or the id at given URLs"
    )
    p.add_argument("--direct", help="address of a running vLLM up to /v1 (default: started here)")
    p.add_argument("--gateway", help="address of a running gateway before it, up to /v1 (default: started here)")
    p.add_argument("--gateway_pid", type=int, help="process whose memory the soak watches, with --gateway")
    p.add_argument("--blocks", type=int, default=10, help="of each arm; 0: no comparison")
    p.add_argument("--requests", type=int, default=64, help="in a block")
    p.add_argument("--concurrency", type=int, default=16)
    p.add_argument("--tokens", type=int, nargs=2, default=(150, 300), help="of an answer, drawn evenly; a rationale's")
    p.add_argument("--apart", action="store_true", help="vLLM keeps half of the cores for itself (Linux)")
    p.add_argument("--soak", type=float, default=0.0, help="seconds; 0: none")
    p.add_argument("--clients", type=int, default=64, help="of the soak")
    options = p.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the `finally`s: no server is left behind
    cores = sorted(os.sched_getaffinity(0)) if options.apart else []
    half = len(cores) // 2
    if options.apart and (half == 0 or options.direct):
        p.error("--apart needs two cores and starts vLLM itself: leave --direct out")
    with ExitStack() as stack:
        if options.apart:
            stack.enter_context(on(cores[half:]))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.direct:
            direct, name = Arm(options.direct.rstrip("/"), os.environ.get("BENCH_DIRECT_KEY", "")), options.model
        else:
            with on(cores[:half]) if options.apart else nullcontext():
                direct, name = start_vllm(stack, folder, options.model), NAME
        if options.gateway:
            gateway, pid = (
                Arm(options.gateway.rstrip("/"), os.environ.get("BENCH_GATEWAY_KEY", "")),
                options.gateway_pid,
            )
        else:
            gateway, pid = start_gateway(stack, folder, direct, name)
        number = options.requests * max(1, options.blocks)
        bodies = [request_body(seed, name, *options.tokens) for seed in range(number)]
        for arm in (direct, gateway):  # warm: compiled kernels, opened connections
            asyncio.run(block(Arm(arm.url, arm.key), bodies[: options.concurrency], options.concurrency))
        for at in range(options.blocks):
            part = bodies[at * options.requests : (at + 1) * options.requests]
            for arm in (direct, gateway) if at % 2 == 0 else (gateway, direct):
                asyncio.run(block(arm, part, options.concurrency))
        faults = sum(arm.outcomes.total() - arm.outcomes["ok"] for arm in (direct, gateway))
        if options.blocks and faults == 0:
            compare(direct, gateway)
        elif faults:
            print(
                f"requests failed, so nothing is compared: direct {dict(direct.outcomes)}, gateway {dict(gateway.outcomes)}"
            )
        if options.soak:
            long = Arm(gateway.url, gateway.key)
            asyncio.run(soak(long, bodies, options.clients, options.soak, pid))
            faults += long.outcomes.total() - long.outcomes["ok"]
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
