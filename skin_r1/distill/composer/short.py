"""The deterministic teacher of the embedded model: one wording, at most 60 words, nothing that varies but the case."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from skin_r1.concepts import concept_name, expectations, load_concepts
from skin_r1.ontology import load_ontology
from skin_r1.plausible import LEAST_IMAGES
from skin_r1.reading import render

# A small model reads one wording: every sampled synonym would be noise in the gradient of GRPO.
SEEN = "The lesion shows {findings}."
SEEN_NOTHING = "I see no marked finding."
SUGGESTS = "This suggests {diagnosis}."
AGAINST = "Less likely: {other}, which seldom shows {finding}."
UNLIKELY = "Also possible: {other}."


def compose_short(row: Mapping[str, Any], *, seed: int, order: str = "canonical") -> str:
    """One rationale in the one wording that the tiny model learns; the published figures rest on it.

    Args:
        row: a dense Case row with a diagnosis.
        seed: with the case id, fixes the order of the findings where it is `shuffled`.
        order: findings in the vocabulary's order (`canonical`, learnable by a small model) or `shuffled`.

    Returns:
        A completion in the format of `skin_r1.reading`.
    """
    ontology = load_ontology()
    truth = row["diagnosis"]
    findings = sorted(row["concepts_present"], key=list(load_concepts()).index)
    if order == "shuffled":
        Random(f"{seed}/{row['case_id']}").shuffle(findings)
    names = [concept_name(slug) for slug in findings]
    name = ontology.name(truth)
    others = differential_of(row, 1)
    seen = SEEN.format(findings=_listed(names)) if names else SEEN_NOTHING
    sentences = [seen, SUGGESTS.format(diagnosis=name)]
    for other in others:
        telling = telling_finding(findings, truth, other)
        if telling:
            sentences.append(AGAINST.format(other=ontology.name(other), finding=concept_name(telling)))
        else:
            sentences.append(UNLIKELY.format(other=ontology.name(other)))
    return render(" ".join(sentences), names, [ontology.name(slug) for slug in others], name, row["malignancy"])


def answer_only(row: Mapping[str, Any]) -> str:
    """The label without a rationale: the plain alternative that GRPO is compared with."""
    name = load_ontology().name(row["diagnosis"])
    return render("The label alone.", [], [], name, row["malignancy"])


def differential_of(row: Mapping[str, Any], limit: int = 2) -> list[str]:
    """Other diagnoses for this case, likeliest first: the row's own differential, else the ontology's neighbors."""
    truth = row["diagnosis"]
    weighted = sorted(row["differential"], key=lambda item: -item["weight"])
    others = [item["diagnosis"] for item in weighted if item["diagnosis"] != truth]
    if not others:
        ontology = load_ontology()
        parent = ontology.nodes[truth].parent
        others = [slug for slug in ontology.children(parent) if slug != truth] if parent else []
    return others[:limit]


def support(diagnosis: str, finding: str) -> float | None:
    """P(finding | diagnosis) from the counts, or None where too few images were annotated."""
    count = expectations().get((diagnosis, finding))
    if count is None or count.total < LEAST_IMAGES:
        return None
    return count.rate


def telling_finding(findings: Sequence[str], diagnosis: str, other: str) -> str | None:
    """The finding whose counted odds favor the diagnosis most over the other one, if any favors it at least twice."""
    best, best_ratio = None, math.log(2)
    for finding in findings:
        here, there = support(diagnosis, finding), support(other, finding)
        if here is not None and there is not None and math.log(here / there) > best_ratio:
            best, best_ratio = finding, math.log(here / there)
    return best


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (f" and {names[-1]}" if len(names) > 1 else names[0])
