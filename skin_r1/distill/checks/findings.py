"""Does the reasoning claim only findings that are there, and deny none of them?"""

import re
from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import excluded_by, mentions
from skin_r1.distill.checks.prose import Prose
from skin_r1.vocabulary import load_concepts

# A present finding -> what it is made of: to say so is no further claim.
IMPLIED: Mapping[str, tuple[str, ...]] = {
    "annular-granular-pattern": ("gray", "blue-regression-areas", "gray-blue-structures", "regular-dots-and-globules"),
    "symmetric-color-structure": ("symmetric-shape",),
    "asymmetric-color-structure": ("asymmetric-shape",),
    "white-hypopigmentation": ("white-circles",),
    "blue-regression-areas": ("blue", "gray", "gray-blue-structures"),
    "regression-combinations": (
        "blue",
        "gray",
        "white-hypopigmentation",
        "blue-regression-areas",
        "white-regression-areas",
        "gray-blue-structures",
    ),
    "blue-whitish-veil": ("blue", "white-hypopigmentation", "blue-white-structures"),
    "blue-gray-ovoid-nests": ("blue", "gray", "gray-blue-structures"),
    "homogeneous-blue-pattern": ("blue", "homogeneous-pattern"),
    "vascular-lacunae": ("erythema",),
    "central-white-patch": ("white-hypopigmentation",),
    "milia-like-cysts": ("white-circles", "cyst", "white-hypopigmentation"),
    "shiny-white-blotches-strands": ("white-hypopigmentation",),
    "shiny-white-streaks": ("white-hypopigmentation",),
    "white-circles": ("white-hypopigmentation",),
    "white-lines": ("white-hypopigmentation",),
    "white-regression-areas": ("white-hypopigmentation",),
    "rosettes": ("white-hypopigmentation",),
    "comedo-like-openings": ("comedo", "crypts"),
    "lattice-like-pattern": ("brown-hyperpigmentation",),
    "typical-pigment-network": ("brown-hyperpigmentation", "pigmented"),
    "atypical-pigment-network": ("brown-hyperpigmentation", "pigmented"),
    "leaf-like-areas": ("brown-hyperpigmentation", "pigmented"),
    "bulla": ("fluid-filled",),
    "vesicle": ("fluid-filled",),
    "purpura-petechiae": ("purple",),
    "exophytic-fungating": ("elevation",),
    "nodule": ("elevation",),
    "papule": ("elevation",),
    "plaque": ("elevation",),
}


# PAD-UFES-20 asks patients about elevation, beside itch and pain; but a picture shows it.
SYMPTOMS = frozenset(
    slug
    for slug, concept in load_concepts().items()
    if not concept.modality and set(concept.vocabulary) <= {"symptom", "scin"} and slug != "elevation"
)
"""Findings that a patient tells and no image shows."""
_ELSEWHERE = re.compile(r"\b(?:surrounding|background|elsewhere|nearby|other areas?|around the)\b", re.IGNORECASE)
# Words for all findings of a sort: "no vessels" denies each of them; an adjective before the word makes it one of them.
_SORTS = {
    word: re.compile(
        rf"\b(?:no|without|lacks?) (?:visible |discernible |any )?(?:{names})\b(?! (?:other|except|but|of the))|"
        rf"(?:^|[.;,:]\s*)(?:the )?(?:{names}) (?:of any kind )?(?:are|is|were|was) (?:absent|missing|"
        r"nowhere|not (?:seen|visible|present|found|discernible|there))",
        re.IGNORECASE,
    )
    for word, names in (
        ("vessels", "(?:blood )?vessels"),
        ("globules", "(?:dots and )?globules|dots or globules"),
        ("network", "(?:pigment )?network"),
        ("streaks", "streaks"),
    )
}


def findings_fault(prose: Prose, row: Mapping[str, Any]) -> str | None:
    """The first claim about a finding that does not hold for the case, or None.

    On a case without annotation nothing is known to be there or not: only findings that exclude each other, and those
    that another kind of image would show, are faults.

    Returns:
        `finding: ...`, `contradiction: ...` or `unseen: ...`.
    """
    present, absent = frozenset(row["concepts_present"]), frozenset(row["concepts_absent"])
    annotated = bool(present or absent)
    # A complaint is judged against the history (`unseen`), not against what the image shows.
    told = (SYMPTOMS | {mention.slug for mention in mentions(str(row.get("history") or ""))}) - absent
    said: dict[str, str] = {}
    denied: dict[str, str] = {}
    for claim in prose.claims:
        if claim.kind != "finding" or claim.stance not in ("said", "denied") or claim.question:
            continue
        words = prose.text[claim.start : claim.end]
        (said if claim.stance == "said" else denied).setdefault(claim.slug, words)
        if claim.stance == "denied":
            if claim.slug in present and claim.slug not in SYMPTOMS:
                return f"contradiction: the reasoning denies {words!r}, which is present"
        elif claim.slug not in present and claim.slug not in told and not _spoken_of(claim.slug, present):
            if annotated:
                return f"finding: the reasoning claims {words!r}, which is not annotated as present"
            if foreign := _foreign(claim.slug, str(row.get("modality"))):
                return f"unseen: the reasoning claims {words!r}, which {foreign}"
    for word, pattern in _SORTS.items():
        if any(word in slug for slug in present) and (found := pattern.search(prose.text)):
            return f"contradiction: the reasoning says {found[0]!r}, and some are present"
    for slug, words in said.items():
        if slug in denied and (annotated or _ELSEWHERE.search(prose.text) is None):
            return f"contradiction: the reasoning claims and denies {words!r}"
        if clash := next((other for other in excluded_by(slug) if other in said), None):
            return f"contradiction: {words!r} and {said[clash]!r} exclude each other"
    return None


def _foreign(slug: str, modality: str) -> str | None:
    """Why an image of this kind cannot show the finding, or None."""
    shown = load_concepts()[slug].modality
    if modality == "clinical" and shown == ("dermoscopic",):
        return "needs dermoscopy"
    return None


def _spoken_of(slug: str, present: frozenset[str]) -> bool:
    """A part of a present finding's own name ("pigment" in a pigment network) is no claim of its own."""
    if any(slug in IMPLIED.get(other, ()) for other in present):
        return True
    return any(re.search(rf"\b{re.escape(slug)}\b", other) for other in present) and not excluded_by(slug) & present
