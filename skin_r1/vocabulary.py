"""What can be seen or told: the findings that a rationale may claim, with the words that claim them.

The vocabulary is a file (`knowledge/concepts.tsv`): SkinCon's 48 concepts, the values of the seven-point checklist, the
findings of the ABCD rule, the 3-point checklist, CASH and chaos and clues, the terms of the third consensus on dermoscopy,
and the textures and symptoms of PAD-UFES-20 and SCIN. `docs/concepts.md` tells it from the user's side. How often a finding
goes with a diagnosis is kept apart, as counts (`knowledge/expectations.tsv`, `knowledge/measured.tsv`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Literal, cast

from skin_r1.wording import KNOWLEDGE, many, normalize, read_tsv

Vocabulary = Literal[
    "skincon", "derm7pt", "abcd", "symptom", "three-point", "cash", "chaos-and-clues", "consensus", "scin"
]


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
        vocabulary: the sets that it belongs to; the first is where it was taken from.
        excludes: slugs that cannot hold for the same lesion; symmetric.
    """

    slug: str
    name: str
    definition: str
    source: str
    synonyms: tuple[str, ...]
    modality: tuple[str, ...]
    vocabulary: tuple[Vocabulary, ...]
    excludes: tuple[str, ...]


@dataclass(frozen=True)
class Expectation:
    """In `positives` of `total` images of a diagnosis the concept was present; `source` names the tables."""

    positives: int
    total: int
    source: str

    @property
    def rate(self) -> float:
        """P(concept | diagnosis), in (0, 1): (positives + 1/2) / (total + 1), the mean under Jeffreys' prior."""
        return (self.positives + 0.5) / (self.total + 1)

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Lowest and highest plausible rate, in [0, 1]: Wilson's score interval; `z` = 1.96 for 95 %.

        Source: Wilson EB, J Am Stat Assoc 1927;22:209-212. Images of one diagnosis are taken as independent.
        """
        if self.total == 0:
            return 0.0, 1.0
        n, share = self.total, self.positives / self.total
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


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
            vocabulary=cast(tuple[Vocabulary, ...], many(row["vocabulary"])),
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
    """(diagnosis, concept) -> how often people marked the concept, from `knowledge/expectations.tsv`.

    A pair that is missing was never annotated for that diagnosis: unknown, not zero.
    """
    return _counts("expectations.tsv")


@cache
def measured_expectations() -> Mapping[tuple[str, str], Expectation]:
    """(diagnosis, concept) -> how often `skin_r1.lesion.measure` found the concept, from `knowledge/measured.tsv`.

    Kept apart from `expectations`: a cut on a measured number is no expert's reading, and phantoms and rewards draw on
    what experts marked.
    """
    return _counts("measured.tsv")


def _counts(file: str) -> Mapping[tuple[str, str], Expectation]:
    return {
        (row["diagnosis"], row["concept"]): Expectation(int(row["positives"]), int(row["total"]), row["source"])
        for row in read_tsv(KNOWLEDGE / file)
    }
