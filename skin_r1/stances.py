"""What a clause does with a name: says it of the lesion, denies it, or speaks of a disease; concludes it, or turns it down.

Cue words around the names that `skin_r1.scan` finds decide; `skin_r1.claims` reads whole texts with them.
"""

from bisect import bisect
from collections.abc import Sequence
from typing import Literal

from skin_r1.negation import DENIED, State
from skin_r1.of_disease import affirmed, back_to_lesion, in_disease, said_of_disease
from skin_r1.reach import SUPPOSED, TURNS, governs, word_set, would_follows
from skin_r1.scan import Clause, Span
from skin_r1.wording import canonical_word

Stance = Literal["said", "denied", "open", "drowned", "general", "concluded", "leaning", "weighed"]
# Words that lead back to this lesion: what follows is said of it.
_HERE = word_set(
    "here this image picture photo photograph lesion i we seen visible see because since given due despite "
    "there supported suggested favored favoured indicated explain account but however although though while "
    "whereas yet "
    "instead nevertheless observed noted notice"
)
_DESCRIBING = word_set("describe call say name speak record anyone incomplete")
_IN_GENERAL = word_set("do does grow never tend usually seldom rarely often")
_PREDICATES = word_set("is are has have does do lack lacks show shows can may would usually rarely seldom never often")
_AS_HERE, _THE = (
    word_set("does do as also is are seen present too"),
    word_set("the my final leading working likeliest"),
)
_SOUGHT = word_set("looked searched look search looking searching checked attention sought")
_UNFOUND = word_set("none not nothing vain without no never neither")
_MODAL = word_set("would might")
_UNSEEN = _UNFOUND | SUPPOSED | {"in"}
_STRONG = (
    "this is", "it is", "diagnosis is", "answer is", "i conclude", "conclude", "we conclude", "diagnosis of",
    "diagnosis",
    "confirm", "this represent", "therefore", "hence", "thus", "i call", "settle on", "diagnostic of", "must be",
    "lesion is", "conclusion is", "has to be", "have to be", "can only be", "could only be", "result", "dealing with",
    "looking at", "concluding", "impression is", "final diagnosis", "image show", "picture show", "photo show",
)  # fmt: skip
_WEAK = (
    "suggest", "suggesting", "suggestive of", "point to", "pointing to", "point toward", "point towards", "fit",
    "fitting",
    "indicate", "indicating", "favor", "favour", "favoring", "favouring", "mean", "meaning", "consistent with",
    "compatible with", "characteristic of", "typical of", "keeping with", "most likely", "speak for", "speaking for",
    "support", "supporting", "argue for", "probably", "likely", "lead to", "leading to", "in favor of", "match",
    "matching", "consistent", "best explained by", "explained by", "lean toward",
    "stay with", "pro",
    "typical for", "classic for", "agree with", "is probably", "add up to", "diagnosi of", "amount to",
)  # fmt: skip
# "does not fit melanoma", "rather than", "less likely", "would suggest": no conclusion.
_UNSAID = word_set(
    "not no never nor neither without rather less unlikely against would could may might if than exclude excludes "
    "excluding initially first glance tempting whether consider considered considering alternative versus vs instead "
    "unlike doubt doubted mimic mimics tempted thought resemble resembles can wrongly mistaken"
)
_MAYBE = word_set("may might could whether if")
_DOWN = word_set(
    "less unlikely improbable excluded against poorly weaker discarded rejected implausible not no "
    "remote worse dismissed fails fail down"
)
_UP = word_set(
    "likely best favored favoured probable confirmed fit supported explain diagnosis win wins prevail winner"
)
_FILL = word_set(
    "a an the most likely probably clearly typical of diagnosis probable early classic strongly best more "
    "highly very either "
    "rather quite case simple common picture pattern textbook example to toward with by for is form kind type ordinary well"
)


def _phrases(texts: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(canonical_word(word) for word in text.split()) for text in texts)


