"""The scored validation cases: what temperature and thresholds are learnt from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.cases import CaseScore, score_case
from eval.predictions import match, read_predictions
from skin_r1.case import load_corpus

if TYPE_CHECKING:
    from eval.said import Reader


def validation_scores(validation: Path, corpus: Path, reader: "Reader") -> list[CaseScore]:
    """The validation cases of the corpus that have a prediction in the file.

    Raises:
        UserError: as `read_predictions` and `match`.
    """
    rows = load_corpus(corpus, "validation").remove_columns("images").to_list()
    ids = [row["case_id"] for row in rows]
    where: dict[str, Any] = {"path": validation, "split": "validation", "allow_missing": True}
    pairs = zip(rows, match(read_predictions(validation), ids, **where), strict=True)
    return [score_case(row, prediction, reader) for row, prediction in pairs if prediction is not None]
