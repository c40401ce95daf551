"""`skin-r1 eval compare`: two scored runs on the same cases, paired.

Sources: McNemar, Psychometrika 12 (1947) 153-157, exact form: a two-sided binomial test on the discordant cases. The
intervals of differences are percentile intervals of the cluster bootstrap, both runs on the same resamples.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem
from skin_r1.whole import write_whole

if TYPE_CHECKING:
    from eval.cases import CaseScore

EXAMPLES = """\
Examples:
  skin-r1 eval compare runs/eval/sft runs/eval/grpo
  skin-r1 eval compare runs/eval/sft runs/eval/grpo --out difference.json

A and B are folders of `skin-r1 eval score`. Differences are B - A.
"""


def compare(a: Path, b: Path, *, seed: int = 0, bootstrap: int = 2000) -> dict[str, Any]:
    """Compare two scored runs.

    Args:
        a, b: folders of `skin-r1 eval score` on the same cases.
        seed, bootstrap: of the intervals.

    Returns:
        `metrics`: name -> {a, b, difference, low, high}, null where undefined; `mcnemar`: {only_a, only_b, p}, the
        cases that one of the two alone diagnosed rightly.

    Raises:
        UserError: the two are not about the same cases.
    """
    import numpy as np

    from eval.cases import read_scores
    from eval.metrics import build_metrics
    from eval.statistics.bootstrap import resample

    first, second = read_scores(a), read_scores(b)
    _same_cases(first, second, a, b)
    order = {score.case_id: score for score in second}
    second = [order[score.case_id] for score in first]
    groups = [score.group for score in first]
    built = [build_metrics(scores) for scores in (first, second)]
    drawn = [resample(metrics, groups, seed=seed, resamples=bootstrap) for metrics in built]
    found: dict[str, dict[str, float | None]] = {}
    for row, (left, right) in enumerate(zip(*built, strict=True)):
        values = left.value(), right.value()
        gaps = drawn[1][row] - drawn[0][row]
        gaps = gaps[~np.isnan(gaps)]
        whole = not any(np.isnan(values)) and len(gaps) > 0
        low, high = np.quantile(gaps, [0.025, 0.975]) if whole else (None, None)
        found[left.name] = {
            "a": _number(values[0]),
            "b": _number(values[1]),
            "difference": _number(values[1] - values[0]),
            "low": None if low is None else float(low),
            "high": None if high is None else float(high),
        }
    return {
        "a": str(a),
        "b": str(b),
        "seed": seed,
        "bootstrap": bootstrap,
        "metrics": found,
        "mcnemar": _mcnemar(first, second),
    }


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _mcnemar(first: Sequence["CaseScore"], second: Sequence["CaseScore"]) -> dict[str, float]:
    from scipy.stats import binomtest

    pairs = [(x.correct, y.correct) for x, y in zip(first, second, strict=True) if x.diagnosis is not None]
    only_a, only_b = pairs.count((True, False)), pairs.count((False, True))
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": p}


def _same_cases(first: Sequence["CaseScore"], second: Sequence["CaseScore"], a: Path, b: Path) -> None:
    truths = [{s.case_id: (s.group, s.diagnosis, s.malignancy, s.dense) for s in scores} for scores in (first, second)]
    for case_id in sorted({*truths[0], *truths[1]}):
        if truths[0].get(case_id) != truths[1].get(case_id):
            raise problem(
                "the two runs are not about the same cases",
                file=b if case_id not in truths[1] else a,
                column="case_id",
                found=f"{case_id}: {truths[0].get(case_id, 'absent')} in A, {truths[1].get(case_id, 'absent')} in B",
                allowed="the same cases, groups and truths in both",
                next_step="score both on the same corpus and split",
            )


def difference_table(result: dict[str, Any]) -> str:
    """The comparison as aligned text; a star where the interval leaves 0 out."""
    from eval.metrics import NAMES

    lines = [f"  {'':<40} {'A':>7} {'B':>7} {'B - A':>8}  95 % interval"]
    for key, row in result["metrics"].items():
        if row["low"] is None:
            lines.append(f"  {NAMES[key].title:<40} {'undefined':>7}")
            continue
        star = "*" if row["low"] > 0 or row["high"] < 0 else ""
        lines.append(
            f"  {NAMES[key].title:<40} {row['a']:>7.3f} {row['b']:>7.3f} {row['difference']:>+8.3f}  "
            f"[{row['low']:+.3f}, {row['high']:+.3f}] {star}"
        )
    test = result["mcnemar"]
    only = f"{test['only_a']} cases right in A only, {test['only_b']} in B only"
    lines.append(f"  accuracy: {only}; exact McNemar p = {test['p']:.3g}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval compare`."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval compare",
        description="Compare two scored runs on the same cases: paired differences with 95 % intervals.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", type=Path, metavar="A", help="folder of `eval score`")
    parser.add_argument("b", type=Path, metavar="B", help="folder of `eval score`")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples (default: 2000)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the result as JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    options = parser.parse_args(argv)
    if options.bootstrap < 1:
        raise problem("--bootstrap counts from 1", found=options.bootstrap, allowed="a positive number")
    if options.out is not None and options.out.exists() and not options.overwrite:
        raise problem("the output exists already", file=options.out, next_step="pass --overwrite")
    result = compare(options.a, options.b, seed=options.seed, bootstrap=options.bootstrap)
    print(difference_table(result))
    if options.out is not None:
        write_whole(options.out, json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
