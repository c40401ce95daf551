"""The deterministic teacher: clinical prose from a case's own findings and from what is known of its diagnosis.

Nothing is invented: findings are the annotated ones, and which of them speak for the diagnosis or against its neighbour
is read from the counted P(finding | diagnosis) of `knowledge/expectations.tsv`. Wording varies with the case and the seed.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from skin_r1.concepts import concept_name, expectations, load_concepts
from skin_r1.ontology import load_ontology
from skin_r1.reading import render

SEEN = ("I see {findings}.", "Visible: {findings}.", "The lesion shows {findings}.", "There is {findings}.")
SEEN_NOTHING = ("I see no marked finding.", "No marked finding is visible.")
ABSENT = ("There is no {finding}.", "A {finding} is absent.", "I do not see {finding}.")
SUGGESTS = ("This suggests {diagnosis}.", "The picture fits {diagnosis}.", "Together this points to {diagnosis}.")
SUPPORTS = ("{finding} speaks for {diagnosis}.", "{finding} is typical of {diagnosis}.")
AGAINST = ("Less likely: {other}, where {finding} is unusual.", "Less likely: {other}, which seldom shows {finding}.")
UNLIKELY = ("Less likely: {other}.", "Also possible: {other}.")
LEAST_IMAGES = 10  # annotated images of a diagnosis before its counts are used


def differential_of(row: Mapping[str, Any], limit: int = 2) -> list[str]:
    """Other diagnoses for this case, likeliest first: the row's own differential, else the ontology's neighbours."""
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
    """The finding whose counted odds favour the diagnosis most over the other one, if any favours it at least twice."""
    best, best_ratio = None, math.log(2)
    for finding in findings:
        here, there = support(diagnosis, finding), support(other, finding)
        if here is not None and there is not None and math.log(here / there) > best_ratio:
            best, best_ratio = finding, math.log(here / there)
    return best


def compose(row: Mapping[str, Any], *, seed: int, length: str = "short", order: str = "canonical") -> str:
    """Write one rationale.

    Args:
        row: a dense Case row with a diagnosis.
        seed: with the case id, fixes the wording.
        length: `short` is at most 60 words in one wording, for small models; `full` varies the wording and names what
            supports the diagnosis, what is absent and why each neighbour is less likely.
        order: findings in the vocabulary's order (`canonical`, learnable by a small model) or `shuffled`.

    Returns:
        A completion in the format of `skin_r1.reading`.
    """
    # A small model reads one wording: every sampled synonym would be noise in the gradient of GRPO.
    key = f"{seed}/{row['case_id']}" if length == "full" else "short"
    choose = Random(hashlib.sha256(key.encode()).digest())
    ontology = load_ontology()
    truth = row["diagnosis"]
    findings = sorted(row["concepts_present"], key=list(load_concepts()).index)
    if order == "shuffled":
        Random(f"{seed}/{row['case_id']}").shuffle(findings)
    names = [concept_name(slug) for slug in findings]
    name = ontology.name(truth)
    others = differential_of(row, 1 if length == "short" else 2)
    saw, nothing = choose.choice(SEEN), choose.choice(SEEN_NOTHING)
    seen = saw.format(findings=_listed(names)) if names else nothing
    sentences = [seen]
    if length == "full":
        sentences += [
            _capital(choose.choice(SUPPORTS).format(finding=concept_name(slug), diagnosis=name))
            for slug in findings
            if (support(truth, slug) or 0.0) >= 0.5
        ][:2]
        sentences += [
            choose.choice(ABSENT).format(finding=concept_name(slug)) for slug in _telling_absences(row, others)
        ]
    sentences.append(choose.choice(SUGGESTS).format(diagnosis=name))
    for other in others:
        telling = telling_finding(findings, truth, other)
        if telling:
            sentences.append(choose.choice(AGAINST).format(other=ontology.name(other), finding=concept_name(telling)))
        else:
            sentences.append(choose.choice(UNLIKELY).format(other=ontology.name(other)))
    think = " ".join(sentences)
    return render(think, names, [ontology.name(slug) for slug in others], name, row["malignancy"])


def _telling_absences(row: Mapping[str, Any], others: Sequence[str]) -> list[str]:
    """Absent findings that a neighbour usually shows and the truth shows less often. At most one a neighbour."""
    found = []
    for other in others:
        expected = [
            (there, slug)
            for slug in row["concepts_absent"]
            if (there := support(other, slug) or 0.0) > (support(row["diagnosis"], slug) or 0.0)
        ]
        likely = max(expected, default=(0.0, ""))
        if likely[0] >= 0.5 and likely[1] not in found:
            found.append(likely[1])
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (f" and {names[-1]}" if len(names) > 1 else names[0])


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def answer_only(row: Mapping[str, Any]) -> str:
    """The label without a rationale: the plain alternative that GRPO is compared with."""
    name = load_ontology().name(row["diagnosis"])
    return render("The label alone.", [], [], name, row["malignancy"])
