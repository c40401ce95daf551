"""Predictions as a `datasets` dataset, a row per case: what was said, how it was read, and what that is worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Image, List, Value

from eval.cases import CaseScore, score_case
from eval.predictions import Prediction
from skin_r1.errors import problem
from skin_r1.licenses import is_open

_NUMBERS = List({"label": Value("string"), "value": Value("float64")})
_TEXTS = List(Value("string"))
# What was said: the attributes of `Prediction`, each with its own column, so that nothing is lost on the way back.
SAID = {
    "case_id": Value("string"),
    "completion": Value("string"),
    "model": Value("string"),
    "label_scores": _NUMBERS,
    "label_means": _NUMBERS,
    "task": Value("string"),
    "options": _TEXTS,
    "samples": _TEXTS,
    "failure": Value("string"),
}
# How it was read and what it is worth: attributes of `CaseScore` (its `failure`, that of reading, is `unread`).
WORTH = {
    "said": Value("string"),
    "predicted": Value("string"),
    "predicted_malignancy": Value("string"),
    "differential": _TEXTS,
    "asserted": _TEXTS,
    "supported": _TEXTS,
    "contradicted": _TEXTS,
    "missed": _TEXTS,
    "correct": Value("bool"),
    "credit": Value("float64"),
    "form": Value("string"),
    "unread": Value("string"),
}
FEATURES = Features({**SAID, **WORTH})

assert {field.name for field in fields(Prediction)} == set(SAID), "Prediction and SAID must name the same columns"


def rows_of(facts: Sequence[Mapping[str, Any]], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """A row of `FEATURES` for each Case row (its images are not needed) and its prediction."""
    return [_said(each) | _worth(score_case(row, each)) for row, each in zip(facts, predictions, strict=True)]


def _said(prediction: Prediction) -> dict[str, Any]:
    return {name: _flat(getattr(prediction, name)) for name in SAID}


def _flat(value: Any) -> Any:
    """A mapping of labels to numbers as rows: a struct would have a column for every label of the ontology."""
    return (
        [{"label": label, "value": number} for label, number in value.items()] if isinstance(value, Mapping) else value
    )


def _worth(score: CaseScore) -> dict[str, Any]:
    known = {"correct": None if score.diagnosis is None else score.correct, "unread": score.failure}
    return known | {name: getattr(score, name) for name in WORTH if name not in known}


def to_dataset(rows: Sequence[Mapping[str, Any]], table: Any | None = None) -> Dataset:
    """The dataset of some rows.

    Args:
        rows: of `FEATURES`.
        table: the Cases in the same order: adds a column `images`, empty where the case's license is not an open one
            (`skin_r1.licenses.is_open`).
    """
    if table is None:
        return Dataset.from_list(list(rows), features=FEATURES)
    encoded = table.cast_column("images", List(Image(decode=False)))
    pairs = zip(rows, encoded.select_columns(["images", "license"]), strict=True)
    whole = [{**row, "images": case["images"] if is_open(case["license"]) else []} for row, case in pairs]
    return Dataset.from_list(whole, features=Features({**FEATURES, "images": List(Image())}))


def read_dataset(place: str, split: str) -> Iterator[Prediction]:
    """The predictions of a folder that `skin-r1 eval export` wrote, or of a dataset of the Hub (`ORG/NAME`).

    Raises:
        UserError: there is no such dataset or split, or it holds no predictions.
    """
    from datasets import load_dataset

    file = Path(place) / "data" / f"{split}.parquet"
    try:
        # Not load_dataset(folder): it takes two folders of one name for the same dataset, and gives what it read first.
        here = Path(place).is_dir()
        table = (
            load_dataset("parquet", data_files=str(file), split="train") if here else load_dataset(place, split=split)
        )
    except (OSError, ValueError) as error:
        raise problem(
            "the dataset cannot be read",
            file=place,
            column="split",
            found=f"{split}: {' '.join(str(error).split())[:200]}",
        ) from None
    if missing := sorted(set(SAID) - set(table.column_names)):
        raise problem(
            "the dataset holds no predictions",
            file=place,
            column=missing[0],
            found=sorted(table.column_names),
            next_step="make one with `skin-r1 eval export`",
        )
    return (Prediction(**{name: _back(row[name]) for name in SAID}) for row in table.select_columns(list(SAID)))


def _back(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {each["label"]: each["value"] for each in value}
    return value
