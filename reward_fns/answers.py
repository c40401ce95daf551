"""What every reward starts from: the answer that was read, and what its reasoning says of the lesion."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import filterfalse
from typing import Any

from reward_fns.doubt import doubted
from skin_r1.claims import Claim
from skin_r1.concepts import load_concepts
from skin_r1.distill.checks.prose import Prose, read_prose
from skin_r1.reading import MAX_TEXT, Reading, message_text, parse
from skin_r1.scan import LONGEST

Completion = str | Sequence[Mapping[str, Any]]

_PLAIN = {"role", "content"}
_FILLERS = "\u115f\u1160\u3164\uffa0"  # letters without a shape
_WORD = re.compile(r"[^\W_]+")
# "No scale at the center, scale at the edge" contradicts nothing: parts of a lesion, and what stands between two statements.
_PART = re.compile(
    r"\b(?:cent(?:er|re|ral)\w*|middle|borders?|edges?|margins?|rim|peripher\w+|elsewhere|surround\w*|base|tip|upper|lower|"
    r"left|right|inner|outer|sides?|half)\b",
    re.IGNORECASE,
)
# "Scale? Yes." asserts what it asks.
_YES = re.compile(r"[^.;!?\n]*\?\s*(?:yes|present|it is|there is)\W*?(?:[.,;!\n]|$)", re.IGNORECASE)
_RETRACTS = re.compile(
    r"\bjust (?:kidding|joking)|\b(?:take (?:that|this|it|all|everything)(?: of that| of it| all)? back|(?:i|we) retract|"
    r"(?:strike|disregard|forget|ignore) (?:that|this|the above|what i|all of)|"
    r"(?:all|everything|none|nothing)(?: of)? (?:it|this|that|these|those|the above|i (?:said|wrote)|what i (?:said|wrote)) "
    r"(?:is|are|was) (?:true|real|correct|false|wrong|invented|a lie|untrue)|"
    r"(?:i|we) made (?:that|this|it|them|everything|all of (?:that|this|it|them)) up|"
    r"the (?:opposite|reverse) (?:is|was) (?:true|the case))\b"
)
# Each of these phrases has such a word.
_RETRACTING = frozenset(
    "kidding joking retract strike disregard forget ignore back true false wrong untrue invented lie made "
    "opposite reverse".split()
)
_OVERLAYS = frozenset("\u0335\u0336\u0337\u0338")
_STRUCK = re.compile(
    r"<!--.*?(?:-->|$)|~~[^~]*~~|<(del|s|strike)>.{0,500}?</\1>|(?:.[\u0335-\u0338])+", re.DOTALL | re.IGNORECASE
)
_PIECE = re.compile(r"(?:(?!\b(?:and|but|while|whereas|although|yet)\b)[^,.;:!?\n])+", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A reading and what its reasoning asserts.

    Attributes:
        reading: what `skin_r1.reading.parse` read.
    """

    reading: Reading

    @cached_property
    def think(self) -> str:
        """The reasoning without characters that nobody sees."""
        return _shown(self.reading.think)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The reasoning's words, lower case, without marks and numbers, which say nothing by themselves."""
        return tuple([word for word in _WORD.findall(self.think.lower()) if not word.isdecimal()])

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Its words without those of the answer's own name: to swap the name makes no new reasoning.

        Where these are most of it they stay: it repeats them.
        """
        name = frozenset(self.reading.diagnosis.lower().split())
        rest = tuple(filterfalse(name.__contains__, self.words))
        return rest if 2 * len(rest) >= len(self.words) else self.words

    @cached_property
    def prose(self) -> Prose:
        """The reasoning, sentence by sentence."""
        return read_prose(self.think)

    @cached_property
    def told(self) -> tuple[frozenset[str], frozenset[str]]:
        """Findings that the reasoning asserts, and those that it denies; one said both ways stands in neither.

        A question asserts nothing, nor does a sentence that does not stand by what it names (`reward_fns.doubt`).
        """
        said, denied = self._claimed
        return said - denied, denied - said

    @cached_property
    def contradicted(self) -> frozenset[str]:
        """Findings that the reasoning both asserts and denies: it earns nothing by them, and has asserted them still."""
        said, denied = self._claimed
        return said & denied

    @cached_property
    def drowned(self) -> frozenset[str]:
        """Findings that the reasoning asserts in a clause without an end: it earns nothing by them either."""
        if len(self.words) < LONGEST:
            return frozenset()
        return frozenset(claim.slug for claim in self.prose.claims if claim.stance == "drowned")

    @cached_property
    def _claimed(self) -> tuple[frozenset[str], frozenset[str]]:
        found = [claim for claim in self.prose.claims if claim.kind == "finding"]
        said = [claim for claim in found if claim.stance == "said" and self.stands(claim)]
        asserted = frozenset(claim.slug for claim in said)
        denied = {
            claim.slug
            for claim in found
            if claim.stance == "denied" and not (claim.slug in asserted and self._elsewhere(claim, said))
        }
        return asserted, frozenset(denied)

    def _elsewhere(self, denial: Claim, said: Sequence[Claim]) -> bool:
        """True where a finding is denied of one part of the lesion, and asserted of others only."""
        part = self._part(denial)
        return bool(part) and all(self._part(claim) != part for claim in said if claim.slug == denial.slug)

    def _part(self, claim: Claim) -> str:
        piece = next((m for m in _PIECE.finditer(self.think) if m.end() > claim.start), None)
        found = _PART.search(piece[0]) if piece else None
        return found[0].lower() if found else ""

    def stands(self, claim: Claim) -> bool:
        """True where the reasoning stands by a claim."""
        asked = claim.question and _YES.match(self.think, claim.end) is None
        if asked or claim.start < self._retracted:
            return False
        return not doubted(self.think, claim.start, claim.end, symptom=claim.slug in _symptoms())

    @cached_property
    def _retracted(self) -> int:
        """Where the reasoning last takes back all that it has said before."""
        text = self.think
        if _RETRACTING.isdisjoint(self.words):
            return 0
        return max((found.end() for found in _RETRACTS.finditer(text.lower())), default=0)

    @cached_property
    def listed(self) -> frozenset[str]:
        """Findings of the JSON object that are findings of ours."""
        return frozenset(slug for slug in self.reading.finding_slugs if slug is not None)

    @cached_property
    def asserted(self) -> frozenset[str]:
        """Findings asserted anywhere: listed, or said by the reasoning, even if it denies them too, or drowns them."""
        said, _ = self._claimed
        return self.listed | said | self.drowned

    @cached_property
    def upheld(self) -> frozenset[str]:
        """Findings asserted in both places; only these are ever paid."""
        return self.listed & self.told[0]

    @cached_property
    def strangers(self) -> int:
        """How many different names in the JSON list are no finding of ours."""
        named = zip(self.reading.findings, self.reading.finding_slugs, strict=True)
        return len({name.casefold() for name, slug in named if slug is None})


def answers(completions: Sequence[Completion]) -> list[Answer | None]:
    """The answer that each completion holds, None where it does not parse or its reasoning has no word.

    Args:
        completions: texts, or TRL's lists of messages whose last is the assistant's.
    """
    return [_answer(completion) for completion in completions]


def _answer(completion: Completion) -> Answer | None:
    text = _text(completion)
    return _read(text) if len(text) <= MAX_TEXT else None  # a megabyte of noise must not stay in the cache


def _text(completion: Completion) -> str:
    """What the assistant said last; nothing where the last word is a tool's or anything else's."""
    last = completion if isinstance(completion, str) or not completion else completion[-1]
    if type(last) is dict and last.keys() == _PLAIN and type(last["content"]) is str:  # TRL's, by far the most
        return last["content"] if last["role"] == "assistant" else ""
    if isinstance(last, Mapping):
        return message_text(last) if last.get("role", "assistant") == "assistant" else ""
    return last if isinstance(last, str) else ""


@lru_cache(maxsize=1024)  # ten rewards read the same completions of a step: one reading serves them all
def _read(text: str) -> Answer | None:
    reading = parse(text)
    answer = Answer(reading) if isinstance(reading, Reading) else None
    return answer if answer is not None and answer.words else None


def _shown(text: str) -> str:
    """A text without what nobody sees, or what is struck out: it would hide a "no" from the reader of prose."""
    if "<" in text or "~~" in text or not (text.isascii() or _OVERLAYS.isdisjoint(text)):
        text = _STRUCK.sub(" ", text)
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    hidden = [ord(char) for char in set(composed) if _hidden(char)]
    return composed.translate(dict.fromkeys(hidden)) if hidden else composed


@cache
def _symptoms() -> frozenset[str]:
    return frozenset(slug for slug, concept in load_concepts().items() if "symptom" in concept.vocabulary)


@lru_cache(maxsize=1 << 12)
def _hidden(char: str) -> bool:
    """True for control and format characters, marks that join no letter, and fillers."""
    category = unicodedata.category(char)
    return category in ("Mn", "Me") or char in _FILLERS or (category[0] == "C" and not char.isspace())
