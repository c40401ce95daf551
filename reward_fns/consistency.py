"""Do the reasoning, the answer's findings, its diagnosis and its malignancy agree with each other?"""

from collections.abc import Collection, Sequence
from typing import Any

from reward_fns.answers import Answer, Completion, answers
from reward_fns.conclusion import concluded
from skin_r1.distill.checks.conclusion import conclusion_fault
from skin_r1.ontology import load_ontology
from skin_r1.plausible import RARE, usual_findings

UNSAID = 0.5  # the reasoning names no diagnosis: nothing contradicts the answer, nothing leads to it


def consistency_reward(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """Agreement inside the answer; the truth is not looked at.

    Mean of three agreements, times how far the reasoning comes to the answer:

    1. Findings: overlap (intersection over union) of those that the reasoning asserts and those in the JSON object; 1 where
       neither has any.
    2. Malignancy: 1 when the JSON's is the ontology's malignancy of the diagnosis that the JSON names, else 0.
    3. Grounds: share of the asserted findings that the named diagnosis is known to show (upper end of the 95 % interval
       at or above 0.05), of those that the counts know for it; where these know none of them, the counts of what it is a
       kind of speak. One unusual finding is forgiven where another is known, and so is what nobody counted: true findings
       are at times unusual. Without a known one the grounds are 0, whether findings are asserted or not: to invent one
       pays no more than to say that none is seen. Left out where the counts know nothing of the diagnosis. A finding
       that nearly all of them show (erythema: 148 of 159) is a ground like another: an honest short answer has often no
       better one, and to weigh it by how telling it is would pay a true answer less than 1. What tells diagnoses apart
       is paid by the rewards that look at the truth.

    The conclusion counts 1 when the reasoning concludes the diagnosis of the JSON, what it is a kind of or one of its kinds;
    0.5 when it names none, joins a rival to it ("or", "alternatively", brackets), denies or doubts it elsewhere without a
    turn, puts another name in its place ("on second thoughts, eczema"), or only asks or supposes; 0 when it concludes
    another one, turns the answer down, or calls it by another malignancy. A last name alone in its clause ("so melanoma")
    is a conclusion where no other one stands like it. A text that does not parse, or names a diagnosis unknown to the
    ontology, scores 0.
    """
    return [0.0 if answer is None else _score(answer) for answer in answers(completions)]


def _score(answer: Answer) -> float:
    named = answer.reading.diagnosis_slug
    if named is None or conclusion_fault(answer.prose, named, answer.reading.malignancy) is not None:
        return 0.0
    agreements = [float(load_ontology().malignancy(named) == answer.reading.malignancy)]
    union = len(answer.asserted) + answer.strangers
    agreements.append(len(answer.upheld) / union if union else 1.0)
    if usual_findings(named):
        agreements.append(_grounds(answer.asserted, named))
    return (1.0 if concluded(answer, named) else UNSAID) * sum(agreements) / len(agreements)


def _grounds(asserted: Collection[str], named: str) -> float:
    usual = usual_findings(named)
    counted = [usual[finding][1] >= RARE for finding in asserted if finding in usual]
    known = sum(counted)
    if not known:  # a kind that few images show is known by what it is a kind of
        above = [usual_findings(slug) for slug in load_ontology().ancestors(named)]
        rest = [finding for finding in asserted if finding not in usual]
        known = sum(any(finding in each and each[finding][1] >= RARE for each in above) for finding in rest)
        counted += [True] * known
    return min(1.0, (known + 1) / len(counted)) if known else 0.0
