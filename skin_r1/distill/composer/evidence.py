"""What a case's own findings say for and against a diagnosis: links, rivals, and the steps down the tree.

Everything rests on rules and counts (`skin_r1.distill.differential.graph`). A finding that the case does not list, present
or absent, is never looked at.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from skin_r1.differentials import neighbors
from skin_r1.distill.differential.graph import known, telling
from skin_r1.ontology import load_ontology
from skin_r1.plausible import LEAST_IMAGES
from skin_r1.vocabulary import Expectation, concept_slug, expectations

MOST = 0.5  # lowest plausible share of images from which a count says "most cases"
SOME = 0.1  # and from which it says "part of the cases"
ABSENCE = 0.5  # an absence is taken for half of what a presence is worth: annotators overlook
RIVALS = 4  # look-alikes of a case that trajectories choose from
STRANGERS = 12  # diagnoses of other families that are tried

Basis = tuple[str, ...]
Found = tuple[str, Basis]
"""A finding, and what says what is said of it."""


@dataclass(frozen=True)
class Signs:
    """What a case lists: the key under which what follows from it is kept."""

    diagnosis: str
    modality: str
    present: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """How a present finding speaks for a diagnosis: `typical`, `supports` (rules), `met` (counts)."""

    finding: str
    role: str
    basis: Basis


@dataclass(frozen=True)
class Rival:
    """Another diagnosis, and what the case's signs say of it.

    Attributes:
        shared: present findings that it would explain too.
        forts: present findings that favor the case's diagnosis over it, strongest first.
        lacks: absent findings that would favor it, strongest first.
    """

    slug: str
    shared: tuple[Found, ...]
    forts: tuple[Found, ...]
    lacks: tuple[Found, ...]


@dataclass(frozen=True)
class Step:
    """One step down the tree, and the present findings that carry it; empty where none does."""

    node: str
    level: str
    carried: tuple[Found, ...]


@cache
def link(diagnosis: str, finding: str, modality: str) -> Link | None:
    """How the finding speaks for the diagnosis, or None where no rule and no count says that it does."""
    what = known(diagnosis).get(finding)
    if what is None:
        return None
    if what.role is not None and ("" in what.modalities or modality in what.modalities):
        return Link(finding, what.role, what.rules + what.counts) if what.favors else None
    if what.share is None or what.share[0] < SOME:
        return None
    return Link(finding, "typical" if what.share[0] >= MOST else "met", what.counts)


@cache
def sayable(slug: str) -> bool:
    """False for a diagnosis whose name is a finding ("scar"): naming the one would claim the other."""
    return concept_slug(load_ontology().name(slug)) is None


@lru_cache(maxsize=1 << 14)
def links(signs: Signs) -> tuple[Link, ...]:
    """The present findings that speak for the diagnosis, typical ones first."""
    found = [at for slug in signs.present if (at := link(signs.diagnosis, slug, signs.modality))]
    return tuple(sorted(found, key=lambda each: ("typical", "supports", "met").index(each.role)))


def rival(signs: Signs, other: str) -> Rival | None:
    """What speaks against `other`; None where nothing does, or more speaks for it than against it."""
    tree = load_ontology()
    own = signs.diagnosis
    if other == own or other in tree.ancestors(own) or own in tree.ancestors(other) or not sayable(other):
        return None
    tells = telling(own, other)
    forts = [tell for tell in tells if tell.favors == own and tell.finding in signs.present]
    lacks = [tell for tell in tells if tell.favors == other and tell.finding in signs.absent]
    contrary = {
        tell.finding: tell.strength for tell in tells if tell.favors == other and tell.finding in signs.present
    }
    missed = [tell.strength for tell in tells if tell.favors == own and tell.finding in signs.absent]
    gain = sum(tell.strength for tell in forts) + ABSENCE * sum(tell.strength for tell in lacks)
    if gain <= sum(contrary.values()) + ABSENCE * sum(missed):
        return None
    ours = {tell.finding for tell in forts}
    shared = (link(other, slug, signs.modality) for slug in signs.present if slug not in ours)
    return Rival(
        other,
        tuple((at.finding, at.basis) for at in shared if at),
        tuple((tell.finding, tell.basis) for tell in forts),
        tuple((tell.finding, tell.basis) for tell in lacks),
    )


@lru_cache(maxsize=1 << 14)
def rivals(signs: Signs) -> tuple[Rival, ...]:
    """The look-alikes of the graph that the signs tell from the diagnosis, most alike first; at most `RIVALS`."""
    found = (rival(signs, edge.b) for edge in neighbors(signs.diagnosis))
    return tuple(each for each in found if each)[:RIVALS]


@lru_cache(maxsize=1 << 14)
def strangers(signs: Signs) -> tuple[Rival, ...]:
    """Diagnoses of other families that a present finding could suggest and the signs turn down; at most `RIVALS`."""
    pool = {slug for finding in signs.present for slug in _suggested(signs.diagnosis, finding, signs.modality)}
    found = (rival(signs, slug) for slug in sorted(pool, key=lambda slug: _draw(signs.diagnosis, slug))[:STRANGERS])
    return tuple(each for each in found if each and each.shared)[:RIVALS]


def _draw(one: str, other: str) -> bytes:
    """An order that looks random and is always the same."""
    return hashlib.sha256(f"{one}/{other}".encode()).digest()


@cache
def families(slug: str) -> tuple[str, ...]:
    """The nodes of level family above or at a node, the lowest first."""
    tree = load_ontology()
    return tuple(each for each in (slug, *tree.ancestors(slug)) if tree.nodes[each].level == "family")


@cache
def _suggested(diagnosis: str, finding: str, modality: str) -> tuple[str, ...]:
    """Diagnoses that share no family with this one and that rules or counts link with the finding."""
    tree = load_ontology()
    return tuple(
        slug
        for slug, node in tree.nodes.items()
        if node.level == "diagnosis"
        and set(families(slug)).isdisjoint(families(diagnosis))
        and link(slug, finding, modality)
    )


@lru_cache(maxsize=1 << 14)
def steps(signs: Signs) -> tuple[Step, ...]:
    """The way from the group down to the diagnosis, each step with the findings that carry it."""
    tree = load_ontology()
    return tuple(
        Step(
            node,
            tree.nodes[node].level,
            tuple((slug, basis) for slug in signs.present if (basis := carries(node, slug))),
        )
        for node in tree.path(signs.diagnosis)
    )


@cache
def carries(node: str, finding: str) -> Basis:
    """What says that the finding speaks for the node over its siblings; empty where nothing does.

    Counts do where the finding's 95 % interval at the node lies above that of its siblings together; rules of the node do
    where they favor it and no sibling's rule does.
    """
    tree = load_ontology()
    parent = tree.nodes[node].parent
    own, whole = _counts(node, finding), _counts(parent, finding)
    basis: Basis = ()
    if own and whole and own.total >= LEAST_IMAGES and whole.total - own.total >= LEAST_IMAGES:
        rest = Expectation(whole.positives - own.positives, whole.total - own.total, "")
        if own.interval()[0] > rest.interval()[1]:
            basis = (
                f"counts:{node} {own.positives}/{own.total}",
                f"counts:{parent or 'all'} {whole.positives}/{whole.total}",
            )
    if parent is None:
        return basis
    what = known(node).get(finding)
    above = known(parent).get(finding)
    if what and what.favors and not (above and set(what.rules) <= set(above.rules)):
        siblings = (known(slug).get(finding) for slug in tree.children(parent) if slug != node)
        if not any(each and each.favors for each in siblings):
            basis = what.rules + basis
    return basis


def _counted(node: str, count: Expectation) -> str:
    return f"counts:{node} {count.positives}/{count.total}"


@cache
def _counts(node: str | None, finding: str) -> Expectation | None:
    """The counts of a node; those of a group are its families' together, those of None are all groups'."""
    tree = load_ontology()
    if node is not None and tree.nodes[node].level != "group":
        return expectations().get((node, finding))
    below = tree.children(node) if node else [slug for slug, each in tree.nodes.items() if each.parent is None]
    parts = [count for slug in below if (count := _counts(slug, finding))]
    if not parts:
        return None
    return Expectation(sum(part.positives for part in parts), sum(part.total for part in parts), parts[0].source)


def signs_of(row: Mapping[str, object]) -> Signs:
    """The signs of a Case row."""
    present, absent = row["concepts_present"], row["concepts_absent"]
    assert isinstance(present, list | tuple) and isinstance(absent, list | tuple)
    return Signs(str(row["diagnosis"]), str(row["modality"]), tuple(present), tuple(absent))
