"""Findings: the vocabulary (re-exported from `skin_r1.vocabulary`), and the finder of findings in free text.

`mentions` reads a text clause by clause, takes the longest wording at each place, and tells asserted from denied.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from skin_r1.taxonomy import load_ontology
from skin_r1.vocabulary import (
    Concept,
    Expectation,
    concept_codes,
    concept_name,
    concept_slug,
    excluded_by,
    expectations,
    load_concepts,
    measured_expectations,
)
from skin_r1.wording import canonical_word, normalize

__all__ = [
    "Concept",
    "Expectation",
    "Mention",
    "concept_codes",
    "concept_name",
    "concept_slug",
    "excluded_by",
    "expectations",
    "load_concepts",
    "measured_expectations",
    "mentions",
]


@dataclass(frozen=True)
class Mention:
    """A concept in a text: characters `start` to `end`, and whether the text denies it."""

    slug: str
    start: int
    end: int
    negated: bool


_WORD = re.compile(r"[^\W_]+")
_CLAUSE_END = re.compile(r"[.;!?\n]")
_OPENERS = (
    "no", "not", "without", "absence of", "absent", "lack", "lack of", "lacking", "free of", "neither", "nor", "never",
    "none of", "negative for", "denies", "denied", "rather than", "instead of", "non", "cannot see", "devoid of",
    "rules out", "ruled out", "argues against", "against",
)  # fmt: skip
_CLOSERS = (
    "is absent", "are absent", "absent", "is not", "are not", "was not", "were not", "is lacking", "are lacking",
    "is missing", "are missing", "not seen", "not present", "not visible", "not identified", "not observed",
    "not evident", "not noted", "not found", "not appreciated", "not detected", "is not seen", "are not seen",
    "is not present", "are not present", "is not visible", "are not visible", "cannot be seen", "cannot be identified",
    "is negative", "none", "is denied", "was ruled out", "is ruled out", "are ruled out", "is excluded",
)  # fmt: skip
# After these the finding is neither asserted nor denied.
_OPEN_ENDS = (
    "cannot be excluded", "cannot be ruled out", "can not be excluded", "can not be ruled out",
    "could not be excluded", "is not excluded", "is not ruled out",
    "not excluded", "is uncertain", "is questionable", "may or may not",
)  # fmt: skip
_NOT_NEGATIONS = ("not only", "no doubt", "no longer only", "not uncommon", "not just", "not unlike", "no change in")
# Phrases whose words claim no finding.
_IDLE = (
    "white skin", "black skin", "brown skin", "dark skin", "red flag", "black and white", "brown eyes", "gray hair",
    "white hair", "growth pattern", "blue ink", "scale bar", "large scale", "color scale", "gray scale", "hay fever",
    "scarlet fever", "fever blister",
)  # fmt: skip
_TURNS = frozenset("but however although though yet while whereas except instead nevertheless".split())
_VERBS = frozenset(
    "with shows show showing has have there is are was were which reveals despite presence present displays "
    "prominent marked obvious clear visible some seen suggests suggesting favors favoring it".split()
)
_ARTICLES = frozenset(("a", "an", "the", "there"))
_LINKS = frozenset(("and", "or", "nor"))
_JOINERS = frozenset("and or nor a an the any of evidence sign".split())


_Found = tuple[int, int, str | None]


@dataclass(frozen=True)
class _Token:
    word: str
    start: int
    end: int


def _keyed(phrases: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(canonical_word(w) for w in phrase.split()) for phrase in phrases)


@cache
def _lexicon() -> tuple[dict[tuple[str, ...], str | None], int]:
    """Word tuple -> concept, or None for the name of a disease, whose words claim no finding ("blue nevus")."""
    tree = load_ontology()
    out: dict[tuple[str, ...], str | None] = {}
    for text in (*tree.names, *tree.synonyms, *tree.narrower, *map(normalize, _IDLE)):
        out[tuple(text.split())] = None
    for concept in load_concepts().values():
        out.update((tuple(normalize(text).split()), concept.slug) for text in (*concept.synonyms, concept.name))
    return out, max(map(len, out))


@lru_cache(maxsize=4096)  # rewards and evaluation read the same reasoning several times
def mentions(text: str) -> tuple[Mention, ...]:
    """Find the concepts that a text names, in order, longest wording first.

    Names of diseases are skipped as a whole, so "blue nevus" claims no blue color. Negation reaches forward from words
    such as "no" or "without" over a list, and back from "is absent" or "not seen"; it ends with the clause or at words
    such as "but". What "cannot be excluded" is neither asserted nor denied and is left out.
    """
    out: list[Mention] = []
    start = 0
    for end in [m.start() for m in _CLAUSE_END.finditer(text)] + [len(text)]:
        # A full stop inside a number ("1.5 mm") ends nothing that matters: numbers are no concept words.
        out += _clause_mentions(text, start, end)
        start = end + 1
    return tuple(out)


def _clause_mentions(text: str, start: int, end: int) -> list[Mention]:
    tokens = [_Token(canonical_word(m[0]), m.start(), m.end()) for m in _WORD.finditer(text, start, end)]
    lexicon, longest = _lexicon()
    found: list[_Found] = []
    i = 0
    while i < len(tokens):
        for j in range(min(len(tokens), i + longest), i, -1):
            key = tuple(t.word for t in tokens[i:j])
            if key in lexicon and "," not in text[tokens[i].start : tokens[j - 1].end]:
                # "scar-like" names a likeness, not a scar.
                like = j < len(tokens) and tokens[j].word == "like" and text[tokens[j - 1].end] == "-"
                found.append((i, j, None if like else lexicon[key]))
                i = j
                break
        else:
            i += 1
    words = [t.word for t in tokens]
    commas = frozenset(
        at for at in range(1, len(tokens)) if re.search(",", text[tokens[at - 1].end : tokens[at].start])
    )
    status = _negation(words, found, commas)
    return [
        Mention(slug, tokens[i].start, tokens[j - 1].end, state == "denied")
        for (i, j, slug), state in zip(found, status, strict=True)
        if slug is not None and state != "open"
    ]


def _at(words: list[str], i: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Length of the longest phrase that starts at `i`, or 0."""
    return max((n for n in range(1, 6) if tuple(words[i : i + n]) in phrases and i + n <= len(words)), default=0)


