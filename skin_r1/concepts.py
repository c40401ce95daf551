"""What can be seen or told: the findings that a rationale may claim, with the words that claim them.

The vocabulary is a file (`knowledge/concepts.tsv`): SkinCon's 48 concepts, the values of the seven-point checklist,
the shape, border and color findings of the ABCD rule, and the symptoms of PAD-UFES-20. `mentions` finds them in free text
and tells asserted from negated ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from skin_r1.ontology import load_ontology
from skin_r1.wording import KNOWLEDGE, canonical_word, many, normalize, read_tsv

Vocabulary = Literal["skincon", "derm7pt", "abcd", "symptom"]


@dataclass(frozen=True)
class Concept:
    """One finding.

    Attributes:
        slug: unique and stable.
        name: preferred name, lower case; what rationales and answers say.
        definition: one sentence in our own words.
        source: citation of the definition, a key of `knowledge/SOURCES.md`.
        synonyms: other wordings; never the name of a disease.
        modality: `dermoscopic`, `clinical` or both; empty for history and for what any picture shows.
        vocabulary: the set that it comes from.
        excludes: slugs that cannot hold for the same lesion; symmetric.
    """

    slug: str
    name: str
    definition: str
    source: str
    synonyms: tuple[str, ...]
    modality: tuple[str, ...]
    vocabulary: Vocabulary
    excludes: tuple[str, ...]


@dataclass(frozen=True)
class Mention:
    """A concept in a text: characters `start` to `end`, and whether the text denies it."""

    slug: str
    start: int
    end: int
    negated: bool


@dataclass(frozen=True)
class Expectation:
    """In `positives` of `total` annotated images of a diagnosis the concept was present; `source` names the tables."""

    positives: int
    total: int
    source: str


@cache
def load_concepts() -> Mapping[str, Concept]:
    """Read `knowledge/concepts.tsv` once; in the order of the file."""
    return {
        row["slug"]: Concept(
            slug=row["slug"],
            name=row["name"],
            definition=row["definition"],
            source=row["source"],
            synonyms=many(row["synonyms"]),
            modality=many(row["modality"]),
            vocabulary=cast(Vocabulary, row["vocabulary"]),
            excludes=many(row["excludes"]),
        )
        for row in read_tsv(KNOWLEDGE / "concepts.tsv")
    }


@cache
def _texts() -> dict[str, str]:
    """Normalized name, slug or synonym -> slug; names win."""
    concepts = load_concepts().values()
    out = {normalize(text): c.slug for c in concepts for text in c.synonyms}
    out.update((normalize(text), c.slug) for c in concepts for text in (c.slug, c.name))
    return out


def concept_slug(text: str) -> str | None:
    """The concept that `text` names exactly (after normalization), or None."""
    return _texts().get(normalize(text))


def concept_name(slug: str) -> str:
    """Preferred name."""
    return load_concepts()[slug].name


def excluded_by(slug: str) -> frozenset[str]:
    """Concepts that cannot hold for the same lesion as `slug`."""
    return frozenset(load_concepts()[slug].excludes)


@cache
def concept_codes(dataset: str) -> Mapping[tuple[str, str], str]:
    """(column, value) of a dataset's table -> concept, from `knowledge/concept_codes.tsv`.

    Values are as the dataset writes them, numbers without a fraction (`1`).
    """
    rows = read_tsv(KNOWLEDGE / "concept_codes.tsv")
    return {(row["column"], row["value"]): row["concept"] for row in rows if row["dataset"] == dataset}


@cache
def expectations() -> Mapping[tuple[str, str], Expectation]:
    """(diagnosis, concept) -> how often the concept was seen, from `knowledge/expectations.tsv`.

    A pair that is missing was never annotated for that diagnosis: unknown, not zero.
    """
    return {
        (row["diagnosis"], row["concept"]): Expectation(int(row["positives"]), int(row["total"]), row["source"])
        for row in read_tsv(KNOWLEDGE / "expectations.tsv")
    }


# ---------------------------------------------------------------------------------------------- findings in free text

_WORD = re.compile(r"[^\W_]+")
_CLAUSE_END = re.compile(r"[.;!?\n]")
_OPENERS = (
    "no", "not", "without", "absence of", "absent", "lack", "lack of", "lacking", "free of", "neither", "nor", "never",
    "none of", "negative for", "denies", "denied", "rather than", "instead of", "non", "cannot see", "devoid of",
    "rules out", "ruled out", "argues against", "against",
)  # fmt: skip
_CLOSERS = (
    "is absent", "are absent", "absent", "is not", "are not", "was not", "were not", "is lacking", "are lacking", "is missing",
    "are missing", "not seen", "not present", "not visible", "not identified", "not observed", "not evident", "not noted",
    "not found", "not appreciated", "not detected", "isn", "aren", "is negative", "none", "is denied", "was ruled out",
)  # fmt: skip
# After these the finding is neither asserted nor denied.
_OPEN_ENDS = ("cannot be excluded", "cannot be ruled out", "can not be excluded", "can not be ruled out", "not excluded",
              "is uncertain", "is questionable", "may or may not", "could not be excluded", "is not ruled out")  # fmt: skip
_NOT_NEGATIONS = ("not only", "no doubt", "no longer only", "not uncommon", "not just", "not unlike", "no change in")
_TURNS = frozenset("but however although though yet while whereas except instead nevertheless".split())
_VERBS = frozenset(
    "with shows show showing has have there is are was were which reveals despite presence present displays displaying "
    "prominent marked obvious clear visible some seen suggests suggesting favors favoring it".split()
)
_JOINERS = frozenset("and or nor a an the any of evidence sign".split())


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
    for text in (*tree.names, *tree.synonyms):
        out[tuple(text.split())] = None
    for text in ("white skin", "black skin", "brown skin", "dark skin", "red flag", "black and white", "brown eyes"):
        out[tuple(normalize(text).split())] = None
    out.update((tuple(text.split()), slug) for text, slug in _texts().items())
    return out, max(map(len, out))


def mentions(text: str) -> list[Mention]:
    """Find the concepts that a text names, in order, longest wording first.

    Names of diseases are skipped as a whole, so "blue nevus" claims no blue color. Negation reaches forward from words such as
    "no" or "without" over a list, and back from "is absent" or "not seen"; it ends with the clause or at words such as
    "but". What "cannot be excluded" is neither asserted nor denied and is left out.
    """
    out: list[Mention] = []
    start = 0
    for end in [m.start() for m in _CLAUSE_END.finditer(text)] + [len(text)]:
        # A full stop inside a number ("1.5 mm") ends nothing that matters: numbers are no concept words.
        out += _clause_mentions(text, start, end)
        start = end + 1
    return out


def _clause_mentions(text: str, start: int, end: int) -> list[Mention]:
    tokens = [_Token(canonical_word(m[0]), m.start(), m.end()) for m in _WORD.finditer(text, start, end)]
    lexicon, longest = _lexicon()
    found: list[tuple[int, int, str | None]] = []
    i = 0
    while i < len(tokens):
        for j in range(min(len(tokens), i + longest), i, -1):
            key = tuple(t.word for t in tokens[i:j])
            if key in lexicon and "," not in text[tokens[i].start : tokens[j - 1].end]:
                found.append((i, j, lexicon[key]))
                i = j
                break
        else:
            i += 1
    words = [t.word for t in tokens]
    status = _negation(words, found, text, tokens)
    return [
        Mention(slug, tokens[i].start, tokens[j - 1].end, state == "denied")
        for (i, j, slug), state in zip(found, status, strict=True)
        if slug is not None and state != "open"
    ]


def _at(words: list[str], i: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Length of the longest phrase that starts at `i`, or 0."""
    return max((n for n in range(1, 5) if tuple(words[i : i + n]) in phrases and i + n <= len(words)), default=0)


