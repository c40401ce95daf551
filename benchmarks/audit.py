"""The audit log's speed: what a line costs a request, and how fast a long log is verified.

Example:
    python -m benchmarks.audit --lines 1000000
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from skin_r1.serve.audit.log import Audit
from skin_r1.serve.audit.store import Store
from skin_r1.serve.audit.verify import verify

FIELDS = {"route": "/v1/diagnose", "key": "0badcafe", "model": "tiny", "ontology": "2026.11", "prompt": "0123456789ab"}


async def clients(folder: Path, concurrency: int, seconds: float) -> None:
    """`concurrency` clients that do nothing but log; prints lines/s and what the log adds to an answer."""
    audit = Audit(folder)
    waits: list[float] = []
    until = time.monotonic() + seconds

    async def one(client: int) -> None:
        number = 0
        while time.monotonic() < until:
            entry, number = audit.begin(request=f"{client}-{number}", **FIELDS), number + 1
            await entry.written()  # the engine's work takes longer than this: not counted
            began = time.perf_counter()
            await entry.end(status=200, bytes=120_000, decision="answered", triage="soon")
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*map(one, range(concurrency)))
    await audit.close()
    cut = statistics.quantiles(waits, n=20)
    print(
        f"concurrency {concurrency:3}: {2 * len(waits) / seconds:7,.0f} lines/s; an answer waits for its closing line "
        f"{cut[9] * 1000:.2f} ms (p50), {cut[18] * 1000:.2f} ms (p95)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--lines", type=int, default=1_000_000)
    p.add_argument("--seconds", type=float, default=5.0)
    p.add_argument("--folder", type=Path, help="on the disk to be measured; default: the temporary folder")
    options = p.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        for concurrency in (1, 16, 64):
            asyncio.run(clients(Path(scratch) / str(concurrency), concurrency, options.seconds))
        store, body = (
            Store(Path(scratch) / "long"),
            '{"event":"begin","request":"0","route":"/v1/diagnose","key":"0badcafe"}',
        )
        for _ in range(options.lines // 1000):
            store.append([body] * 1000)
        store.close()
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        report = verify(Path(scratch) / "long")
        took = time.perf_counter() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(
            f"verify: {report.lines:,} lines in {took:.1f} s, {report.lines / took:,.0f} lines/s; {grown:.0f} MiB more memory"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
