"""Which of two texts is better? Asked in both orders; judges that change their mind with the order have not decided.

Source of the remedy: Zheng et al. 2023 (arXiv 2306.05685, section 3.4): a win counts only where both orders give it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.judge.axes import AXES, Axis
from eval.judge.lines import Judged, judged
from eval.judge.question import Question, Verdict
from eval.judge.summary import unscored
from eval.metrics.sums import share
from eval.statistics.bootstrap import estimate

ORDERS = ("AB", "BA")
_PLACES = {"first": 0, "second": 1}


def pair_questions(
    rows: Sequence[Mapping[str, Any]], a: Sequence[str], b: Sequence[str], axes: Sequence[Axis], repeats: int
) -> list[tuple[str, Question]]:
    """(order, question) of every case, axis, repeat and order; the questions of a case stand together."""
    return [
        (order, Question(row, number, axis, (a[number], b[number])[:: 1 if order == "AB" else -1], repeat))
        for number, row in enumerate(rows)
        for axis in axes
        for repeat in range(repeats)
        for order in ORDERS
    ]


def pair_lines(asked: Sequence[tuple[str, Question]], verdicts: Sequence[Verdict]) -> list[Judged]:
    """The verdicts as lines; "first" and "second" become the letter of the text that stood there."""
    lines = []
    for (order, question), verdict in zip(asked, verdicts, strict=True):
        line = judged(question, verdict, order)
        longer = len(question.texts[0]) - len(question.texts[1])
        score = order[_PLACES[verdict.value]] if verdict.value in _PLACES else verdict.value
        lines.append(replace(line, score=score, length=longer if order == "AB" else -longer))
    return lines


def pairs_summary(lines: Sequence[Judged], *, seed: int, resamples: int) -> dict[str, Any]:
    """For each axis how often A is better.

    Returns:
        axis -> `value, low, high, n` of A's share (a win 1, a tie 0.5; with its interval over groups); `wins`, `losses` and
        `ties` of A; `order_changed`: share of pairs whose verdict changed with the order, which became ties; `first_share`:
        of verdicts for one of the two, the share for the one that stood first, 0.5 without bias; `unscored` by reason.
    """
    found = {}
    for axis in dict.fromkeys(line.axis for line in lines):
        own = [line for line in lines if line.axis == axis]
        both: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
        group = {(line.case_id, line.repeat): line.group for line in own}
        for line in own:
            both[line.case_id, line.repeat][line.variant] = line.score
        outcomes = {key: _outcome(said["AB"], said["BA"]) for key, said in both.items()}
        values = list(outcomes.values())
        known = [value is not None for value in values]
        decided = [line for line in own if line.score in ("A", "B")]
        ones = [1.0] * len(values)
        metrics = [
            share("share", [0.0 if value is None else value for value in values], ones, known),
            share("changed", [float(said["AB"] != said["BA"]) for said in both.values()], ones, known),
        ]
        estimates = estimate(metrics, [group[key] for key in outcomes], seed=seed, resamples=resamples)
        first = share("first", [float(line.score == line.variant[0]) for line in decided], [1.0] * len(decided),
                      [True] * len(decided))  # fmt: skip
        places = estimate([first], [line.group for line in decided], seed=seed, resamples=resamples) if decided else {}
        found[axis] = {
            "title": AXES[axis].title,
            **estimates["share"]._asdict(),
            "wins": values.count(1.0),
            "losses": values.count(0.0),
            "ties": values.count(0.5),
            "order_changed": estimates["changed"]._asdict(),
            "first_share": places["first"]._asdict() if places else None,
            "unscored": unscored(own),
        }
    return found


def _outcome(one: str | None, other: str | None) -> float | None:
    """A's share of a pair by its two verdicts; None where either is unscored."""
    if one is None or other is None:
        return None
    return {"A": 1.0, "B": 0.0}.get(one, 0.5) if one == other else 0.5
