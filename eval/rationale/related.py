"""Findings that are nearly the same: a part of the other one, or the same structure with another quality."""

from collections.abc import Collection, Mapping
from functools import cache

from skin_r1.concepts import load_concepts

# What a finding is made of; the checks of distillation forgive such a part, an evaluation calls it half right.
from skin_r1.distill.checks.findings import IMPLIED as PARTS

# One structure, told apart by its size, depth, order or distribution.
_STRUCTURES = (
    {"macule", "patch"},
    {"papule", "nodule", "plaque"},
    {"vesicle", "bulla"},
    {"erosion", "ulcer"},
    {"scale", "rough-or-flaky"},
    {"typical-pigment-network", "atypical-pigment-network", "negative-pigment-network"},
    {"regular-streaks", "irregular-streaks"},
    {"regular-dots-and-globules", "irregular-dots-and-globules"},
    {
        "diffuse-regular-pigmentation",
        "diffuse-irregular-pigmentation",
        "localized-regular-pigmentation",
        "localized-irregular-pigmentation",
    },
    {"blue-regression-areas", "white-regression-areas", "regression-combinations"},
    {"regular-nail-lines", "irregular-nail-lines"},
    {"shiny-white-streaks", "shiny-white-blotches-strands"},
)


@cache
def near() -> Mapping[str, frozenset[str]]:
    """Concept slug -> its parts, what it is a part of, and the same structure with another quality.

    All vessels are one structure. An opposite is not near: a symmetric shape is no half of an asymmetric one.
    """
    vessels = {slug for slug in load_concepts() if slug.endswith("-vessels")} | {"telangiectasia"}
    found: dict[str, set[str]] = {slug: set() for slug in load_concepts()}
    for group in (*_STRUCTURES, vessels):
        for slug in group:
            found[slug] |= group - {slug}
    for whole, parts in PARTS.items():
        for part in parts:
            found[whole].add(part)
            found[part].add(whole)
    return {slug: frozenset(others) for slug, others in found.items()}


def is_near(slug: str, others: Collection[str]) -> bool:
    """True where one of `others` is nearly the same finding."""
    return not near().get(slug, frozenset()).isdisjoint(others)
