"""Predictions on disk: one JSON line per case, appended as they come, and refused when they are not what they say.

A line is `{"case_id", "completion"}`, optionally with `model` and `label_scores` (slug -> log-probability). Beside the
file stands `FILE.meta.json`, written before the first line: what made the predictions. Two runs never mix in one file.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from skin_r1.errors import problem
from skin_r1.whole import write_whole

KEYS = ("case_id", "completion", "model", "label_scores")


@dataclass(frozen=True)
class Prediction:
    """What a model said about one case.

    Attributes:
        case_id: the case of the corpus.
        completion: the raw text, unparsed.
        model: name of the model, for the reader's eye.
        label_scores: diagnosis slug -> log-probability, or None.
    """

    case_id: str
    completion: str
    model: str | None = None
    label_scores: Mapping[str, float] | None = None


def read_predictions(path: Path) -> list[Prediction]:
    """Every prediction of a file, in its order. Blank lines are skipped.

    Raises:
        UserError: no file, no predictions, bad JSON, a missing, wrong or unknown key, or a repeated case_id; with the
            line.
    """
    if not path.is_file():
        raise problem("no predictions file", file=path, next_step="make one with `skin-r1 eval run`")
    predictions: list[Prediction] = []
    lines: dict[str, int] = {}
    for row, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not raw.strip():
            continue
        prediction = _parse(raw, path, row)
        if prediction.case_id in lines:
            raise problem(
                "two predictions for one case",
                file=path,
                row=row,
                column="case_id",
                found=prediction.case_id,
                allowed=f"each case once; it stands already in row {lines[prediction.case_id]}",
                next_step="remove one of the two lines",
            )
        lines[prediction.case_id] = row
        predictions.append(prediction)
    if not predictions:
        raise problem("the predictions file is empty", file=path, next_step="make one with `skin-r1 eval run`")
    return predictions


def _parse(raw: bytes, path: Path, row: int) -> Prediction:
    try:
        # A byte order mark is no mistake of the model's; json refuses it, so drop it from the first line.
        line = json.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise problem(
            f"not a line of JSON: {error}",
            file=path,
            row=row,
            found=raw[:80].decode("utf-8", "replace"),
            allowed='{"case_id": "...", "completion": "..."}',
            next_step="was the run killed here? `skin-r1 eval run` drops a truncated line and resumes",
        ) from None
    if not isinstance(line, dict):
        raise problem("a prediction is a JSON object", file=path, row=row, found=line, allowed=KEYS)
    for key in line:
        if key not in KEYS:
            raise problem("unknown key in a prediction", file=path, row=row, found=key, allowed=KEYS)
    for key in ("case_id", "completion"):
        if key not in line:
            raise problem(f"a prediction without {key}", file=path, row=row, column=key, found=sorted(line))
        if not isinstance(line[key], str):
            raise problem(f"{key} is a string", file=path, row=row, column=key, found=line[key], allowed="a string")
    if line.get("model") is not None and not isinstance(line["model"], str):
        raise problem("model is a string", file=path, row=row, column="model", found=line["model"], allowed="a string")
    scores = line.get("label_scores")
    if scores is not None and not (isinstance(scores, dict) and all(_is_log_probability(v) for v in scores.values())):
        raise problem(
            "label_scores maps diagnosis slugs to log-probabilities",
            file=path,
            row=row,
            column="label_scores",
            found=scores,
            allowed='{"melanoma": -0.1, ...}, each at most 0',
        )
    model = line.get("model")
    return Prediction(_clean(line["case_id"]), _clean(line["completion"]), model and _clean(model), scores)


def _clean(text: str) -> str:
    """Without lone surrogates: JSON can spell them (`\\ud800`), and no file can hold them."""
    return text.encode("utf-8", "replace").decode()


def _is_log_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value) and value <= 1e-6


def match(
    predictions: Sequence[Prediction], case_ids: Sequence[str], *, path: Path, split: str, allow_missing: bool = False
) -> list[Prediction | None]:
    """The prediction of each case, in the order of `case_ids`; None where it is missing and that is allowed.

    Raises:
        UserError: a prediction for a case that the split does not hold, or a case without a prediction.
    """
    wanted = set(case_ids)
    by_id = {prediction.case_id: prediction for prediction in predictions}
    strangers = [case_id for case_id in by_id if case_id not in wanted]
    if strangers:
        near = get_close_matches(strangers[0], case_ids[:5000], n=1)
        raise problem(
            f"{len(strangers)} predictions are for cases that the {split} split does not hold",
            file=path,
            column="case_id",
            found=strangers[0],
            allowed=f"one of the split's {len(wanted)} cases" + (f", such as {near[0]}" if near else ""),
            next_step="check --corpus, --split and --limit: they must be those of `skin-r1 eval run`",
        )
    missing = [case_id for case_id in case_ids if case_id not in by_id]
    if missing and not allow_missing:
        raise problem(
            f"{len(missing)} of {len(case_ids)} cases have no prediction",
            file=path,
            column="case_id",
            found=f"nothing for {missing[0]}",
            next_step="finish the run with `skin-r1 eval run`, or pass --allow_missing to count them as failures",
        )
    return [by_id.get(case_id) for case_id in case_ids]


def meta_path(path: Path) -> Path:
    """Where the description of a predictions file stands."""
    return path.with_name(path.name + ".meta.json")


def read_meta(path: Path) -> dict[str, Any]:
    """What made the predictions in `path`; empty when nobody wrote it down."""
    try:
        found = json.loads(meta_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def start(path: Path, meta: Mapping[str, Any]) -> None:
    """Begin an empty predictions file; what made it is written beside it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write_whole(meta_path(path), json.dumps(meta, indent=2, sort_keys=True) + "\n")
    path.touch()


def resume(path: Path, meta: Mapping[str, Any]) -> set[str]:
    """The cases that `path` holds already; a truncated last line, as a killed process leaves it, is cut off.

    Args:
        path: the predictions file; it need not exist.
        meta: what makes the predictions, JSON-serialisable; equal for runs that may share a file.

    Raises:
        UserError: the file belongs to another run, or nobody wrote down to which.
    """
    if path.is_dir():
        raise problem("the output is a folder", file=path, next_step=f"--out {path / 'predictions.jsonl'}")
    if not path.exists() or not path.stat().st_size:
        return set()
    before, now = read_meta(path), json.loads(json.dumps(meta))
    other = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if other:
        raise problem(
            "the predictions file belongs to another run" if before else "the file does not say what made it",
            file=path if before else meta_path(path),
            column=other[0],
            found=before.get(other[0]),
            allowed=f"{now.get(other[0])!r}, as in this run",
            next_step="choose another --out, repeat the run with its own settings, or pass --overwrite to start anew",
        )
    kept = path.read_bytes()
    whole = kept.rfind(b"\n") + 1
    if whole < len(kept):
        with path.open("r+b") as stream:
            stream.truncate(whole)
    return {prediction.case_id for prediction in read_predictions(path)} if kept[:whole].strip() else set()


def append(path: Path, predictions: Iterable[Prediction]) -> None:
    """Append whole lines and put them on the disk, so that a kill after this call loses nothing."""
    with path.open("ab") as stream:
        for prediction in predictions:
            line = {key: value for key, value in asdict(prediction).items() if value is not None}
            stream.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
