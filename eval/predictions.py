"""Predictions on disk: one JSON line per case, refused when they are not what they say.

A line is `{"case_id", "completion"}`, optionally with the other attributes of `Prediction`. How such a file is written and
resumed: `eval.writing`.
"""

import codecs
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Any

from skin_r1.errors import problem


@dataclass(frozen=True)
class Prediction:
    """What a model said about one case.

    Attributes:
        case_id: the case of the corpus.
        completion: the raw text, unparsed.
        model: name of the model, for the reader's eye.
        label_scores: diagnosis slug -> log-probability, or None.
        label_means: diagnosis slug -> mean log-probability of the tokens of its name, not normalized over the labels.
        task: what was asked, a key of `eval.tasks.TASKS`; None is the open diagnosis.
        options: what could be chosen from, in the order in which it was shown: slugs of diagnoses (choice) or concepts
            (concepts), or words (malignancy).
        samples: more answers to the same question, drawn at random, beside the completion.
        failure: why there is no whole answer (`cut off: ...`, `refused: ...`); the completion is then a part of one or "".
    """

    case_id: str
    completion: str
    model: str | None = None
    label_scores: Mapping[str, float] | None = None
    label_means: Mapping[str, float] | None = None
    task: str | None = None
    options: Sequence[str] | None = None
    samples: Sequence[str] | None = None
    failure: str | None = None


LONGEST_LINE = 16_000_000  # bytes; no answer of a model comes near
LARGE = 50_000_000  # bytes; reading them takes long enough for a bar
KEYS = tuple(field.name for field in fields(Prediction))


def read_predictions(path: Path) -> Iterator[Prediction]:
    """Every prediction of a file, in its order, one line in memory at a time. Blank lines are skipped.

    Raises:
        UserError: no file, no predictions, another encoding than UTF-8, bad JSON, a missing, wrong or unknown key, or a
            repeated case_id; with the line.
    """
    if not path.is_file():
        raise problem("no predictions file", file=path, next_step="make one with `skin-r1 eval run`")
    rows: dict[str, int] = {}
    for row, raw in _lines(path):
        prediction = _parse(raw, path, row)
        if prediction.case_id in rows:
            raise problem(
                "two predictions for one case",
                file=path,
                row=row,
                column="case_id",
                found=prediction.case_id,
                allowed=f"each case once; it stands already in row {rows[prediction.case_id]}",
                next_step="remove one of the two lines",
            )
        rows[prediction.case_id] = row
        yield prediction
    if not rows:
        raise problem("the predictions file is empty", file=path, next_step="make one with `skin-r1 eval run`")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Row number and bytes of every line that is not blank; a bar for a large file."""
    from tqdm import tqdm

    size = path.stat().st_size
    bar = tqdm(total=size, desc="read predictions", unit="B", unit_scale=True, disable=size < LARGE, leave=False)
    with path.open("rb") as stream, bar:
        if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise problem("the file is in UTF-16", file=path, allowed="UTF-8", next_step="save it as UTF-8")
        stream.seek(0)
        for row in count(1):
            raw = stream.readline(LONGEST_LINE + 1)
            if not raw:
                return
            if len(raw) > LONGEST_LINE:
                raise problem(
                    f"a line of more than {LONGEST_LINE:,} bytes",
                    file=path,
                    row=row,
                    found=raw[:80].decode("utf-8", "replace"),
                    allowed="one JSON object per line",
                )
            bar.update(len(raw))
            if raw.strip():
                yield row, raw


def _parse(raw: bytes, path: Path, row: int) -> Prediction:
    try:
        # A byte order mark is no mistake of the model's; json refuses it, so drop it from the first line.
        line = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = raw[: error.start][-40:].decode("utf-8", "replace")
        raise problem(
            "not UTF-8",
            file=path,
            row=row,
            found=f"byte 0x{raw[error.start]:02x} after {before!r}",
            allowed="UTF-8 in every line",
            next_step="save the file as UTF-8; files of several encodings were glued together, perhaps",
        ) from None
    except (ValueError, RecursionError) as error:
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
    for key in ("model", "task", "failure"):
        if line.get(key) is not None and not isinstance(line[key], str):
            raise problem(f"{key} is a string", file=path, row=row, column=key, found=line[key], allowed="a string")
    for key in ("options", "samples"):
        texts = line.get(key)
        if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise problem(
                f"{key} is a list of strings", file=path, row=row, column=key, found=texts, allowed='["...", ...]'
            )
    for key in ("label_scores", "label_means"):
        scores = line.get(key)
        if scores is not None and not (isinstance(scores, dict) and all(map(_is_log_probability, scores.values()))):
            raise problem(
                f"{key} maps diagnosis slugs to log-probabilities",
                file=path,
                row=row,
                column=key,
                found=scores,
                allowed='{"melanoma": -0.1, ...}, each at most 0',
            )
    return Prediction(**{key: _cleaned(value) for key, value in line.items()})


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(text) for text in value]
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """Without lone surrogates: JSON can spell them (`\\ud800`), and no file can hold them."""
    return text.encode("utf-8", "replace").decode()


def _is_log_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value) and value <= 1e-6


def match(
    predictions: Iterable[Prediction], case_ids: Sequence[str], *, path: Path, split: str, allow_missing: bool = False
) -> list[Prediction | None]:
    """The prediction of each case, in the order of `case_ids`; None where it is missing and that is allowed.

    Raises:
        UserError: a prediction for a case that the split does not hold, or a case without a prediction.
    """
    wanted = set(case_ids)
    by_id: dict[str, Prediction] = {}
    strangers, stranger = 0, ""
    for prediction in predictions:
        if prediction.case_id in wanted:
            by_id[prediction.case_id] = prediction
        else:  # only counted, so that a large file of another set fills no memory
            strangers, stranger = strangers + 1, stranger or prediction.case_id
    if strangers:
        near = get_close_matches(stranger, case_ids[:5000], n=1)
        raise problem(
            f"{strangers} predictions are for cases that the {split} split does not hold",
            file=path,
            column="case_id",
            found=stranger,
            allowed=f"one of the split's {len(wanted)} cases" + (f", such as {near[0]}" if near else ""),
            next_step="check --corpus, --split and --limit: they must be those of `skin-r1 eval run`",
        )
    paired = [by_id.get(case_id) for case_id in case_ids]
    if not allow_missing:
        check_complete(paired, case_ids, path)
    return paired


def check_complete(paired: Sequence[Prediction | None], case_ids: Sequence[str], path: Path) -> None:
    """Refuse predictions that leave cases out.

    Raises:
        UserError: how many, and the first.
    """
    missing = [case_id for case_id, prediction in zip(case_ids, paired, strict=True) if prediction is None]
    if missing:
        raise problem(
            f"{len(missing)} of {len(case_ids)} cases have no prediction",
            file=path,
            column="case_id",
            found=f"nothing for {missing[0]}",
            next_step="finish the run with `skin-r1 eval run`, or pass --allow_missing to count them as failures",
        )
