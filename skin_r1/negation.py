"""Which names of a clause are denied: "no crust", "crust is absent"; and which are left open: "cannot be excluded"."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

from skin_r1.scan import Clause, Span
from skin_r1.wording import canonical_word

State = Literal["said", "denied", "missing", "open"]
DENIED = ("denied", "missing")
_Phrases = frozenset[tuple[str, ...]]


def _set(words: str) -> frozenset[str]:
    return frozenset(canonical_word(word) for word in words.split())


_OPENERS = (
    "no", "not", "without", "absence of", "absent", "lack", "lack of", "lacking", "free of", "neither", "nor", "never",
    "none of", "negative for", "denies", "denied", "rather than", "instead of", "non", "cannot see", "devoid of",
    "rules out", "ruled out", "argues against", "against", "isn t", "aren t", "don t", "doesn t", "didn t", "can t",
    "not one of", "cannot identify", "cannot find", "could not find", "could not see", "could not identify",
    "cannot make out",
    "cannot detect", "fail to see", "nothing", "none is", "none are", "nowhere", "i miss",
    "we miss", "miss", "free from", "spared", "sparing",
)  # fmt: skip
_CLOSERS = (
    "is absent", "are absent", "absent", "is not", "are not", "was not", "were not", "is lacking", "are lacking",
    "is missing", "are missing", "not seen", "not present", "not visible", "not identified", "not observed",
    "not evident", "not noted", "not found", "not appreciated", "not detected", "is not seen", "are not seen",
    "is not present", "are not present", "is not visible", "are not visible", "cannot be seen", "cannot be identified",
    "both absent", "are both absent", "are all absent", "are both missing", "are both lacking", "all absent",
    "both missing", "all missing", "both lacking", "all lacking", "all looked for", "does not exist", "do not exist",
    "are no longer", "is no longer", "no longer visible", "no longer seen", "aren t", "isn t", "wasn t", "weren t",
    "is negative", "none", "is denied", "is not there", "are not there", "not formed", "have not", "has not",
    "not developed",
    "cannot be found", "can not be found", "could not be found", "not apparent", "is nowhere", "are nowhere",
    "was absent",
    "were absent", "remain absent", "cannot be made out", "did not appear", "do not appear", "does not appear",
    "is wanting", "are wanting", "not to be seen", "is out of sight", "do not occur", "not visible", "was ruled out",
    "is ruled out", "are ruled out", "is excluded", "are excluded", "missing entirely",
)  # fmt: skip
# After these the finding is neither asserted nor denied.
_OPEN_ENDS = (
    "cannot be excluded", "cannot be ruled out", "can not be excluded", "can not be ruled out",
    "could not be excluded", "is not excluded", "is not ruled out",
    "not excluded", "is uncertain", "is questionable", "may or may not",
)  # fmt: skip
_NOT_NEGATIONS = (
    "lack neither", "not without", "not free of", "not devoid of", "not lacking", "never without", "no lack of",
    "not absent",
    "not only", "no doubt", "no longer only", "not uncommon", "not just", "not unlike", "no change in",
)  # fmt: skip
_TURNS = _set("but however although though yet while whereas except instead nevertheless so hence thus therefore")
_VERBS = _set(
    "with shows show showing has have there is are was were which reveals despite presence present displays "
    "prominent marked obvious clear visible some seen suggests suggesting favors favoring it favor suggest point fit"
)
_ARTICLES = frozenset(("a", "an", "the", "there"))
_LINKS = frozenset(("and", "or", "nor"))
_JOINERS = _set("and or nor a an the any of evidence sign")


def _keyed(phrases: Sequence[str]) -> _Phrases:
    return frozenset(tuple(canonical_word(w) for w in phrase.split()) for phrase in phrases)


_KEYS: dict[str, _Phrases] = {
    "openers": _keyed(_OPENERS),
    "closers": _keyed(_CLOSERS),
    "open_ends": _keyed(_OPEN_ENDS),
    "not_negations": _keyed(_NOT_NEGATIONS),
}
# Words of many phrases; each phrase is looked for only where the first of its words that is not one of these stands.
_COMMON = _set("is are was were has have do does did be to i we could can all both of out")
_TELLING = frozenset(
    next(word for word in phrase if word not in _COMMON)
    for kind in ("openers", "closers", "open_ends")
    for phrase in _KEYS[kind]
)
_FIRST = {kind: frozenset(phrase[0] for phrase in phrases) for kind, phrases in _KEYS.items()}
_STARTS = _FIRST["openers"] | _FIRST["not_negations"] | {"so"}
_SUBJECTS = _set("they it he she we i this these those")
_PLACES = _set("under in on within at of around over inside between near along")
_HARDLY = _set("entirely always wholly specific typical diagnostic enough sufficient alone unusual uncommon only the")
_ADVERBS = _set("also clearly entirely completely notably likewise equally therefore simply definitely certainly")
_BARE = frozenset((("is", "not"), ("are", "not"), ("was", "not"), ("were", "not"), ("isn", "t"), ("aren", "t")))
_ALL = frozenset(("all", "both"))
_OPENED = _set("is are seen visible present found observed")
_BE = _set("is are was were has have does do did cannot not")
_ASIDE = 12  # words of an apposition at most
_STOPS = _TURNS | {"and", "or", "with"}


def negation(clause: Clause) -> tuple[State, ...]:
    """For each name of the clause: `said`; `denied` by a word before it; `missing` by words after it; `open`."""
    words, found, commas = clause.words, clause.spans, clause.commas
    status: list[State] = ["said"] * len(found)
    if _TELLING.isdisjoint(words):
        return tuple(status)
    covered = {k for span in found for k in range(span.first, span.last)}
    spent: set[int] = set()  # words of "is not seen" and the like deny what precedes, not what follows
    for k, span in enumerate(found):
        j = _after_aside(span, words, commas)
        reach = 5 if j < len(words) and words[j] in _PLACES else 3
        for at in range(j, min(j + reach, len(words))):
            if at in covered or (at in commas and at > j):
                break
            if words[at] in _STOPS:  # "lacunae and network are both absent": the second is no name of ours
                ends = (k_ for k_ in (at + 2, at + 3) if k_ < len(words) and not covered.intersection(range(at, k_)))
                if words[at] in _LINKS and any(_at(words, k_, "closers") for k_ in ends):
                    _back(words, found, status, k, "missing")
                break
            if at in commas and words[at] in _SUBJECTS:
                break  # "it does not scale, it is not umbilicated"
            if length := _at(words, at, "open_ends"):
                _back(words, found, status, k, "open")
            elif (length := _closer(words, at)) and not (at in commas and words[at] == "absent"):
                if _says_what(clause, words[at : at + length], at + length):
                    break  # "the nodule is not red" denies redness, not the nodule
                if words[at + length : at + length + 1] and words[at + length] in _HARDLY:
                    break  # "the rainbow is not entirely specific"
                _back(words, found, status, k, "missing")
                if not _ALL.isdisjoint(words[at : at + length]):
                    _all_before(words, found, status, k)
            else:
                continue
            spent.update(range(at, at + length))
            break
    i, done = 0, -1
    while i < len(words):
        if i == 0 and words[0] in ("missing", "absent", "lacking"):
            done = _forward(words, found, status, 1, commas, done)  # "missing: arborizing vessels, milia-like cysts"
            i = 1
        elif words[i] == "none" and any(span.first == i + 1 for span in found):
            done = _forward(words, found, status, i + 1, commas, done)  # "papules, none ulcerated"
            i += 1
        elif words[i] not in _STARTS or i in covered or i in spent:
            i += 1
        elif skip := _at(words, i, "not_negations"):
            i += skip
        elif length := _at(words, i, "openers"):
            done = _forward(words, found, status, i + length, commas, done)
            i += length
        elif words[i] == "so" and words[i + 1 : i + 2] in (("is",), ("are",)) and _missing_before(found, status, i):
            done = _forward(words, found, status, i + 2, commas, done)  # "redness is absent, and so are vesicles"
            i += 2
        else:
            i += 1
    if words[-1:] == ("no",):  # "asymmetry of the outline: no"
        status = ["missing" if state == "said" else state for state in status]
    for k, span in enumerate(found):
        if status[k] == "denied" and words[span.last : span.last + 1] in (("except",), ("apart",), ("save",)):
            status[k] = "said"  # "no vesicles except for a handful"
    return tuple(status)


def _closer(words: Sequence[str], at: int) -> int:
    """Length of the closing denial at `at`, also with an adverb in it: "are also excluded"."""
    if length := _at(words, at, "closers"):
        return length
    if at + 2 < len(words) and words[at + 1] in _ADVERBS:
        length = _at((words[at], *words[at + 2 : at + 6]), 0, "closers")
    return length + 1 if length > 1 else 0


def _says_what(clause: Clause, phrase: Sequence[str], after: int) -> bool:
    return tuple(phrase) in _BARE and any(span.first == after and span.finding for span in clause.spans)


def _after_aside(span: Span, words: Sequence[str], commas: frozenset[int]) -> int:
    """The word after the name, or after "..., the mark of long rubbing, " that stands between it and its verb."""
    if commas.isdisjoint((span.last, span.last + 1)):  # one noun may follow: "black dots, as in a wart, are absent"
        return span.last
    end = next((at for at in range(span.last + 2, span.last + _ASIDE + 1) if at in commas), None)
    if end is not None and words[end] in _BE and any(_at(words, end, kind) for kind in ("closers", "open_ends")):
        return end
    return span.last


def _all_before(words: Sequence[str], found: Sequence[Span], status: list[State], k: int) -> None:
    """Deny the whole list that "are all absent" closes, words of no name of ours among it."""
    while k > 0 and _VERBS.isdisjoint(words[found[k - 1].last : found[k].first]):
        k -= 1
        status[k] = "missing"


def _missing_before(found: Sequence[Span], status: Sequence[State], at: int) -> bool:
    return any(state in DENIED for span, state in zip(found, status, strict=True) if span.last <= at)


def _at(words: Sequence[str], i: int, kind: str) -> int:
    """Length of the longest phrase of a kind that starts at `i`, or 0."""
    if words[i] not in _FIRST[kind]:
        return 0
    phrases = _KEYS[kind]
    return max((n for n in range(1, 6) if i + n <= len(words) and tuple(words[i : i + n]) in phrases), default=0)


def _forward(
    words: Sequence[str], found: Sequence[Span], status: list[State], start: int, commas: frozenset[int], done: int
) -> int:
    """Deny the list of names that follows position `start`; return the number of the last name denied so far.

    Up to `done`, an earlier list has been denied to its end: a second "no" inside it adds nothing.
    """
    previous, first = start, True
    for k in range(bisect_left(found, start, key=_first), len(found)):
        span, i = found[k], found[k].first
        if words[start - 1] == "non" and i > start:
            return done
        if not first and k <= done:
            return done
        gap = words[previous:i]
        comma = any(at in commas for at in range(previous, i + 1)) if not first else False
        if first:
            # "no inflammation, redness or scaling": a list may begin with words that are no names of ours.
            cuts = [start, *(at for at in range(start + 1, i) if at in commas), i]
            said = gap[1:] if gap[:1] and gap[0] in _OPENED else gap
            listed = all(b - a <= 2 for a, b in zip(cuts, cuts[1:], strict=False)) and _VERBS.isdisjoint(said)
            stop = len(gap) > 8 or (any(at in commas for at in range(start + 1, i + 1)) and not listed)
        else:
            # "no scale, and a blue veil": a new start after "and" with an article.
            stop = len(gap) > 3 or not _VERBS.isdisjoint(gap) or ("and" in gap and not _ARTICLES.isdisjoint(gap))
            stop = stop or (span.diagnosis is not None and not _ARTICLES.isdisjoint(gap))
            stop = stop or not (comma or not _LINKS.isdisjoint(gap) or not gap or gap[0] == "of")
        if stop or not _TURNS.isdisjoint(gap):
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
