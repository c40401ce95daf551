"""Are composed rationales grounded? Every trajectory of every annotated case, judged by two readers that share no code.

The cases are the tables of PAD-UFES-20 and of Fitzpatrick17k with SkinCon, read by their adapters; no image is needed. The
verifier keeps or rejects each rationale; what it keeps goes to `benchmarks.check_rationales`, which reads the raw tables.

Example: python -m benchmarks.grounded --data ../shared/data --out runs/grounded
"""

import argparse
from collections import Counter
from pathlib import Path

import pandas as pd

from benchmarks import check_rationales
from benchmarks.compose import read
from skin_r1.distill.composer.code import SERIALS
from skin_r1.distill.composer.compose import compose_full
from skin_r1.distill.composer.trajectory import possible
from skin_r1.distill.verify import fault

DATASETS = ("pad_ufes_20", "fitzpatrick17k")


def main() -> int:
    """Print what the verifier keeps and what the checker says of it; 1 where the checker found a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in DATASETS:
        rows = read(options.data, name)
        kept, counts, kinds = [], Counter[str](), Counter[str]()
        for row in rows:
            for kind in possible(row):
                serial = (len(kept) + sum(counts.values())) * 7919 % SERIALS
                made = compose_full(row, kind, serial)
                reason = fault(made.completion, row, answer=made.diagnosis)
                counts[(reason or "kept").split(":")[0]] += 1
                if reason is None:
                    kinds[kind] += 1
                    kept.append({"case_id": row["case_id"], "completion": made.completion})
        target = options.out / f"{name}.parquet"
        pd.DataFrame(kept).to_parquet(target)
        print(f"\n{name}: {len(rows)} cases, {sum(counts.values())} trajectories: {dict(counts)}\n  {dict(kinds)}")
        failed |= check_rationales.main([str(target), "--raw", str(options.data), "--allow_ancestor", "--show", "3"])
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