def _negation(words: list[str], found: list[_Found], commas: frozenset[int]) -> list[str]:
    """For each finding: `said`, `denied` or `open`.

    Args:
        words: canonical words of the clause.
        found: (first word, word after the last, concept) in order.
        commas: positions of words that follow a comma.
    """
    covered = {k for i, j, _ in found for k in range(i, j)}
    status = ["said"] * len(found)
    spent: set[int] = set()  # words of "is not seen" and the like deny what precedes, not what follows
    for k, (_, j, _slug) in enumerate(found):
        for at in range(j, min(j + 3, len(words))):
            if at in covered or (at in commas and at > j) or words[at] in _TURNS | {"and", "or", "with"}:
                break
            if length := _at(words, at, _KEYS["open_ends"]):
                _back(words, found, status, k, "open")
            elif (length := _at(words, at, _KEYS["closers"])) and not (at in commas and words[at] == "absent"):
                _back(words, found, status, k, "denied")
            else:
                continue
            spent.update(range(at, at + length))
            break
    i = 0
    while i < len(words):
        if i in covered or i in spent:
            i += 1
        elif skip := _at(words, i, _KEYS["not_negations"]):
            i += skip
        elif length := _at(words, i, _KEYS["openers"]):
            _forward(words, found, status, i + length, commas)
            i += length
        else:
            i += 1
    return status


def _forward(words: list[str], found: list[_Found], status: list[str], start: int, commas: frozenset[int]) -> None:
    """Deny the list of findings that follows position `start`."""
    previous, first = start, True
    for k, (i, j, _) in enumerate(found):
        if i < start or (words[start - 1] == "non" and i > start):
            continue
        gap = words[previous:i]
        comma = any(at in commas for at in range(previous, i + 1)) if not first else False
        if first:
            stop = len(gap) > 6 or any(at in commas for at in range(start + 1, i + 1))
        else:
            # "no scale, and a blue veil": a new start after "and" with an article.
            stop = len(gap) > 3 or not _VERBS.isdisjoint(gap) or ("and" in gap and not _ARTICLES.isdisjoint(gap))
            stop = stop or not (comma or not _LINKS.isdisjoint(gap) or not gap)
        if stop or not _TURNS.isdisjoint(gap):
            return
        if status[k] == "said":
            status[k] = "denied"
        if words[start - 1] == "non":
            return
        previous, first = j, False


def _back(words: list[str], found: list[_Found], status: list[str], k: int, state: str) -> None:
    """Give `state` to finding `k` and to those joined to it by "and" or "or" before it."""
    status[k] = state
    linked = False
    while k > 0:
        gap = words[found[k - 1][1] : found[k][0]]
        linked = linked or not _LINKS.isdisjoint(gap)
        if not linked or any(w not in _JOINERS for w in gap):
            return
        k -= 1
        status[k] = state


_KEYS = {
    "openers": _keyed(_OPENERS),
    "closers": _keyed(_CLOSERS),
    "open_ends": _keyed(_OPEN_ENDS),
    "not_negations": _keyed(_NOT_NEGATIONS),
}
