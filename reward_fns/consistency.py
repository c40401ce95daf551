"""Do the reasoning, the answer's findings, its diagnosis and its malignancy agree with each other?"""

import re
from collections.abc import Sequence
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from skin_r1.distill.checks.conclusion import conclusion_fault
from skin_r1.ontology import load_ontology
from skin_r1.plausible import RARE, usual_findings

UNSAID = 0.5  # the reasoning names no diagnosis: nothing contradicts the answer, nothing leads to it
# What stands between two diagnoses of one conclusion.
_JOINED = re.compile(r"(?:[\s,/&+|]|\b(?:or|and|versus|vs|also|either|an?|the)\b\.?)+", re.IGNORECASE)


def consistency_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """Agreement inside the answer; the truth is not looked at.

    Mean of three agreements, times how far the reasoning comes to the answer:

    1. Findings: overlap (intersection over union) of those that the reasoning asserts and those in the JSON object.
    2. Malignancy: 1 when the JSON's is the ontology's malignancy of the diagnosis that the JSON names, else 0.
    3. Grounds: share of the asserted findings that the named diagnosis is known to show (upper end of the 95 % interval
       at or above 0.05), of those that the counts know; left out where they know none of them. One unusual finding is
       forgiven where another is known: true findings are at times unusual.

    An answer without any finding has no grounds: 1 and 3 are 0. The conclusion counts 1 when the reasoning concludes the
    diagnosis of the JSON, what it is a kind of or one of its kinds; 0.5 when it names none, names two in one breath, or only
    asks or supposes; 0 when it concludes another one, turns the answer down, or calls it by another malignancy. A text that
    does not parse, or names a diagnosis unknown to the ontology, scores 0.
    """
    return [0.0 if answer is None else _score(answer) for answer in answers(completions)]


def _score(answer: Answer) -> float:
    named = answer.reading.diagnosis_slug
    if named is None or conclusion_fault(answer.prose, named, answer.reading.malignancy) is not None:
        return 0.0
    agreements = [float(load_ontology().malignancy(named) == answer.reading.malignancy)]
    union = len(answer.asserted) + answer.strangers
    agreements.append(len(answer.upheld) / union if union else 0.0)
    usual = usual_findings(named)
    known = [usual[finding][1] >= RARE for finding in answer.asserted if finding in usual]
    if known or not union:
        agreements.append(min(1.0, (sum(known) + 1) / len(known)) if any(known) else 0.0)
    return (1.0 if _concluded(answer, named) else UNSAID) * sum(agreements) / len(agreements)


def _concluded(answer: Answer, named: str) -> bool:
    """True where one diagnosis is concluded, or the last one named is the answer, alone in its clause: "so melanoma"."""
    claims = [claim for claim in answer.prose.claims if claim.kind == "diagnosis"]
    for claim, after in zip(claims, [*claims, None][1:], strict=True):
        if claim.stance in ("concluded", "leaning") and answer.stands(claim):
            return after is None or not _JOINED.fullmatch(answer.think, claim.end, after.start)
    if not claims or any(claim.stance in ("concluded", "leaning") for claim in claims):
        return False
    last, tree = claims[-1], load_ontology()
    alone = last.stance == "weighed" and answer.stands(last) and sum(c.clause == last.clause for c in claims) == 1
    return alone and (last.slug in tree.path(named) or named in tree.path(last.slug))
