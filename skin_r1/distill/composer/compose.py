"""The deterministic teacher: clinical reasoning from a case's own findings, with the source of every statement.

Nothing is invented. Present findings are the case's, denied ones only those that it lists as absent; what links a finding to
a diagnosis, or tells two diagnoses apart, is a rule or a count; the serial number chooses the words
(`skin_r1.distill.composer.code`), so that no two rationales of a run are near copies.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import concept_name
from skin_r1.distill.composer.code import SERIALS
from skin_r1.distill.composer.narrate import narrate
from skin_r1.distill.composer.say import Voice, name
from skin_r1.distill.composer.short import answer_only, compose_short, differential_of
from skin_r1.distill.composer.trajectory import Composed, possible
from skin_r1.errors import problem
from skin_r1.reading import render

__all__ = ["answer_only", "compose", "compose_full", "differential_of", "possible"]


def compose_full(row: Mapping[str, Any], kind: str, serial: int) -> Composed:
    """Write one trajectory.

    Args:
        row: a dense Case row.
        kind: one of `possible(row)`.
        serial: in [0, `code.SERIALS`), each used once in a run: it fixes the wording, the register and the order of
            the sentences.

    Raises:
        UserError: the case cannot carry that kind, or the serial number is out of range.
    """
    allowed = possible(row)
    if kind not in allowed:
        raise problem("the case cannot carry this trajectory", found=kind, allowed=allowed or "none")
    voice = Voice(serial)
    story = narrate(row, kind, voice)
    named = dict.fromkeys(slug for sentence in story.seen for slug in sentence.findings)
    completion = render(
        " ".join(sentence.text for sentence in story.sentences),
        [concept_name(slug) for slug in named],
        [name(slug) for slug in story.others],
        name(story.answer),
        row["malignancy"],
    )
    return Composed(kind, story.answer, completion, story.sentences)


def compose(row: Mapping[str, Any], *, seed: int, length: str = "short", order: str = "canonical") -> str:
    """Write one rationale of one case, without a plan.

    Args:
        row: a dense Case row with a diagnosis.
        seed: with the case id, fixes what varies.
        length: `short` is at most 60 words in one wording, for small models; `full` takes one of the trajectories that the
            case can carry and the short text where it carries none.
        order: findings in the vocabulary's order (`canonical`) or `shuffled`; for `short`.

    Returns:
        A completion in the format of `skin_r1.reading`.
    """
    kinds = possible(row) if length == "full" else ()
    if not kinds:
        return compose_short(row, seed=seed, order=order)
    number = int.from_bytes(hashlib.sha256(f"{seed}/{row['case_id']}".encode()).digest()[:8], "big")
    # A run of single rationales has to keep the case's own diagnosis: a walk down the tree may end above it.
    kept = [kind for kind in kinds if kind != "coarse_to_fine"]
    return compose_full(row, kept[number // SERIALS % len(kept)], number % SERIALS).completion
