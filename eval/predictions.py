"""Predictions on disk: one JSON line per case, refused when they are not what they say.

A line is `{"case_id", "completion"}`, optionally with the other attributes of `Prediction`. How such a file is written and
resumed: `eval.writing`.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from pathlib import Path

from eval.prediction_line import read_line
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
MANY = 100_000  # predictions of another set; more need not be read to refuse the file
BINARY = {
    codecs.BOM_UTF16_LE: "in UTF-16",
    codecs.BOM_UTF16_BE: "in UTF-16",
    b"\x1f\x8b": "compressed (gzip)",
    b"PK": "compressed (zip)",
    b"(\xb5": "compressed (zstd)",
}  # the first two bytes of what is sometimes taken for JSON lines


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
        prediction = Prediction(**read_line(raw, path, row))
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
        if kind := BINARY.get(stream.read(2)):
            raise problem(
                f"the file is {kind}", file=path, allowed="JSON lines", next_step="unpack it, save it as UTF-8"
            )
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
            if strangers == MANY:
                break
    if strangers:
        near = get_close_matches(stranger, case_ids[:5000], n=1)
        more = " or more" if strangers == MANY else ""
        raise problem(
            f"{strangers}{more} predictions are for cases that the {split} split does not hold",
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
