"""Tables as the world writes them: CSV with a BOM, semicolons, tabs or CRLF, read with the place of every mistake."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TextIO

from skin_r1.errors import UserError, problem

DELIMITERS = ",;\t|"
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a table.

    Attributes:
        file: the table.
        number: line of the file on which the record starts, from 1 (the header is line 1).
        values: canonical column name -> cell, stripped.
    """

    file: Path
    number: int
    values: Mapping[str, str]

    def text(self, column: str, *, unknown: Sequence[str] = ()) -> str | None:
        """The cell, or None when it is blank, missing or one of `unknown` (case ignored)."""
        value = self.values.get(column, "")
        return None if not value or (unknown and value.casefold() in _folded(tuple(unknown))) else value

    def number_in(self, column: str, low: float, high: float, *, unknown: Sequence[str] = ()) -> float | None:
        """The cell as a number in [low, high], or None when it is blank or unknown; a decimal comma is read too.

        Raises:
            UserError: the cell is no number, or out of range.
        """
        value = self.text(column, unknown=("nan", *unknown))
        if value is None:
            return None
        try:
            number = float(value.replace(",", "."))
        except ValueError:
            raise self.wrong(column, "not a number", f"a number from {low:g} to {high:g}, or blank") from None
        if not low <= number <= high:
            raise self.wrong(column, "out of range", f"a number from {low:g} to {high:g}, or blank")
        return number

    def flag(self, column: str) -> bool | None:
        """The cell as yes or no, or None when it is blank or `UNK`.

        Raises:
            UserError: the cell is something else.
        """
        value = self.text(column, unknown=("unk", "unknown"))
        if value is None:
            return None
        for answer, words in ((True, ("true", "1", "1.0", "yes")), (False, ("false", "0", "0.0", "no"))):
            if value.casefold() in words:
                return answer
        raise self.wrong(column, "not a yes or no", "True, False, UNK or blank")

    def wrong(
        self,
        column: str,
        what: str,
        allowed: str,
        next_step: str = "correct the cell, or leave it blank when it is unknown",
    ) -> UserError:
        """The error for this cell."""
        return problem(
            f"the cell is {what}",
            file=self.file,
            row=self.number,
            column=column,
            found=self.values.get(column),
            allowed=allowed,
            next_step=next_step,
        )


def read_table(
    path: Path, required: Sequence[str], *, unique: str | None = None, comment: str | None = None
) -> Iterator[Row]:
    """Read a table, row by row, so that a file of any length takes little memory.

    Args:
        path: the file; UTF-8 with or without a BOM, or UTF-16 with one.
        required: canonical names of the columns that must be there, once; case and outer spaces are ignored.
        unique: column whose cells must be filled and differ.
        comment: lines that start with this are no records.

    Raises:
        UserError: while it is read: unreadable, empty, without a required column, with a ragged row or a repeated id.
    """
    rows = _records(path, required, comment)
    return rows if unique is None else checked_unique(rows, unique)


def _records(path: Path, required: Sequence[str], comment: str | None) -> Iterator[Row]:
    delimiter = _delimiter(path, required, comment)
    header: list[str] = []
    start = 1
    with _open(path) as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                number, start = start, reader.line_num + 1
                if not any(cell.strip() for cell in cells) or (comment and cells[0].startswith(comment)):
                    continue
                if not header:
                    header = _header(path, number, cells, required)
                    continue
                if len(cells) > len(header) and not any(cell.strip() for cell in cells[len(header) :]):
                    cells = cells[: len(header)]
                if len(cells) != len(header):
                    raise problem(
                        "the row has another number of cells than the header",
                        file=path,
                        row=number,
                        column=header[min(len(cells), len(header)) - 1],
                        found=f"{len(cells)} cells",
                        allowed=f"{len(header)} cells, separated by {delimiter!r}",
                        next_step="repair the row: a separator is missing, or text that holds one is not quoted",
                    )
                yield Row(path, number, dict(zip(header, map(str.strip, cells), strict=True)))
        except csv.Error as error:
            raise problem(
                f"the row cannot be read: {error}", file=path, row=start, next_step="repair the row"
            ) from None
        except UnicodeDecodeError:
            raise _no_text(path) from None