_STRONG_KEYS, _WEAK_KEYS = _phrases(_STRONG), _phrases(_WEAK)
_CUES_END = frozenset(key[-1] for key in _STRONG_KEYS | _WEAK_KEYS)
_VERDICT = _DOWN | _UP
_BEFORE = SUPPOSED | _SOUGHT | _HERE | {"none"}
_NONE = word_set("no nothing none")
_REACH = 40  # words before a finding that may say what is meant by it; longer lists would cost their length squared
_ANDS = frozenset(("and", "but"))
_IT_IS, _WOULD = ("it", "is"), ("would",)
_FOR, _TITLE = ("for",), 5  # words of a title at most
_AND_FOR = _phrases(("and for", "but for"))
_TITLES = _phrases(
    [
        f"{article}{kind}{case}"
        for article in ("", "a ")
        for kind in ("classic", "classical", "typical", "textbook")
        for case in ("", " example of", " case of", " picture of")
    ]
)
_VERBS = word_set("is are was were has have shows may might can could would should often usually tends")
_GENERIC_KEYS = _phrases(("typical of", "characteristic of", "typical for", "classic for"))


def stance_of_diagnosis(clause: Clause, span: Span, state: State) -> Stance:
    """`concluded`, `leaning`, `denied` or `weighed`.

    Args:
        clause: where the name stands.
        span: the name.
        state: what `skin_r1.negation` says of it.
    """
    words = clause.words
    before = words[: span.first]
    if "than" in before[-4:] and "other" in before and not _NONE.isdisjoint(before):
        return "concluded"  # "no other disease than X explains it"
    if state in DENIED:
        return "denied"
    if state == "open":
        return "weighed"
    if _turned_down(clause, span):
        return "denied"
    if before[-1:] == _FOR and before[-2:] in _AND_FOR and "against" in before:
        return "leaning"  # "speaks against eczema and for psoriasis"
    if span.first < _TITLE and _titles(clause, span):
        return "concluded"
    end = span.last + 2
    if words[span.last : end] == _IT_IS and (end == len(words) or end in clause.commas):
        return "concluded"  # "a nevus is unlikely, melanoma it is"
    start = span.first
    while start > 0 and words[start - 1] in _FILL and start not in clause.commas:
        start -= 1
    stance: Stance = "weighed"
    # The cue may end inside the filling words: "is most likely a melanoma".
    for end in range(span.first, start - 1, -1):
        if not end or words[end - 1] not in _CUES_END:
            continue
        for length in (3, 2, 1):
            key = words[end - length : end] if end >= length else ()
            if key in _STRONG_KEYS or key in _WEAK_KEYS:
                part = words[_part_start(clause, end - length) : end]
                if key in _GENERIC_KEYS and any(s.finding and s.last <= end for s in clause.spans):
                    return "weighed"  # "scale is typical of psoriasis" concludes nothing
                if _UNSAID.isdisjoint(part) and _MAYBE.isdisjoint(words[_turn(words, end) : end]):
                    return "concluded" if key in _STRONG_KEYS else "leaning"
                stance = "denied" if not _DOWN.isdisjoint(part) else "weighed"
    after = words[span.last : span.last + 5]
    if _VERDICT.isdisjoint(after):
        return stance
    for at, word in enumerate(after):
        if span.last + at in clause.commas or word in TURNS or word in ("would", "could", "might", "may"):
            break
        if word in _DOWN:
            return "denied"
        if word == "likely" and after[at + 1 : at + 2] in (("due",), ("from",), ("because",), ("caused",)):
            return stance  # "contact dermatitis: likely due to friction" tells a cause
        if word == "diagnosis" and after[at - 1] not in _THE:
            continue
        if word in _UP and stance == "weighed":
            before = words[_part_start(clause, span.first) : span.first]
            return "leaning" if _UNSAID.isdisjoint(before) and "than" not in before else stance
    return stance


def _turned_down(clause: Clause, span: Span) -> bool:
    """True for "X is less likely", "X moves down" and the like, whatever stands before."""
    after = clause.words[span.last : span.last + 4]
    if _DOWN.isdisjoint(after):
        return False
    for at, word in enumerate(after):
        if span.last + at in clause.commas or word in TURNS or word in ("than", "would", "could", "might", "may"):
            return False
        if word == "against" and after[at - 1] in _ANDS:
            return False  # "for psoriasis and against eczema"
        if word in _DOWN and word not in ("not", "no"):
            return True
    return False


