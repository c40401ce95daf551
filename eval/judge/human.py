"""What people scored: a CSV file with the columns `case_id, rater, axis, score`.

`score` is a whole level from 0 to 5, or empty where the rater could not judge. `rater` is any name; pseudonyms will do.
`axis` is a key of `eval.judge.axes.AXES` or its title. Not every rater needs to score every case.
"""

import csv
import math
from collections.abc import Collection
from pathlib import Path

from eval.judge.axes import AXES, LEVELS
from skin_r1.errors import UserError, problem

COLUMNS = ("case_id", "rater", "axis", "score")
_AXES = {name.casefold(): axis.key for axis in AXES.values() for name in (axis.key, axis.title)}

Scores = dict[str, dict[str, dict[str, float]]]  # axis -> case -> rater -> level, NaN where the rater could not judge


def read_human(path: Path, case_ids: Collection[str]) -> Scores:
    """The scores of a file; axes in the order of `AXES`.

    Args:
        path: CSV in UTF-8 with a header.
        case_ids: cases that were judged; others are refused.

    Raises:
        UserError: no file, another header, a wrong value or a score given twice; with the line and the column.
    """
    if not path.is_file():
        raise problem("no file of human scores", file=path, allowed=f"CSV with the columns {', '.join(COLUMNS)}")
    found: Scores = {axis: {} for axis in AXES}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if sorted(header) != sorted(COLUMNS):
                raise problem("other columns than human scores have", file=path, row=1, found=header, allowed=COLUMNS)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    _add(
                        found, dict(zip(header, map(str.strip, cells), strict=False)), case_ids, path, reader.line_num
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise problem(
            "not a CSV file in UTF-8", file=path, found=str(error), next_step="save it as CSV UTF-8"
        ) from None
    scored = {axis: cases for axis, cases in found.items() if cases}
    if not scored:
        raise problem("the file has no scores", file=path, allowed=f"lines of {', '.join(COLUMNS)}")
    return scored


def _add(found: Scores, line: dict[str, str], case_ids: Collection[str], path: Path, row: int) -> None:
    def wrong(what: str, column: str, allowed: object) -> UserError:
        return problem(what, file=path, row=row, column=column, found=line.get(column), allowed=allowed)

    if len(line) < len(COLUMNS):
        raise problem("a line with too few cells", file=path, row=row, found=sorted(line), allowed=COLUMNS)
    axis = _AXES.get(line["axis"].casefold())
    if axis is None:
        raise wrong("unknown axis", "axis", AXES)
    if line["case_id"] not in case_ids:
        raise wrong("a case that was not judged", "case_id", "a case of judge.jsonl")
    if not line["rater"]:
        raise wrong("nobody gave this score", "rater", "a name or pseudonym")
    if line["score"] not in ("", *map(str, LEVELS)):
        raise wrong("no such level", "score", "0, 1, 2, 3, 4, 5, or empty where the rater could not judge")
    by_rater = found[axis].setdefault(line["case_id"], {})
    if line["rater"] in by_rater:
        raise wrong("one rater scored one case twice on an axis", "rater", "one line for each case, rater and axis")
    by_rater[line["rater"]] = float(line["score"]) if line["score"] else math.nan