def checked_unique(rows: Iterable[Row], column: str) -> Iterator[Row]:
    """Pass rows on and refuse blank and repeated ids.

    Raises:
        UserError: at the end; names the first repeated id and lists the others.
    """
    seen: dict[str, tuple[int, Path]] = {}
    repeats: list[Row] = []
    for row in rows:
        value = row.values[column]
        if not value:
            raise row.wrong(column, "blank, but it names the image", "a unique id", "write the id")
        if seen.setdefault(value, (row.number, row.file)) != (row.number, row.file):
            repeats.append(row)
        yield row
    if repeats:
        row = repeats[0]
        number, file = seen[row.values[column]]
        others = ", ".join(f"row {r.number} ({r.values[column]})" for r in repeats[1 : SHOWN + 1])
        more = f"; {len(repeats) - 1} more: {others}" if others else ""
        raise problem(
            f"the id is already used in row {number} of {file.name}{more}",
            file=row.file,
            row=row.number,
            column=column,
            found=row.values[column],
            allowed="each id once",
            next_step="remove the repeated row, or keep only one of the files that hold it",
        )


def find_files(root: Path, patterns: Sequence[str], what: str) -> list[Path]:
    """Files under `root` whose name matches the first pattern that matches any; case ignored, sorted.

    Raises:
        UserError: the folder is missing or no file matches.
    """
    if not root.is_dir():
        raise problem("the dataset's folder does not exist", file=root, next_step="pass its path with --root")
    files = sorted(p for p in root.rglob("*") if p.name[0] != "." and p.is_file())
    for pattern in patterns:
        found = [p for p in files if fnmatch(p.name.casefold(), pattern.casefold())]
        if found:
            return found
    raise problem(
        f"the folder lacks {what}",
        file=root,
        found=sorted(p.name for p in root.iterdir())[:SHOWN],
        allowed=patterns,
        next_step="pass the folder that holds the dataset's own files with --root; `skin-r1 data list` names them",
    )


def find_file(root: Path, patterns: Sequence[str], what: str) -> Path:
    """As `find_files`, for exactly one: of several, the one nearest to `root`."""
    return min(find_files(root, patterns, what), key=lambda p: (len(p.parts), p))


def _open(path: Path) -> TextIO:
    with path.open("rb") as stream:
        wide = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return path.open(encoding="utf-16" if wide else "utf-8-sig", newline="")


def _delimiter(path: Path, required: Sequence[str], comment: str | None) -> str:
    """The separator that finds most of the required columns in the first line that is no comment."""
    blank = True
    try:
        with _open(path) as stream:
            for line in stream:
                blank = blank and not line.strip()
                if line.strip() and not (comment and line.startswith(comment)):
                    return max(DELIMITERS, key=lambda d: (_hits(line, d, required), line.count(d)))
    except UnicodeDecodeError:
        raise _no_text(path) from None
    what = "is empty" if blank else "holds nothing but comments"
    raise problem(f"the table {what}", file=path, next_step="download the file again")


def _no_text(path: Path) -> UserError:
    """The error for a file that is no text, with the row of its first bad byte."""
    raw = path.read_bytes()
    encoding = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    start = 0
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        start = error.start
    return problem(
        "the table is not UTF-8 text",
        file=path,
        row=raw.count(b"\n", 0, start) + 1,
        found=raw[start : start + 8],
        next_step="save it as CSV UTF-8",
    )


@cache
def _folded(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)


def _key(name: str) -> str:
    return name.strip().casefold()


def _hits(line: str, delimiter: str, required: Sequence[str]) -> int:
    cells = {_key(cell.strip('"')) for cell in line.split(delimiter)}
    return sum(_key(name) in cells for name in required)


def _header(path: Path, number: int, cells: Sequence[str], required: Sequence[str]) -> list[str]:
    """Canonical names for the header's cells."""
    canonical = {_key(name): name for name in required}
    header = [canonical.get(_key(cell), cell.strip()) for cell in cells]
    for name in required:
        if header.count(name) > 1:
            raise problem(
                "the table has this column twice",
                file=path,
                row=number,
                column=name,
                allowed="each column once",
                next_step="remove or rename one of the two",
            )
    missing = [name for name in required if name not in header]
    if missing:
        raise problem(
            f"the table lacks {'a column' if len(missing) == 1 else 'columns'}: {', '.join(missing)}",
            file=path,
            row=number,
            column=missing[0],
            found=", ".join(header),
            allowed=", ".join(required),
            next_step="use the dataset's own file, or rename the column",
        )
    return header
