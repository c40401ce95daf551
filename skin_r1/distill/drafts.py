"""What a teacher writes of a split's cases, before anything is judged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from skin_r1.distill.composer.plan import Columns, Plan, plan
from skin_r1.distill.composer.trajectory import Sentence, possible
from skin_r1.distill.recipe import DistillRecipe

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Draft:
    """One rationale as written.

    Attributes:
        row: the case.
        completion: None where the teacher gave none.
        reason: why there is none, `teacher: ...`; else empty.
        kind: the trajectory's kind; empty for texts that follow none.
        hinted: the teacher was told the answer.
        sentences: what each sentence rests on; empty where the teacher does not say.
        answer: slug of the diagnosis that the text comes to, where it may stop above the case's own.
    """

    row: Row
    completion: str | None
    reason: str = ""
    kind: str = ""
    hinted: bool = False
    sentences: tuple[Sentence, ...] = field(default=())
    answer: str | None = None


def chosen(corpus: Path, split: str, recipe: DistillRecipe) -> Any:
    """Cases to write about, images still encoded: those with a diagnosis and an image, densely annotated where needed.

    `answer_only` takes all that are labelled unless the recipe says `annotation`. The others take those that are densely
    annotated: what is claimed of a case that nobody looked at cannot be checked. `limit` takes cases spread evenly.
    """
    import datasets

    from skin_r1.case import load_corpus

    rows = load_corpus(corpus, split)
    table = rows.select_columns(["annotation", "diagnosis", "checksum"])
    kinds = recipe.annotation or ("all" if recipe.teacher == "answer_only" else "dense")
    wanted = [
        index
        for index, row in enumerate(table)
        if row["diagnosis"] and row["checksum"] and kinds in ("all", row["annotation"])
    ]
    if recipe.limit is not None and recipe.limit < len(wanted):
        wanted = [wanted[at * len(wanted) // recipe.limit] for at in range(recipe.limit)]
    return rows.select(wanted).cast_column("images", datasets.List(datasets.Image(decode=False)))


def drafts(
    rows: Any, recipe: DistillRecipe, cache: Path, judge: Callable[[Row, str], str | None], choice: Plan | None
) -> Iterator[Draft]:
    """What the recipe's teacher writes.

    Args:
        rows: what `chosen` gives.
        recipe: names the teacher.
        cache: file of a paid teacher's answers.
        judge: why a blind answer is not good enough, or None.
        choice: the plan of the composer's trajectories; None for the other teachers and for short texts.
    """
    if recipe.teacher in ("openai", "vllm"):
        yield from _taught(rows, recipe, cache, judge)
    elif choice is not None:
        yield from _composed(rows, choice)
    else:
        from skin_r1.distill.composer.short import answer_only, compose_short

        for row in rows:
            if recipe.teacher == "answer_only":
                yield Draft(row, answer_only(row))
            else:
                yield Draft(row, compose_short(row, seed=recipe.seed, order=recipe.order))


def _taught(rows: Any, recipe: DistillRecipe, cache: Path, judge: Callable[[Row, str], str | None]) -> Iterator[Draft]:
    from skin_r1.distill.teacher import endpoint, offline
    from skin_r1.distill.teacher.question import Limits
    from skin_r1.distill.teacher.requests import teach

    if recipe.teacher == "openai":
        ask = partial(endpoint.ask, limits=Limits(timeout=recipe.timeout))
    else:
        ask = partial(offline.ask, max_model_len=recipe.max_model_len)
    told = teach(rows, recipe, cache, judge, samples=recipe.samples, ask=ask)
    # Answers come in any order and are on disk when they come; the file is written in the order of the rows.
    bar = tqdm(told, total=len(rows), desc=f"asking {recipe.model}", unit="case")
    for taught in sorted(bar, key=lambda each: each.row_index):
        reason = taught.reason if taught.text is None else ""
        yield Draft(rows[taught.row_index], taught.text, reason, hinted=taught.hinted)


def planned(rows: Any, recipe: DistillRecipe, first: int) -> Plan:
    """Which trajectories of which cases the composer writes; `first` serial numbers are taken by another split."""
    findings = ["concepts_present", "concepts_absent"]
    columns = ["diagnosis", "malignancy", "modality", "differential", "skin_type", *findings]
    table = rows.select_columns(columns)
    known = Columns(
        diagnosis=table["diagnosis"],
        possible=[possible(row) for row in table],
        skin_type=table["skin_type"],
        modality=table["modality"],
    )
    return plan(
        known,
        kinds=dict.fromkeys(recipe.kinds, 1.0),
        per_diagnosis=recipe.per_diagnosis,
        per_kind=recipe.per_kind,
        copies=recipe.copies,
        seed=recipe.seed,
        first=first,
    )


def _composed(rows: Any, choice: Plan) -> Iterator[Draft]:
    from skin_r1.distill.composer.compose import compose_full

    for each in choice.chosen:
        row = rows[each.index]
        made = compose_full(row, each.kind, each.serial)
        yield Draft(row, made.completion, kind=made.kind, sentences=made.sentences, answer=made.diagnosis)
