"""How fast the composer writes, how long and how alike its rationales are; prints figures and writes nothing.

Cases are the label tables of public datasets, read by their adapters; no image is opened.

Example:
    OMP_NUM_THREADS=1 python -m benchmarks.compose --data ../shared/data --count 100000
"""

import argparse
import importlib
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from skin_r1.distill.composer.code import DIGITS, FIELD, SERIALS, grams, partners
from skin_r1.distill.composer.compose import compose_full
from skin_r1.distill.composer.plan import Columns, plan
from skin_r1.distill.composer.trajectory import KINDS, Composed, possible
from skin_r1.distill.verify import fault
from skin_r1.ontology import load_ontology, resolve

FOLDERS = {"pad_ufes_20": "pad_ufes_20", "fitzpatrick17k": "labels", "derm7pt": "labels", "scin": "labels/scin"}
Row = dict[str, Any]


def read(data: Path, name: str) -> list[Row]:
    """Dense rows of a dataset with a diagnosis, as far as the composer reads them."""
    adapter = importlib.import_module(f"data_prep.adapters.{name}")
    rows = []
    for raw in adapter.read(data / FOLDERS[name]).rows:
        diagnosis = resolve(raw.label, name).diagnosis if raw.label else None
        if diagnosis is None or not raw.present:
            continue
        weights: Counter[str] = Counter()
        for label, weight in raw.differential:
            if slug := resolve(label, name).diagnosis:
                weights[slug] += weight
        rows.append(
            {
                "case_id": f"{name}/{raw.native_id}",
                "modality": raw.modality or adapter.MODALITY,
                "diagnosis": diagnosis,
                "malignancy": load_ontology().malignancy(diagnosis),
                "differential": [
                    {"diagnosis": slug, "weight": weight / weights.total()} for slug, weight in weights.items()
                ],
                "concepts_present": list(raw.present),
                "concepts_absent": list(raw.absent),
                "history": raw.history,
                "skin_type": raw.skin_type,
            }
        )
    return rows


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the seconds of this process."""
    start = time.process_time()
    return work(), time.process_time() - start


def speed(name: str, rows: list[Row], count: int) -> None:
    """Rationales a second, with and without verification, on one core; the second pass, as a run repeats cases."""
    jobs = [(row, kind) for row in rows for kind in possible(row)]
    chosen = Random(0).choices(jobs, k=count)
    serials = Random(1).sample(range(SERIALS), count)

    def write() -> Iterator[Composed]:
        return (compose_full(row, kind, serial) for (row, kind), serial in zip(chosen, serials, strict=True))

    def verify() -> int:
        kept = zip(write(), chosen, strict=True)
        return sum(fault(each.completion, row, answer=each.diagnosis) is None for each, (row, _) in kept)

    timed(lambda: sum(1 for _ in write()))
    words, seconds = timed(
        lambda: [sum(sentence.text.count(" ") + 1 for sentence in each.sentences) for each in write()]
    )
    kept, whole = timed(verify)
    print(
        f"{name}: {len(rows)} cases, {len(jobs)} trajectories; compose {count / seconds:.0f}/s "
        f"({1e6 * seconds / count:.0f} us), compose and verify {count / whole:.0f}/s, kept {kept / count:.2%}; "
        f"words {min(words)} to {max(words)}, mean {sum(words) / count:.0f}"
    )


def alike(rows: list[Row], cases: int) -> None:
    """The largest overlap of two rationales about one case, over partners that agree in five places."""
    draw = Random(3)
    ways = list(combinations(range(FIELD), DIGITS - 1))
    for kind in KINDS:
        able = [row for row in draw.sample(rows, min(len(rows), 2000)) if kind in possible(row)][:cases]
        worst, typical = 0.0, list[float]()
        for row in able:
            serial = draw.randrange(SERIALS)
            own = text_grams(compose_full(row, kind, serial))
            shares = []
            for places in ways:
                other = text_grams(compose_full(row, kind, draw.choice(partners(serial, places))))
                shares.append(len(own & other) / min(len(own), len(other)))
            worst = max(worst, *shares)
            typical.append(sum(shares) / len(shares))
        if able:
            mean = sum(typical) / len(typical)
            print(f"overlap {kind}: largest {worst:.3f}, mean {mean:.3f} of {len(able)} x {len(ways)} worst pairs")


def text_grams(composed: Composed) -> frozenset[tuple[str, ...]]:
    """The 8-grams of the reasoning."""
    return grams(" ".join(sentence.text for sentence in composed.sentences))


def run(rows: list[Row], count: int) -> None:
    """Plan, write and verify `count` rationales, the cases repeated, keeping none; rates in fifths of the run."""
    source = [rows[number % len(rows)] for number in range(count)]
    columns = Columns(
        diagnosis=[row["diagnosis"] for row in source],
        possible=[possible(row) for row in source],
        skin_type=[row["skin_type"] for row in source],
        modality=[row["modality"] for row in source],
    )
    made, seconds = timed(lambda: plan(columns))
    print(f"plan: {count} cases in {seconds:.1f} s, {len(made.chosen)} planned, left out {dict(made.left_out)}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, kept, rates = time.process_time(), 0, []
    part, at = max(1, len(made.chosen) // 5), started
    for number, each in enumerate(made.chosen, start=1):
        row = source[each.index]
        text = compose_full(row, each.kind, each.serial)
        kept += fault(text.completion, row, answer=text.diagnosis) is None
        if number % part == 0:
            now = time.process_time()
            rates.append(f"{part / (now - at):.0f}")
            at = now
    seconds = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"run: {len(made.chosen)} rationales written and verified in {seconds:.0f} s of one core "
        f"({len(made.chosen) / seconds:.0f}/s; in fifths {', '.join(rates)}), {kept / len(made.chosen):.2%} kept, "
        f"memory grew by {grown:.0f} MB"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    parser.add_argument("--count", type=int, default=100_000, help="rationales of the long run")
    parser.add_argument("--sample", type=int, default=3000, help="rationales of each dataset to time")
    parser.add_argument("--cases", type=int, default=4, help="cases of each kind to compare")
    args = parser.parse_args()
    rows = {name: [row for row in read(args.data, name) if possible(row)] for name in FOLDERS}
    for name, each in rows.items():
        speed(name, each, args.sample)
    everything = [row for each in rows.values() for row in each]
    alike(everything, args.cases)
    run(everything, args.count)


if __name__ == "__main__":
    main()
