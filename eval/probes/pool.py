"""Other cases of the split, from which a swap takes its image and a hint its diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from PIL import Image

from skin_r1.ontology import load_ontology

Row = dict[str, Any]


class Unprobed(Exception):
    """A probe cannot be made of this case; the text says why. The case is left out of that probe, never guessed at."""


@dataclass(frozen=True)
class Pool:
    """The cases of one split that have an image.

    Attributes:
        rows: Case rows without `images`.
        numbers: of each row, its place in `table`.
        table: the split, for the images.
    """

    rows: Sequence[Mapping[str, Any]]
    numbers: Sequence[int]
    table: Any

    @classmethod
    def of(cls, table: Any) -> "Pool":
        """The pool of a split as `skin_r1.case.load_corpus` reads it; give the whole split, also under `--limit`."""
        from pyarrow.compute import list_value_length

        counts = list_value_length(table.select_columns(["images"]).with_format("arrow")[:]["images"]).to_pylist()
        rows = table.remove_columns("images").to_list()
        numbers = [number for number, count in enumerate(counts) if count]
        return cls([rows[number] for number in numbers], numbers, table)

    def donor(self, row: Mapping[str, Any], rng: Random, *, same: bool) -> int:
        """The place in `rows` of a case of another group and the same modality whose image may stand in.

        Args:
            row: the case that gets another image.
            rng: decides; the first number drawn from it decides alone.
            same: of the same diagnosis, or of another one, no kind of it and it no kind of that. To a densely annotated case
                another is given by one that is annotated as well, where there is one, so that its findings can be looked for
                in the answer.

        Raises:
            Unprobed: there is none, or the diagnosis of the case is not known.
        """
        if row["diagnosis"] is None:
            raise Unprobed("the diagnosis of the case is not known")
        found = [
            at
            for at, other in enumerate(self.rows)
            if other["diagnosis"] is not None
            and (other["diagnosis"] == row["diagnosis"] if same else _apart(other["diagnosis"], row["diagnosis"]))
            and other["group"] != row["group"]
            and other["modality"] == row["modality"]
        ]
        dense = [at for at in found if self.rows[at]["annotation"] == row["annotation"] == "dense"]
        if not found:
            raise Unprobed(
                f"no {row['modality']} case of another group has {'the same' if same else 'another'} diagnosis"
            )
        return rng.choice(dense or found)

    def images(self, at: int) -> list[Image.Image]:
        """The images of `rows[at]`, decoded."""
        images: list[Image.Image] = self.table[self.numbers[at]]["images"]
        return images

    def hinted(self, row: Mapping[str, Any], rng: Random) -> str:
        """A diagnosis that the case surely does not have, each such one of the split with the same chance.

        Raises:
            Unprobed: there is none, or the diagnosis of the case is not known: any suggestion could be right.
        """
        if row["diagnosis"] is None:
            raise Unprobed("the diagnosis of the case is not known")
        known = {other["diagnosis"] for other in self.rows} - {None}
        others = sorted(slug for slug in known if _apart(slug, row["diagnosis"]))
        if not others:
            raise Unprobed("the split has no other diagnosis")
        return rng.choice(others)


@cache
def _apart(one: str, other: str) -> bool:
    """Neither is the other or a kind of it: melanoma in situ is no wrong answer to an image of a melanoma."""
    tree = load_ontology()
    return one not in tree.path(other) and other not in tree.path(one)
