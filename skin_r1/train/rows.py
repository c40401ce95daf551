"""Which rows of a corpus a GRPO run trains on."""

from collections.abc import Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from random import Random

from datasets import Dataset

from skin_r1.case import load_corpus
from skin_r1.errors import problem
from skin_r1.reading import messages_for


def training_rows(corpus: Path, annotation: str, *, balance: bool = False, seed: int = 0) -> Dataset:
    """Cases of the training split that have a diagnosis and an image, with their `prompt` column.

    Args:
        corpus: the folder.
        annotation: `sparse`, `dense` or `all`.
        balance: as many rows in all, but each diagnosis equally often; rare cases repeat.
        seed: fixes which rows a balanced draw takes.

    Raises:
        UserError: no such row.
    """
    rows = load_corpus(corpus, "train")
    table = rows.select_columns(["annotation", "diagnosis", "checksum"])
    wanted = [
        index
        for index, row in enumerate(table)
        if row["diagnosis"] and row["checksum"] and annotation in ("all", row["annotation"])
    ]
    if not wanted:
        raise problem(
            "no training row with a diagnosis and an image",
            file=corpus,
            column="annotation",
            found=annotation,
            next_step="skin-r1 data report CORPUS shows what it holds",
        )
    if len(wanted) < len(rows):
        print(f"training on {len(wanted)} of {len(rows)} rows (annotation: {annotation}, labelled, with image)")
    if balance:
        wanted = _balanced(wanted, table["diagnosis"], seed)
    rows = rows.select(wanted)
    prompts = [messages_for(row) for row in rows.select_columns(["modality", "history"])]
    return rows.add_column("prompt", prompts)


def _balanced(indices: Sequence[int], diagnoses: Sequence[str], seed: int) -> list[int]:
    """As many indices as given, dealt over the diagnoses in turn; each diagnosis goes round its own shuffled cases."""
    shuffled = list(indices)
    Random(seed).shuffle(shuffled)
    by_diagnosis: dict[str, list[int]] = {}
    for index in shuffled:
        by_diagnosis.setdefault(diagnoses[index], []).append(index)
    turns = zip(*(cycle(by_diagnosis[name]) for name in sorted(by_diagnosis)), strict=False)
    return list(islice(chain.from_iterable(turns), len(indices)))
