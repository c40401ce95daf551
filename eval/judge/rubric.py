"""Rubrics: yes-or-no criteria of a case with signed points, as in HealthBench (Arora et al. 2025, arXiv 2505.08775).

The score of a text is the points of the criteria that it meets over the sum of the positive points. As there, a text may
fall below 0 and the mean over texts is clipped to [0, 1]. Ours: a text that fails a critical criterion (a positive one that
is not met, a negative one that is) scores at most `CRITICAL_CAP`; criteria without a verdict are left out of both sums; a
text is unscored where a critical criterion has no verdict, or where no positive one has.

A rubric file has a JSON object in each line: `{"case_id", "criterion", "points", "tags", "critical"}`, the last two optional.
`"case_id": "*"` puts a criterion to every case.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.judge.question import Criterion
from eval.metrics.sums import divide
from eval.statistics.bootstrap import Floats, Metric
from skin_r1.errors import problem

CRITICAL_CAP = 0.25
EVERY = "*"
KEYS = ("case_id", "criterion", "points", "tags", "critical")


def read_rubric(path: Path, case_ids: Collection[str]) -> dict[str, list[Criterion]]:
    """The criteria of each case, in the order of the file; those for every case first.

    Args:
        path: JSON lines.
        case_ids: the cases that are judged; a criterion for another is refused.

    Raises:
        UserError: no file, a wrong line, a criterion given twice, or a case without positive points; with the line.
    """
    if not path.is_file():
        raise problem("no rubric file", file=path, allowed=f"JSON lines with {', '.join(KEYS)}")
    given: dict[str, list[Criterion]] = defaultdict(list)
    for row, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        if raw.strip():
            case_id, criterion = _parse(raw, path, row)
            if case_id != EVERY and case_id not in case_ids:
                raise problem(
                    "the rubric is about a case that is not judged",
                    file=path,
                    row=row,
                    column="case_id",
                    found=case_id,
                    allowed="a case of the split, or *",
                    next_step="check --split and --limit",
                )
            if any(criterion.text == other.text for key in (EVERY, case_id) for other in given[key]):
                raise problem(
                    "a criterion twice for one case", file=path, row=row, column="criterion", found=criterion.text
                )
            given[case_id].append(criterion)
    every = given.pop(EVERY, [])
    rubric = {case: every + given.get(case, []) for case in case_ids if every or given.get(case)}
    for case, criteria in rubric.items():
        if not any(criterion.points > 0 for criterion in criteria):
            raise problem("no text could earn a point: a case without positive points", file=path, column="points",
                          found=case, allowed="at least one criterion with points above 0")  # fmt: skip
    if not rubric:
        raise problem("the rubric file is empty", file=path, allowed=f"JSON lines with {', '.join(KEYS)}")
    return rubric


def _parse(raw: bytes, path: Path, row: int) -> tuple[str, Criterion]:
    try:
        line = json.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise problem(
            f"not a line of JSON: {error}", file=path, row=row, found=raw[:80].decode("utf-8", "replace")
        ) from None
    if not isinstance(line, dict):
        raise problem("a criterion is a JSON object", file=path, row=row, found=line, allowed=KEYS)
    tags = line.get("tags", [])
    wrong = [
        (not isinstance(line.get("case_id"), str), "case_id", "a string"),
        (not isinstance(line.get("criterion"), str) or not line["criterion"].strip(), "criterion", "a sentence"),
        (not _points(line.get("points")), "points", "a number other than 0"),
        (not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags), "tags", "a list of strings"),
        (not isinstance(line.get("critical", False), bool), "critical", "true or false"),
    ]
    for failed, key, allowed in wrong:
        if failed:
            raise problem("a criterion is wrong", file=path, row=row, column=key, found=line.get(key), allowed=allowed)
    for key in line:
        if key not in KEYS:
            raise problem("unknown key in a criterion", file=path, row=row, found=key, allowed=KEYS)
    critical = bool(line.get("critical", False))
    return line["case_id"], Criterion(line["criterion"].strip(), float(line["points"]), tuple(tags), critical)


def _points(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value != 0


def rubric_score(criteria: Sequence[Criterion], met: Sequence[bool | None]) -> float | None:
    """Score of one text, at most 1 and possibly below 0; None where it is unscored.

    Args:
        criteria: of its case.
        met: the verdict on each; None for one without.
    """
    pairs = list(zip(criteria, met, strict=True))
    if any(verdict is None and criterion.critical for criterion, verdict in pairs):
        return None
    possible = sum(criterion.points for criterion, verdict in pairs if verdict is not None and criterion.points > 0)
    if not possible:
        return None
    score = sum(criterion.points for criterion, verdict in pairs if verdict) / possible
    return min(score, CRITICAL_CAP) if failed_critical(criteria, met) else score


def failed_critical(criteria: Sequence[Criterion], met: Sequence[bool | None]) -> bool:
    """A critical criterion has a verdict, and a bad one."""
    return any(
        criterion.critical and verdict is not None and verdict != (criterion.points > 0)
        for criterion, verdict in zip(criteria, met, strict=True)
    )


def tag_scores(criteria: Sequence[Criterion], met: Sequence[bool | None]) -> dict[str, float | None]:
    """Score of one text over the criteria of each tag by itself; a tag without positive points has none."""
    scores = {}
    for tag in sorted({tag for criterion in criteria for tag in criterion.tags}):
        chosen = [
            (criterion, verdict) for criterion, verdict in zip(criteria, met, strict=True) if tag in criterion.tags
        ]
        if any(criterion.points > 0 for criterion, _ in chosen):
            scores[tag] = rubric_score(*zip(*chosen, strict=True))
    return scores


def mean_score(name: str, scores: Sequence[float | None]) -> Metric:
    """Mean over the scored texts, clipped to [0, 1] as a whole."""
    scored = np.array([score is not None for score in scores], dtype=bool)
    values = np.array([score or 0.0 for score in scores])

    def reduce(sums: Floats) -> Floats:
        mean: Floats = np.clip(divide(sums[..., 0], sums[..., 1]), 0.0, 1.0)
        return mean

    return Metric(name, np.stack([values * scored, scored.astype(float)], axis=1), reduce, scored)
