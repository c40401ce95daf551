"""What every reward starts from: the answer that was read, and what its reasoning says of the lesion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from skin_r1.distill.checks.prose import Prose, read_prose
from skin_r1.reading import MAX_TEXT, Reading, message_text, parse

Completion = str | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Answer:
    """A reading and what its reasoning asserts.

    Attributes:
        reading: what `skin_r1.reading.parse` read.
    """

    reading: Reading

    @cached_property
    def prose(self) -> Prose:
        """The reasoning, sentence by sentence."""
        return read_prose(self.reading.think)

    @cached_property
    def told(self) -> tuple[frozenset[str], frozenset[str]]:
        """Findings that the reasoning asserts, and those that it denies; one said both ways stands in neither."""
        said = {claim.slug for claim in self.prose.claims if claim.kind == "finding" and claim.stance == "said"}
        denied = {claim.slug for claim in self.prose.claims if claim.kind == "finding" and claim.stance == "denied"}
        return frozenset(said - denied), frozenset(denied - said)

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
    """The answer that each completion holds, None where it does not parse.

    Args:
        completions: texts, or TRL's lists of messages whose last is the assistant's.
    """
    return [_answer(completion) for completion in completions]


def _answer(completion: Completion) -> Answer | None:
    text = completion if isinstance(completion, str) else message_text(completion[-1]) if completion else ""
    return _read(text) if len(text) <= MAX_TEXT else None  # a megabyte of noise must not stay in the cache


@lru_cache(maxsize=4096)  # nine rewards read the same completions of a step: one reading serves them all
def _read(text: str) -> Answer | None:
    reading = parse(text)
    return Answer(reading) if isinstance(reading, Reading) else None
