"""What a build of many rows costs: seconds and memory for 100,000 and for 1,000,000 rows of metadata.

Each build is a process of its own: `skin-r1 data build --dataset generic` on a table with patients, lesions, ages, sites,
skin types and 2,000 spellings of labels; images are absent, as only the rows are measured here. Sizes alternate, so that
a busy machine slows both.

Example:
    python -m benchmarks.build --rounds 2
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from skin_r1.ontology import load_ontology

YAML = """\
name: made_up
modality: clinical
license: CC0
source: https://example.org
table: labels.csv
columns: {image: file, label: dx, patient: pid, lesion: lid, age: age, sex: sex, site: site, skin_type: fst}
"""
SITES = ("back", "face", "forearm", "chest", "scalp", "lower leg", "abdomen", "")
SIZES = (100_000, 1_000_000)


def write_table(folder: Path, rows: int, seed: int) -> None:
    """A table of `rows` rows; a patient has about three lesions, a lesion one or two images."""
    draw = random.Random(seed)
    names = [text for node in load_ontology().nodes.values() for text in (node.name, *node.synonyms)]
    labels = draw.sample(names, min(2000, len(names)))
    folder.mkdir(parents=True)
    (folder / "skin-r1.yaml").write_text(YAML)
    with (folder / "labels.csv").open("w", encoding="utf-8") as stream:
        stream.write("file,dx,pid,lid,age,sex,site,fst\n")
        for number in range(rows):
            lesion = number * 2 // 3
            if number == 0 or lesion != (number - 1) * 2 // 3 or draw.random() < 0.01:  # some lesions have two labels
                label = labels[int(len(labels) * draw.random() ** 3)]  # few labels are common, most are rare
            stream.write(
                f'IMG_{number:07d}.jpg,"{label}",P{lesion // 3},L{lesion},{draw.randrange(20, 90)},'
                f"{draw.choice(('male', 'female', ''))},{draw.choice(SITES)},{draw.choice(('', *'123456'))}\n"
            )


def timed_build(root: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak resident memory (GB) of one build."""
    command = [sys.executable, "-m", "skin_r1.cli", "data", "build", "--dataset", "generic"]
    start = time.perf_counter()
    child = subprocess.Popen(
        [*command, "--root", str(root), "--out", str(out), "--overwrite"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"the build failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table and a JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--sizes", type=int, nargs=2, default=SIZES, metavar="N")
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args(argv)
    small, large = options.sizes
    seconds: dict[int, list[float]] = {small: [], large: []}
    memory = dict.fromkeys(seconds, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        for size in seconds:
            write_table(Path(scratch) / str(size), size, options.seed)
        for _ in range(options.rounds):
            for size in seconds:
                took, peak = timed_build(Path(scratch) / str(size), Path(scratch) / f"out-{size}")
                seconds[size].append(took)
                memory[size] = max(memory[size], peak)
    ratios = [b / a for a, b in zip(seconds[small], seconds[large], strict=True)]
    print(f"{'rows':>10} {'seconds':>9} {'peak GB':>8}")
    for size, own in seconds.items():
        print(f"{size:>10,} {statistics.median(own):>9.1f} {memory[size]:>8.2f}")
    print(f"{large / small:g} times the rows cost {statistics.median(ratios):.1f} times the time")
    print(json.dumps({"seconds": seconds, "peak_gb": memory, "ratios": ratios}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