def _turn(words: Sequence[str], end: int) -> int:
    """Where the statement that holds word `end` begins: at the last "but", which leaves a "could" before it behind."""
    return next((at for at in range(end - 1, 0, -1) if words[at] == "but"), 0)


def _titles(clause: Clause, span: Span) -> bool:
    """True for "Classic psoriasis with ...", a title without a verb: it is said of the picture."""
    words = clause.words
    opens = words[: span.first] in _TITLES and words[span.last : span.last + 1] == ("with",)
    return opens and _VERBS.isdisjoint(words[span.last :])


def _part_start(clause: Clause, at: int) -> int:
    """Start of the part of the clause that holds word `at`: after a comma, and after an earlier diagnosis."""
    return clause.parts[bisect(clause.parts, at) - 1]


def _leads_off(words: Sequence[str], at: int) -> bool:
    """True where a word of `_HERE` leads back to no lesion: "I would see scale" (but "anyone would see scale").

    "Molluscum has dells, but is painless and pearly" goes on about molluscum.
    """
    if words[at] in TURNS:
        return words[at + 1] in _PREDICATES
    return words[at - 1 : at] == _WOULD and _DESCRIBING.isdisjoint(words[:at])


def stance_of_finding(clause: Clause, k: int, state: State, stances: Sequence[Stance]) -> Stance:
    """`said`, `denied`, `open`, `drowned`, or `general` where a disease, or what would be, is spoken of.

    Args:
        clause: where the name stands.
        k: its number among the names of the clause.
        state: what `skin_r1.negation` says of it.
        stances: of the names before it.
    """
    if state in ("open", "drowned"):
        return state
    words, span = clause.words, clause.spans[k]
    part = words[_part_start(clause, span.first) : span.first]
    if state == "missing":
        return "general" if "if" in part else "denied"  # "if the scale were absent"
    plain: Stance = "denied" if state == "denied" else "said"
    after = words[span.last : span.last + 5]
    if plain == "said" and affirmed(after) and _UNSEEN.isdisjoint(after) and not in_disease(clause):
        return "said"
    rest = words[span.last : span.last + 8]
    here = "here" in rest and any(word == "here" and rest[at - 1] in _AS_HERE for at, word in enumerate(rest) if at)
    if plain == "said" and here and _UNFOUND.isdisjoint(rest):
        return "said"  # "often shows leaf-like areas, as it does here"
    if not _MODAL.isdisjoint(part) and _DESCRIBING.isdisjoint(part):
        modal = max(at for at, word in enumerate(words[: span.first]) if word in _MODAL)
        if governs(clause, modal, span.first):
            return "general"
    if words[span.last : span.last + 3] == ("come", "to", "mind"):
        return "open"
    if span.first == 0 and words[span.last : span.last + 1] and words[span.last] in _IN_GENERAL:
        return "general"  # "cysts do not grow so fast"
    if would_follows(clause, span.last):
        return "general"
    if plain == "denied" and words[max(0, span.first - 2) : span.first] in (("come", "with"), ("go", "with")):
        return "general"  # "bites do not come with fever"
    at, other = span.first - 1, k - 1
    while at >= max(0, span.first - _REACH):
        if other >= 0 and clause.spans[other].first <= at < clause.spans[other].last:
            name = clause.spans[other]
            if name.diagnosis is not None:
                if stances[other] in ("concluded", "leaning") or back_to_lesion(clause, other, span.first):
                    break
                return "general"
            at, other = name.first - 1, other - 1
            continue
        if words[at] not in _BEFORE:
            at -= 1
            continue
        # But "it would be incomplete if it left out the scale", "anyone would see scale".
        described = words[at] in ("would", "if") and not _DESCRIBING.isdisjoint(part)
        if words[at] in SUPPOSED and not described and governs(clause, at, span.first):
            return "general"
        if words[at] in _SOUGHT and words[at + 1 : at + 2] in (("for",), ("to",)):
            return "open" if _UNFOUND.isdisjoint(words[span.last :]) else "denied"
        if words[at] == "none" and words[at + 1 : at + 2] in (("is",), ("are",)):
            break
        if words[at] in _HERE and not _leads_off(words, at):
            break
        at -= 1
    return "general" if said_of_disease(clause, k, denied=plain == "denied") else plain
