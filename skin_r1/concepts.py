"""Findings: the vocabulary (re-exported from `skin_r1.vocabulary`), and the finder of findings in free text.

`mentions` reads a text clause by clause, takes the longest wording at each place, and tells asserted from denied.
"""

from dataclasses import dataclass
from functools import lru_cache

from skin_r1.negation import DENIED, negation
from skin_r1.scan import clauses
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


@lru_cache(maxsize=4096)  # rewards and evaluation read the same reasoning several times
def mentions(text: str) -> tuple[Mention, ...]:
    """Find the concepts that a text names, in order, longest wording first.

    Names of diseases are skipped as a whole, so "blue nevus" claims no blue color. Negation reaches forward from words
    such as "no" or "without" over a list, and back from "is absent" or "not seen"; it ends with the clause or at words
    such as "but". What "cannot be excluded" is neither asserted nor denied and is left out.
    """
    return tuple(
        Mention(span.finding, clause.starts[span.first], clause.ends[span.last - 1], state in DENIED)
        for clause in clauses(text)
        if clause.spans
        for span, state in zip(clause.spans, negation(clause), strict=True)
        if span.finding is not None and state not in ("open", "drowned")
    )
