"""What a text claims of the lesion, and what it merely says of a disease.

"Scale is seen" claims scale. "Psoriasis would show scale" and "the scale of psoriasis" claim none; "no scale" denies it,
"scale cannot be excluded" leaves it open. "This fits psoriasis" concludes it, "psoriasis is less likely" turns it down, and
"psoriasis or eczema?" only weighs both. The reader goes by cue words around the names that `skin_r1.scan` finds, clause by
clause; it is for English prose of a teacher or a model.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from skin_r1.heads import Heads, Meaning, may_list, own_head
from skin_r1.negation import negation
from skin_r1.of_disease import all_seen
from skin_r1.scan import Clause, clauses
from skin_r1.stances import Stance, stance_of_diagnosis, stance_of_finding


class Claim(NamedTuple):
    """A name in a text and what the text does with it.

    Attributes:
        slug: of the finding or the diagnosis.
        kind: `finding` or `diagnosis`.
        start, end: its characters in the text.
        stance: findings are `said`, `denied`, `open`, `general` (said of a disease, or of what would be) or `drowned` (said
            in a clause without an end, which is not believed); diagnoses are `concluded` ("this is"), `leaning` ("suggests",
            "fits"), `denied` ("less likely", "ruled out") or `weighed`.
        clause: number of its clause, from 0.
        question: its clause is a question.
    """

    slug: str
    kind: Literal["finding", "diagnosis"]
    start: int
    end: int
    stance: Stance
    clause: int
    question: bool


_HERE_IN_LIST = frozenset("here this image described observed case current".split())
SENTENCE = re.compile(r"[^.;!?\n]+[.;!?\n]?")
"""A stretch between full stops, semicolons, question and exclamation marks and line ends: one clause of `skin_r1.scan`."""


@lru_cache(maxsize=1024)
def claims(text: str) -> tuple[Claim, ...]:
    """Every finding and diagnosis that the text names, in order, with its stance."""
    if may_list(text):
        return _by_line(text)
    pieces = sentences(text)
    return joined(pieces, [sentence_claims(piece.lstrip()) for _, piece in pieces])


def sentences(text: str) -> list[tuple[int, str]]:
    """First character and text of each `SENTENCE`."""
    return [(found.start(), found[0]) for found in SENTENCE.finditer(text)]


def joined(pieces: Sequence[tuple[int, str]], told: Iterable[Sequence[Claim]]) -> tuple[Claim, ...]:
    """The claims of a text without lines from its `sentences`, and what `sentence_claims` says of each."""
    out: list[Claim] = []
    for number, ((first, piece), own) in enumerate(zip(pieces, told, strict=True)):
        at = first + len(piece) - len(piece.lstrip())
        for slug, kind, start, end, stance, _, question in own:
            out.append(Claim(slug, kind, start + at, end + at, stance, number, question))
    return tuple(out)


@lru_cache(maxsize=1 << 16)  # the composer's sentences come back in many rationales
def sentence_claims(sentence: str) -> tuple[Claim, ...]:
    """The claims of one sentence that stands in no list."""
    out: list[Claim] = []
    for number, clause in enumerate(clauses(sentence)):
        out += _claims_of(
            clause, number, in_list=False, headed=own_head(clause) if len(clause.breaks) > len(clause.commas) else None
        )
    return tuple(out)


def _by_line(text: str) -> tuple[Claim, ...]:
    """Claims of a text with lists: a list of candidates, or of what is not seen, lends its head to its items."""
    out: list[Claim] = []
    line_of_disease, heads, end = False, Heads(text), 0
    for number, clause in enumerate(clauses(text)):
        if number == 0 or "\n" in text[end : clause.starts[0]]:
            line_of_disease = _titled(clause, text)
        end = clause.ends[-1]
        out += _claims_of(clause, number, in_list=line_of_disease, headed=heads.governs(clause))
    return tuple(out)


def _claims_of(clause: Clause, number: int, *, in_list: bool, headed: Meaning | None) -> Iterator[Claim]:
    if not clause.spans:
        return
    states = negation(clause)
    stances: list[Stance] = []
    for k, span in enumerate(clause.spans):
        if span.diagnosis is not None:
            stances.append(stance_of_diagnosis(clause, span, states[k]))
        elif span.finding is not None:
            stances.append(stance_of_finding(clause, k, states[k], stances))
        else:
            stances.append("open")
    general = in_list and _HERE_IN_LIST.isdisjoint(clause.words)
    for k, (span, stance) in enumerate(zip(clause.spans, stances, strict=True)):
        slug = span.finding or span.diagnosis
        if slug is None:
            continue
        if stance == "general" and span.finding and states[k] == "said" and all_seen(clause):
            stance = "said"
        if headed and stance == "said":
            stance = headed
        if general and span.finding:
            stance = "general"
        kind: Literal["finding", "diagnosis"] = "finding" if span.finding else "diagnosis"
        start, end = clause.starts[span.first], clause.ends[span.last - 1]
        yield Claim(slug, kind, start, end, stance, number, clause.question)


def _titled(clause: Clause, text: str) -> bool:
    """True for a line such as "- Psoriasis: silvery scale, no crust": a list of candidates, each with its own signs."""
    first = clause.spans[0] if clause.spans else None
    if first is None or first.diagnosis is None or first.first > 3:
        return False
    return text[clause.ends[first.last - 1] :].lstrip(" )*").startswith((":", "(", "\u2013", "\u2014", "- "))
