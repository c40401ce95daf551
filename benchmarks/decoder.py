"""What do the confined decoders of the server cost? Prints milliseconds a picture, the median of rounds, and memory.

Compared, in turn, on one JPEG: decoding and encoding in this process in several ways, and `Decoder` with one and with 16
clients at once.

Example:
    python -m benchmarks.decoder --size 600 450
"""

import argparse
import asyncio
import base64
import io
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from skin_r1.phantom.render import draw
from skin_r1.serve.intake.clean import stored_png
from skin_r1.serve.intake.decoder import Decoder


def jpeg(size: tuple[int, int]) -> bytes:
    """A drawn lesion with a camera's noise."""
    drawn = draw(frozenset({"typical-network"}), 3, np.random.default_rng(0), 256).image.resize(size)
    noisy = np.asarray(drawn) + np.random.default_rng(0).normal(0, 2, (size[1], size[0], 3))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def with_pillow(kind: str, **options: int | bool) -> Callable[[Image.Image], bytes]:
    """An encoder."""

    def encode(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


ENCODERS: dict[str, Callable[[Image.Image], bytes]] = {
    "PNG, stored (ours for PNG and WebP)": stored_png,
    "PNG, Pillow, level 0": with_pillow("PNG", compress_level=0),
    "PNG, Pillow, level 1": with_pillow("PNG", compress_level=1),
    "WebP, lossless, fastest": with_pillow("WEBP", lossless=True, method=0, quality=0),
    "JPEG 95 4:4:4 (ours for JPEG)": with_pillow("JPEG", quality=95, subsampling=0),
}


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median of rounds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


async def through(decoder: Decoder, data: bytes, clients: int, rounds: int) -> float:
    """Milliseconds a picture, all clients together."""

    async def client() -> None:
        for _ in range(rounds):
            await decoder.picture(data, "JPEG", "clinical")

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return 1e3 * (time.perf_counter() - began) / clients / rounds


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that processes have used, user and system."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


async def print_decoder(data: bytes, rounds: int, workers: int) -> None:
    """Start, time and measure the workers."""
    decoder, began = Decoder(workers=workers), time.perf_counter()
    await decoder.start()
    print(f"\n{workers} workers: ready after {time.perf_counter() - began:.2f} s")
    for clients in (1, 16):
        here, there = time.process_time(), cpu_seconds(decoder.pids)
        took = await through(decoder, data, clients, rounds)
        here, there = (
            1e3 * used / clients / rounds for used in (time.process_time() - here, cpu_seconds(decoder.pids) - there)
        )
        print(
            f"{clients} clients: {took:.1f} ms a picture; processor: {there:.1f} ms in workers, {here:.1f} ms in the gateway"
        )
    for pid in decoder.pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                print(f"worker: {int(line.split()[1]) / 1024:.0f} MiB resident at most")
    await decoder.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, nargs=2, default=(600, 450))
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--workers", type=int, default=2)
    options = p.parse_args(argv)
    data = jpeg(tuple(options.size))
    image = Image.open(io.BytesIO(data)).convert("RGB")
    plain = milliseconds(lambda: Image.open(io.BytesIO(data)).convert("RGB"), options.rounds)
    print(f"{options.size[0]} x {options.size[1]}, {len(data) / 1e3:.0f} kB: plain decoding {plain:.1f} ms\n")
    print("| Encoding | encode, ms | decode, ms | data URL, kB |\n|---|---:|---:|---:|")
    for name, encode in ENCODERS.items():
        coded = encode(image)
        took = milliseconds(lambda encode=encode: encode(image), options.rounds)  # type: ignore[misc]
        back = milliseconds(lambda coded=coded: Image.open(io.BytesIO(coded)).load(), options.rounds)  # type: ignore[misc]
        print(f"| {name} | {took:.1f} | {back:.1f} | {len(base64.b64encode(coded)) / 1e3:.0f} |")
    asyncio.run(print_decoder(data, options.rounds, options.workers))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
