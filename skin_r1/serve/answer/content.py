"""What an answer shows: the leading answer's findings and reasons, and every diagnosis that an answer names."""

from collections.abc import Mapping
from typing import Any

from skin_r1.ontology import load_ontology
from skin_r1.serve.answer.agreement import Agreement, name_of, unknown
from skin_r1.serve.answer.findings import findings_of

NOTHING: Mapping[str, Any] = {
    "findings": [],
    "differential": [],
    "diagnosis": None,
    "malignancy": None,
    "rationale": None,
    "resolved": None,
}


def content_of(agreement: Agreement, chances: Mapping[str, float]) -> dict[str, Any]:
    """The keys of `NOTHING`, filled.

    The differential holds the diagnoses with votes, most first, then those that answers only name as alternatives, without
    a probability.

    Args:
        agreement: the answers.
        chances: name -> probability of those with votes; empty for a single answer.
    """
    reading, tree = agreement.leader, load_ontology()
    slug = reading.diagnosis_slug
    rows: dict[str, dict[str, Any]] = {}
    for name in agreement.votes:
        said = next(each for each in agreement.readings if name_of(each) == name)
        rows[name] = _row(said.diagnosis, said.diagnosis_slug, chances.get(name), agreement.malignancy(name))
    for each in (reading, *agreement.readings):
        for name, known in zip(each.differential, each.differential_slugs, strict=True):
            rows.setdefault(known or unknown(name), _row(name, known, None, tree.malignancy(known) if known else None))
    return {
        "findings": findings_of(reading),
        "differential": list(rows.values()),
        "diagnosis": reading.diagnosis,
        "malignancy": reading.malignancy,
        "rationale": reading.think,
        "resolved": {
            "diagnosis": slug,
            "path": list(tree.path(slug)) if slug else [],
            "findings": list(reading.finding_slugs),
            "differential": list(reading.differential_slugs),
        },
    }


def _row(name: str, slug: str | None, probability: float | None, malignancy: str | None) -> dict[str, Any]:
    return {"name": name, "slug": slug, "probability": probability, "malignancy": malignancy}
