"""What a rationale must pass before a model learns from it."""

from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import excluded_by, mentions
from skin_r1.reading import ParseFailure, parse


def fault(completion: str, row: Mapping[str, Any], *, answer_only: bool = False) -> str | None:
    """Why the completion is not kept, or None.

    Args:
        completion: the teacher's text.
        row: the Case that it is about.
        answer_only: the case has no annotation, so no finding may be claimed at all.

    Returns:
        A reason that begins with its kind and a colon: `parse`, `diagnosis`, `malignancy`, `differential`, `finding`,
        `contradiction`.
    """
    reading = parse(completion)
    if isinstance(reading, ParseFailure):
        return f"parse: {reading.reason}"
    if reading.diagnosis_slug != row["diagnosis"]:
        return f"diagnosis: {reading.diagnosis!r} is not {row['diagnosis']}"
    if reading.malignancy != row["malignancy"]:
        return f"malignancy: {reading.malignancy} is not {row['malignancy']}"
    if row["diagnosis"] in reading.differential_slugs:
        return "differential: repeats the diagnosis"
    present = frozenset() if answer_only else frozenset(row["concepts_present"])
    claimed = list(reading.finding_slugs)
    for name, slug in zip(reading.findings, claimed, strict=True):
        if slug not in present:
            return f"finding: {name!r} is not annotated as present"
    if len(set(claimed)) != len(claimed):
        return "finding: named twice"
    for mention in mentions(reading.think):
        said = reading.think[mention.start : mention.end]
        if mention.negated and mention.slug in present:
            return f"contradiction: the reasoning denies {said!r}, which is present"
        if not mention.negated and mention.slug not in present and not _spoken_of(mention.slug, present):
            return f"finding: the reasoning claims {said!r}, which is not annotated as present"
    return None


def _spoken_of(slug: str, present: frozenset[str]) -> bool:
    """A part of a present finding's own name ("pigment" in a pigment network) is no claim of its own."""
    return any(slug in other for other in present) and not excluded_by(slug) & present
