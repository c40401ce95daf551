"""Diagnoses that prose names, and how firmly: concluded, likely, named, possible, listed, or turned down."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

import eval.answers.cues as cues
import eval.answers.denials as denials
import eval.answers.links as links
from skin_r1.negation import negation
from skin_r1.ontology import load_ontology, resolve
from skin_r1.scan import Clause, Span, clauses
from skin_r1.stances import stance_of_diagnosis


class Firmness(IntEnum):
    """How firmly a text stands by a name."""

    AGAINST = 0
    LISTED = 1
    HINTED = 2  # "consider X": counts where nothing else is named
    POSSIBLE = 3
    NAMED = 4
    LIKELY = 5
    CONCLUDED = 6
    FINAL = 7


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
    plain = links.OPTION.sub("   ", links.OWNER.sub("  ", text))
    plain = links.REPLY.sub(lambda found: " " * len(found[0]), plain)
    plain = links.IDIOM.sub(lambda found: " " * len(found[0]), plain)
    plain = links.INSIDE.sub(" ", plain)
    plain = links.SHORT_WORD.sub(lambda found: found[0].replace(".", " "), plain)
    for number, clause in enumerate(clauses(plain)):
        if not any(span.diagnosis for span in clause.spans):
            continue
        states = negation(clause)
        last: Name | None = None
        for span, state in zip(clause.spans, states, strict=True):
            if span.diagnosis is None:
                continue
            span = _finer(plain, clause, _longer(clause, span))
            start, end = clause.starts[span.first], clause.ends[span.last - 1]
            stance = stance_of_diagnosis(clause, span, state)
            refused = stance == "denied" and not _still_said(plain, clause.starts[0], start, end)
            firm = _firmness(plain, clause, span, refused, out)
            joined = links.JOIN.fullmatch(text, last.end, start) if last is not None else None
            firm = _as_sign(plain, start, end, firm)
            listed = last is not None and firm is Firmness.NAMED and text[last.end : start].strip() == ","
            between = text[last.end : start] if last is not None else ""
            if last is not None and firm is Firmness.NAMED and last.firmness is Firmness.LISTED:
                listed = listed or cues.TURN.search(between) is None  # "possibilities range from X to Y"
            aside = last is not None and links.ASIDE.fullmatch(between) and _in_line(last.slug, span.diagnosis or "")
            if last is not None and links.SIGN_OF.fullmatch(between) and firm is not Firmness.AGAINST:
                firm = max(firm, last.firmness)  # "Wickham's striae of lichen planus"
                out[-1] = replace(last, firmness=Firmness.AGAINST)
            if last is not None and (joined or listed or aside) and firm is not Firmness.AGAINST:
                firm = last.firmness
            alternative = joined is not None and links.OR.search(joined[0]) is not None
            told = last is not None and links.TOLD_FROM.search(plain, clause.starts[0], start)
            weak = last is not None and (last.firmness is Firmness.NAMED or (told and last.firmness < Firmness.FINAL))
            told = told or (last is not None and start - last.end < 40 and links.ALTERNATIVE.search(between))
            if (joined or told) and firm < Firmness.HINTED and not refused and last and weak:
                _lower(out)  # "X and Y are mimics", "to tell X from Y"
            if alternative and last and last.firmness >= Firmness.LIKELY and " v" in between.lower():
                if links.FAVOURED.search(text, max(0, last.start - _NEAR), last.start):
                    firm, alternative = Firmness.LISTED, False  # "favour X vs Y"
            if last and firm > Firmness.LISTED and links.SO_IS.search(between):
                firm = last.firmness  # "X is possible, and so is Y"
            denied = firm is Firmness.AGAINST and refused
            last = Name(span.diagnosis or "", start, end, firm, number, denied, alternative)
            out.append(last)
    return tuple(out)


def _as_sign(text: str, start: int, end: int, firm: Firmness) -> Firmness:
    """A sign speaks for a disease, and stands for one only where no disease is named."""
    word = text[start:end]
    if (
        links.SIGN.fullmatch(word)
        or links.SIGN_BEFORE.search(text, max(0, start - _NEAR), start)
        or links.SIGN_AFTER.match(text, end)
    ):
        return min(firm, Firmness.HINTED)
    return Firmness.HINTED if firm is Firmness.NAMED and links.MOSTLY_SIGN.fullmatch(word) else firm


def _lower(names: list[Name]) -> None:
    """Take the last name, and those that stand as alternatives to it, for merely listed."""
    for at in range(len(names) - 1, -1, -1):
        names[at] = replace(names[at], firmness=Firmness.LISTED)
        if not names[at].alternative:
            return


def _in_line(one: str, other: str) -> bool:
    tree = load_ontology()
    return one in tree.path(other) or other in tree.path(one)


def _still_said(text: str, first: int, start: int, end: int) -> bool:
    """True where a "no" near the name is not said to it."""
    before = text[max(first, start - _NEAR) : start]
    colon = links.COLON.search(before)
    if colon and not links.RULED_OUT.search(before):
        return True  # "... that can't be scraped off: leukoplakia"
    rest = before[before.rfind(",") + 1 :]
    if rest != before and links.I_SAY.match(rest) and not links.OWN_NO.search(rest):
        return True  # "instead of X, I'd say Y"
    if links.NOT_THIS.search(text, max(0, start - _NEAR), start) and links.ALL_SAID.match(text, end):
        return True  # "not X, Y"
    turned = links.NOT_THE_NEXT.match(text[end : end + 20]) is not None and not links.OWN_NO.search(before)
    return turned or links.SPEAKS_FOR.search(before) is not None


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


def _finer(text: str, clause: Clause, span: Span) -> Span:
    """The name with words before it that make it a kind of it: "morphoeic BCC"."""
    end = clause.ends[span.last - 1]
    for first in range(max(0, span.first - 2), span.first):
        slug = _named(text[clause.starts[first] : end])
        if slug and span.diagnosis in load_ontology().ancestors(slug):
            return span._replace(first=first, diagnosis=slug)
    return span


@lru_cache(maxsize=1 << 12)
def _named(words: str) -> str | None:
    found = resolve(words)
    return found.diagnosis if found.match in ("exact", "synonym") else None


def _of_several(span: Span, words: str) -> bool:
    """True for a shelf named by what stands on it: "acne and rosacea"."""
    level = load_ontology().nodes[span.diagnosis or ""].level
    return level in ("group", "family") and re.search(r"\b(?:and|or)\b", words, re.IGNORECASE) is not None


def _firmness(text: str, clause: Clause, span: Span, denied: bool, earlier: Sequence[Name]) -> Firmness:
    start, end, slug = clause.starts[span.first], clause.ends[span.last - 1], span.diagnosis or ""
    first = max(clause.starts[0], start - _NEAR)
    whole = text[first:start]
    turns = list(cues.TURN.finditer(whole))
    cut = max(turns[-1].end() if turns else 0, earlier[-1].end - first if earlier else 0)
    near = whole[cut:]  # a cue does not reach over a comma, a turn or another name
    after = text[end : min(clause.ends[-1], end + _NEAR)]
    if links.SUFFIX.match(text[end : end + 30]) or (links.PREFIX.search(whole) and not links.ADJECTIVE.search(whole)):
        return Firmness.AGAINST
    if cues.OPEN_AFTER.match(after) or re.search(
        r"\b(?:can ?not|can't|could not|difficult to|hard to)\W+(?:\w+ )?(?:exclude|rule)", near
    ):
        return Firmness.LISTED
    if earlier and cues.AND_FOR.fullmatch(near) and earlier[-1].firmness is Firmness.AGAINST:
        return Firmness.LIKELY  # "argues against X and for Y"
    up = cues.UP_AFTER.match(after) is not None
    denied = denied and not (up and near != whole and not links.OWN_NO.search(near))  # "no X, Y is most likely"
    queried = links.QUERIED.search(text, max(0, start - _NEAR), start) is not None
    if queried and not denials.OTHERS.search(text[first : start - 1]):
        return Firmness.POSSIBLE
    if queried:
        return Firmness.AGAINST
    if links.NOT_BUT.search(whole) and links.ALL_SAID.match(text, end) and not denied:
        return Firmness.LIKELY
    if clause.question and not denied and cues.ANSWERED.match(text, end):
        return Firmness.LIKELY
    if clause.question or denied or links.OTHER_TONGUE.search(whole):
        return Firmness.AGAINST
    if denials.LESS_THAN.search(near) or denials.OTHER_THAN.search(whole):
        return Firmness.LIKELY
    if any(cue.search(near) for cue in (denials.UNCALLED, denials.NOTHING, denials.OTHERS)):
        return Firmness.AGAINST
    if up:
        return Firmness.LIKELY
    if cues.HINT_AFTER.match(after):
        return Firmness.HINTED
    if cues.AFTER.match(after):
        return Firmness.AGAINST
    if (cues.SUBJECT.match(after) and not cues.OF_DIAGNOSIS.search(near)) or _of_several(span, text[start:end]):
        return Firmness.LISTED
    if clause.words[0] in ("if", "when", "should", "unless") and not cues.IF_PRESSED.match(text, clause.starts[0]):
        return Firmness.LISTED
    if links.ALTERNATIVE.search(whole) and not (earlier and links.JOIN.fullmatch(text, earlier[-1].end, start)):
        return Firmness.LISTED
    if denials.LOW.search(near):
        return Firmness.AGAINST
    if denials.IN_GENERAL.search(near) and not cues.SEEN_IN.search(near):
        return Firmness.LISTED
    if denials.WOULD_RAISE.search(near) or links.TOLD_FROM.search(whole) or cues.NEXT_PLACE.search(whole):
        return Firmness.LISTED
    if cues.FIRST_PLACE.search(whole):
        return Firmness.LIKELY
    if cues.ALSO.search(near):
        return Firmness.POSSIBLE
    if cues.FIRST_THOUGHT.search(near) or cues.SOUGHT.search(near):
        return Firmness.LISTED
    if cues.SEEN_IN.search(near):
        return Firmness.POSSIBLE
    if cues.CAUSE.search(near) and earlier and earlier[-1].start >= first and not _in_line(earlier[-1].slug, slug):
        return Firmness.AGAINST  # "actinic keratosis, which is caused by sun damage"
    said = near.rpartition(":")[2]
    if cues.ELSEWHERE.search(said) and not cues.STILL.search(said):
        return Firmness.HINTED if cues.SOFT.search(near) and not links.MISTAKEN.search(whole) else Firmness.AGAINST
    if cues.LISTED.search(near) and not cues.CONSIDERED.search(near):
        return Firmness.HINTED if cues.HINT.search(near) else Firmness.LISTED
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
    return Firmness.LISTED if links.FOREIGN.search(text, clause.starts[0], clause.ends[-1]) else Firmness.NAMED


def deepest(slugs: Sequence[str]) -> tuple[str, ...]:
    """The slugs in order, each once, without those that another one is a kind of.

    >>> deepest(["malignant-neoplasm", "melanoma", "blue-nevus", "melanoma"])
    ('melanoma', 'blue-nevus')
    """
    tree = load_ontology()
    once = tuple(dict.fromkeys(slugs))
    above = {shelf for slug in once for shelf in tree.ancestors(slug)}
    return tuple(slug for slug in once if slug not in above)
