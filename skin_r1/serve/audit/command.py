"""`skin-r1 audit verify`: is the log as the server wrote it?"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from skin_r1.errors import problem
from skin_r1.serve.audit.head import NAME, read_head
from skin_r1.serve.audit.verify import Report, verify, walk

ABOUT = """Walk the audit chain: finds any edit, deletion or reordering, and names file and row.

A folder is walked whole, against its own head.json; a file is one segment, and where it begins is believed.
Exit status 0 when it is unbroken, 2 when it is not.

Example: skin-r1 audit verify runs/serve/audit
Example: skin-r1 audit verify runs/serve/audit --head /elsewhere/head.json     (a copy of head.json, noted earlier)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was found; returns 0.

    Raises:
        UserError: the chain is broken, or its head was changed.
    """
    parser = argparse.ArgumentParser(
        prog="skin-r1 audit verify", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path, help="the folder of an audit log, or one of its segments")
    parser.add_argument("--head", type=Path, help="a copy of head.json: what was written until then must be unchanged")
    options = parser.parse_args(argv)
    log: Path = options.log
    if not log.exists():
        raise problem("there is no such audit log", file=log, next_step="give the folder of `skin-r1 serve --audit`")
    folder = log if log.is_dir() else log.parent
    key_file = folder / "key"
    key = key_file.read_bytes() if key_file.is_file() else None
    heads = [log / NAME] if log.is_dir() else []
    heads += [options.head] if options.head else []
    noted = dict(read_head(head, key) for head in heads)  # before the walk: a running server only adds lines
    report = verify(log, noted) if log.is_dir() else walk([log], noted)
    print("\n".join(_sentences(report, noted, sealed=key is not None)))
    return 0


def _sentences(report: Report, noted: Mapping[int, str], sealed: bool) -> list[str]:
    said = [f"unbroken: {report.lines:,} lines, {report.first:,} to {report.last:,}; last hash {report.hash}"]
    said.append(f"requests: {report.begun:,} begun, {report.ended:,} ended")
    if report.removed:
        first, last = report.removed[0][0], report.removed[-1][1]
        said.append(f"retention removed lines {first:,} to {last:,}, as the chain records")
    if report.steps_back:
        said.append(f"the clock went back {report.steps_back} times; the order is by number, not by time")
    if report.torn:
        said.append("the last line is half written: of a server that runs, or was killed; it was never confirmed")
    if noted:
        lines = ", ".join(f"{seq:,}" for seq in sorted(noted))
        said.append(f"head: agrees at line {lines}" + ("" if sealed else "; its seal was not checked: no key here"))
    else:
        said.append("head: none given, so lines cut off at the end cannot be seen")
    return said
