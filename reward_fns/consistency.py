"""Do the reasoning, the answer's findings and its malignancy agree with each other?"""

from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Completion, readings
from skin_r1.concepts import mentions
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading


def consistency_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """Mean of two agreements inside the answer; the truth is not looked at.

    1. Findings: overlap (intersection over union) of those that the reasoning affirms and those in the JSON; 1 when
       both name none.
    2. Malignancy: 1 when the JSON's equals the ontology's malignancy of the diagnosis that the JSON names.

    A text that does not parse, or names a diagnosis unknown to the ontology, scores 0.
    """
    return [_score(reading) for reading in readings(completions)]


def _score(reading: Reading | None) -> float:
    if reading is None or reading.diagnosis_slug is None:
        return 0.0
    found = mentions(reading.think)
    affirmed = {mention.slug for mention in found if not mention.negated}
    listed = {slug for slug in reading.finding_slugs if slug is not None}
    strangers = sum(slug is None for slug in reading.finding_slugs)
    union = len(affirmed | listed) + strangers
    overlap = len(affirmed & listed) / union if union else 1.0
    malignancy = float(load_ontology().malignancy(reading.diagnosis_slug) == reading.malignancy)
    return (overlap + malignancy) / 2
