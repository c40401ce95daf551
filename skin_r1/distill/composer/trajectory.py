"""Trajectories: the ways of reasoning from a case's findings to its diagnosis, and which of them a case can carry.

The first five follow the trajectories of Skin-R1 (arXiv 2511.14900): a rule that leads to the answer, a look-alike or a
random diagnosis turned down, or taken up first and then left. The others walk down the tree of diagnoses, weigh candidates
that the picture does not separate, and reason from what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from skin_r1.distill.composer.evidence import Signs, Step, links, rivals, sayable, signs_of, steps, strangers
from skin_r1.ontology import load_ontology

Kind = Literal[
    "direct",
    "keep_neighbor",
    "switch_neighbor",
    "keep_random",
    "switch_random",
    "coarse_to_fine",
    "uncertain",
    "absent",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SURE = 0.8  # weight of a first candidate above which a differential decides
LEAST = 0.1  # weight below which a candidate is not spoken of
CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a rationale and what it rests on.

    Attributes:
        text: as it stands in the rationale.
        findings: slugs of the findings that it speaks of.
        basis: ids of rules (`psoriasis/scale/Bolognia2018`), counts (`counts:psoriasis 80/120`), `taxonomy`,
            `differential` or `history`; empty for a sentence that says nothing of medicine.
    """

    text: str
    findings: tuple[str, ...]
    basis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Composed:
    """A rationale.

    Attributes:
        kind: one of `KINDS`.
        diagnosis: slug of the answer: the case's, or the diagnosis above it where a subtype could not be told.
        completion: in the format of `skin_r1.reading`.
        sentences: the reasoning; joined by spaces they are its text.
    """

    kind: str
    diagnosis: str
    completion: str
    sentences: tuple[Sentence, ...]


def possible(row: Mapping[str, Any]) -> tuple[Kind, ...]:
    """The kinds of trajectory that the case can carry without inventing anything, in the order of `KINDS`.

    None without a present finding, a diagnosis and its malignancy. A kind with another diagnosis needs a finding, present
    or absent, that tells the two apart, and more for the case's diagnosis than against it.

    Args:
        row: a Case row: `diagnosis, malignancy, modality, differential, concepts_present, concepts_absent`.
    """
    if not row["concepts_present"] or not row["diagnosis"] or not row["malignancy"]:
        return ()
    signs = signs_of(row)
    if not sayable(signs.diagnosis):
        return ()
    near, far = rivals(signs), strangers(signs)
    holds = {
        "direct": True,
        "keep_neighbor": bool(near),
        "switch_neighbor": any(each.shared for each in near),
        "keep_random": bool(far),
        "switch_random": bool(far),
        "coarse_to_fine": bool(links(signs)) and any(step.carried and step.level != "group" for step in steps(signs)),
        "uncertain": len(candidates(row)) > 1,
        "absent": any(each.lacks for each in near),
    }
    return tuple(kind for kind in KINDS if holds[kind])


def candidates(row: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """(diagnosis, weight) of a soft differential led by the row's diagnosis; empty where the weights decide."""
    ranked = others(row["differential"], row["diagnosis"])
    own = sum(item["weight"] for item in row["differential"] if item["diagnosis"] == row["diagnosis"])
    kept = [(slug, weight) for slug, weight in ranked if weight >= LEAST]
    if not kept or own < kept[0][1] or own > SURE:
        return ()
    return ((row["diagnosis"], own), *kept[: CANDIDATES - 1])


def others(differential: Sequence[Mapping[str, Any]], diagnosis: str) -> list[tuple[str, float]]:
    """The differential without the diagnosis and what lies above or below it, heaviest first."""
    if not differential:
        return []
    tree = load_ontology()
    line = {diagnosis, *tree.ancestors(diagnosis)}
    found = {item["diagnosis"]: float(item["weight"]) for item in differential}
    kept = [
        (slug, weight)
        for slug, weight in found.items()
        if slug not in line and diagnosis not in tree.ancestors(slug) and sayable(slug)
    ]
    return sorted(kept, key=lambda item: (-item[1], item[0]))


def halted(signs: Signs, way: Sequence[Step]) -> str:
    """The answer of a walk down the tree: the diagnosis, or the one above it where nothing tells the subtype.

    Only where both have the same malignancy: a picture that does not tell melanoma in situ from melanoma still has to be
    taken for what it is.
    """
    tree = load_ontology()
    if way[-1].level != "subtype" or way[-1].carried:
        return signs.diagnosis
    above = next((step.node for step in way if step.level == "diagnosis"), signs.diagnosis)
    alike = tree.malignancy(above) == tree.malignancy(signs.diagnosis)
    return above if alike and sayable(above) else signs.diagnosis
