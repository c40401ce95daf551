"""How numbers, names and texts are written, in the report and in the dataset card."""

import html
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import PurePath
from typing import Any

from skin_r1.ontology import load_ontology

REASONS: Mapping[str, str] = {
    "parse": "the strict reader does not accept it",
    "diagnosis": "its diagnosis is not the case's",
    "malignancy": "its malignancy is not the case's",
    "differential": "its differential names an unknown diagnosis, the answer itself, or one twice",
    "finding": "it claims a finding that is not annotated as present, or names none",
    "contradiction": "it denies what is present, or concludes something else than it answers",
    "early": "it names the diagnosis before any evidence",
    "unseen": "it claims what neither the image nor the given history shows",
    "hint": "it betrays that the answer was given",
    "unsafe": "it gives advice that could do harm",
    "test": "it comes near to a case or a text that is held out for testing",
    "teacher": "the teacher gave no usable reply",
}
"""Kinds of reason (`skin_r1.distill.verify.REASONS`) in words."""
KINDS: Mapping[str, tuple[str, str]] = {
    "direct": ("Direct", "from the findings straight to the answer"),
    "keep_neighbor": ("Look-alike turned down", "a look-alike is asked about and turned down"),
    "switch_neighbor": ("Look-alike left", "a look-alike is taken up first and then left"),
    "keep_random": ("Stranger turned down", "a diagnosis of another family is asked about and turned down"),
    "switch_random": ("Stranger left", "a diagnosis of another family is taken up first and then left"),
    "coarse_to_fine": ("Coarse to fine", "down the tree of diagnoses, step by step"),
    "uncertain": ("Uncertain", "candidates are weighed that the picture does not separate"),
    "absent": ("From what is absent", "look-alikes are turned down by what is missing"),
    "": ("No set trajectory", "the teacher wrote in its own order"),
}
"""Kinds of trajectory (`skin_r1.distill.composer.trajectory.KINDS`): a name, and what they do."""


def number(count: float | None) -> str:
    """`12,345`; a dash where nothing is known."""
    if count is None:
        return "–"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.2f}"


def share(part: float, whole: float) -> str:
    """Percent with one decimal and a space that does not break; never 0 or 100 where it is not."""
    if not whole or part in (0, whole):
        return "100\u00a0%" if whole and part else "0\u00a0%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}\u00a0%"


def cut(text: str, length: int = 160) -> str:
    """The start of a long text."""
    return text if len(text) <= length else text[: length - 1] + "…"


def fit(text: str, room: int) -> str:
    """The start of a text that takes at most `room` characters once it is escaped for HTML; says how much is left out."""
    used = accumulate(len(html.escape(sign)) for sign in text)
    at = next((at for at, length in enumerate(used) if length > room), None)
    return text if at is None else f"{text[:at]}… ({len(text) - at:,} more characters)"


def diagnosis_name(slug: str | None) -> str:
    """Preferred name of a diagnosis; the slug itself where this version of the ontology lacks it."""
    tree = load_ontology()
    return "no diagnosis" if not slug else tree.name(slug) if slug in tree.nodes else slug


def malignancy_of(slug: str | None) -> str:
    """Malignancy of a diagnosis; empty where the ontology does not know it."""
    tree = load_ontology()
    return tree.malignancy(slug) or "" if slug and slug in tree.nodes else ""


def public_name(teacher: str) -> str:
    """A teacher's name; of a model in a folder the last part, as the folders are the user's own."""
    return PurePath(teacher).name if teacher.startswith(("/", "~", ".")) or "\\" in teacher else teacher


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, the two largest."""
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    told = [f"{count:,}\u00a0{unit}" for count, unit in parts if count]
    return " ".join(told[:2]) or "under 1\u00a0s"


def balance(groups: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, int]]:
    """(name, kept, rejected) of each group, most kept first."""
    rows = [(name, count.get("kept", 0), count.get("rejected", 0)) for name, count in groups.items()]
    return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))


def ordered(groups: Mapping[str, Any], order: Sequence[str]) -> list[tuple[str, Any]]:
    """Those of `order` first, then the others by name."""
    return sorted(groups.items(), key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]))


def gaps(facts: Mapping[str, Any]) -> list[str]:
    """What the kept rationales lack, in sentences."""
    out = []
    diagnoses = balance(facts.get("diagnoses") or {})
    kept = sum(row[1] for row in diagnoses)
    if barren := [diagnosis_name(name) for name, count, _ in diagnoses if not count]:
        more = f" and {len(barren) - 8:,} more" if len(barren) > 8 else ""
        out.append(f"No rationale was kept of {', '.join(sorted(barren)[:8])}{more}.")
    if kept and (top := diagnoses[0])[1] > kept / 2:
        out.append(f"More than half of the kept rationales are of one diagnosis: {diagnosis_name(top[0])}.")
    types = {name: count for name, count, _ in balance(facts.get("skin_types") or {})}
    if total := sum(types.values()):
        if unknown := types.get("unknown"):
            out.append(f"Unknown skin type: {share(unknown, total)} of the kept rationales.")
        if missing := [each for each in ("1-2", "3-4", "5-6") if not types.get(each)]:
            out.append(f"None is of skin type {' or '.join(missing)}.")
    seen = {name for name, count, _ in balance(facts.get("modalities") or {}) if count}
    if seen and (unseen := [each for each in ("dermoscopic", "clinical") if each not in seen]):
        out.append(f"None is of a {' or '.join(unseen)} image.")
    return out


def spending(ledger: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What the teacher took, as (what, how much); of `skin_r1.distill.teacher.ledger.Ledger` as JSON."""
    if not ledger:
        return []
    answers = ledger.get("answers", ledger.get("answered"))
    attempts = ledger.get("attempts")
    outcomes = ledger.get("outcomes") or (attempts if isinstance(attempts, Mapping) else {})
    seconds = ledger.get("seconds", ledger.get("busy_seconds"))
    rows = [
        ("Requests", number(ledger.get("requests"))),
        ("Answers", number(answers)),
        ("Attempts", number(sum(attempts.values()) if isinstance(attempts, Mapping) else attempts)),
        *((f"Attempts: {kind}", number(count)) for kind, count in sorted(outcomes.items())),
        ("Prompt tokens", number(ledger.get("prompt_tokens"))),
        ("Completion tokens", number(ledger.get("completion_tokens"))),
        ("Cost", f"{ledger.get('cost', 0.0):,.2f} {ledger.get('currency') or ''}".strip()),
    ]
    return rows if seconds is None else [*rows, ("Time with a request under way", duration(seconds))]