def _negation(
    words: list[str], found: list[tuple[int, int, str | None]], text: str, tokens: list[_Token]
) -> list[str]:
    """For each finding: `said`, `denied` or `open`."""
    covered = {k for i, j, _ in found for k in range(i, j)}
    status = ["said"] * len(found)
    i = 0
    while i < len(words):
        if i in covered:
            i += 1
            continue
        if skip := _at(words, i, _KEYS["not_negations"]):
            i += skip
            continue
        if length := _at(words, i, _KEYS["openers"]):
            _forward(words, found, status, i + length)
            i += length
            continue
        i += 1
    for k, (_, j, _slug) in enumerate(found):
        gap = 0
        while j + gap < len(words) and gap < 3 and j + gap not in covered:
            if _at(words, j + gap, _KEYS["open_ends"]):
                _back(words, found, status, k, "open")
                break
            if _at(words, j + gap, _KEYS["closers"]):
                if gap == 0 or words[j] not in _TURNS | {"and", "with", "or"}:
                    _back(words, found, status, k, "denied")
                break
            if (
                words[j + gap] in _TURNS | {"and", "with"}
                or "," in text[tokens[j + gap - 1].end : tokens[j + gap].start]
            ):
                break
            gap += 1
    return status


def _forward(words: list[str], found: list[tuple[int, int, str | None]], status: list[str], start: int) -> None:
    """Deny the list of findings that follows position `start`."""
    previous = start
    for k, (i, j, _) in enumerate(found):
        if i < start:
            continue
        gap = words[previous:i]
        first = previous == start
        if (
            len(gap) > (6 if first else 3)
            or any(w in _TURNS for w in gap)
            or (not first and any(w in _VERBS for w in gap))
        ):
            return
        status[k] = "denied"
        previous = j


def _back(words: list[str], found: list[tuple[int, int, str | None]], status: list[str], k: int, state: str) -> None:
    """Give `state` to finding `k` and to those joined to it by "and" or "or" before it."""
    status[k] = state
    linked = False
    while k > 0:
        gap = words[found[k - 1][1] : found[k][0]]
        linked = linked or "and" in gap or "or" in gap or "nor" in gap
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
