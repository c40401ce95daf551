"""`skin-r1 eval judge validate`: may this judge be believed? Its levels beside those of people, and theirs beside each other.

Exact agreement flatters a judge where most texts are alike, so what counts is corrected for chance, and stands beside what
people reach among themselves (arXiv 2606.19544 shows how far exact and corrected agreement may part).
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from skin_r1.errors import problem

EXAMPLES = """\
Example:
  skin-r1 eval judge validate --judged runs/eval/judge --human scores.csv

scores.csv has the columns case_id, rater, axis, score (0-5, empty where the rater could not judge). With two raters or more
the table shows how far people agree among themselves: no judge can be asked for more.
"""


def validate(judged: Path, human: Path, *, seed: int = 0, bootstrap: int = 2000) -> dict[str, Any]:
    """Compare a judge with people.

    Args:
        judged: a folder of `skin-r1 eval judge` on axes.
        human: CSV of people's scores, see `eval.judge.human`.
        seed, bootstrap: of the intervals, which draw whole groups of cases.

    Returns:
        `axes`, see `axis_validity`, and `injection` as in judge.json, None where the judge ran without canaries.

    Raises:
        UserError: the folder or the file is not what it should be.
    """
    from eval.judge.human import read_human
    from eval.judge.lines import by_case, read_lines, settled

    about = _about(judged)
    lines = read_lines(judged / "judge.jsonl")
    length = {line.case_id: float(line.length) for line in lines}
    groups = {line.case_id: line.group for line in lines}
    levels = {axis: {case: settled(said) for case, said in cases.items()} for axis, cases in by_case(lines).items()}
    people = read_human(human, groups)
    for axis in people:
        if axis not in levels:
            raise problem(
                "people scored an axis that was not judged", file=human, column="axis", found=axis, allowed=levels
            )
    draws = {"seed": seed, "resamples": bootstrap}
    return {
        "judge": about["judge"],
        "model": about["model"],
        "human": str(human),
        **draws,
        "axes": {axis: axis_validity(levels[axis], cases, groups, length, **draws) for axis, cases in people.items()},
        "injection": about.get("injection"),
    }


def _about(judged: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((judged / "judge.json").read_text(encoding="utf-8"))
        if "axes" in found:
            return found
    except (OSError, ValueError):
        pass
    raise problem(
        "no levels of a judge here", file=judged, allowed="a folder of `skin-r1 eval judge` on axes",
        next_step="skin-r1 eval judge --predictions P --corpus C --model M --out DIR",
    )  # fmt: skip


def axis_validity(
    judge: Mapping[str, int | None],
    people: Mapping[str, Mapping[str, float]],
    groups: Mapping[str, str],
    length: Mapping[str, float],
    *,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """The agreement of a judge with people on one axis.

    Args:
        judge: case -> level, None where unscored.
        people: case -> rater -> level, NaN where the rater could not judge.
        groups: case -> leak-free unit.
        length: case -> characters of its text.
        seed, resamples: of the intervals.

    Returns:
        `cases`, `raters`, `unscored` (cases that the judge left without a level). Each of the following holds `value, low,
        high, n`: for each name of `STATISTICS`, `judge_human` (mean over raters), `human_human` (mean over pairs of raters,
        undefined for one) and `gap`, the first less the second; `bias` (judge less mean of people) with `lower_limit` and
        `upper_limit` of agreement; `alpha_people` and `alpha_with_judge` over all raters at once; `length_correlation`,
        Spearman's, of the judge's level and length given the mean of people.
    """
    import numpy as np

    from eval.statistics.agreement import bias, mean_of, ordinal_alpha
    from eval.statistics.bootstrap import Metric, Ranked, estimate
    from eval.statistics.correlation import rank_correlation

    cases = list(people)
    raters = sorted({rater for scores in people.values() for rater in scores})
    table = np.array([[people[case].get(rater, np.nan) for rater in raters] for case in cases])  # [cases, raters]
    own = np.array([np.nan if (level := judge[case]) is None else float(level) for case in cases])
    known = ~np.isnan(table)
    centre = np.full(len(cases), np.nan)
    np.divide(np.where(known, table, 0.0).sum(axis=1), known.sum(axis=1), out=centre, where=known.any(axis=1))
    metrics: list[Metric | Ranked] = [
        bias("bias", own, centre),
        bias("lower_limit", own, centre, limit=-1),
        bias("upper_limit", own, centre, limit=1),
        ordinal_alpha("alpha_people", table),
        ordinal_alpha("alpha_with_judge", np.column_stack([own, table])),
        rank_correlation("length_correlation", own, np.array([length[case] for case in cases]), centre),
    ]
    for name, statistic in _statistics().items():
        with_judge = [statistic("", own, table[:, i]) for i in range(len(raters))]
        among = [statistic("", table[:, i], table[:, j]) for i, j in combinations(range(len(raters)), 2)]
        metrics.append(mean_of(f"{name} judge_human", with_judge))
        if among:
            metrics += [mean_of(f"{name} human_human", among), mean_of(f"{name} gap", with_judge, minus=among)]
    estimates = estimate(metrics, [groups[case] for case in cases], seed=seed, resamples=resamples)
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    found: dict[str, Any] = {
        "cases": len(cases),
        "raters": raters,
        "unscored": int(np.isnan(own).sum()),
        **{metric.name: estimates[metric.name]._asdict() for metric in metrics[:6]},
    }
    for name in _statistics():
        whole = {kind: estimates.get(f"{name} {kind}") for kind in ("judge_human", "human_human", "gap")}
        found[name] = {kind: nothing if value is None else value._asdict() for kind, value in whole.items()}
    return found


def _statistics() -> dict[str, Callable[..., Any]]:
    """Statistics of two raters by name; each is built as `statistic(name, a, b)`."""
    import numpy as np

    from eval.statistics import agreement

    def of_columns(statistic: Callable[..., Any], *more: str) -> Callable[..., Any]:
        return lambda name, a, b: statistic(name, np.column_stack([a, b]), *more)

    return {
        "kappa_quadratic": partial(agreement.weighted_kappa, power=2),
        "kappa_linear": partial(agreement.weighted_kappa, power=1),
        "alpha_ordinal": of_columns(agreement.ordinal_alpha),
        "icc_2_1": of_columns(agreement.icc, "ICC(2,1)"),
        "icc_2_k": of_columns(agreement.icc, "ICC(2,k)"),
        "icc_3_1": of_columns(agreement.icc, "ICC(3,1)"),
        "spearman": agreement.spearman,
        "kendall_tau_b": agreement.kendall_tau_b,
        "mean_absolute_error": agreement.mean_absolute_error,
        "exact": agreement.agreement_within,
        "within_one": partial(agreement.agreement_within, distance=1.0),
    }


def validity_table(result: dict[str, Any]) -> str:
    """The result as aligned text."""
    lines = [f"  {'':<14}{'cases':>6}  {'kappa (quadratic)':<26}{'people among themselves':<26}{'bias':<24}unscored"]
    for axis, found in result["axes"].items():
        kappa = found["kappa_quadratic"]
        lines.append(
            f"  {axis:<14}{found['cases']:>6}  {_span(kappa['judge_human']):<26}{_span(kappa['human_human']):<26}"
            f"{_span(found['bias']):<24}{found['unscored']:>8}"
        )
    if result["injection"] is None:
        return "\n".join([*lines, "  injection: not tried; judge again with --canaries 5"])
    return "\n".join([*lines, f"  injections withstood: {_span(result['injection']['all']['resisted'])}"])


def _span(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "undefined"
    return f"{found['value']:.2f}" + ("" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval judge validate`; returns 0."""
    from skin_r1.whole import write_whole

    parser = argparse.ArgumentParser(
        prog="skin-r1 eval judge validate",
        description="Compare a judge's levels with those of people, and people's with each other.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--judged", type=Path, required=True, metavar="DIR", help="folder of `skin-r1 eval judge`")
    parser.add_argument("--human", type=Path, required=True, metavar="FILE", help="CSV of people's scores")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON to write (default: DIR/validity.json)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples (default: 2000)")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    options = parser.parse_args(argv)
    if options.bootstrap < 1:
        raise problem("--bootstrap counts from 1", found=options.bootstrap, allowed="a positive number")
    out = options.out or options.judged / "validity.json"
    if out.exists() and not options.overwrite:
        raise problem("the output exists already", file=out, next_step="pass --overwrite")
    result = validate(options.judged, options.human, seed=options.seed, bootstrap=options.bootstrap)
    print(validity_table(result))
    write_whole(out, json.dumps(result, indent=2) + "\n")
    print(f"written: {out}")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
