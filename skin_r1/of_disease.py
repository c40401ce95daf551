"""When a finding is said of a disease: "irregular streaks are typical of melanoma"; or of this lesion beside a disease."""

from bisect import bisect
from collections.abc import Sequence
from itertools import takewhile

from skin_r1.reach import TURNS, marked, own_subject, word_set
from skin_r1.scan import Clause, Span

_OF_DISEASE = word_set(
    "typical characteristic classic classical common rare unusual usual uncommon expected hallmark pathognomonic "
    "diagnostic specific unexpected atypical exceptional seldom foreign"
)
_TRAITS = word_set("typical characteristic classic classical hallmark pathognomonic diagnostic specific")
_FOILS = word_set("unlike contrast compared rather not opposed")
# "Melanoma is suspected from", "a nevus is ruled out by": what follows is seen.
_JUDGED = (("suspected",), ("excluded",), ("refuted",), ("confirmed",), ("ruled", "out"), ("disproved",))
_SHOWS, _PICTURE = word_set("shows has have see bears"), word_set("features signs picture hallmarks triad look")
_ABOUT = word_set("characterized disease condition disorder causing caused marked where which")
_SUSPECTED = frozenset(
    (be, *judged, by) for be in ("is", "are") for judged in _JUDGED for by in ("from", "by", "on", "given", "because")
)
_MET = frozenset(("met", "fulfilled", "satisfied", "present", "seen", "visible", "there", "found"))
_AFFIRM = word_set("present seen visible noted evident found observed apparent clear obvious")
_BE = word_set("is are was were be also clearly easily well")
_UNFOUND = word_set("none not nothing no never neither")
_NO_LIST = TURNS | word_set("is are was were has have show see seen cover lie stand make so")
_ALL = word_set("all both these they")
_KNOWN = word_set("the this these its")
_LINK = 8  # words of a link at most
_GAP = 4  # words from one finding of a list to the next


def affirmed(after: Sequence[str]) -> bool:
    """True for "... is seen", "... are clearly visible", and a bare "... present" right after the finding."""
    if after[:1] and after[0] in _AFFIRM:
        return True
    return any(word in _AFFIRM and after[at] in _BE for at, word in enumerate(after[1:4]))


def all_seen(clause: Clause) -> bool:
    """True where a clause ends with "and all three are seen here": what it told of a disease is said of the lesion."""
    rest = clause.words[clause.spans[-1].last :]
    at = next((at for at, word in enumerate(rest) if word in _ALL), len(rest))
    return _UNFOUND.isdisjoint(rest) and any(
        word in _AFFIRM and rest[i] in _BE for i, word in enumerate(rest[at + 1 :], start=at)
    )


def in_disease(clause: Clause) -> bool:
    """True for a clause that starts with "in melanoma,"."""
    first = clause.spans[0]
    return first.diagnosis is not None and first.first == 1 and clause.words[0] == "in" and first.last in clause.commas


def back_to_lesion(clause: Clause, number: int, first: int) -> bool:
    """True where diagnosis `number` is named before the finding at `first`, and the words behind it are not about it.

    "Unlike in eczema, the plaque" turns from a foil to the lesion; "melanoma is suspected from" goes on to what is seen.
    """
    words, span = clause.words, clause.spans[number]
    if words[span.last : span.last + 3] in _SUSPECTED or words[span.last : span.last + 4] in _SUSPECTED:
        return True
    if words[span.last : span.last + 1] in (("is",), ("are",)) and not _MET.isdisjoint(
        words[span.last + 1 : span.last + 3]
    ):
        return "not" not in words[span.last : span.last + 3]  # "the criteria of melanoma are met: "
    part = clause.parts[bisect(clause.parts, span.first) - 1]
    before = words[part : span.first]
    if not (_SHOWS.isdisjoint(before) or _PICTURE.isdisjoint(before[-3:])):
        apart = any(at in clause.commas or marked(clause, at) for at in range(span.last, first))
        return apart and _ABOUT.isdisjoint(words[span.last : first])  # but "signs of acne, a disease with nodules"
    if _FOILS.isdisjoint(words[max(part, span.first - 4) : span.first]):
        return False
    starts = (at for at in range(span.last, first) if at in clause.commas or marked(clause, at))
    return any(own_subject(clause, at) for at in starts)


def said_of_disease(clause: Clause, k: int, *, denied: bool) -> bool:
    """True when a diagnosis follows finding `k` with such a link: "is typical of psoriasis", "the scale of psoriasis"."""
    near = clause.spans[k + 1 : k + 2 + _LINK]
    following = next((s for s in near if s.diagnosis is not None), None)
    if following is None:
        return False
    between = clause.words[clause.spans[k].last : following.first]
    if "this" in between or "here" in between:
        return False
    if len(between) <= _LINK and not _OF_DISEASE.isdisjoint(between):
        return denied or not (_seen_besides(clause, k, following) or _definite(clause, k, following))
    return 0 < len(between) <= 3 and between[0] in ("of", "in")


def _seen_besides(clause: Clause, k: int, name: Span) -> bool:
    """True for "is seen, typical of psoriasis" and "both typical of psoriasis, are seen"."""
    words = clause.words
    for at in clause.commas:
        if clause.spans[k].last < at - 1 <= name.first and words[at - 1] in _AFFIRM and words[at - 2] in _BE:
            return True
    after = words[name.last : name.last + 4]
    return name.last in clause.commas and after[0] in _BE and affirmed(after) and _UNFOUND.isdisjoint(after)


def _definite(clause: Clause, k: int, name: Span) -> bool:
    """True for "the scale and erythema are hallmarks of psoriasis", "more typical of psoriasis than of eczema"."""
    words, spans = clause.words, clause.spans
    between = words[spans[k].last : name.first]
    if "more" in between and words[name.last : name.last + 1] == ("than",):
        return True
    if _TRAITS.isdisjoint(between):
        return False
    while k and spans[k - 1].finding and spans[k].first - spans[k - 1].last <= _GAP:
        if not _NO_LIST.isdisjoint(words[spans[k - 1].last : spans[k].first]):
            break
        k -= 1
    before = range(spans[k].first - 1, max(0, spans[k].first - 3) - 1, -1)
    near = takewhile(lambda at: not (at + 1 in clause.commas or marked(clause, at + 1)), before)
    return any(words[at] in _KNOWN for at in near)
