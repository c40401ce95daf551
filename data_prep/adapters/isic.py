"""What the files of the ISIC challenges and of the ISIC Archive share: one-hot classes, closed lists of words, paths.

The closed lists are those of the archive's own schema (github.com/ImageMarkup/isic-metadata, fields.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from data_prep.raw import Confirmed
from data_prep.table import Row, checked_unique, find_files, read_table
from skin_r1.errors import UserError, problem
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

T = TypeVar("T")
TERMS = (("copyright_license", "Licenses of the images"), ("attribution", "Images to be credited to"))
UNKNOWN = ("unknown", "unk", "na", "n/a", "nan")
SEX = {"female": "female", "male": "male"}
CONFIRM_TYPES: dict[str, Confirmed] = {
    "histopathology": "histopathology",
    "confocal microscopy with consensus dermoscopy": "confocal",
    "single image expert consensus": "consensus",
    "serial imaging showing no change": "follow-up",
    "single contributor clinical assessment": "single rater",
}
IMAGE_TYPES: dict[str, "Modality"] = {
    "dermoscopic": "dermoscopic",
    "clinical: overview": "clinical",
    "clinical: close-up": "clinical",
    "TBP tile: close-up": "clinical",
    "TBP tile: overview": "clinical",
}
"""TBP tiles are cut from total-body photos without a dermatoscope. The three `RCM: ...` types are no photo of skin."""


def choice(row: Row, column: str, words: Mapping[str, T]) -> T | None:
    """What the cell's word stands for (case ignored), or None when it is blank or unknown.

    Raises:
        UserError: the word is not in the closed list.
    """
    value = row.text(column, unknown=UNKNOWN)
    if value is None:
        return None
    for word, meaning in words.items():
        if word.casefold() == value.casefold():
            return meaning
    raise row.wrong(column, "none of the words of this column", f"{', '.join(words)}, or blank")


def person(row: Row | None, site: str | None, background: tuple[str, ...] = ()) -> str | None:
    """The history sentence from `age_approx`, `sex` and the site."""
    if row is None:
        return None
    return history_text(
        age=row.number_in("age_approx", 0, 120, unknown=UNKNOWN),
        sex=choice(row, "sex", SEX),
        site=site.lower() if site else None,
        background=background,
    )


def one_hot(row: Row, classes: Sequence[str]) -> str:
    """The one class that is 1.

    Raises:
        UserError: a cell is neither 0 nor 1, or none or several are 1.
    """
    values = {name: row.number_in(name, 0, 1) for name in classes}
    for name, value in values.items():
        if value not in (0, 1):
            raise _not_one_hot(row, name, "blank" if value is None else "neither 0 nor 1", row.values[name])
    chosen = [name for name, value in values.items() if value]
    if len(chosen) != 1:
        what = f"1 although {chosen[0]} is 1 too" if chosen else "0 like all the other classes"
        raise _not_one_hot(row, chosen[1] if chosen else classes[0], what, ", ".join(chosen) or "no class")
    return chosen[0]


def _not_one_hot(row: Row, column: str, what: str, found: str) -> UserError:
    return problem(
        f"the cell is {what}",
        file=row.file,
        row=row.number,
        column=column,
        found=found,
        allowed="exactly one class with 1, all others 0",
        next_step="correct the row, or use the challenge's own file",
    )


def read_all(files: Iterable[Path], required: Sequence[str]) -> list[Row]:
    """Rows of all files; the first required column is the id, and none may repeat across the files."""
    return list(checked_unique((row for file in files for row in read_table(file, required)), required[0]))


def optional_files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """As `find_files`; empty when there is none."""
    try:
        return find_files(root, patterns, "an optional file")
    except UserError:
        return []


def join_notes(truths: Iterable[str], others: Iterable[str], name: str) -> list[str]:
    """What two tables do not share; `truths` are the ids of the ground truth, `others` those of the table `name`."""
    left, right = set(truths), set(others)
    notes = []
    if extra := right - left:
        notes.append(f"{len(extra)} images of the {name} are not in the ground truth, left out (first: {min(extra)}).")
    if lacking := left - right:
        notes.append(f"{len(lacking)} images of the ground truth are not in the {name} (first: {min(lacking)}).")
    return notes


def diagnosis_path(row: Row, columns: Sequence[str]) -> str | None:
    """The cells of the levels joined by `:`, coarse first; None when all are blank.

    Raises:
        UserError: a level is filled and the one above it blank.
    """
    levels = [row.text(column) for column in columns]
    filled = [level for level in levels if level]
    for column, level in zip(columns, levels[: len(filled)], strict=False):
        if not level:
            raise row.wrong(column, "blank, but a finer level is filled", "the coarser level of the diagnosis")
    return ":".join(filled) or None


def count_terms(row: Row, terms: Counter[tuple[str, str]]) -> None:
    """Count the license and the credit line of an image."""
    for column, _ in TERMS:
        if column in row.values:
            terms[column, row.text(column) or "not stated"] += 1


def terms_notes(terms: Mapping[tuple[str, str], int]) -> list[str]:
    """Which license and which credit line hold for how many images, from the images' own columns."""
    notes = []
    for column, lead in TERMS:
        if own := sorted((text, count) for (name, text), count in terms.items() if name == column):
            notes.append(f"{lead}: " + "; ".join(f"{text} ({count})" for text, count in own) + ".")
    return notes
