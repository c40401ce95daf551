"""Which rows of a corpus a GRPO run trains on."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset

from skin_r1.case import load_corpus
from skin_r1.errors import problem
from skin_r1.reading import messages_for
from skin_r1.train.data.bands import Choice, chosen_cases

MOST_RARITY = 4.0


def training_rows(
    corpus: Path, annotation: str, *, choice: Choice | None = None, balance: bool = False, seed: int = 0
) -> Dataset:
    """Cases of the training split that have a diagnosis and an image, with their `prompt` column.

    Args:
        corpus: the folder.
        annotation: `sparse`, `dense` or `all`.
        choice: which of them to take by a curation; None takes all.
        balance: as many rows in all, but each diagnosis equally often; rare cases repeat.
        seed: fixes which rows a balanced draw takes.

    Raises:
        UserError: no such row, or the curation does not fit.
    """
    rows = load_corpus(corpus, "train")
    table = rows.select_columns(["case_id", "annotation", "diagnosis", "checksum"])
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
    if choice is not None:
        case_ids = table["case_id"][:]
        taken = chosen_cases(choice, [case_ids[index] for index in wanted])
        print(f"training on {len(taken)} of these {len(wanted)} rows (bands: {', '.join(choice.bands)})")
        wanted = [index for index in wanted if case_ids[index] in taken]
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


def rarity_factors(diagnoses: Sequence[str], power: float) -> dict[str, float]:
    """Factor of the advantages of each diagnosis: its number of cases to the minus `power`, with mean 1 over the cases.

    The long tail is seldom drawn and its answers are seldom right, so its few advantages drown. A factor is at most
    `MOST_RARITY` and at least its inverse before the mean is set to 1, or a diagnosis with one case would decide a step.
    The rewards stay as they are: scaling them would be undone where they are divided by the spread of their group.

    Args:
        diagnoses: of the training rows.
        power: 0 gives 1 for all, 0.5 the inverse root, 1 the inverse of the frequency.
    """
    counts = Counter(diagnoses)
    usual = len(diagnoses) / len(counts)
    raw = {slug: min(MOST_RARITY, max(1 / MOST_RARITY, (count / usual) ** -power)) for slug, count in counts.items()}
    mean = sum(raw[slug] * count for slug, count in counts.items()) / len(diagnoses)
    return {slug: factor / mean for slug, factor in sorted(raw.items())}


def check_generation_batch(rows: int, config: Any) -> None:
    """Refuse fewer rows than one generation batch holds prompts; say how many rows an epoch leaves over.

    TRL's RepeatSampler (trl 1.16, trainer/utils.py) shuffles the rows anew each epoch and drops the last batch where it
    is short; with fewer rows than one batch it yields nothing at all.

    Args:
        rows: number of training rows.
        config: a `trl.GRPOConfig`; its generation batch counts the answers of all processes.

    Raises:
        UserError: too few rows.
    """
    prompts = config.generation_batch_size // config.num_generations
    how = (
        f"{config.world_size} processes x per_device_train_batch_size {config.per_device_train_batch_size} x "
        f"steps_per_generation {config.steps_per_generation} / num_generations {config.num_generations}"
    )
    if rows < prompts:
        raise problem(
            "fewer training rows than one generation batch needs prompts",
            column="per_device_train_batch_size",
            found=rows,
            allowed=f"{prompts} or more = {how}",
            next_step="with a curation add bands or raise keep_zero_variance; else lower per_device_train_batch_size, "
            "gradient_accumulation_steps or the number of processes, or raise num_generations",
        )
    if rows % prompts and config.process_index == 0:
        print(f"each epoch leaves {rows % prompts} of {rows} rows over: a generation batch holds {prompts} ({how})")
