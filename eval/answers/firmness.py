"""How firmly a text stands by one name in it, by the words around: the cues, the denials and the links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import eval.answers.cues as cues
import eval.answers.denials as denials
import eval.answers.links as links
from skin_r1.ontology import load_ontology
from skin_r1.scan import Clause, Span

NEAR = 120  # characters before a name, and behind it, in which a cue may stand


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


def still_said(text: str, first: int, start: int, end: int) -> bool:
    """True where a "no" near the name is not said to it."""
    before = text[max(first, start - NEAR) : start]
    colon = links.COLON.search(before)
    if colon and not links.RULED_OUT.search(before):
        return True  # "... that can't be scraped off: leukoplakia"
    rest = before[before.rfind(",") + 1 :]
    if rest != before and links.I_SAY.match(rest) and not links.OWN_NO.search(rest):
        return True  # "instead of X, I'd say Y"
    if links.NOT_THIS.search(text, max(0, start - NEAR), start) and links.ALL_SAID.match(text, end):
        return True  # "not X, Y"
    turned = links.NOT_THE_NEXT.match(text[end : end + 20]) is not None and not links.OWN_NO.search(before)
    return turned or links.SPEAKS_FOR.search(before) is not None


def _of_several(span: Span, words: str) -> bool:
    """True for a shelf named by what stands on it: "acne and rosacea"."""
    level = load_ontology().nodes[span.diagnosis or ""].level
    return level in ("group", "family") and re.search(r"\b(?:and|or)\b", words, re.IGNORECASE) is not None


def firmness_of(text: str, clause: Clause, span: Span, denied: bool, earlier: Sequence[Name]) -> Firmness:
    """By the words before and behind a name; `denied` where its clause says no to it, `earlier` are the names before it."""
    start, end, slug = clause.starts[span.first], clause.ends[span.last - 1], span.diagnosis or ""
    first = max(clause.starts[0], start - NEAR)
    whole = text[first:start]
    turns = list(cues.TURN.finditer(whole))
    cut = max(turns[-1].end() if turns else 0, earlier[-1].end - first if earlier else 0)
    near = whole[cut:]  # a cue does not reach over a comma, a turn or another name
    after = text[end : min(clause.ends[-1], end + NEAR)]
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
    queried = links.QUERIED.search(text, max(0, start - NEAR), start) is not None
    if queried and not denials.OTHERS.search(text[first : start - 1]):
        return Firmness.POSSIBLE
    if queried:
        return Firmness.AGAINST
    if links.ARROWED.search(text, max(0, start - 4), start) and not denied and not clause.question:
        return Firmness.LIKELY
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
    if cues.CAUSE.search(near) and earlier and earlier[-1].start >= first and not in_line(earlier[-1].slug, slug):
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


def as_sign(text: str, start: int, end: int, firm: Firmness) -> Firmness:
    """A sign speaks for a disease, and stands for one only where no disease is named."""
    word = text[start:end]
    if (
        links.SIGN.fullmatch(word)
        or links.SIGN_BEFORE.search(text, max(0, start - NEAR), start)
        or links.SIGN_AFTER.match(text, end)
    ):
        return min(firm, Firmness.LISTED)
    return Firmness.HINTED if firm is Firmness.NAMED and links.MOSTLY_SIGN.fullmatch(word) else firm


def in_line(one: str, other: str) -> bool:
    """True where one slug is the other, or a kind of it."""
    tree = load_ontology()
    return one in tree.path(other) or other in tree.path(one)
