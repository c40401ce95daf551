"""A bound on what a JSON text can cost, found without parsing it."""

from skin_r1.serve.refused import Refused

MAX_MARKS = 50_000
MAX_RUN = 130_000
MAX_DEPTH = 16


def check_json(body: bytes, max_marks: int = MAX_MARKS, max_run: int = MAX_RUN, max_depth: int = MAX_DEPTH) -> None:
    """Refuse what would be costly to parse, before any parser sees it.

    A text of n values has at least n - 1 commas and opening brackets, so the count of these bytes, those inside
    strings included, bounds the values; and what stands between two quotes bounds each string, number and stretch of
    blanks. Only data URLs, plain ASCII, may be longer. Time and memory grow with the bytes alone, at the speed of
    `memchr`, never with what they mean.

    Args:
        body: the whole text.
        max_marks: commas and opening brackets together, and quotes.
        max_run: bytes between two quotes; 6 for each character that a text may have (`\\uXXXX`), and some room.
        max_depth: brackets within brackets.

    Raises:
        Refused: 400 `too_complex`; 400 `text_too_long`.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > max_marks or body.count(b'"') > max_marks:
        raise Refused(400, "too_complex", f"the JSON has more than {max_marks:,} parts")
    depth, inside, start = 0, False, 0
    while start <= len(body):
        end = body.find(b'"', start)
        end = len(body) if end < 0 else end
        run = body[start:end]
        if len(run) > max_run and not (inside and run.startswith(b"data:") and run.isascii()):
            raise Refused(400, "text_too_long", f"the JSON holds {max_run:,} bytes or more in one piece")
        if not inside:
            depth = _deepest(run, depth, max_depth)
        # A quote after an odd number of backslashes belongs to the string.
        escaped = inside and (len(run) - len(run.rstrip(b"\\"))) % 2 == 1
        inside = inside if escaped else not inside
        start = end + 1


def _deepest(run: bytes, depth: int, most: int) -> int:
    """Follow the brackets of a stretch between two strings."""
    for byte in run:
        if byte in b"[{":
            depth += 1
            if depth > most:
                raise Refused(400, "too_complex", f"the JSON is more than {most} levels deep")
        elif byte in b"]}":
            depth -= 1
    return depth
