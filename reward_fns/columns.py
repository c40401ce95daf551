"""The columns of a plain TRL script: what is null is unknown, and what is not ours is named instead of being paid 0."""

from collections.abc import Sequence
from typing import TypeVar

from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import MALIGNANCIES

T = TypeVar("T")


def lists(column: Sequence[Sequence[T] | None] | None, length: int) -> list[Sequence[T]]:
    """A column of lists, empty where a row, or the whole column, is None.

    Args:
        column: one list a row.
        length: rows of a missing column.
    """
    return [values or () for values in column] if column is not None else [()] * length


def diagnoses(column: Sequence[str | None]) -> Sequence[str | None]:
    """The column as it is.

    Raises:
        UserError: a value is neither None nor a slug of the ontology.
    """
    nodes = load_ontology().nodes
    for value in column:
        if value is not None and value not in nodes:
            raise problem(
                "the true diagnosis is none of the ontology",
                column="diagnosis",
                found=value,
                allowed="a slug of the ontology",
                next_step=f'skin-r1 data resolve "{value}"',
            )
    return column


def malignancies(column: Sequence[str | None]) -> Sequence[str | None]:
    """The column as it is.

    Raises:
        UserError: a value is neither None nor one of the five.
    """
    for value in column:
        if value is not None and value not in MALIGNANCIES:
            raise problem("the true malignancy is unknown", column="malignancy", found=value, allowed=MALIGNANCIES)
    return column
