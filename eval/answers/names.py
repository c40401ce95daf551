"""Diagnoses that prose names, and how firmly: concluded, likely, named, possible, listed, or turned down."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import eval.answers.cues as cues
from skin_r1.negation import negation
from skin_r1.ontology import load_ontology
from skin_r1.scan import Clause, Span, clauses
from skin_r1.stances import stance_of_diagnosis


class Firmness(IntEnum):
    """How firmly a text stands by a name."""

    AGAINST = 0
    LISTED = 1
    POSSIBLE = 2
    NAMED = 3
    LIKELY = 4
    CONCLUDED = 5
    FINAL = 6


@dataclass(frozen=True)
class Name:
    """A diagnosis in a text.

    Attributes:
        slug: ontology slug.
        start, end: its characters.
        firmness: how firmly the text stands by it.
        clause: number of its clause, from 0.
        denied: the text says no to it.
        alternative: "or", "versus" or a slash joins it to another name before it.
    """

    slug: str
    start: int
    end: int
    firmness: Firmness
    clause: int
    denied: bool
    alternative: bool


_NEAR = 120  # characters before a name, and behind it, in which a cue may stand


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[Name, ...]:
    """Every diagnosis that a text names, in order. One name joined to another by "or" or "and" is as firm as that."""
    out: list[Name] = []
    plain = cues.OPTION.sub("   ", cues.OWNER.sub("  ", text))
    plain = cues.REPLY.sub(lambda found: " " * len(found[0]), plain)
    for number, clause in enumerate(clauses(plain)):
        if not any(span.diagnosis for span in clause.spans):
            continue
        states = negation(clause)
        last: Name | None = None
        for span, state in zip(clause.spans, states, strict=True):
            if span.diagnosis is None:
                continue
            span = _longer(clause, span)
            start, end = clause.starts[span.first], clause.ends[span.last - 1]
            stance = stance_of_diagnosis(clause, span, state)
            refused = stance == "denied" and not _still_said(plain, clause.starts[0], start, end)
            firm = _firmness(plain, clause, span, refused, out)
            joined = cues.JOIN.fullmatch(text, last.end, start) if last is not None else None
            listed = last is not None and firm is Firmness.NAMED and text[last.end : start].strip() == ","
            between = text[last.end : start] if last is not None else ""
            if last is not None and firm is Firmness.NAMED and last.firmness is Firmness.LISTED:
                listed = listed or cues.TURN.search(between) is None  # "possibilities range from X to Y"
            if last is not None and (joined or listed) and firm is not Firmness.AGAINST:
                firm = last.firmness
            alternative = joined is not None and cues.OR.search(joined[0]) is not None
            denied = firm is Firmness.AGAINST and refused
            last = Name(span.diagnosis or "", start, end, firm, number, denied, alternative)
            out.append(last)
    return tuple(out)


def _still_said(text: str, first: int, start: int, end: int) -> bool:
    """True where a "no" near the name is not said to it."""
    before = text[max(first, start - _NEAR) : start]
    turned = cues.NOT_THE_NEXT.match(text[end : end + 20]) is not None and not cues.OWN_NO.search(before)
    return turned or cues.SPEAKS_FOR.search(before) is not None


def _longer(clause: Clause, span: Span) -> Span:
    """The name with an "of the ..." that belongs to it: "ringworm of the body"."""
    words, tree = clause.words, load_ontology()
    if words[span.last : span.last + 1] == ("of",):
        skip = 2 if words[span.last + 1 : span.last + 2] in (("the",), ("a",)) else 1
        for end in range(min(span.last + skip + 2, len(words)), span.last + skip, -1):
            name = " ".join((*words[span.first : span.last], "of", *words[span.last + skip : end]))
            if slug := tree.by_key.get(name) or tree.narrower.get(name):
                return span._replace(last=end, diagnosis=slug)
    return span


def _of_several(span: Span, words: str) -> bool:
    """True for a shelf named by what stands on it: "acne and rosacea"."""
    level = load_ontology().nodes[span.diagnosis or ""].level
    return level in ("group", "family") and re.search(r"\b(?:and|or)\b", words, re.IGNORECASE) is not None


def _firmness(text: str, clause: Clause, span: Span, denied: bool, earlier: Sequence[Name]) -> Firmness:
    start, end = clause.starts[span.first], clause.ends[span.last - 1]
    first = max(clause.starts[0], start - _NEAR)
    whole = text[first:start]
    turns = list(cues.TURN.finditer(whole))
    cut = max(turns[-1].end() if turns else 0, earlier[-1].end - first if earlier else 0)
    near = whole[cut:]  # a cue does not reach over a comma, a turn or another name
    after = text[end : min(clause.ends[-1], end + _NEAR)]
    if cues.SUFFIX.match(text[end : end + 30]) or (cues.PREFIX.search(whole) and not cues.ADJECTIVE.search(whole)):
        return Firmness.AGAINST
    if cues.OPEN_AFTER.match(after) or re.search(
        r"\b(?:can ?not|can't|could not|difficult to|hard to)\W+(?:\w+ )?(?:exclude|rule)", near
    ):
        return Firmness.LISTED
    if clause.question or denied or cues.OTHER_TONGUE.search(whole):
        return Firmness.AGAINST
    if cues.UP_AFTER.match(after):
        return Firmness.LIKELY
    if cues.AFTER.match(after):
        return Firmness.AGAINST
    if cues.SUBJECT.match(after) or _of_several(span, text[start:end]):
        return Firmness.LISTED
    if clause.words[0] in ("if", "when", "should", "unless") and clause.words[1:4] != ("i", "had", "to"):
        return Firmness.LISTED
    if cues.ALTERNATIVE.search(whole) and not (earlier and cues.JOIN.fullmatch(text, earlier[-1].end, start)):
        return Firmness.LISTED
    if cues.FIRST_THOUGHT.search(near) or cues.SOUGHT.search(near):
        return Firmness.LISTED
    if cues.SEEN_IN.search(near):
        return Firmness.POSSIBLE
    if cues.CAUSE.search(near) and earlier and earlier[-1].start >= first:
        return Firmness.AGAINST  # "actinic keratosis, which is caused by sun damage"
    if cues.ELSEWHERE.search(near) and not cues.STILL.search(near):
        return Firmness.AGAINST
    if cues.LISTED.search(near) and not cues.CONSIDERED.search(near):
        return Firmness.LISTED
    if cues.POSSIBLE.search(near) or cues.CONSIDERED.search(near):
        return Firmness.POSSIBLE
    final = cues.FINAL.search(whole) is not None
    alone = not earlier or earlier[-1].end <= start - len(near)
    if (cues.CONCLUDED.search(near) or (alone and cues.IS.search(near))) and not cues.LIKELY.search(near):
        return Firmness.FINAL if final else Firmness.CONCLUDED
    if cues.LIKELY.search(near):
        return Firmness.FINAL if final else Firmness.LIKELY
    if final:
        return Firmness.FINAL
    # A sentence in another tongue may say anything of it.
    return Firmness.LISTED if cues.FOREIGN.search(text, clause.starts[0], clause.ends[-1]) else Firmness.NAMED


def deepest(slugs: Sequence[str]) -> tuple[str, ...]:
    """The slugs in order, each once, without those that another one is a kind of.

    >>> deepest(["malignant-neoplasm", "melanoma", "blue-nevus", "melanoma"])
    ('melanoma', 'blue-nevus')
    """
    tree = load_ontology()
    once = tuple(dict.fromkeys(slugs))
    above = {shelf for slug in once for shelf in tree.ancestors(slug)}
    return tuple(slug for slug in once if slug not in above)
