"""The right answer of a case by its own annotation: what every reward must pay in full."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from skin_r1.claims import claims
from skin_r1.concepts import concept_name, excluded_by
from skin_r1.differentials import neighbors
from skin_r1.ontology import load_ontology
from skin_r1.plausible import plausible_findings
from skin_r1.reading import MAX_DIFFERENTIAL, MAX_FINDINGS, render

EXPECTED = 3  # findings that a label-only case is given by what its diagnosis usually shows
UNKNOWN = 2  # of them beside findings that are known: more would be guessing
NEIGHBORS = 4  # look-alikes that stand in for a differential


def gold_answer(row: Mapping[str, Any]) -> str:
    """The completion that the row's annotation makes right.

    Its reasoning asserts each finding in a sentence, concludes the diagnosis and sets the others aside; its JSON object says
    the same. See `gold_findings` and `gold_differential` for what they are.

    Args:
        row: a Case row with a diagnosis.
    """
    findings, others = gold_findings(row), list(gold_differential(row))
    return answer_of(row["diagnosis"], gold_malignancy(row), findings, others)


def gold_malignancy(row: Mapping[str, Any]) -> str:
    """The case's own, or the ontology's where the case leaves it open."""
    return str(row["malignancy"] or load_ontology().malignancy(row["diagnosis"]))


def gold_reasoning(row: Mapping[str, Any]) -> str:
    """The reasoning of the gold answer."""
    return reasoning(gold_findings(row), row["diagnosis"], list(gold_differential(row)))


def gold_findings(row: Mapping[str, Any]) -> list[str]:
    """Slugs to assert: those known to be present; where nobody annotated the case, filled up with the usual ones.

    A label-only case gets the likeliest findings of its diagnosis up to `EXPECTED`, none that is known to be absent or
    that a present one excludes, and at most `UNKNOWN` where a critic or a measurement has spoken.
    """
    present, absent = list(row["concepts_present"]), row["concepts_absent"]
    if row["annotation"] == "dense":
        return present[:MAX_FINDINGS]
    room = EXPECTED - len(present)
    guesses = [
        slug
        for slug in plausible_findings(row["diagnosis"])
        if slug not in present and slug not in absent and excluded_by(slug).isdisjoint(present)
    ]
    return (present + guesses[: max(0, min(room, UNKNOWN) if present or absent else room)])[:MAX_FINDINGS]


def gold_differential(row: Mapping[str, Any]) -> dict[str, float]:
    """Slugs of the other diagnoses -> weight in (0, 1], likeliest first, at most as many as an answer may name.

    They are the case's own; of a case without weights its nearest look-alikes.
    """
    own = [(item["diagnosis"], item["weight"]) for item in row["differential"] if item["weight"] > 0]
    near = [(edge.b, edge.weight) for edge in neighbors(row["diagnosis"])[:NEIGHBORS]]
    ranked = sorted(own or near, key=lambda item: -item[1])
    return dict([item for item in ranked if item[0] != row["diagnosis"]][:MAX_DIFFERENTIAL])


def answer_of(diagnosis: str, malignancy: str, findings: Sequence[str], others: Sequence[str]) -> str:
    """A completion whose reasoning and JSON object agree.

    Args:
        diagnosis, others: slugs of the ontology.
        malignancy: as the JSON object says it.
        findings: concept slugs.
    """
    tree = load_ontology()
    names = [concept_name(slug) for slug in findings]
    think = reasoning(findings, diagnosis, others)
    return render(think, names, [tree.name(slug) for slug in others], tree.name(diagnosis), malignancy)


def reasoning(findings: Sequence[str], diagnosis: str, others: Sequence[str]) -> str:
    """A sentence for each finding, then the conclusion, then what is set aside; all are slugs."""
    names = [concept_name(slug) for slug in findings]
    seen = [f"{name[0].upper()}{name[1:]} is seen." for name in names] or ["No marked finding is seen."]
    aside = [f"Less likely: {', '.join(map(said_name, others))}."] if others else []
    return " ".join([*seen, f"This is {said_name(diagnosis)}.", *aside])


@cache
def said_name(diagnosis: str) -> str:
    """The preferred name, or the first synonym that a reader takes for the diagnosis: "scar" alone names a finding."""
    node = load_ontology().nodes[diagnosis]
    return next((name for name in (node.name, *node.synonyms) if _concludes(name, diagnosis)), node.name)


def _concludes(name: str, diagnosis: str) -> bool:
    return [(claim.slug, claim.kind) for claim in claims(f"This is {name}.")] == [(diagnosis, "diagnosis")]
