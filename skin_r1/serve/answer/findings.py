"""Where an answer's reasoning says what its JSON lists."""

from typing import TypedDict

from skin_r1.claims import claims
from skin_r1.concepts import concept_name
from skin_r1.reading import Reading


class Finding(TypedDict):
    """A finding of the answer.

    `name` as the answer writes it, `slug` or None, `said`: first and last (exclusive) character of each place of the
    rationale that asserts it, `in_answer`: False for one that is only in the reasoning.
    """

    name: str
    slug: str | None
    said: list[list[int]]
    in_answer: bool


def findings_of(reading: Reading) -> list[Finding]:
    """The listed findings in their order, then those that only the reasoning asserts.

    A place counts when the text says the finding of this lesion: "no scale" and "psoriasis would show scale" do not
    (`skin_r1.claims`). A listed finding that is said nowhere has no place: the reasoning does not support it. A name that
    our vocabulary lacks is looked for nowhere.
    """
    places: dict[str, list[list[int]]] = {}
    for claim in claims(reading.think):
        if claim.kind == "finding" and claim.stance == "said" and not claim.question:
            places.setdefault(claim.slug, []).append([claim.start, claim.end])
    listed: list[Finding] = [
        {"name": name, "slug": slug, "said": places.get(slug, []) if slug else [], "in_answer": True}
        for name, slug in zip(reading.findings, reading.finding_slugs, strict=True)
    ]
    only_told = [slug for slug in places if slug not in reading.finding_slugs]
    return listed + [
        {"name": concept_name(slug), "slug": slug, "said": places[slug], "in_answer": False} for slug in only_told
    ]
