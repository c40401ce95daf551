"""The audit chain on paper: how a line is made, and the walk that finds any edit, deletion or reordering.

A line is a JSON object. `seq` counts from 1 without a gap, `previous` is the `hash` of the line before (64 zeros before the
first), and `hash`, always the last key, is the SHA-256 of the line's bytes without it:

    sha256('{"seq":1,"time":"...","previous":"000...","event":"begin",...}')

Order is by `seq`, never by `time`: a clock may be set back. Lines are kept in segments, `audit-0001.jsonl` and on; the chain
runs through them.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from skin_r1.errors import UserError, problem

START = "0" * 64
_TAIL = len(',"hash":""}\n') + 64
_SEGMENT = re.compile(r"audit-\d{4,}\.jsonl")


def chained(seq: int, time: str, previous: str, body: str) -> tuple[bytes, str]:
    """One line and its hash.

    Args:
        seq: the number of the line, from 1.
        time: ISO 8601, UTC.
        previous: hash of the line before, 64 hexadecimal digits.
        body: the other fields as a JSON object of at least one key, ASCII.
    """
    text = f'{{"seq":{seq},"time":"{time}","previous":"{previous}",{body[1:]}'
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return f'{text[:-1]},"hash":"{digest}"}}\n'.encode("ascii"), digest


def segments(folder: Path) -> list[Path]:
    """The segments of a log, oldest first."""
    found = [path for path in folder.iterdir() if _SEGMENT.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.stem.split("-")[1]))


@dataclass
class Report:
    """What a walk has found.

    Attributes:
        lines: number of lines walked.
        first, last: their `seq`; both 0 where there is no line.
        start, hash: hash before the first line, and of the last.
        time: of the last line, None where there is no line.
        begun, ended: requests; one that began and did not end was cut off, by a crash or a full disk.
        steps_back: how often the clock stood earlier than on the line before.
        removed: (first, last, hash of the last) of the lines that retention took away, as the chain records it.
        whole: bytes of whole lines in the last file.
        torn: the last line is half written; it was never reported as written.
    """

    lines: int = 0
    first: int = 0
    last: int = 0
    start: str = START
    hash: str = START
    time: str | None = None
    begun: int = 0
    ended: int = 0
    steps_back: int = 0
    removed: list[tuple[int, int, str]] = field(default_factory=list)
    whole: int = 0
    torn: bool = False


def walk(files: Sequence[Path], noted: Mapping[int, str] = MappingProxyType({})) -> Report:
    """Follow the chain through `files`, in bounded memory; where the first line begins is believed.

    Args:
        files: segments, oldest first.
        noted: seq -> hash, the heads that were noted: the chain must reach these lines, and there have that hash.

    Raises:
        UserError: a line does not follow from the one before, or the noted line is missing; names file and row.
    """
    report = Report()
    for file in files:
        report.whole = 0
        for row, line in _rows(file):
            if not line.endswith(b"\n") and file == files[-1]:
                report.torn = True
                break
            _step(report, file, row, line)
            report.whole += len(line)
            if noted.get(report.last, report.hash) != report.hash:
                raise _broken("this line is not the one that the head names: the chain was written anew", file, row)
    if noted and 0 < report.last < max(noted):
        what = f"lines were cut off: the chain ends at {report.last}, but its head says {max(noted)}"
        raise _broken(what, files[-1] if files else None, None)
    return report


def _rows(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        yield from enumerate(lines, start=1)


def _step(report: Report, file: Path, row: int, line: bytes) -> None:
    """One line of the walk."""
    try:
        record = json.loads(line)
        seq, previous, time, event = (record[key] for key in ("seq", "previous", "time", "event"))
        digest = hashlib.sha256(line[:-_TAIL] + b"}").hexdigest()
        own = line.endswith(f',"hash":"{digest}"}}\n'.encode())
    except (ValueError, KeyError, TypeError) as error:
        raise _broken("this line is not an audit line", file, row) from error
    if not own:
        raise _broken("this line was changed: its hash is not that of its bytes", file, row)
    if report.lines == 0:
        report.first, report.start = seq, previous
    elif seq != report.last + 1:
        raise _broken(f"line {report.last} is followed by line {seq}: lines were removed or moved", file, row)
    elif previous != report.hash:
        raise _broken("this line does not follow from the one before: one of them was exchanged", file, row)
    report.steps_back += report.time is not None and time < report.time
    report.lines, report.last, report.hash, report.time = report.lines + 1, seq, digest, time
    report.begun += event == "begin"
    report.ended += event == "end"
    if event == "removed":
        report.removed.append((record["first"], record["last"], record["last_hash"]))


def _broken(what: str, file: Path | None, row: int | None) -> UserError:
    return problem(
        f"the audit chain is broken: {what}",
        file=file,
        row=row,
        next_step="keep the folder as evidence and give the server another --audit folder",
    )


def verify(folder: Path, noted: Mapping[int, str] = MappingProxyType({})) -> Report:
    """Walk a whole log. What retention took away must be recorded in the lines that remain.

    Raises:
        UserError: as `walk`; or lines are missing at the beginning and no line records their removal.
    """
    files = segments(folder)
    report = walk(files, noted)
    if any(noted) and not report.lines:
        raise _broken(f"its head names line {max(noted)}, but there are no lines", folder, None)
    if report.lines and report.first > 1:
        if (report.first - 1, report.start) not in {(last, digest) for _, last, digest in report.removed}:
            raise _broken(
                f"lines 1 to {report.first - 1} are missing, and no line records that retention removed them",
                next(file for file in files if file.stat().st_size),
                1,
            )
    elif report.lines and report.start != START:
        raise _broken("the first line does not begin a chain", files[0], 1)
    return report
