"""What every reward starts from: the answer that was read, and what its reasoning says of the lesion."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from reward_fns.doubt import doubted
from skin_r1.claims import Claim
from skin_r1.distill.checks.prose import Prose, read_prose
from skin_r1.reading import MAX_TEXT, Reading, message_text, parse

Completion = str | Sequence[Mapping[str, Any]]

# Characters that nobody sees: they would hide a "no" from the reader of prose.
_HIDDEN = re.compile("[\u00ad\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]")
_WORD = re.compile(r"[^\W_]+")


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
        return _HIDDEN.sub("", self.reading.think)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The reasoning's words, lower case, without marks and numbers, which say nothing by themselves."""
        return tuple([word for word in _WORD.findall(self.think.lower()) if not word.isdecimal()])

    @cached_property
    def prose(self) -> Prose:
        """The reasoning, sentence by sentence."""
        return read_prose(self.think)

    @cached_property
    def told(self) -> tuple[frozenset[str], frozenset[str]]:
        """Findings that the reasoning asserts, and those that it denies; one said both ways stands in neither.

        A question asserts nothing, nor does a sentence that does not stand by what it names (`reward_fns.doubt`).
        """
        found = [claim for claim in self.prose.claims if claim.kind == "finding"]
        denied = {claim.slug for claim in found if claim.stance == "denied"}
        said = {claim.slug for claim in found if claim.stance == "said" and self.stands(claim)}
        return frozenset(said - denied), frozenset(denied - said)

    def stands(self, claim: Claim) -> bool:
        """True where the reasoning stands by a claim."""
        return not claim.question and not doubted(self.think, claim.start, claim.end)

    @cached_property
    def listed(self) -> frozenset[str]:
        """Findings of the JSON object that are findings of ours."""
        return frozenset(slug for slug in self.reading.finding_slugs if slug is not None)

    @cached_property
    def asserted(self) -> frozenset[str]:
        """Findings asserted anywhere: listed, or said by the reasoning."""
        return self.listed | self.told[0]

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
    if isinstance(last, Mapping):
        return message_text(last) if last.get("role", "assistant") == "assistant" else ""
    return last if isinstance(last, str) else ""


@lru_cache(maxsize=1024)  # ten rewards read the same completions of a step: one reading serves them all
def _read(text: str) -> Answer | None:
    reading = parse(text)
    answer = Answer(reading) if isinstance(reading, Reading) else None
    return answer if answer is not None and answer.words else None
