"""One case, scored: the truth, what was said, and how the two compare. A line of scores.jsonl."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from eval.answers.reader import read_answer
from eval.findings import check_findings, think_findings
from eval.groups import attributes
from eval.predictions import Prediction
from eval.rationale.check import RationaleCheck, check_rationale
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse

NO_PREDICTION = "no prediction for this case"
Reader = Literal["strict", "tolerant"]


@dataclass(frozen=True)
class CaseScore:
    """One scored case; slugs throughout, but for `said`.

    Attributes:
        case_id, group: the case and its leak-free unit.
        about: its group in each of `eval.groups.ATTRIBUTES`.
        form: why the completion is not of the asked form (`skin_r1.reading.parse`), or None.
        failure: why there is no diagnosis to score, or None. A failure is a wrong diagnosis, no malignancy and no findings.
        said: the diagnosis as the model wrote it, or None.
        diagnosis, predicted: the truth, None where unknown; and the prediction, None where not in the ontology.
        differential: the other diagnoses that the answer names, most likely first; None where not in the ontology.
        credit: 1 exact, 0.5 sibling, parent or child, 0.25 same grandparent, 0 else; None without a true diagnosis.
        malignancy, predicted_malignancy: true and said.
        dense: the findings of this case are annotated.
        supported, contradicted, unknown, missed: see `eval.findings.FindingCheck`; empty unless dense.
        absent: concepts annotated absent; empty unless dense.
        asserted: concepts that the answer asserts; each once.
        unnamed: asserted findings that are in no vocabulary of ours, as written.
        think: concepts that the reasoning asserts.
        reasoning: the text that `rationale` is about.
        rationale: its claims and how it argues; of an empty text where the answer could not be read.
        label_scores: diagnosis slug -> log-probability, or None.
    """

    case_id: str
    group: str
    failure: str | None
    said: str | None
    diagnosis: str | None
    predicted: str | None
    credit: float | None
    malignancy: str | None
    predicted_malignancy: str | None
    dense: bool
    form: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    differential: tuple[str | None, ...] = ()
    supported: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    asserted: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    think: tuple[str, ...] = ()
    reasoning: str = ""
    rationale: RationaleCheck | None = None
    label_scores: Mapping[str, float] | None = None

    @property
    def correct(self) -> bool:
        """Exactly the true diagnosis."""
        return self.diagnosis is not None and self.predicted == self.diagnosis


@dataclass(frozen=True)
class Said:
    """What an answer says, whoever read it: a `Reading` or a `FreeAnswer` in the words of a score."""

    diagnosis: str
    predicted: str | None
    differential: tuple[str | None, ...]
    malignancy: str | None
    findings: tuple[str, ...]
    unnamed: tuple[str, ...]
    think: str


def read(completion: str, reader: Reader) -> tuple[Said | None, str | None, str | None]:
    """What a completion says, why it is not of the asked form, and why it cannot be read; the last two None where it is.

    The tolerant reader gets only what the strict one refuses. Where it is unsure the answer counts as unread: a wrong reading
    would be a number that nobody can defend.
    """
    strict = parse(completion)
    if isinstance(strict, Reading):
        pairs = zip(strict.findings, strict.finding_slugs, strict=True)
        return (
            Said(
                diagnosis=strict.diagnosis,
                predicted=strict.diagnosis_slug,
                differential=strict.differential_slugs,
                malignancy=strict.malignancy,
                findings=tuple(dict.fromkeys(slug for slug in strict.finding_slugs if slug is not None)),
                unnamed=tuple(name for name, slug in pairs if slug is None),
                think=strict.think,
            ),
            None,
            None,
        )
    if reader == "strict":
        return None, strict.reason, strict.reason
    free = read_answer(completion)
    if not free.sure or free.diagnosis is None:
        return None, strict.reason, f"unsure: {free.reason}"
    said = Said(
        diagnosis=free.quote,
        predicted=free.diagnosis,
        differential=free.differential,
        malignancy=free.malignancy or load_ontology().malignancy(free.diagnosis),
        findings=free.findings,
        unnamed=(),
        think=free.reasoning,
    )
    return said, strict.reason, None


def score_case(row: Mapping[str, Any], prediction: Prediction | None, reader: Reader = "tolerant") -> CaseScore:
    """Score one prediction against one Case row (its images are not needed)."""
    said, form, failure = (
        (None, NO_PREDICTION, NO_PREDICTION) if prediction is None else read(prediction.completion, reader)
    )
    truth, dense = row["diagnosis"], row["annotation"] == "dense"
    present = tuple(row["concepts_present"]) if dense else ()
    absent = tuple(row["concepts_absent"]) if dense else ()
    shared: dict[str, Any] = {
        **{
            "case_id": row["case_id"],
            "group": row["group"],
            "about": attributes(row),
            "form": form,
            "failure": failure,
        },
        **{"diagnosis": truth, "malignancy": row["malignancy"], "dense": dense, "absent": absent},
        "label_scores": None if prediction is None else prediction.label_scores,
    }
    if said is None:
        unread: dict[str, Any] = {"said": None, "predicted": None, "predicted_malignancy": None, "missed": present}
        unread["rationale"] = check_rationale(row, "")
        return CaseScore(**shared, **unread, credit=None if truth is None else 0.0)
    credit = load_ontology().hierarchical_credit(said.predicted, truth) if said.predicted and truth else 0.0
    return CaseScore(
        **shared,
        **(check_findings(said.findings, present, absent)._asdict() if dense else {}),
        said=said.diagnosis,
        predicted=said.predicted,
        differential=said.differential,
        credit=None if truth is None else credit,
        predicted_malignancy=said.malignancy,
        asserted=said.findings,
        unnamed=said.unnamed,
        think=think_findings(said.think),
        reasoning=said.think,
        rationale=check_rationale(
            row, said.think, (*said.findings, *[None] * len(said.unnamed)), said.differential, said.predicted
        ),
    )


_LINES = TypeAdapter(CaseScore)


def write_scores(path: Path, scores: list[CaseScore]) -> None:
    """One line per case; `correct` is written along for readers in other languages."""
    with path.open("wb") as stream:
        for score in scores:
            stream.write(json.dumps({**asdict(score), "correct": score.correct}, ensure_ascii=False).encode() + b"\n")


def read_scores(folder: Path) -> list[CaseScore]:
    """The cases of a folder that `skin-r1 eval score` wrote.

    Raises:
        UserError: there are none, or a line is not of this version.
    """
    path = folder / "scores.jsonl"
    if not path.is_file():
        raise problem("no scored cases here", file=path, next_step=f"skin-r1 eval score ... --out {folder}")
    scores = []
    for row, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            scores.append(_LINES.validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            raise problem(
                f"not a scored case of this version: {first['msg']}",
                file=path,
                row=row,
                column=".".join(str(part) for part in first["loc"]) or None,
                next_step="score the predictions again with `skin-r1 eval score --overwrite`",
            ) from None
    return scores
