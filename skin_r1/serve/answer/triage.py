"""Red flags: fixed rules over what the person wrote and what the model answered. They may only escalate.

The rules are deliberately few, readable and over-cautious. A level is never lowered: not by the model's answer, and
not by an answer that is missing. Sources: NICE NG12 (suspected skin cancer), NICE NG51/NG253 (sepsis), BAD guideline on
Stevens-Johnson syndrome and toxic epidermal necrolysis (2016), NICE NG240 (meningococcal disease).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading

LEVELS = ("routine", "soon", "urgent", "emergency")
ADVICE = {
    "routine": "No red flag was found by fixed rules. This does not mean that the skin change is harmless.",
    "soon": "See a doctor within the next weeks.",
    "urgent": "See a dermatologist urgently (within two weeks).",
    "emergency": "Seek emergency care now.",
}


@dataclass(frozen=True)
class Flag:
    """One rule that fired: its level, its name and why."""

    level: str
    rule: str
    reason: str


@dataclass(frozen=True)
class Triage:
    """The highest level of all flags, and the flags."""

    level: str
    advice: str
    flags: tuple[Flag, ...]


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(words) + r")", re.IGNORECASE)


_FEVER = _any("fever", "febrile", "high temperature", "chills")
_RASH = _any("rash", "eruption", "erythema", "spots", "exanthem")
# Each rule: every group of words must occur. (level, name, reason, groups)
TEXT_RULES: tuple[tuple[str, str, str, tuple[re.Pattern[str], ...]], ...] = (
    (
        "emergency",
        "severe-drug-reaction",
        "blisters, skin pain or sore mouth or eyes with fever can be Stevens-Johnson syndrome",
        (_FEVER, _any("blister", "skin pain", "painful skin", "peeling", "mouth", "mucosa", "sore eyes", "genital")),
    ),
    (
        "emergency",
        "purpura-with-fever",
        "purple spots with fever can be meningococcal sepsis",
        (_FEVER, _any("purpur", "petechia", "non-?blanching", "purple")),
    ),
    (
        "emergency",
        "deep-infection",
        "fast spread or pain out of proportion can be necrotizing infection",
        (_any("out of proportion", "rapidly spreading", "spreading fast", "spreading quickly", "necro", "crepit"),),
    ),
    (
        "emergency",
        "airway",
        "swelling of face or tongue, or trouble breathing, can be anaphylaxis",
        (
            _any(
                r"swollen (?:face|tongue|lips?|throat)",
                r"(?:face|facial|tongue|lip|throat) (?:is )?(?:swelling|swollen)",
                "trouble breathing",
                "short(?:ness)? of breath",
                "dyspn",
                "wheez",
                "cannot breathe",
            ),
        ),
    ),
    (
        "emergency",
        "neonate-blisters",
        "blisters in a newborn can be herpes",
        (_any("newborn", "neonat", "weeks? old", "days? old"), _any("blister", "vesic")),
    ),
    (
        "urgent",
        "erythroderma",
        "redness of most of the skin",
        (_any("erythroderma", "whole body", "all over my body"),),
    ),
    ("urgent", "fever-with-rash", "a rash with fever", (_FEVER, _RASH)),
    (
        "urgent",
        "weakened-immunity",
        "a weakened immune system",
        (_any("immunosuppress", "transplant", "chemotherapy", "immunodefic"),),
    ),
    (
        "urgent",
        "changing-lesion",
        "a spot that changes, grows or bleeds",
        (
            _any("changing", "changed", "growing", "grew", "grown", "bleed", "bled", "new mole", "ugly duckling"),
            _any("mole", "lesion", "spot", "nevus", "naevus", "lump", "growth", "patch", "it "),
        ),
    ),
)


def triage(history: str | None, reading: Reading | None) -> Triage:
    """Apply every rule.

    Args:
        history: what the person wrote, or None.
        reading: the model's answer, or None when it abstained.
    """
    flags: list[Flag] = []
    for level, rule, reason, groups in TEXT_RULES:
        if history and all(group.search(history) for group in groups):
            flags.append(Flag(level, rule, reason))
    if reading is None:
        flags.append(Flag("soon", "no-answer", "the model gave no usable answer; a person has to look"))
    else:
        flags += _answer_flags(reading)
    level = max((flag.level for flag in flags), key=LEVELS.index, default="routine")
    return Triage(level, ADVICE[level], tuple(flags))


def _answer_flags(reading: Reading) -> list[Flag]:
    ontology = load_ontology()
    flags = []
    known = ontology.malignancy(reading.diagnosis_slug) if reading.diagnosis_slug else None
    if "malignant" in (reading.malignancy, known):
        flags.append(Flag("urgent", "malignant-answer", "the model's answer is, or counts as, malignant"))
    elif "premalignant" in (reading.malignancy, known):
        flags.append(Flag("soon", "premalignant-answer", "the model's answer is, or counts as, premalignant"))
    elif "indeterminate" in (reading.malignancy, known) or known is None:
        flags.append(Flag("soon", "indeterminate-answer", "the model's answer leaves malignancy open"))
    if known is not None and known != reading.malignancy:
        reason = f"the answer says {reading.malignancy}, but {reading.diagnosis} is {known}"
        flags.append(Flag("soon", "contradiction", reason))
    suspects = _malignant(reading.differential, reading.differential_slugs)
    if suspects:
        flags.append(Flag("soon", "malignant-differential", f"malignant alternatives: {', '.join(suspects)}"))
    return flags


def _malignant(names: Sequence[str], slugs: Sequence[str | None]) -> list[str]:
    ontology = load_ontology()
    return [name for name, slug in zip(names, slugs, strict=True) if slug and ontology.malignancy(slug) == "malignant"]
