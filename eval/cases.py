"""One case, scored: the truth, what was said, and how the two compare. A line of scores.jsonl."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eval.findings import check_findings, think_findings
from eval.groups import attributes
from eval.predictions import Prediction
from eval.rationale.check import RationaleCheck, check_rationale
from eval.said import Reader, read
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology

NO_PREDICTION = "no prediction for this case"


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
        votes: the diagnosis of each sampled answer, None where it cannot be read; None without samples.
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
    votes: tuple[str | None, ...] | None = None

    @property
    def correct(self) -> bool:
        """Exactly the true diagnosis."""
        return self.diagnosis is not None and self.predicted == self.diagnosis


def score_case(row: Mapping[str, Any], prediction: Prediction | None, reader: Reader = "tolerant") -> CaseScore:
    """Score one prediction against one Case row (its images are not needed).

    What the task does not ask for is unknown: a case of `malignancy` or `concepts` is in no diagnosis metric.
    """
    task = (prediction.task if prediction else None) or "diagnosis"
    said, form, failure = (None, NO_PREDICTION, NO_PREDICTION) if prediction is None else read(prediction, reader)
    truth = None if task in ("malignancy", "concepts") else row["diagnosis"]
    dense = row["annotation"] == "dense" and task not in ("choice", "hierarchy", "differential", "malignancy")
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
        **{"diagnosis": truth, "malignancy": None if task == "concepts" else row["malignancy"]},
        **{"dense": dense, "absent": absent, "label_scores": None if prediction is None else prediction.label_scores},
        "votes": _votes(prediction, reader),
    }
    if said is None:
        unread: dict[str, Any] = {"said": None, "predicted": None, "predicted_malignancy": None, "missed": present}
        return CaseScore(**shared, **unread, credit=None if truth is None else 0.0, rationale=check_rationale(row, ""))
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


def _votes(prediction: Prediction | None, reader: Reader) -> tuple[str | None, ...] | None:
    """The diagnosis of each sampled answer to the same question; one that cannot be read votes for none."""
    if prediction is None or not prediction.samples:
        return None
    heard = [read(replace(prediction, completion=text, failure=None), reader).said for text in prediction.samples]
    return tuple(said.predicted if said else None for said in heard)


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
