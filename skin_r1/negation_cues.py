"""The phrases that deny a name or leave it open: before it ("no"), after it ("is absent"), and those that only look so."""

from collections.abc import Sequence

from skin_r1.wording import canonical_word

_Phrases = frozenset[tuple[str, ...]]


def canonical(words: str) -> frozenset[str]:
    """Words of a table in the form that `skin_r1.scan` reads them in."""
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
    "is negative", "none", "is denied", "is not there", "are not there", "not formed", "not developed",
    *(f"{have} not {done}" for have in ("has", "have") for done in (
        "formed", "developed", "appeared", "occurred", "emerged", "arisen", "set in", "been seen", "been found",
        "been noted", "been observed",
    )),
    "cannot be found", "can not be found", "could not be found", "not apparent", "is nowhere", "are nowhere",
    "was absent",
    "were absent", "remain absent", "cannot be made out", "did not appear", "do not appear", "does not appear",
    "is wanting", "are wanting", "not to be seen", "is out of sight", "do not occur", "not visible", "was ruled out",
    *(f"{be} {un}" for be in ("is", "are", "was", "were", "remain") for un in (
        "invisible", "undetectable", "nonexistent", "non existent", "imperceptible", "unapparent", "undetected", "unseen",
        "inapparent", "unrecognizable",
    )),
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
    "not forget", "not overlook", "not to forget", "not to overlook", "not be overlooked", "not be forgotten", "cannot deny",
    "not deny", "cannot overlook", "cannot ignore", "no denying", "not to be overlooked",
    "cannot miss", "can not miss", "not miss", "never miss", "hardly miss", "hard to miss", "impossible to miss",
    "nothing other than", "nothing else than",
)  # fmt: skip


def _keyed(phrases: Sequence[str]) -> _Phrases:
    return frozenset(tuple(canonical_word(w) for w in phrase.split()) for phrase in phrases)


_KEYS: dict[str, _Phrases] = {
    "openers": _keyed(_OPENERS),
    "closers": _keyed(_CLOSERS),
    "open_ends": _keyed(_OPEN_ENDS),
    "not_negations": _keyed(_NOT_NEGATIONS),
}
_FIRST = {kind: frozenset(phrase[0] for phrase in phrases) for kind, phrases in _KEYS.items()}
# Words of many phrases; each phrase is looked for only where the first of its words that is not one of these stands.
_COMMON = canonical("is are was were has have do does did be to i we could can all both of out")
TELLING = frozenset(
    next(word for word in phrase if word not in _COMMON)
    for kind in ("openers", "closers", "open_ends")
    for phrase in _KEYS[kind]
)
"""A clause without any of these words denies nothing and leaves nothing open."""
STARTS = _FIRST["openers"] | _FIRST["not_negations"] | {"so"}
"""Words that a denial of what follows may begin with, or what only looks like one."""


def phrase_at(words: Sequence[str], i: int, kind: str) -> int:
    """Length of the longest phrase of a kind that starts at `i`, or 0."""
    if words[i] not in _FIRST[kind]:
        return 0
    phrases = _KEYS[kind]
    return max((n for n in range(1, 6) if i + n <= len(words) and tuple(words[i : i + n]) in phrases), default=0)
