"""judge.jsonl: a line for every verdict, scored or not."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

from eval.judge.axes import Axis
from eval.judge.question import Question, Verdict
from skin_r1.errors import problem


@dataclass(frozen=True)
class Judged:
    """One verdict.

    Attributes:
        case_id, group: the case and its leak-free unit.
        axis: key of the axis; in rubric mode the criterion's text.
        repeat: 0, 1, ...
        score: a level of 0 to 5; met or not; `A`, `B` or `tie`. None where unscored, which is never a zero.
        reason: why it is unscored; empty for a scored one.
        verdict: as the judge wrote it, or what the endpoint said.
        length: characters of the text that was judged; of a pair, of A less those of B.
        variant: of a pair, which text stood first: `AB` or `BA`; of a canary, the attack; else empty.
    """

    case_id: str
    group: str
    axis: str
    repeat: int
    score: int | bool | str | None
    reason: str
    verdict: str
    length: int
    variant: str = ""


def judged(question: Question, verdict: Verdict, variant: str = "") -> Judged:
    """The line of a question and its verdict."""
    item, row = question.item, question.row
    return Judged(
        case_id=row["case_id"],
        group=row["group"],
        axis=item.key if isinstance(item, Axis) else item.text,
        repeat=question.repeat,
        score=verdict.value,
        reason=verdict.reason,
        verdict=verdict.text,
        length=len(question.texts[0]),
        variant=variant,
    )


def write_lines(path: Path, lines: Iterable[Judged]) -> None:
    """One JSON object in each line; the variant is left out where it is empty."""
    with path.open("w", encoding="utf-8", errors="replace") as stream:
        for line in lines:
            content = {key: value for key, value in asdict(line).items() if key != "variant" or value}
            stream.write(json.dumps(content, ensure_ascii=False) + "\n")


def read_lines(path: Path) -> list[Judged]:
    """The verdicts that `skin-r1 eval judge` wrote.

    Raises:
        UserError: no file, or a line is not of this version.
    """
    if not path.is_file():
        raise problem("no verdicts here", file=path, next_step=f"skin-r1 eval judge ... --out {path.parent}")
    lines = []
    for row, text in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if text.strip():
            try:
                lines.append(Judged(**json.loads(text)))
            except (ValueError, TypeError) as error:
                raise problem(f"not a verdict of this version: {error}", file=path, row=row) from None
    return lines


def by_case(lines: Sequence[Judged]) -> dict[str, dict[str, list[Any]]]:
    """Axis -> case -> what its repeats said, None for an unscored one; axes and cases in the order of the lines."""
    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        found[line.axis][line.case_id].append(line.score)
    return found


def settled(repeats: Iterable[int | None]) -> int | None:
    """The median of the scored repeats, the lower of two middle ones, so that it is a level; None without any."""
    scored = [level for level in repeats if level is not None]
    return median_low(scored) if scored else None
