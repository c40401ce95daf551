"""One case, scored: the truth, what was said, and how the two compare. A line of scores.jsonl."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.findings import check_findings, think_findings
from eval.predictions import Prediction
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import ParseFailure, parse

NO_PREDICTION = "no prediction for this case"


@dataclass(frozen=True)
class CaseScore:
    """One scored case; slugs throughout, but for `said`.

    Attributes:
        case_id, group: the case and its leak-free unit.
        failure: why there is no reading, or None. A failure is a wrong diagnosis, no malignancy and no findings.
        said: the diagnosis as the model wrote it, or None.
        diagnosis, predicted: the truth, None where unknown; and the prediction, None where not in the ontology.
        credit: 1 exact, 0.5 sibling, parent or child, 0.25 same grandparent, 0 else; None without a true diagnosis.
        malignancy, predicted_malignancy: true and said.
        dense: the findings of this case are annotated.
        supported, contradicted, unknown, missed: see `eval.findings.FindingCheck`; empty unless dense.
        absent: concepts annotated absent; empty unless dense.
        asserted: concepts that the answer asserts; each once.
        unnamed: asserted findings that are in no vocabulary of ours, as written.
        think: concepts that the reasoning asserts.
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
    supported: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    asserted: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    think: tuple[str, ...] = ()

    @property
    def correct(self) -> bool:
        """Exactly the true diagnosis."""
        return self.diagnosis is not None and self.predicted == self.diagnosis


def score_case(row: Mapping[str, Any], prediction: Prediction | None) -> CaseScore:
    """Score one prediction against one Case row (its images are not needed)."""
    reading = parse(prediction.completion) if prediction else ParseFailure(NO_PREDICTION, "")
    truth, dense = row["diagnosis"], row["annotation"] == "dense"
    shared: dict[str, Any] = {
        "case_id": row["case_id"],
        "group": row["group"],
        "diagnosis": truth,
        "malignancy": row["malignancy"],
        "dense": dense,
        "absent": tuple(row["concepts_absent"]) if dense else (),
    }
    present = tuple(row["concepts_present"]) if dense else ()
    if isinstance(reading, ParseFailure):
        return CaseScore(
            **shared,
            failure=reading.reason,
            said=None,
            predicted=None,
            credit=None if truth is None else 0.0,
            predicted_malignancy=None,
            missed=present,
        )
    named = [slug for slug in reading.finding_slugs if slug is not None]
    predicted = reading.diagnosis_slug
    credit = load_ontology().hierarchical_credit(predicted, truth) if predicted and truth else 0.0
    return CaseScore(
        **shared,
        **(check_findings(named, present, shared["absent"])._asdict() if dense else {}),
        failure=None,
        said=reading.diagnosis,
        predicted=predicted,
        credit=None if truth is None else credit,
        predicted_malignancy=reading.malignancy,
        asserted=tuple(dict.fromkeys(named)),
        unnamed=tuple(n for n, slug in zip(reading.findings, reading.finding_slugs, strict=True) if slug is None),
        think=think_findings(reading.think),
    )


def write_scores(path: Path, scores: list[CaseScore]) -> None:
    """One line per case; `correct` is written along for readers in other languages."""
    with path.open("w", encoding="utf-8") as stream:
        for score in scores:
            stream.write(json.dumps({**asdict(score), "correct": score.correct}, ensure_ascii=False) + "\n")


def read_scores(folder: Path) -> list[CaseScore]:
    """The cases of a folder that `skin-r1 eval score` wrote.

    Raises:
        UserError: there are none, or a line is not of this version.
    """
    path = folder / "scores.jsonl"
    if not path.is_file():
        raise problem("no scored cases here", file=path, next_step=f"skin-r1 eval score ... --out {folder}")
    scores = []
    for row, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            line.pop("correct")
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in line.items()}
            scores.append(CaseScore(**fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise problem(
                f"not a scored case of this version: {error}",
                file=path,
                row=row,
                next_step="score the predictions again with `skin-r1 eval score --overwrite`",
            ) from None
    return scores
