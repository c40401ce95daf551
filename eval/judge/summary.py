"""judge.json: what the verdicts come to, with how sure the judge was of itself and whether length swayed it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.judge.axes import AXES
from eval.judge.lines import Judged, by_case, settled
from eval.judge.question import Criterion
from eval.judge.rubric import failed_critical, mean_score, rubric_score, tag_scores
from eval.metrics.sums import share
from eval.statistics.bootstrap import Metric, Ranked, estimate
from eval.statistics.correlation import rank_correlation

NAN = float("nan")


def unscored(lines: Iterable[Judged]) -> dict[str, int]:
    """How many verdicts are unscored for each reason, most frequent first."""
    return dict(Counter(line.reason for line in lines if line.score is None).most_common())


def self_consistency(repeats: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """How far the repeats of one question agree, over the cases with at least two scored ones.

    Returns:
        `cases`; `unanimous`, the share of them whose repeats are all equal; `range`, the mean of highest less lowest
        (a yes-or-no verdict counts 1 and 0). The last two are None without such a case.
    """
    known = [[value for value in case if value is not None] for case in repeats]
    several = [case for case in known if len(case) > 1]
    if not several:
        return {"cases": 0, "unanimous": None, "range": None}
    return {
        "cases": len(several),
        "unanimous": sum(len(set(case)) == 1 for case in several) / len(several),
        "range": sum(max(case) - min(case) for case in several) / len(several),
    }


def axes_summary(
    lines: Sequence[Judged], credits: Mapping[str, float | None], *, seed: int, resamples: int
) -> dict[str, Any]:
    """For each axis the mean level with its interval over groups, and the audit of the verdicts.

    Args:
        lines: verdicts on axes.
        credits: case -> credit of the diagnosis that its text comes to, None where the truth is not known.
        seed, resamples: of the intervals.

    Returns:
        axis -> `value, low, high, n` of the mean level; `unscored` verdicts by reason; `repeats`, see `self_consistency`;
        `length_correlation`: Spearman's, of level and length, given the credit: a text that is longer because it is better
        is no bias.
    """
    found = {}
    group = {line.case_id: line.group for line in lines}
    length = {line.case_id: line.length for line in lines}
    for axis, cases in by_case(lines).items():
        levels = [settled(repeats) for repeats in cases.values()]
        scored = [level is not None for level in levels]
        known = [NAN if level is None else float(level) for level in levels]
        metrics: list[Metric | Ranked] = [
            share("mean", [float(level or 0) for level in levels], [1.0] * len(levels), scored),
            rank_correlation(
                "length",
                np.array(known),
                np.array([float(length[case]) for case in cases]),
                np.array([NAN if (credit := credits.get(case)) is None else credit for case in cases]),
            ),
        ]
        estimates = estimate(metrics, [group[case] for case in cases], seed=seed, resamples=resamples)
        found[axis] = {
            "title": AXES[axis].title,
            **estimates["mean"]._asdict(),
            "unscored": unscored(line for line in lines if line.axis == axis),
            "repeats": self_consistency(list(cases.values())),
            "length_correlation": estimates["length"]._asdict(),
        }
    return found


def majority(repeats: Sequence[bool | None]) -> bool | None:
    """Met in more than half of the scored repeats; None without any, or where they are split evenly."""
    scored = [verdict for verdict in repeats if verdict is not None]
    yes = sum(scored)
    return None if 2 * yes == len(scored) else 2 * yes > len(scored)


def rubric_summary(
    lines: Sequence[Judged], rubric: Mapping[str, Sequence[Criterion]], *, seed: int, resamples: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The mean rubric score with its interval over groups, and the score of each case.

    Returns:
        The summary: `score` and each of `tags` as `value, low, high, n`; `failed_critical` cases; `unscored` verdicts by
        reason; `repeats`. And a row for each case: `case_id, score, failed_critical, tags`.
    """
    said = by_case(lines)
    group = {line.case_id: line.group for line in lines}
    cases = [case for case in rubric if case in group]
    rows: list[dict[str, Any]] = []
    for case in cases:
        criteria = rubric[case]
        met = [majority(said[criterion.text][case]) for criterion in criteria]
        row = {
            "case_id": case,
            "score": rubric_score(criteria, met),
            "failed_critical": failed_critical(criteria, met),
        }
        rows.append({**row, "tags": tag_scores(criteria, met)})
    tags = sorted({tag for row in rows for tag in row["tags"]})
    metrics = [mean_score("", [row["score"] for row in rows])]
    metrics += [mean_score(tag, [row["tags"].get(tag) for row in rows]) for tag in tags]
    member = [group[case] for case in cases]
    found = [estimate([metric], member, seed=seed, resamples=resamples)[metric.name]._asdict() for metric in metrics]
    summary = {
        "score": found[0],
        "tags": dict(zip(tags, found[1:], strict=True)),
        "failed_critical": sum(row["failed_critical"] for row in rows),
        "unscored": unscored(lines),
        "repeats": self_consistency([repeats for case in said.values() for repeats in case.values()]),
    }
    return summary, rows
