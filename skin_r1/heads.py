"""Heads of lists: what is listed behind or below "Not seen:" is denied, behind "Expected:" it is no claim about the lesion.

A head governs its list, and a list ends where a statement begins: "Not seen: ulcer; crust. A plaque is seen."
"""

import re
from collections.abc import Sequence
from typing import Literal

from skin_r1.reach import TURNS, word_set
from skin_r1.scan import Clause

Meaning = Literal["denied", "general"]
_MISSING = word_set("absent missing lacking negative excluded vain none unseen zero 0")
_NOT = word_set("not no cannot never nothing neither")
_SEEN = word_set(
    "seen see visible present found find observed observe noted identified identify detected detect recognized "
    "appreciated evident confirm confirmed verify verified there show shows met fulfilled"
)
_EXPECTED = word_set(
    "expected typically usual usually textbook wikipedia referral letter gp unverified unconfirmed would options option "
    "choices candidates possibilities "
    "keywords vocabulary glossary template examples example definition"
)
_TYPICAL, _OF = word_set("typical classic classical hallmark hallmarks"), word_set("of in for")
_HERE = _SEEN | word_set("here this present lesion image observed")
_STATES = TURNS | word_set("is are was were has have shows i we it there here")
_RELATIVE = frozenset(("that", "which", "who", "where"))
_LONGEST = 8  # words of a head before its colon
_ITEM = 5  # words of an item without a bullet, at most
_BULLET = re.compile(r"[ \t]*(?:[-*+|\u2022\u2013\u2014\u25e6\u25aa]|\d+[.)]|\(?[a-z\d]\))[ \t]")
# A head that means something, and a list of items with a semicolon between them.
_LISTS = re.compile(
    r"\b(?:absent|missing|lacking|negatives?|excluded|vain|none|unseen|zero|not|no|cannot|never|nothing|neither|out|"
    r"expected|usual\w*|"
    r"typical\w*|textbook|unverified|unconfirmed|would|options?|choices|candidates|possibilities|keywords|examples?|"
    r"classic\w*)\b[^.:;!?\n]{0,60}:[^.!?\n]{0,300};",
    re.IGNORECASE,
)


def may_list(text: str) -> bool:
    """True for a text with lines, or with a list behind a colon whose items end in semicolons."""
    return "\n" in text or (";" in text and ":" in text and _LISTS.search(text) is not None)


def meaning(words: Sequence[str]) -> Meaning | None:
    """What a head says of its list, if anything.

    >>> meaning(("not", "seen")), meaning(("nothing", "missing")), meaning(("expected",)), meaning(("sign",))
    ('denied', None, 'general', None)
    """
    nots = not _NOT.isdisjoint(words)
    if not _MISSING.isdisjoint(words) or ("ruled" in words and "out" in words):
        return None if nots else "denied"
    if nots:
        return None if _SEEN.isdisjoint(words) else "denied"
    known = not _EXPECTED.isdisjoint(words) or not (_TYPICAL.isdisjoint(words) or _OF.isdisjoint(words))
    return "general" if known and _HERE.isdisjoint(words) else None


def own_head(clause: Clause) -> Meaning | None:
    """What the head that a clause begins with says of its findings."""
    length = head_length(clause)
    return meaning(clause.words[:length]) if length and _lists(clause, length) else None


def _lists(clause: Clause, start: int) -> bool:
    """True where findings, not diagnoses and no statement, stand behind word `start`."""
    return bool(clause.spans) and clause.spans[0].diagnosis is None and not states(clause.words[start:])


def head_length(clause: Clause) -> int:
    """How many words before a colon head what the clause goes on to list; 0 without a head."""
    colons = clause.breaks - clause.commas
    at = min(colons) if colons else 0
    first = clause.spans[0].first if clause.spans else at
    return at if at <= min(first, _LONGEST) else 0


def states(words: Sequence[str]) -> bool:
    """True where words make a statement of their own, and are no item of a list."""
    return any(word in _STATES and _RELATIVE.isdisjoint(words[max(0, at - 2) : at]) for at, word in enumerate(words))


class Heads:
    """The head that governs each clause of a text, read in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._below: Meaning | None = None  # of the lines below a heading
        self._behind: Meaning | None = None  # of the items behind a colon
        self._items = self._bullets = False
        self._end = 0

    def governs(self, clause: Clause) -> Meaning | None:
        """What the head above the next clause, or the one that it begins with, says of its findings."""
        first, gap = self._end == 0, self._text[self._end : clause.starts[0]]
        self._end = clause.ends[-1]
        if first or "\n" in gap:
            self._line(clause, blank=gap.count("\n") > 1)
        if ";" not in gap:
            self._behind = None
        length = head_length(clause)
        if length:
            self._behind = meaning(clause.words[:length])
        governing = self._behind if length or self._behind else self._below
        return governing if governing and _lists(clause, length) else None

    def _line(self, clause: Clause, *, blank: bool) -> None:
        text, start = self._text, clause.starts[0]
        after = text[clause.ends[-1] : clause.ends[-1] + 12]
        bullet = (
            "\n|-" not in after.replace(" ", "") and _BULLET.match(text, text.rfind("\n", 0, start) + 1) is not None
        )
        heading = after.lstrip(" *:_|#").startswith("\n")
        if not bullet and heading and len(clause.words) <= _LONGEST and not any(span.finding for span in clause.spans):
            self._below, self._items = meaning(clause.words), False
        elif self._below is not None:
            away = (blank and self._bullets) or ((blank or self._bullets) and len(clause.words) > _ITEM)
            if self._items and not bullet and (away or head_length(clause) or states(clause.words)):
                self._below = None
            self._items, self._bullets = True, bullet
