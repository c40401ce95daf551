"""The one error a user is meant to read.

Everything that a user can cause and mend (a bad row, an unknown recipe key, a missing extra) is raised as
`UserError`; the command line prints its text and exits with 2, without a traceback. Anything else is our bug.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class UserError(Exception):
    """A mistake that the user can mend: the message says what, where, found, allowed and the next step."""


def problem(
    what: str,
    *,
    file: str | Path | None = None,
    row: int | None = None,
    column: str | None = None,
    found: object = None,
    allowed: object = None,
    next_step: str | None = None,
) -> UserError:
    """Build a `UserError` whose text names the place and the way out.

    Args:
        what: one sentence, what is wrong.
        file: the file that holds the mistake.
        row: the line as an editor counts it, from 1 (a CSV header is line 1).
        column: the column or key.
        found: the offending value; shown by `repr`.
        allowed: what would be right; a string or an iterable of choices.
        next_step: what to do now.
    """
    where = ", ".join(
        part
        for part in (
            f"file {file}" if file is not None else "",
            f"row {row}" if row is not None else "",
            f"column {column!r}" if column is not None else "",
        )
        if part
    )
    lines = [what]
    if where:
        lines.append(f"  where:   {where}")
    if found is not None:
        lines.append(f"  found:   {found!r}")
    if allowed is not None:
        choices = allowed if isinstance(allowed, str) else ", ".join(str(a) for a in _listed(allowed))
        lines.append(f"  allowed: {choices}")
        if isinstance(found, str) and not isinstance(allowed, str):
            near = get_close_matches(found, [str(a) for a in _listed(allowed)], n=3)
            if near:
                lines.append(f"  did you mean: {', '.join(near)}?")
    if next_step:
        lines.append(f"  next:    {next_step}")
    return UserError("\n".join(lines))


def _listed(allowed: object) -> Iterable[object]:
    return allowed if isinstance(allowed, Iterable) else (allowed,)
