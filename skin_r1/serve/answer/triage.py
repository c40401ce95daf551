"""Red flags: fixed rules over what the person wrote and what the model answered. They may only escalate.

A level is never lowered: not by the model's answer, not by an answer that is missing, not by a later question. The rules over
words stand in `skin_r1.serve.answer.red_flags`; they are over-cautious and for English, and text that is not mostly English
is itself a flag.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from skin_r1.claims import claims
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading
from skin_r1.serve.answer.agreement import grade
from skin_r1.serve.answer.red_flags import dangerous, fired, readable

LEVELS = ("routine", "soon", "urgent", "emergency")
ADVICE = {
    "routine": "No red flag was found by fixed rules. This does not mean that the skin change is harmless.",
    "soon": "See a doctor within the next weeks.",
    "urgent": "See a dermatologist urgently (within two weeks).",
    "emergency": "Seek emergency care now.",
}
MALIGNANT_SHARE = 0.2
"""Share of the answers that must be malignant to make a case urgent; a single one of more answers makes it `soon`."""


@dataclass(frozen=True)
class Flag:
    """One rule that fired: its level, its name, why, and the guideline (cited from memory) or None."""

    level: str
    rule: str
    reason: str
    source: str | None = None


@dataclass(frozen=True)
class Triage:
    """The highest level of all flags, and the flags."""

    level: str
    advice: str
    flags: tuple[Flag, ...]


def triage(
    texts: Sequence[str],
    readings: Sequence[Reading],
    *,
    age: int | None = None,
    site: str | None = None,
    abstained: bool = False,
    spoken: str = "",
    floor: str = "routine",
) -> Triage:
    """Apply every rule.

    Args:
        texts: what the person wrote: the history, and each later question.
        readings: all answers of the model that could be read; the one shown need not be among the dangerous ones.
        age: years.
        site: where, as the form says.
        abstained: the server gives no diagnosis.
        spoken: an answer of the model in free text.
        floor: the level that the case already has.
    """
    flags = [Flag(floor, "earlier", "an earlier part of this case asked for this level")] if floor != "routine" else []
    told = [*texts, f"site: {site}" if site else "", _age_words(age)]
    # Signs that the model saw complete those that the person tells ("fever" and a blister in the picture), never alone.
    seen = [", ".join(dict.fromkeys(name for reading in readings for name in reading.findings))]
    alone = {rule.name for rule in fired(seen)}
    by_words = {rule.name: rule for rule in fired(told)}
    by_words |= {
        rule.name: rule for rule in fired([*told, *seen]) if rule.level == "emergency" and rule.name not in alone
    }
    flags += [Flag(rule.level, rule.name, rule.reason, rule.source) for rule in by_words.values()]
    if any(not readable(text) for text in texts):
        flags.append(Flag("soon", "unread-text", "the text is not mostly English that these rules can read"))
    if abstained:
        flags.append(Flag("soon", "no-answer", "the model gave no usable answer; a person has to look"))
    flags += _answer_flags(readings) + _spoken_flags(spoken)
    unique = {flag.rule: flag for flag in sorted(flags, key=lambda flag: LEVELS.index(flag.level))}
    ordered = tuple(sorted(unique.values(), key=lambda flag: -LEVELS.index(flag.level)))
    level = ordered[0].level if ordered else "routine"
    return Triage(level, ADVICE[level], ordered)


def _age_words(age: int | None) -> str:
    """In words that the rules know: the years of a form cannot tell a newborn from an infant."""
    if age is None or age > 5:
        return ""
    return "infant" if age == 0 else "child"


def _answer_flags(readings: Sequence[Reading]) -> list[Flag]:
    """What the answers themselves ask for; every answer counts, not only the one that is shown."""
    tree, flags = load_ontology(), list[Flag]()
    grades = [grade(reading) for reading in readings]
    if malignant := grades.count("malignant"):
        level = "urgent" if malignant >= MALIGNANT_SHARE * len(grades) else "soon"
        many = "the model's answer is" if len(grades) == 1 else f"{malignant} of {len(grades)} answers are"
        flags.append(Flag(level, "malignant-answer", f"{many} malignant, or count as such"))
    for kind, words in (
        ("premalignant", "is, or counts as, premalignant"),
        ("indeterminate", "leaves malignancy open"),
    ):
        unknown = kind == "indeterminate" and any(reading.diagnosis_slug is None for reading in readings)
        if kind in grades or unknown:
            flags.append(Flag("soon", f"{kind}-answer", f"an answer of the model {words}"))
    for reading in readings:
        slug = reading.diagnosis_slug
        known = tree.malignancy(slug) if slug else None
        if known is not None and known != reading.malignancy:
            reason = f"an answer says {reading.malignancy}, but {reading.diagnosis} is {known}"
            flags.append(Flag("soon", "contradiction", reason))
        flags += _dangers(slug)
    suspects = {
        name: None
        for reading in readings
        for name, slug in zip(reading.differential, reading.differential_slugs, strict=True)
        if slug and tree.malignancy(slug) == "malignant"
    }
    if suspects:
        flags.append(Flag("soon", "malignant-differential", f"malignant alternatives: {', '.join(suspects)}"))
    return flags


def _spoken_flags(text: str) -> list[Flag]:
    """What free text of the model asks for: a diagnosis that it gives, or leans to, counts as that of an answer."""
    given = {claim.slug: None for claim in claims(text) if claim.stance in ("concluded", "leaning")}
    flags = [flag for slug in given for flag in _dangers(slug)]
    if any(load_ontology().malignancy(slug) == "malignant" for slug in given):
        flags.append(Flag("urgent", "malignant-answer", "the model's answer names a malignant diagnosis"))
    return flags


def _dangers(slug: str | None) -> list[Flag]:
    tree = load_ontology()
    named = [each for each in (tree.path(slug) if slug else ()) if each in dangerous()]
    return [
        Flag(dangerous()[each][0], f"danger-{each}", f"{tree.name(each)}: {dangerous()[each][1]}") for each in named
    ]
