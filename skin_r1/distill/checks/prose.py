"""A reasoning text read once for all checks: its sentences, the beginnings of its words, its claims."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter

from skin_r1.claims import Claim, claims, joined, sentence_claims, sentences
from skin_r1.distill.checks.cues import Hit, hits
from skin_r1.heads import may_list

_WORD = re.compile(r"[^\W_]+")
# Words that lead back from a disease to this patient.
_BACK = re.compile(
    r"\b(?:here|this|the (?:patient|lesion|history)|but|because|although|while|whereas|however|these)\b", re.IGNORECASE
)
_GRAVE = frozenset("beni mali prem canc nonc nonm pre".split())
_SIDES, _INSTRUCTED = (
    frozenset(("left", "righ")),
    frozenset("json tags exac ment stud teac writ conf clai firs usua sure".split()),
)
_EXTREME = frozenset("tens flac only sing soli doze nume coun hund scor larg flat comp enti perf whol rais".split())
STEM = 4  # letters of a word that are compared
_MARKS = (s if len(s) == STEM else rf"{s}\b" for s in sorted(_GRAVE | _SIDES | _INSTRUCTED | _EXTREME))
# To look for these words alone takes half the time of taking every word's beginning.
_MARKED = re.compile(rf"\b(?:{'|'.join(_MARKS)})")
_stem = itemgetter(slice(STEM))


def _any_of(*patterns: str) -> re.Pattern[str]:
    """One of several patterns, as whole words, ignoring case; spaces in `patterns` separate, `_` stands for a space."""
    words = [word.replace("_", " ") for group in patterns for word in group.split()]
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


# A statement of what would be, of diseases in general, or of what should be done: no claim about this patient.
_SUPPOSED = _any_of(
    r"would should could might may can cannot if whether unless as_long_as will must ought",
    r"recommend\w* advis\w+ advice consider\w* ask(?:ing|ed)?_(?:about|whether|for) needs? needed refer\w* warrant\w*",
    r"requires? required unknown not_(?:known|given|stated|available|provided|told|been)",
    r"not_(?:\w+_)?(?:mentioned|described|specified|visible_here)",
    r"to_(?:confirm|be_confirmed|exclude|rule|decide|settle|clarify|check|be_sure|see|corroborate)",
    r"next_steps? next(?!_to) worth urgent\w* indicated essential critical crucial important definitive "
    r"mandatory imperative",
    r"vital prompt this_week today soon at_once immediately promptly without_delay same[-_]day plan please belongs?_to",
    r"helpful useful in_order due arrange\w* pending rests?_on depends?_on only_by remains?_to has_to_be customary routine "
    r"have_to_be deserves? unlikely not_likely",
)
# Inferences from what is seen, and conditions: no claim to have been told.
INFERRED = _any_of(
    r"possibl[ey] perhaps potential\w* presum\w+ suggest\w* indicat\w+ impl(?:y|ies|ying) when probably likely "
    r"known_for",
    r"caused_by due_to",
)
_OFTEN = _any_of(
    r"usually typically often commonly frequently generally classically sometimes tends?_to rarely seldom as_a_rule"
)
_GOES_ON = re.compile(
    r"\W*(?:(?:it|they|these|this) (?:is|are) (?:\w+ )?(?:characteri[sz]ed|known|often|usually|typically|commonly)|"
    r"(?:it|they|these|this) (?:\w+ )?(?:involves?|tends? to|typically|usually|often|commonly)|"
    r"this (?:condition|disease|variant|disorder|form))\b",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\b(?:these|such|most|many) (?:\w+ )?\w+s |\b(?:the|this) (?:condition|disease|disorder|tumou?r)\b|\bthey\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Sentence:
    """One sentence, read once: the composer's come back in many rationales.

    Attributes:
        text: without leading space.
        claims: what it says of findings and diagnoses.
        grave: it has a word for a malignancy.
        extreme: it has a word such as "tense" or "dozens", whose opposite another sentence may have.
        goes_on: it goes on about what stands before: "it is characterized by".
        sided: it speaks of left or right.
        instructed: it has a rare word of the instructions that teachers and models are given.
    """

    text: str
    claims: tuple[Claim, ...]
    grave: bool
    extreme: bool
    goes_on: bool
    sided: bool
    instructed: bool

    @property
    def question(self) -> bool:
        """It asks."""
        return self.text.endswith("?")

    @cached_property
    def hits(self) -> tuple[Hit, ...]:
        """Words of `cues.tsv` in it."""
        return hits(self.text, stems_of(self.text))

    @cached_property
    def supposed(self) -> bool:
        """It says what would be, or what should be done."""
        return _SUPPOSED.search(self.text) is not None

    @cached_property
    def often(self) -> bool:
        """It says what a disease that it names, or diseases at large, do as a rule."""
        if (found := _OFTEN.search(self.text)) is None:
            return False
        return _MANY.search(self.text[: found.start()]) is not None or any(c.kind == "diagnosis" for c in self.claims)

    def of_disease(self, at: int) -> bool:
        """True when a diagnosis that is not concluded is named before character `at`: the words after it are its own."""
        before = [c for c in self.claims if c.kind == "diagnosis" and c.start < at]
        if not before or before[-1].stance in ("concluded", "leaning"):
            return False
        return _BACK.search(self.text[before[-1].end : at]) is None


@dataclass(frozen=True, eq=False)
class Prose:
    """A reasoning text with what the checks ask of it.

    Attributes:
        text: the reasoning.
        sentences: its stretches between full stops, semicolons, question and exclamation marks and line ends.
        claims: `skin_r1.claims.claims` of it.
        aside: numbers of the sentences that go on about a disease: in a list of candidates, or "it is characterized by".
    """

    text: str
    sentences: tuple[Sentence, ...]
    claims: tuple[Claim, ...]
    aside: frozenset[int] = frozenset()


def read_prose(text: str) -> Prose:
    """Read a reasoning text."""
    pieces = sentences(text)
    read = tuple([read_sentence(piece.lstrip()) for _, piece in pieces])
    told = claims(text) if may_list(text) else joined(pieces, [sentence.claims for sentence in read])
    return Prose(text, read, told, frozenset(_asides(text, pieces, read)))


def _asides(text: str, pieces: Sequence[tuple[int, str]], read: Sequence[Sentence]) -> Iterator[int]:
    if "\n" not in text and not any([sentence.goes_on for sentence in read]):
        return
    titled = False
    for number, ((start, _), sentence) in enumerate(zip(pieces, read, strict=True)):
        if "\n" in text and (number == 0 or text[start - 1] == "\n"):
            colon = sentence.text.find(":")
            titled = 0 < colon < 70 and any(c.kind == "diagnosis" and c.start < colon for c in sentence.claims)
        before = read[number - 1].claims if number else ()
        if titled or (sentence.goes_on and any(c.kind == "diagnosis" for c in before)):
            yield number


@lru_cache(maxsize=1 << 16)
def read_sentence(text: str) -> Sentence:
    """Read one sentence."""
    stems = _MARKED.findall(text.lower().replace("_", " "))
    grave, extreme = not _GRAVE.isdisjoint(stems), not _EXTREME.isdisjoint(stems)
    goes_on = _GOES_ON.match(text) is not None
    sided, instructed = not _SIDES.isdisjoint(stems), not _INSTRUCTED.isdisjoint(stems)
    return Sentence(text, sentence_claims(text), grave, extreme, goes_on, sided, instructed)


def stems_of(text: str) -> frozenset[str]:
    """The first `STEM` letters of each word, in lower case."""
    return frozenset(map(_stem, _WORD.findall(text.lower())))
