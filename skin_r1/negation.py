"""Which names of a clause are denied: "no crust", "crust is absent"; and which are left open: "cannot be excluded"."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

from skin_r1.negation_cues import STARTS, TELLING, canonical, phrase_at
from skin_r1.restarts import begins_anew
from skin_r1.scan import Clause, Span

State = Literal["said", "denied", "missing", "open", "drowned"]
DENIED = ("denied", "missing")
_TURNS = canonical(
    "but however although though yet while whereas except besides instead nevertheless so hence thus therefore"
)
_VERBS = canonical(
    "with shows show showing has have there is are was were which reveals despite presence present displays "
    "prominent marked obvious clear visible some seen suggests suggesting favors favoring it favor suggest point fit"
)
_ARTICLES = frozenset(("a", "an", "the", "there"))
_LINKS = frozenset(("and", "or", "nor"))
_JOINERS = canonical("and or nor a an the any of evidence sign")
_SUBJECTS = canonical("they it he she we i this these those")
_PLACES = canonical("under in on within at of around over inside between near along")
_HARDLY = canonical(
    "entirely always wholly specific typical diagnostic enough sufficient alone unusual uncommon only the"
)
_ADVERBS = canonical("also clearly entirely completely notably likewise equally therefore simply definitely certainly")
_BARE = frozenset((("is", "not"), ("are", "not"), ("was", "not"), ("were", "not"), ("isn", "t"), ("aren", "t")))
_ALL = frozenset(("all", "both"))
_OPENED = canonical("is are seen visible present found observed")
_BE = canonical("is are was were has have does do did cannot not")
_AND_FOR = frozenset((("and", "for"), ("but", "for")))  # "against eczema and for psoriasis"
_ASIDE = 12  # words of an apposition at most
_STOPS = _TURNS | {"and", "or", "with"}


def negation(clause: Clause) -> tuple[State, ...]:
    """For each name of the clause: `said`, `denied` by words before it, `missing` by words after it, `open`, or `drowned`."""
    words, found = clause.words, clause.spans
    status: list[State] = ["said"] * len(found)
    if not TELLING.isdisjoint(words) or any([span.tick is False for span in found]):
        covered = frozenset(k for span in found for k in range(span.first, span.last))
        ticks = _ticked(clause, status)
        spent = _deny_before(clause, status, covered)
        _deny_after(clause, status, covered | ticks, spent)
        if words[-1:] == ("no",) and len(words) - 1 not in ticks:  # "asymmetry of the outline: no"
            status = ["missing" if state == "said" else state for state in status]
        for k, span in enumerate(found):
            if status[k] == "denied" and words[span.last : span.last + 1] in (("except",), ("apart",), ("save",)):
                status[k] = "said"  # "no vesicles except for a handful"
    if clause.run_on:  # noise is believed in nothing that it asserts
        status = [
            "drowned" if state == "said" and span.finding else state for state, span in zip(status, found, strict=True)
        ]
    return tuple(status)


def _ticked(clause: Clause, status: list[State]) -> set[int]:
    """Deny what "no" in a checklist answers; return the answers, which deny nothing else."""
    words, found = clause.words, clause.spans
    ticks: set[int] = set()
    for k, span in enumerate(found):
        if span.tick is None:
            continue
        if span.last not in clause.commas:  # else a sign was the answer: "ulcer -, ..."
            ticks.add(span.last)
        if span.tick:
            continue
        status[k] = "missing"
        while k > 0 and found[k - 1].tick is None and _VERBS.isdisjoint(words[found[k - 1].last : found[k].first]):
            k -= 1  # "plaque, scale and erythema: no"
            status[k] = "missing"
    return ticks


def _deny_before(clause: Clause, status: list[State], covered: frozenset[int]) -> set[int]:
    """Deny or leave open the names before "is not seen", "cannot be excluded" and the like; return these words."""
    words, found, commas = clause.words, clause.spans, clause.commas
    spent: set[int] = set()  # they deny what precedes, not what follows
    for k, span in enumerate(found):
        if span.tick is not None:
            continue
        j = _after_aside(span, words, commas)
        reach = 5 if j < len(words) and words[j] in _PLACES else 3
        for at in range(j, min(j + reach, len(words))):
            if at in covered or (at in commas and at > j):
                break
            if words[at] in _STOPS:  # "lacunae and network are both absent": the second is no name of ours
                ends = (k_ for k_ in (at + 2, at + 3) if k_ < len(words) and not covered.intersection(range(at, k_)))
                if words[at] in _LINKS and any(phrase_at(words, k_, "closers") for k_ in ends):
                    _back(words, found, status, k, "missing")
                break
            if at in commas and words[at] in _SUBJECTS:
                break  # "it does not scale, it is not umbilicated"
            if words[at] == "none" and any(other.first - at in (2, 3) for other in found[k + 1 : k + 2]):
                break  # "plaques, none of them ulcerated"
            if length := phrase_at(words, at, "open_ends"):
                _back(words, found, status, k, "open")
            elif (length := _closer(words, at)) and not (at in commas and words[at] == "absent"):
                if not commas.isdisjoint(range(at + 1, at + length)):
                    break  # "melanoma it is, not a nevus"
                if _says_what(clause, words[at : at + length], at + length):
                    break  # "the nodule is not red" denies redness, not the nodule
                end = at + length
                if end < len(words) and words[end] in _HARDLY and end not in commas:
                    break  # "the rainbow is not entirely specific"
                _back(words, found, status, k, "missing")
                if not _ALL.isdisjoint(words[at : at + length]):
                    _all_before(words, found, status, k)
            else:
                continue
            spent.update(range(at, at + length))
            break
    return spent


def _deny_after(clause: Clause, status: list[State], covered: frozenset[int], spent: set[int]) -> None:
    """Deny the names after "no", "without" and the like."""
    words, found = clause.words, clause.spans
    i, done = 0, -1
    while i < len(words):
        length = 0
        if i == 0 and words[0] in ("missing", "absent", "lacking"):
            length = 1  # "missing: arborizing vessels, milia-like cysts"
        elif i in covered:
            pass
        elif words[i] == "none" and any(span.first == i + 1 for span in found):
            length = 1  # "papules, none ulcerated"
        elif words[i] in STARTS and i not in spent:
            if skip := phrase_at(words, i, "not_negations"):
                i += skip
                continue
            length = phrase_at(words, i, "openers")
            if not length and words[i] == "so" and words[i + 1 : i + 2] in (("is",), ("are",)):
                length = 2 if _missing_before(found, status, i) else 0  # "redness is absent, and so are vesicles"
        if length:
            done = _forward(clause, status, i, i + length, done)
        i += length or 1


def _closer(words: Sequence[str], at: int) -> int:
    """Length of the closing denial at `at`, also with an adverb in it: "are also excluded"."""
    if length := phrase_at(words, at, "closers"):
        return length
    if at + 2 < len(words) and words[at + 1] in _ADVERBS:
        length = phrase_at((words[at], *words[at + 2 : at + 6]), 0, "closers")
    return length + 1 if length > 1 else 0


def _says_what(clause: Clause, phrase: Sequence[str], after: int) -> bool:
    return tuple(phrase) in _BARE and any(span.first == after and span.finding for span in clause.spans)


def _after_aside(span: Span, words: Sequence[str], commas: frozenset[int]) -> int:
    """The word after the name, or after "..., the mark of long rubbing, " that stands between it and its verb."""
    if commas.isdisjoint((span.last, span.last + 1)):  # one noun may follow: "black dots, as in a wart, are absent"
        return span.last
    end = next((at for at in range(span.last + 2, span.last + _ASIDE + 1) if at in commas), None)
    if end is not None and words[end] in _BE and any(phrase_at(words, end, kind) for kind in ("closers", "open_ends")):
        return end
    return span.last


def _all_before(words: Sequence[str], found: Sequence[Span], status: list[State], k: int) -> None:
    """Deny the whole list that "are all absent" closes, words of no name of ours among it."""
    while k > 0 and _VERBS.isdisjoint(words[found[k - 1].last : found[k].first]):
        k -= 1
        status[k] = "missing"


def _missing_before(found: Sequence[Span], status: Sequence[State], at: int) -> bool:
    return any(state in DENIED for span, state in zip(found, status, strict=True) if span.last <= at)


def _forward(clause: Clause, status: list[State], opener: int, start: int, done: int) -> int:
    """Deny the list of names that follows words `opener` to `start`; return the number of the last name denied so far.

    Up to `done`, an earlier list has been denied to its end: a second "no" inside it adds nothing.
    """
    words, found, commas = clause.words, clause.spans, clause.commas
    previous, first = start, True
    for k in range(bisect_left(found, start, key=_first), len(found)):
        span, i = found[k], found[k].first
        if words[start - 1] == "non" and i > start:
            return done
        if not first and k <= done:
            return done
        gap = words[previous:i]
        if first:
            # "no inflammation, redness or scaling": a list may begin with words that are no names of ours.
            cuts = [start, *(at for at in range(start + 1, i) if at in commas), i]
            said = gap[1:] if gap[:1] and gap[0] in _OPENED else gap
            listed = all(b - a <= 2 for a, b in zip(cuts, cuts[1:], strict=False)) and _VERBS.isdisjoint(said)
            stop = len(gap) > 8 or (any(at in commas for at in range(start + 1, i + 1)) and not listed)
        else:
            comma = any(at in commas for at in range(previous, i + 1))
            stop = len(gap) > 3 or not _VERBS.isdisjoint(gap) or gap[:2] in _AND_FOR
            stop = stop or (span.diagnosis is not None and not _ARTICLES.isdisjoint(gap))
            stop = stop or not (comma or not _LINKS.isdisjoint(gap) or not gap or gap[0] == "of")
        if stop or not _TURNS.isdisjoint(gap) or begins_anew(clause, k, opener, start):
            return done
        if status[k] == "said":
            status[k] = "denied"
        if words[start - 1] == "non":
            return done
        done = done if first else k
        previous, first = span.last, False
    return done


def _first(span: Span) -> int:
    return span.first


def _back(words: Sequence[str], found: Sequence[Span], status: list[State], k: int, state: State) -> None:
    """Give `state` to name `k` and to those joined to it by "and" or "or" before it."""
    status[k] = state
    linked = False
    while k > 0:
        gap = words[found[k - 1].last : found[k].first]
        linked = linked or not _LINKS.isdisjoint(gap)
        if not linked or any(w not in _JOINERS for w in gap):
            return
        k -= 1
        status[k] = state
