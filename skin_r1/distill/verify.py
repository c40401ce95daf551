"""What a rationale must pass before a model learns from it."""

import re
from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import excluded_by, mentions
from skin_r1.distill.prose import concluded_diagnoses, concluded_malignancies, leak, unseen
from skin_r1.ontology import load_ontology
from skin_r1.reading import ParseFailure, Reading, parse


def fault(completion: str, row: Mapping[str, Any], *, answer_only: bool = False) -> str | None:
    """Why the completion is not kept, or None.

    Args:
        completion: the teacher's text.
        row: the Case that it is about.
        answer_only: the case has no annotation, so no finding may be claimed at all.

    Returns:
        A reason that begins with its kind and a colon: `parse`, `diagnosis`, `malignancy`, `differential`, `finding`,
        `contradiction`, `unseen` (histology, touch or history that the case does not give), `hint` (the reasoning
        betrays that the answer was given).
    """
    reading = parse(completion)
    if isinstance(reading, ParseFailure):
        return f"parse: {reading.reason}"
    if answer_only:  # its reasoning says only that there is none
        return _answer_fault(reading, row, frozenset())
    present = frozenset(row["concepts_present"])
    return _answer_fault(reading, row, present) or _prose_fault(reading, row, present)


def _answer_fault(reading: Reading, row: Mapping[str, Any], present: frozenset[str]) -> str | None:
    """What is wrong in the JSON object."""
    if reading.diagnosis_slug != row["diagnosis"]:
        return f"diagnosis: {reading.diagnosis!r} is not {row['diagnosis']}"
    if reading.malignancy != row["malignancy"]:
        return f"malignancy: {reading.malignancy} is not {row['malignancy']}"
    others = reading.differential_slugs
    for name, slug in zip(reading.differential, others, strict=True):
        if slug is None:
            return f"differential: {name!r} is no diagnosis of the ontology"
    if row["diagnosis"] in others or len(set(others)) != len(others):
        return "differential: names a diagnosis twice"
    claimed = reading.finding_slugs
    for name, slug in zip(reading.findings, claimed, strict=True):
        if slug not in present:
            return f"finding: {name!r} is not annotated as present"
    if len(set(claimed)) != len(claimed):
        return "finding: named twice"
    if present and not claimed:
        return f"finding: none is named, {len(present)} are annotated as present"
    return None


def _prose_fault(reading: Reading, row: Mapping[str, Any], present: frozenset[str]) -> str | None:
    """What is wrong in the reasoning."""
    think = reading.think
    for mention in mentions(think):
        said = think[mention.start : mention.end]
        if mention.negated and mention.slug in present:
            return f"contradiction: the reasoning denies {said!r}, which is present"
        if not mention.negated and mention.slug not in present and not _spoken_of(mention.slug, present):
            return f"finding: the reasoning claims {said!r}, which is not annotated as present"
    if betrayed := leak(think):
        return f"hint: the reasoning says {betrayed!r}"
    if claim := unseen(think, row.get("history") or ""):
        return f"unseen: the reasoning claims {claim!r}, which neither the image nor the given history shows"
    ontology = load_ontology()
    for said, slug in concluded_diagnoses(think):
        if slug != row["diagnosis"] and slug not in ontology.ancestors(row["diagnosis"]):
            return f"contradiction: the reasoning concludes {said!r}, the answer is {row['diagnosis']}"
    for said in concluded_malignancies(think):
        if said != row["malignancy"]:
            return f"contradiction: the reasoning concludes {said!r}, the answer is {row['malignancy']}"
    return None


def _spoken_of(slug: str, present: frozenset[str]) -> bool:
    """A part of a present finding's own name ("pigment" in a pigment network) is no claim of its own."""
    return any(re.search(rf"\b{re.escape(slug)}\b", other) for other in present) and not excluded_by(slug) & present
