"""What can be seen or told: the findings that a rationale may claim, with the words that claim them.

The vocabulary is a file (`knowledge/concepts.tsv`): SkinCon's 48 concepts, the values of the seven-point checklist,
the shape, border and color findings of the ABCD rule, and the symptoms of PAD-UFES-20.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from skin_r1.wording import KNOWLEDGE, many, normalize, read_tsv

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
def concept_texts() -> dict[str, str]:
    """Normalized name, slug or synonym -> slug; names win."""
    concepts = load_concepts().values()
    out = {normalize(text): c.slug for c in concepts for text in c.synonyms}
    out.update((normalize(text), c.slug) for c in concepts for text in (c.slug, c.name))
    return out


def concept_slug(text: str) -> str | None:
    """The concept that `text` names exactly (after normalization), or None."""
    return concept_texts().get(normalize(text))


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
