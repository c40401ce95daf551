"""The deterministic teacher: clinical reasoning from a case's own findings, with the source of every statement.

Nothing is invented. Present findings are the case's, denied ones only those that it lists as absent; what links a finding to
a diagnosis, or tells two diagnoses apart, is a rule or a count; the serial number chooses the words
(`skin_r1.distill.composer.code`), so that no two rationales of a run are near copies.
"""

from collections.abc import Mapping
from typing import Any

from skin_r1.concepts import concept_name
from skin_r1.distill.composer.narrate import narrate
from skin_r1.distill.composer.say import Voice, name
from skin_r1.distill.composer.trajectory import Composed, possible
from skin_r1.errors import problem
from skin_r1.reading import render


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
