"""`skin-r1 eval compare`: two scored runs on the same cases, paired.

Differences have percentile intervals of the cluster bootstrap, both runs on the same resamples; the tests are those of
`eval.statistics.paired`.
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
    from eval.statistics.bootstrap import Floats, Members, Metric, Ranked

EXAMPLES = """\
Examples:
  skin-r1 eval compare runs/eval/sft runs/eval/grpo
  skin-r1 eval compare runs/eval/sft runs/eval/grpo --metrics accuracy missed_malignancy_rate --out difference.json

A and B are folders of `skin-r1 eval score`. Differences are B - A.
"""


# Holm's correction multiplies the least p by the number of metrics, and the least p of n resamples is 2 / (n + 1): with 2,000
# and 61 metrics no difference, however large, would come below 0.05.
RESAMPLES = 10_000


def compare(
    a: Path, b: Path, *, seed: int = 0, bootstrap: int = RESAMPLES, metrics: Sequence[str] | None = None
) -> dict[str, Any]:
    """Compare two scored runs.

    Args:
        a, b: folders of `skin-r1 eval score` on the same cases.
        seed, bootstrap: of the intervals.
        metrics: those to compare and to correct for; all that both have where None.

    Returns:
        `metrics`: name -> {a, b, difference, low, high, p, p_holm, detectable}, null where undefined; `p_holm` is corrected
        for the number of metrics, `detectable` is the smallest true difference that these cases would likely show.
        `mcnemar`: {only_a, only_b, p}, the cases that one of the two alone diagnosed rightly.

    Raises:
        UserError: the two are not about the same cases, or one has not the metrics asked for.
    """
    from eval.cases import read_scores
    from eval.metrics import build_metrics
    from eval.statistics.bootstrap import numbered, resample
    from eval.statistics.paired import holm, mcnemar

    first, second = read_scores(a), read_scores(b)
    _same_cases(first, second, a, b)
    order = {score.case_id: score for score in second}
    second = [order[score.case_id] for score in first]
    groups = [score.group for score in first]
    built = [build_metrics(scores) for scores in (first, second)]
    both = {metric.name for metric in built[0]} & {metric.name for metric in built[1]}
    for name in metrics or ():
        if name not in both:
            raise problem("no such metric in both runs", column="metrics", found=name, allowed=sorted(both))
    chosen = both if metrics is None else set(metrics)
    built = [[metric for metric in found if metric.name in chosen] for found in built]
    drawn = [resample(found, groups, seed=seed, resamples=bootstrap) for found in built]
    member, _ = numbered(groups)
    found = {
        left.name: _difference(left, right, drawn[1][row] - drawn[0][row], member)
        for row, (left, right) in enumerate(zip(*built, strict=True))
    }
    tested = {name: row["p"] for name, row in found.items() if row["p"] is not None}
    for name, p in zip(tested, holm(list(tested.values())), strict=True):
        found[name]["p_holm"] = p
    known = [(x.correct, y.correct) for x, y in zip(first, second, strict=True) if x.diagnosis is not None]
    return {
        "a": str(a),
        "b": str(b),
        "seed": seed,
        "bootstrap": bootstrap,
        "metrics": found,
        "mcnemar": mcnemar([x for x, _ in known], [y for _, y in known]),
    }


def _difference(
    left: "Metric | Ranked", right: "Metric | Ranked", gaps: "Floats", member: "Members"
) -> dict[str, float | None]:
    """A row of `compare`; fewer than two groups of cases that the metric is about give no interval and no test."""
    import numpy as np

    from eval.statistics.paired import bootstrap_p, detectable

    a, b = left.value(), right.value()
    row: dict[str, float | None] = {"a": _number(a), "b": _number(b), "difference": _number(b - a)}
    gaps = gaps[~np.isnan(gaps)]
    if np.isnan(b - a) or not len(gaps) or len(np.unique(member[left.applies | right.applies])) < 2:
        return {**row, "low": None, "high": None, "p": None, "p_holm": None, "detectable": None}
    low, high = np.quantile(gaps, [0.025, 0.975])
    p = bootstrap_p(gaps, _groups_apart(left, right, member))
    return {
        **row,
        "low": float(low),
        "high": float(high),
        "p": p,
        "p_holm": None,
        "detectable": _number(detectable(gaps)),
    }


def _groups_apart(left: "Metric | Ranked", right: "Metric | Ranked", member: "Members") -> int:
    """The groups in which the runs differ in this metric; of one that ranks, all that it is about."""
    import numpy as np

    from eval.statistics.bootstrap import Metric

    if not (isinstance(left, Metric) and isinstance(right, Metric)):
        return len(np.unique(member[left.applies | right.applies]))
    apart = np.zeros((int(member.max()) + 1, left.totals.shape[1]))
    np.add.at(apart, member, left.totals - right.totals)
    return int(apart.any(axis=1).sum())


def _number(value: float) -> float | None:
    return None if value != value else float(value)


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
    """The comparison as aligned text; a star where Holm's p is below 0.05."""
    from eval.metrics import NAMES

    heads = f"{'A':>7} {'B':>7} {'B - A':>8}  {'95 % interval':<18} {'p (Holm)':>9} {'detectable':>11}"
    lines = [f"  {'':<44} {heads}"]
    for key, row in result["metrics"].items():
        if row["difference"] is None:
            lines.append(f"  {NAMES[key].title:<44} {'undefined':>7}")
            continue
        both = f"  {NAMES[key].title:<44} {row['a']:>7.3f} {row['b']:>7.3f} {row['difference']:>+8.3f}"
        if row["low"] is None:
            lines.append(f"{both}  one group: no interval")
            continue
        star = "*" if row["p_holm"] < 0.05 else ""
        span = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
        least = "" if row["detectable"] is None else f"{row['detectable']:.3f}"
        lines.append(f"{both}  {span:<18} {row['p_holm']:>9.3f} {least:>11} {star}".rstrip())
    least = len(result["metrics"]) * 2 / (result["bootstrap"] + 1)
    if least >= 0.05:
        lines.append(f"  no p (Holm) can be below {least:.2g}: ask for more --bootstrap, or for fewer --metrics")
    test = result["mcnemar"]
    only = f"{test['only_a']} cases right in A only, {test['only_b']} in B only"
    lines.append(f"  accuracy: {only}; exact McNemar p = {test['p']:.3g}")
    lines.append(
        "  *: p < 0.05 after Holm's correction for the number of metrics; detectable: the smallest true difference"
    )
    lines.append("  that these cases would show four times in five. A difference below it may well exist unseen.")
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
    parser.add_argument(
        "--bootstrap", type=int, default=RESAMPLES, metavar="N", help=f"resamples (default: {RESAMPLES})"
    )
    parser.add_argument("--metrics", nargs="+", metavar="NAME", help="those you settled on before (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the result as JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    options = parser.parse_args(argv)
    if options.bootstrap < 1:
        raise problem("--bootstrap counts from 1", found=options.bootstrap, allowed="a positive number")
    if options.out is not None and options.out.exists() and not options.overwrite:
        raise problem("the output exists already", file=options.out, next_step="pass --overwrite")
    chosen = {"seed": options.seed, "bootstrap": options.bootstrap, "metrics": options.metrics}
    result = compare(options.a, options.b, **chosen)
    print(difference_table(result))
    if options.out is not None:
        write_whole(options.out, json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
