"""Rejected rationales with the words that they were rejected for."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skin_r1.distill.report.figures import cut, fit

ROOM = 16_000
"""Characters of a rejected text on the page, escaped."""
AROUND = 110
"""Characters shown on either side of the offending words before the whole text is asked for."""
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_WORD = re.compile(r"\w+")
Parts = Sequence[tuple[str, bool]]
"""A text in parts; True for those that offend."""


@dataclass(frozen=True)
class Example:
    """A rejected rationale: why, the text around the first offending words, and the whole text."""

    case_id: str
    reason: str
    passage: Parts
    text: Parts


def example(known: Mapping[str, Any]) -> Example:
    """An example of the facts; a teacher that gave no text has an empty one."""
    text = fit(known.get("completion") or "", ROOM)
    found = spans(text, known["reason"])
    start, end = 0, len(text) if len(text) <= 3 * AROUND else 2 * AROUND
    if found and end < len(text):
        start, end = max(0, found[0][0] - AROUND), min(len(text), found[0][1] + AROUND)
    passage = parts(text[start:end], [(a - start, b - start) for a, b in found if start <= a and b <= end])
    before, after = [("… ", False)] * (start > 0), [(" …", False)] * (end < len(text))
    return Example(
        cut(known["case_id"], 80), cut(known["reason"], 400), [*before, *passage, *after], parts(text, found)
    )


def offending(reason: str) -> list[str]:
    """The words that a reason quotes; of `malignancy: benign is not malignant` the first."""
    if found := re.fullmatch(r"malignancy: (\S+) is not .*", reason, re.DOTALL):
        return [found[1]]
    out = []
    for quoted in _QUOTED.findall(reason):
        try:
            out.append(str(ast.literal_eval(quoted)))
        except (ValueError, SyntaxError):  # an apostrophe in a sentence opens no quotation
            continue
    return out


def spans(text: str, reason: str) -> list[tuple[int, int]]:
    """Where the words that a reason quotes stand in the text, in order: whole words, whatever stands between them."""
    found: list[tuple[int, int]] = []
    for said in offending(reason):
        words = _WORD.findall(said)
        if not words:
            continue
        pattern = r"(?<!\w)" + r"[\W_]+".join(map(re.escape, words)) + r"(?!\w)"
        found += [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
    if reason.startswith(("malignancy:", "diagnosis:")):  # it is the answer that is wrong, at the text's end
        return found[-1:]
    out: list[tuple[int, int]] = []
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if not out or start >= out[-1][1]:
            out.append((start, end))
    return out


def parts(text: str, marked: Sequence[tuple[int, int]]) -> Parts:
    """The text in parts, in order; joined they are the text."""
    out, at = [], 0
    for start, end in marked:
        out += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [part for part in [*out, (text[at:], False)] if part[0]]
