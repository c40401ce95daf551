"""What a rationale must pass before a model learns from it."""

from collections.abc import Mapping
from typing import Any

from skin_r1.distill.checks.conclusion import conclusion_fault, early_fault
from skin_r1.distill.checks.findings import findings_fault
from skin_r1.distill.checks.held_out import HeldOut, held_out_fault
from skin_r1.distill.checks.hint import hint_fault
from skin_r1.distill.checks.prose import read_prose
from skin_r1.distill.checks.unsafe import unsafe_fault
from skin_r1.distill.checks.unseen import unseen_fault
from skin_r1.ontology import load_ontology
from skin_r1.reading import ParseFailure, Reading, parse

REASONS = (
    "parse", "diagnosis", "malignancy", "differential", "finding", "contradiction", "early", "unseen", "hint", "unsafe",
    "test", "teacher",
)  # fmt: skip


def fault(
    completion: str,
    row: Mapping[str, Any],
    *,
    answer_only: bool = False,
    answer: str | None = None,
    held_out: HeldOut | None = None,
) -> str | None:
    """Why the completion is not kept, or None.

    Args:
        completion: the teacher's text.
        row: the Case that it is about.
        answer_only: the case has no annotation, so no finding may be claimed at all.
        answer: slug that the rationale may come to instead of the case's diagnosis: one above it, of the same
            malignancy, for a trajectory that stops where the evidence stops.
        held_out: what of the test cases must not be repeated.

    Returns:
        A reason that begins with its kind, one of `REASONS`, and a colon. `docs/distillation.md` tells what each means.
    """
    reading = parse(completion)
    if isinstance(reading, ParseFailure):
        return f"parse: {reading.reason}"
    if held_out is not None and (close := held_out_fault("", row.get("group"), held_out)):
        return f"test: {close}"
    if answer_only:  # its reasoning says only that there is none
        return _answer_fault(reading, row, frozenset(), row["diagnosis"])
    present = frozenset(row["concepts_present"])
    right = answer if answer and _may_stop_at(answer, row) else row["diagnosis"]
    if found := _answer_fault(reading, row, present, right):
        return found
    return prose_fault(reading.think, row, right, reading.malignancy, held_out=held_out)


def prose_fault(
    think: str,
    row: Mapping[str, Any],
    answer: str | None,
    malignancy: str | None,
    *,
    held_out: HeldOut | None = None,
) -> str | None:
    """What is wrong in the reasoning, or None.

    Args:
        think: the reasoning.
        row: the Case; without annotation nothing is known of its findings.
        answer: slug that the reasoning has to come to; None where it is unknown.
        malignancy: what the answer says of it.
        held_out: as for `fault`.
    """
    prose = read_prose(think)
    if betrayed := hint_fault(prose):
        return f"hint: the reasoning says {betrayed!r}"
    if held_out is not None and (close := held_out_fault(think, row.get("group"), held_out)):
        return f"test: {close}"
    if advice := unsafe_fault(prose, malignancy or "indeterminate"):
        return f"unsafe: the reasoning says {advice!r}"
    if claim := unseen_fault(prose, row):
        return f"unseen: the reasoning claims {claim!r}, which neither the image nor the given history shows"
    if answer is not None:
        if named := early_fault(prose, answer):
            return f"early: the reasoning names {named!r} before any evidence"
        if other := conclusion_fault(prose, answer, malignancy, str(row.get("history") or "")):
            return f"contradiction: {other}"
    return findings_fault(prose, row)


def _may_stop_at(answer: str, row: Mapping[str, Any]) -> bool:
    """True for the diagnosis of which the case's own is a subtype, where both are of one malignancy."""
    tree = load_ontology()
    own = row["diagnosis"]
    same = tree.malignancy(answer) == tree.malignancy(own)
    return answer in tree.path(own) and tree.nodes[answer].level in ("diagnosis", "subtype") and same


def _answer_fault(reading: Reading, row: Mapping[str, Any], present: frozenset[str], right: str) -> str | None:
    """What is wrong in the JSON object."""
    if reading.diagnosis_slug != right:
        return f"diagnosis: {reading.diagnosis!r} is not {right}"
    if reading.malignancy != row["malignancy"]:
        return f"malignancy: {reading.malignancy} is not {row['malignancy']}"
    others = reading.differential_slugs
    for name, slug in zip(reading.differential, others, strict=True):
        if slug is None:
            return f"differential: {name!r} is no diagnosis of the ontology"
    if right in others or row["diagnosis"] in others or len(set(others)) != len(others):
        return "differential: names a diagnosis twice"
    claimed = reading.finding_slugs
    for name, slug in zip(reading.findings, claimed, strict=True):
        if slug not in present:
            return f"finding: {name!r} is not annotated as present"
    if len(set(claimed)) != len(claimed):
        return "finding: named twice"
    if present and not claimed:
        return f"finding: none is named, {len(present)} are annotated as present"
    return None
