"""What an answer says, whoever wrote it and whatever was asked.

The strict reader of the rewards comes first. The tolerant one (`eval.answers`) gets what that refuses, and the tasks that
ask for another form. Where it is unsure the answer counts as unread: nobody can defend a number that rests on a guess.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from eval.answers import read_answer, read_letter, read_malignancy, read_yes_no
from eval.predictions import Prediction
from skin_r1.concepts import concept_name
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse

Reader = Literal["strict", "tolerant"]
_NUMBERED = re.compile(r"^[\s*_>#-]*(?P<number>\d{1,3})\s*[.):-]\s*(?P<answer>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What an answer says.

    Attributes:
        diagnosis: as written; empty where none was asked for.
        predicted, differential: slugs; None where a name is not in the ontology.
        malignancy: said, else that of the diagnosis; None where neither is known.
        findings: concept slugs asserted, each once.
        unnamed: findings that are in no vocabulary of ours, as written.
        think: the reasoning.
    """

    diagnosis: str = ""
    predicted: str | None = None
    differential: tuple[str | None, ...] = ()
    malignancy: str | None = None
    findings: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    think: str = ""


class Heard(NamedTuple):
    """What was said; why the answer is not of the asked form; why it cannot be read. Each None where it does not apply."""

    said: Said | None
    form: str | None
    failure: str | None


def read(prediction: Prediction, reader: Reader) -> Heard:
    """Read one prediction by its task; `strict` reads the open diagnosis in the form of the prompt and nothing else."""
    task = prediction.task or "diagnosis"
    if prediction.failure is not None and not prediction.completion.strip():
        return Heard(None, prediction.failure, prediction.failure)
    if task == "choice":
        return _choice(prediction)
    if task == "malignancy":
        verdict = read_malignancy(prediction.completion)
        said = Said(malignancy=verdict.value, think=prediction.completion) if verdict.sure else None
        return _heard(said, verdict.reason)
    if task == "concepts":
        return _concepts(prediction)
    strict = parse(prediction.completion)
    if isinstance(strict, Reading):
        return Heard(_strict(strict), None, None)
    form = strict.reason if task == "diagnosis" else None
    return Heard(None, strict.reason, strict.reason) if reader == "strict" else _free(prediction.completion, form)


def _heard(said: Said | None, reason: str) -> Heard:
    return Heard(said, None, None) if said else Heard(None, f"unsure: {reason}", f"unsure: {reason}")


def _strict(strict: Reading) -> Said:
    pairs = zip(strict.findings, strict.finding_slugs, strict=True)
    return Said(
        diagnosis=strict.diagnosis,
        predicted=strict.diagnosis_slug,
        differential=strict.differential_slugs,
        malignancy=strict.malignancy,
        findings=tuple(dict.fromkeys(slug for slug in strict.finding_slugs if slug is not None)),
        unnamed=tuple(name for name, slug in pairs if slug is None),
        think=strict.think,
    )


def _free(completion: str, form: str | None) -> Heard:
    free = read_answer(completion)
    if not free.sure or free.diagnosis is None:
        return Heard(None, form or f"unsure: {free.reason}", f"unsure: {free.reason}")
    said = Said(
        diagnosis=free.quote,
        predicted=free.diagnosis,
        differential=free.differential,
        malignancy=free.malignancy or load_ontology().malignancy(free.diagnosis),
        findings=free.findings,
        think=free.reasoning,
    )
    return Heard(said, form, None)


def _choice(prediction: Prediction) -> Heard:
    tree, options = load_ontology(), list(prediction.options or ())
    choice = read_letter(prediction.completion, [tree.name(slug) for slug in options])
    if choice.index is None:
        return _heard(None, choice.reason)
    slug = options[choice.index]
    said = Said(choice.quote, slug, malignancy=tree.malignancy(slug), think=prediction.completion)
    return _heard(said, choice.reason)


def _concepts(prediction: Prediction) -> Heard:
    """Numbered lines of yes and no; a line that is missing or unsure asserts nothing."""
    options = list(prediction.options or ())
    verdicts = {
        int(line["number"]): read_yes_no(line["answer"]).value for line in _NUMBERED.finditer(prediction.completion)
    }
    if len(options) == 1 and not verdicts:
        verdicts = {1: read_yes_no(prediction.completion).value}
    if not any(verdicts.get(number) for number in range(1, len(options) + 1)):
        return _heard(None, "no numbered line of yes or no")
    present = tuple(slug for number, slug in enumerate(options, start=1) if verdicts.get(number) == "yes")
    names = ", ".join(concept_name(slug) for slug in present)
    return _heard(Said(findings=present, think=f"Present: {names}." if names else ""), "")
