"""The right answer of a case by its own annotation: what every reward must pay in full."""

from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import concept_name
from skin_r1.ontology import load_ontology
from skin_r1.reading import MAX_DIFFERENTIAL, render


def gold_answer(row: Mapping[str, Any]) -> str:
    """The completion that the row's annotation makes right.

    A sparse row names no finding: none is known to be there. The differential is the row's own, likeliest first.

    Args:
        row: a Case row with a diagnosis.
    """
    ontology = load_ontology()
    names = [concept_name(slug) for slug in row["concepts_present"]]
    ranked = sorted(row["differential"], key=lambda item: -item["weight"])
    others = [ontology.name(item["diagnosis"]) for item in ranked if item["diagnosis"] != row["diagnosis"]]
    think = f"Seen: {', '.join(names) or 'nothing marked'}. This is {ontology.name(row['diagnosis'])}."
    return render(think, names, others[:MAX_DIFFERENTIAL], ontology.name(row["diagnosis"]), row["malignancy"])
