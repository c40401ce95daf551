"""Kill a build at random moments and resume it: is the corpus the same, byte for byte?

Each trial starts afresh, is killed with SIGKILL (with the processes that read images) at a moment drawn between 0 and the
time of the uninterrupted build, and is given the same command again.

Example:
    python -m benchmarks.kill --dataset pad_ufes_20 --root data/pad_ufes_20 --kills 10
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def digest(folder: Path) -> str:
    """One SHA-256 over the names and bytes of all files."""
    out = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        out.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return out.hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line a trial; exit status 1 when a corpus differs."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dataset", required=True)
    p.add_argument("--root", required=True, type=Path)
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args(argv)
    draw = random.Random(options.seed)
    build = [sys.executable, "-m", "skin_r1.cli", "data", "build", "--dataset", options.dataset]
    build += ["--root", str(options.root), "--out"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as scratch:
        start = time.monotonic()
        subprocess.run([*build, f"{scratch}/whole"], check=True, **quiet)  # type: ignore[call-overload]
        took = time.monotonic() - start
        expected = digest(Path(scratch) / "whole")
        print(f"uninterrupted: {took:.1f} s, {expected[:16]}")
        same = 0
        for trial in range(options.kills):
            out = Path(scratch) / f"trial-{trial}"
            moment = draw.random() * took
            child = subprocess.Popen([*build, str(out)], start_new_session=True, **quiet)  # type: ignore[call-overload]
            time.sleep(moment)
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            parts = len(list(out.with_name(f"{out.name}.intake").glob("*.parquet")))
            state = "whole already" if out.exists() else f"{parts} parts done"
            if not out.exists():
                subprocess.run([*build, str(out)], check=True, **quiet)  # type: ignore[call-overload]
            found = digest(out)
            same += found == expected
            print(f"killed after {moment:5.1f} s ({state}): {found[:16]} {'same' if found == expected else 'DIFFERS'}")
    print(f"{same} of {options.kills} resumed corpora are byte-identical")
    return 0 if same == options.kills else 1


if __name__ == "__main__":
    raise SystemExit(main())
