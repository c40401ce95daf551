"""Names of findings and diagnoses in a text, clause by clause, the longest name at each place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from skin_r1.taxonomy import load_ontology
from skin_r1.vocabulary import load_concepts
from skin_r1.wording import canonical_word, normalize

# Phrases whose words claim no finding.
_IDLE = (
    "white skin", "black skin", "brown skin", "dark skin", "red flag", "black and white", "brown eyes", "gray hair",
    "white hair", "growth pattern", "blue ink", "scale bar", "large scale", "color scale", "gray scale", "hay fever",
    "fever blister", "patch test", "patch tests", "patch testing", "black salve", "red part",
    "red lip",
    "white coat", "scale bars", "black box", "growth phase", "growth rate",
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
_PIECE = re.compile(r"[^\W_]+|[.;!?\n,]")
_ENDS = frozenset(".;!?\n")


@dataclass(frozen=True, slots=True)
class Span:
    """A name: words `first` to `last` (exclusive) of its clause; a finding's slug, a diagnosis's, or neither (idle words)."""

    first: int
    last: int
    finding: str | None
    diagnosis: str | None


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of text up to a full stop, semicolon, question or exclamation mark, or line end.

    Attributes:
        words: canonical words (`wording.canonical_word`), in order.
        starts, ends: characters of each word in the text.
        commas: positions of words that follow a comma.
        spans: the names among the words, in order, not overlapping.
        question: the clause ends with a question mark.
    """

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    commas: frozenset[int]
    spans: tuple[Span, ...]
    question: bool


def clauses(text: str) -> Iterator[Clause]:
    """The clauses of a text that hold any word.

    A full stop inside a number ("1.5 mm") ends nothing that matters: numbers are no words of a name.
    """
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    commas: set[int] = set()
    for piece in _PIECE.finditer(text):
        sign = piece[0]
        if sign == ",":
            if words:
                commas.add(len(words))
        elif sign in _ENDS:
            if words:
                yield _clause(text, words, starts, ends, commas, sign == "?")
                words, starts, ends, commas = [], [], [], set()
        else:
            words.append(canonical_word(sign))
            starts.append(piece.start())
            ends.append(piece.end())
    if words:
        yield _clause(text, words, starts, ends, commas, False)


def _clause(
    text: str, words: list[str], starts: list[int], ends: list[int], commas: set[int], question: bool
) -> Clause:
    lexicon, longest = _lexicon()
    spans = []
    i, count = 0, len(words)
    while i < count:
        for j in range(min(count, i + longest.get(words[i], 0)), i, -1):
            entry = lexicon.get(tuple(words[i:j]))
            if entry is not None and not (commas and any(i < at < j for at in commas)):
                # "scar-like" names a likeness, not a scar.
                like = j < count and words[j] == "like" and text[ends[j - 1]] == "-"
                spans.append(Span(i, j, *((None, None) if like else entry)))
                i = j
                break
        else:
            i += 1
    commas.discard(count)  # no word follows it
    return Clause(tuple(words), tuple(starts), tuple(ends), frozenset(commas), tuple(spans), question)


@cache
def _lexicon() -> tuple[dict[tuple[str, ...], tuple[str | None, str | None]], dict[str, int]]:
    """Words -> (finding, diagnosis), and first word -> words of the longest name that starts with it.

    The words of a disease's name claim no finding ("blue nevus").
    """
    tree = load_ontology()
    out: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
    for names in (tree.narrower, tree.synonyms, tree.names):
        out.update((tuple(text.split()), (None, slug)) for text, slug in names.items())
    for look in _LOOKS:
        out.pop(tuple(normalize(look).split()), None)
    out.update((tuple(normalize(text).split()), (None, None)) for text in _IDLE)
    for concept in load_concepts().values():
        for name in (*concept.synonyms, concept.name):
            out[tuple(normalize(name).split())] = (concept.slug, None)
    longest: dict[str, int] = {}
    for key in out:
        longest[key[0]] = max(longest.get(key[0], 0), len(key))
    return out, longest
