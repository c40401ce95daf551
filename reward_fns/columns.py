"""The columns of a plain TRL script: what is null is unknown, and what is not ours is named instead of being paid 0."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from skin_r1.concepts import load_concepts
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


def diagnoses(column: Sequence[str | None], name: str = "diagnosis") -> Sequence[str | None]:
    """The column as it is.

    Args:
        column: slugs.
        name: of the column.

    Raises:
        UserError: a value is neither None nor a slug of the ontology.
    """
    nodes = load_ontology().nodes
    for value in column:
        if value is not None and value not in nodes:
            raise problem(
                "the true diagnosis is none of the ontology",
                column=name,
                found=value,
                allowed="a slug of the ontology",
                next_step=f'skin-r1 data resolve "{value}"',
            )
    return column


def concepts(name: str, column: Sequence[Sequence[str] | None] | None, length: int) -> list[Sequence[str]]:
    """A column of findings, empty where a row, or the whole column, is None.

    Args:
        name: of the column.
        column: slugs, one list a row.
        length: rows of a missing column.

    Raises:
        UserError: a value is no slug of the concepts.
    """
    known = load_concepts().keys()
    rows = lists(column, length)
    for values in rows:
        if not known >= set(values):
            raise problem(
                "an annotated finding is none of the concepts",
                column=name,
                found=min(set(values) - known),
                allowed="a slug of skin_r1/knowledge/concepts.tsv",
                next_step="write findings as slugs, or take the finding out of the column",
            )
    return rows


def rankings(
    column: Sequence[Sequence[Mapping[str, Any]] | None] | None, length: int
) -> list[Sequence[Mapping[str, Any]]]:
    """A column of `{"diagnosis": slug, "weight": w}` lists, empty where a row, or the whole column, is None.

    Raises:
        UserError: a diagnosis is no slug of the ontology.
    """
    rows = lists(column, length)
    diagnoses([item["diagnosis"] for values in rows for item in values], "differential")
    return rows


def malignancies(column: Sequence[str | None]) -> Sequence[str | None]:
    """The column as it is.

    Raises:
        UserError: a value is neither None nor one of the five.
    """
    for value in column:
        if value is not None and value not in MALIGNANCIES:
            raise problem("the true malignancy is unknown", column="malignancy", found=value, allowed=MALIGNANCIES)
    return column
