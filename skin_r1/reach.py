"""How far a word reaches that takes a finding off this lesion: "typically", "would", "resembles".

"It resembles a coin and a plaque" supposes a plaque, "it resembles a coin and is a plaque" does not: a word governs its own
predicate only. Where in doubt it governs, since a finding that is not said must not be taken for one.
"""

from collections.abc import Sequence

from skin_r1.scan import Clause
from skin_r1.wording import canonical_word


def word_set(text: str) -> frozenset[str]:
    """The canonical words of a text."""
    return frozenset(canonical_word(word) for word in text.split())


TURNS = word_set("but however although though while whereas yet nevertheless because since given due despite instead")
"""Words with which a statement takes a turn."""
_OFTEN = word_set("typically usually classically commonly generally frequently often characteristically")
SUPPOSED = _OFTEN | word_set(
    "would should if expected expect hallmark were hoped wish wished hoping taken mistaken resemble resembles resembling "
    "mimic mimics"
)
"""Words after which a finding is what would be, not what is."""
_LIKE = word_set("resemble resembles resembling mimic mimics")
_OPENED = word_set("it this these the a an there")
_ARTICLES, _LESION, _SPEAKERS = word_set("a an the"), word_set("it this these"), word_set("i we")
_FINITE = word_set("is are was has does")
_WITH_S = word_set("shows reveals displays presents carries bears exhibits demonstrates")  # "would show" is not finite
_NO_SUBJECT = word_set("with of in that which show showing cause causing disease condition disorder process")
_SPEAKING = word_set("say diagnose call conclude favor favour settle")
_LOOKING = (("one", "look"), ("you", "look"), ("we", "look"), ("i", "look"))
_MARRED = ("that", "might", "have", "been")
_PREDICATES = word_set("is are was were has have show see seen cover lie stand make so")
_SEEN = word_set("seen present visible there found noted expected observed")
_AHEAD = 8  # words between a finding and the "would" that it is the subject of


def governs(clause: Clause, at: int, first: int) -> bool:
    """True when the supposing word at `at` still holds for the name at `first`, behind it."""
    words, word = clause.words, clause.words[at]
    if _idle(words, at, opens=at == 0 or at in clause.commas):
        return False
    if word == "if":
        return True
    aside = not {"than", "as"}.isdisjoint(words[max(0, at - 3) : at])
    for i in range(at + 1, _next_name(clause, at) + 1):
        ends = (aside and i in clause.commas) or (word in _LIKE and marked(clause, i))
        if ends and own_subject(clause, i):
            return False  # "redder than expected, a plaque", "it resembles a coin: a plaque"
    # "It resembles a coin and is a plaque"; but "it typically itches and shows a plaque" goes on in general.
    return word in _OFTEN or not any(words[i - 1] == "and" and _finite(clause, i) for i in range(at + 2, first))


def _idle(words: Sequence[str], at: int, *, opens: bool) -> bool:
    """True where a supposing word supposes nothing: "the margins were sharp", "taken of the arm", "one should note"."""
    word, after, behind_article = words[at], words[at + 1], at > 0 and words[at - 1] in _ARTICLES
    if word == "were":  # but "were the scale thicker", "if the margins were sharp"
        return not (opens and after in _OPENED) and {"if", "wish", "wished"}.isdisjoint(words[:at])
    if word == "taken":
        return after not in ("for", "alone")
    if word == "should":
        return after in ("note", "mention")
    if word == "if":
        return words[at + 1 : at + 3] in _LOOKING
    if word == "might":
        return _marred(words, at)
    if word == "expected":
        return behind_article and _are_there(words, at)
    return word in _OFTEN and behind_article  # "a typically located plaque"


def _marred(words: Sequence[str], at: int) -> bool:
    """True for "a plaque that might have been scratched", which is there; one "that might have been seen" is not."""
    return words[at - 1 : at + 3] == _MARRED and _SEEN.isdisjoint(words[at + 3 : at + 4])


def _are_there(words: Sequence[str], start: int) -> bool:
    """True for "... are all there"."""
    at = next((at for at in range(start, len(words)) if words[at] in ("is", "are")), len(words))
    return not _SEEN.isdisjoint(words[at + 1 : at + 3])


def own_subject(clause: Clause, at: int) -> bool:
    """True when words about the lesion start at `at`: "it has", or an article and soon a finding."""
    words = clause.words
    if words[at] in _LESION:
        return _finite(clause, at + 1)
    to = _next_name(clause, at)
    return words[at] in _ARTICLES and to - at <= 4 and _NO_SUBJECT.isdisjoint(words[at:to])


def would_follows(clause: Clause, start: int) -> bool:
    """True when the name before `start` is the subject of "would" or "might": "erosions would make it candidiasis"."""
    words = clause.words
    for at in range(start, min(start + _AHEAD, len(words))):
        word = words[at]
        if word in ("would", "might", "should"):
            spoken = words[at - 1] in _SPEAKERS and not _SPEAKING.isdisjoint(words[at + 1 : at + 2])
            said = spoken and "if" not in words[:start]  # "..., I would say psoriasis"
            return not said and not _marred(words, at)
        if word in _PREDICATES or word in TURNS:
            return False
    return False


def _next_name(clause: Clause, at: int) -> int:
    """First word of the next name behind `at`; the end of the clause without any."""
    return next((span.first for span in clause.spans if span.first > at), len(clause.words))


def _finite(clause: Clause, at: int) -> bool:
    """True for "is", "shows" and the like; a canonical word has lost its s, its place in the text has not."""
    if at >= len(clause.words):
        return False
    word = clause.words[at]
    return word in _FINITE or (word in _WITH_S and clause.ends[at] - clause.starts[at] > len(word))


def marked(clause: Clause, at: int) -> bool:
    """True when a colon, a dash or the like stands before word `at`."""
    return at not in clause.commas and at > 0 and clause.starts[at] - clause.ends[at - 1] > 1
