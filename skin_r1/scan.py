"""Names of findings and diagnoses in a text, clause by clause, the longest name at each place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from skin_r1.bystanders import bystanders, skin_lesions
from skin_r1.taxonomy import load_ontology
from skin_r1.ticks import tick
from skin_r1.vocabulary import load_concepts
from skin_r1.wording import canonical_word, normalize

# Phrases whose words claim no finding.
_IDLE = (
    "white skin", "black skin", "brown skin", "dark skin", "red flag", "black and white", "brown eyes", "gray hair",
    "white hair", "growth pattern", "blue ink", "scale bar", "large scale", "color scale", "gray scale", "hay fever",
    "fever blister", "patch test", "patch tests", "patch testing", "black salve", "red part",
    "red lip",
    "white coat", "scale bars", "black box", "growth phase", "growth rate", "blue eyes", "gray eyes",
    "silvery white", "silver white",  # the tint of scale, not of skin
)  # fmt: skip
# Terms of label lists that are ordinary words, or describe a look, when they stand in prose.
_LOOKS = (
    "pitted scars", "acne scars", "pitted scar", "acne scar", "bald", "baldness", "balding", "bald patch",
    "bald spot", "open comedones", "closed comedones", "blister", "blisters",
    "bruise", "bruising", "burn", "infection", "infestation", "inflammatory", "malignant", "normal", "healthy",
    "normal skin", "healthy skin", "splinter", "stump", "hemorrhage", "wound", "scratch", "scratches", "scrape",
    "graze",
    "wrinkle", "wrinkling", "flushing", "blushing", "hairiness", "photosensitivity", "fungal", "fungus",
    "hyperkeratosis",
    "parakeratosis", "papulopustular", "seborrheic", "sweet", "clove", "corn", "crab", "carp", "pen", "ten", "ad", "mm",
    "rime", "cut", "rash", "growth", "lesion", "swelling", "tumor", "neoplasm", "mass", "lump", "bump", "spot",
    "discoloration", "hyperpigmentation", "hypopigmentation", "pigmentation", "atrophy", "ulceration", "edema",
)  # fmt: skip
# Not "typical": "the network is typical of nevi" is said of nevi.
_EVENNESS = frozenset(("regular", "irregular", "atypical"))
LONGEST = 120  # words of a clause that are read at a time; the longest of 60,850 clauses of a real teacher has 101
_WORD = re.compile(r"([^\W_]+)")
_END = re.compile(r"[.;!?\n]")
_Words = tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]  # words, their starts, and their ends


class Span(NamedTuple):
    """A name: words `first` to `last` (exclusive) of its clause; a finding's slug, a diagnosis's, or neither (idle words).

    `tick` is the answer of a checklist right behind it ("ulcer: no"), if any.
    """

    first: int
    last: int
    finding: str | None
    diagnosis: str | None
    tick: bool | None = None


class Clause(NamedTuple):
    """A stretch of text up to a full stop, semicolon, question or exclamation mark, or line end.

    One of more than `LONGEST` words is noise or a trick, no sentence: it comes in pieces of that length, which bounds the
    cost.

    Attributes:
        words: canonical words (`wording.canonical_word`), in order.
        starts, ends: characters of each word in the text.
        commas: positions of words that follow a comma.
        breaks: positions of words that follow a comma or a colon.
        spans: the names among the words, in order, not overlapping.
        parts: positions where its parts start, in order: 0, after a comma, after a diagnosis.
        question: the clause ends with a question mark.
        run_on: it is a piece of a longer one.
    """

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    commas: frozenset[int]
    breaks: frozenset[int]
    spans: tuple[Span, ...]
    parts: tuple[int, ...]
    question: bool
    run_on: bool


def clauses(text: str) -> Iterator[Clause]:
    """The clauses of a text that hold any word.

    A full stop inside a number ("1.5 mm") ends nothing that matters: numbers are no words of a name.
    """
    pieces = _WORD.split(text)  # gap, word, gap, ..., word, gap: a match object for each word takes twice the time
    words = tuple(map(canonical_word, pieces[1::2]))
    bounds = tuple(accumulate(map(len, pieces)))
    starts, ends = bounds[:-1:2], bounds[1::2]
    first, commas, colons = 0, set[int](), set[int]()
    for at, gap in enumerate(pieces[2::2], start=1):
        if gap == " " and at < len(words):
            continue
        end = _END.search(gap)
        if end is not None or at == len(words):
            own, asks = (words[first:at], starts[first:at], ends[first:at]), end is not None and end[0] == "?"
            if at - first <= LONGEST:
                breaks = frozenset(commas | colons) if colons else frozenset(commas)
                yield _clause(text, own, frozenset(commas), breaks, asks, False)
            else:
                yield from _pieces(text, own, commas, commas | colons, asks)
            first, commas, colons = at, set[int](), set[int]()
        elif "," in gap:
            commas.add(at - first)
        elif ":" in gap:
            colons.add(at - first)


def _pieces(text: str, own: _Words, commas: set[int], breaks: set[int], asks: bool) -> Iterator[Clause]:
    words, starts, ends = own
    for first in range(0, len(words), LONGEST):
        at = range(first, min(first + LONGEST, len(words)))
        here, there = (frozenset(k - first for k in at if k in marks) for marks in (commas, breaks))
        piece = words[first : at.stop], starts[first : at.stop], ends[first : at.stop]
        yield _clause(text, piece, here, there, asks, True)


def _clause(
    text: str, own: _Words, commas: frozenset[int], breaks: frozenset[int], question: bool, run_on: bool
) -> Clause:
    words, starts, ends = own
    spans = _spans(text, words, ends, commas)
    parts = sorted({0, *commas, *[span.last for span in spans if span.diagnosis is not None]})
    return Clause(words, starts, ends, commas, breaks, spans, tuple(parts), question, run_on)


def _spans(text: str, words: Sequence[str], ends: Sequence[int], commas: frozenset[int]) -> tuple[Span, ...]:
    names = _names()
    spans: list[Span] = []
    free = 0  # words before it belong to names
    for at, word in enumerate(words):
        if word not in names or at < free:
            continue
        node, entry, end = names[word], names[word].entry, at + 1
        for j in range(at + 1, len(words)):
            if words[j] not in node.then or j in commas:
                break
            node = node.then[words[j]]
            if node.entry is not None:
                entry, end = node.entry, j + 1
        if entry is not None:
            # "scar-like" names a likeness, not a scar.
            like = end < len(words) and words[end] == "like" and text[ends[end - 1]] == "-"
            spans.append(Span(at, end, *((None, None) if like else entry), tick(text, ends[end - 1])))
            free = end
    return tuple(spans)


@dataclass(slots=True)
class _Node:
    """The words that may follow those read so far, and the (finding, diagnosis) that they name if the name ends here."""

    then: "dict[str, _Node]" = field(default_factory=dict)
    entry: tuple[str | None, str | None] | None = None


@cache
def _names() -> dict[str, _Node]:
    """First word -> what may follow.

    The words of a disease's name claim no finding ("blue nevus").
    """
    tree = load_ontology()
    out: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
    for names in (tree.narrower, tree.synonyms, tree.names):
        # In prose "SCC is favoured" has a verb; the code "SCC IS", in situ, is read in labels only.
        out.update((tuple(text.split()), (None, slug)) for text, slug in names.items() if not text.endswith(" is"))
    for look in _LOOKS:
        out.pop(tuple(normalize(look).split()), None)
    out.update((tuple(normalize(text).split()), (None, None)) for text in (*_IDLE, *bystanders()))
    for concept in load_concepts().values():
        for name in (*concept.synonyms, concept.name):
            out[tuple(normalize(name).split())] = (concept.slug, None)
    out.update((tuple(normalize(text).split()), out[tuple(normalize(tint).split())]) for text, tint in skin_lesions())
    out |= _predicates(out)
    root = _Node()
    for key, entry in out.items():
        node = root
        for word in key:
            node = node.then.setdefault(word, _Node())
        node.entry = entry
    return root.then


def _predicates(
    names: Mapping[tuple[str, ...], tuple[str | None, str | None]],
) -> dict[tuple[str, ...], tuple[str | None, str | None]]:
    """Names whose adjective stands behind its noun: "the pigment network is atypical" for "atypical pigment network"."""
    told = ((key, entry) for key, entry in names.items() if key[0] in _EVENNESS and len(key) in (2, 3) and entry[0])
    return {(*key[1:], be, key[0]): entry for key, entry in told for be in ("is", "are") if "and" not in key}
