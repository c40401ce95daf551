"""What is judged, and by whom: cases, texts and images, and a judge that answers questions about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.judge.question import Judge, Question, Verdict
from eval.judge.recipe import BY_RULE, JudgeRecipe
from eval.predictions import Prediction, match, read_predictions
from eval.sample import sample
from skin_r1.case import load_corpus

NO_PREDICTION = "no prediction"


@dataclass(frozen=True)
class Material:
    """Cases of a split with what was written of them.

    Attributes:
        table: the cases with their images.
        rows: the cases without.
        said: for each predictions file the prediction of each case, None where it is missing.
        inputs: name -> file that was read.
    """

    table: Any
    rows: list[Mapping[str, Any]]
    said: list[list[Prediction | None]]
    inputs: dict[str, Path]

    @property
    def texts(self) -> list[list[str]]:
        """For each predictions file the text of each case, empty where it is missing."""
        return [[one.completion if one else "" for one in found] for found in self.said]

    @property
    def missing(self) -> set[int]:
        """Numbers of the cases that lack a text."""
        return {number for found in self.said for number, one in enumerate(found) if one is None}

    @property
    def models(self) -> list[str]:
        """Names of the models that wrote the texts, as far as the files tell."""
        return sorted({one.model for found in self.said for one in found if one and one.model})


def gather(recipe: JudgeRecipe) -> Material:
    """Read the corpus and the predictions.

    Raises:
        UserError: they are not there, or do not fit each other.
    """
    corpus = Path(recipe.corpus)
    whole = load_corpus(corpus, recipe.split)
    table = sample(whole, recipe.limit)
    rows = table.remove_columns("images").to_list()
    files = {name: Path(path) for name in ("predictions", "against") if (path := getattr(recipe, name))}
    cases, judged = whole["case_id"][:], {row["case_id"] for row in rows}
    said = []
    for path in files.values():
        found = match(read_predictions(path), cases, path=path, split=recipe.split, allow_missing=True)
        here = [one for one in found if one and one.case_id in judged]
        where: dict[str, Any] = {"path": path, "split": recipe.split, "allow_missing": recipe.allow_missing}
        said.append(match(here, [row["case_id"] for row in rows], **where))
    return Material(table, rows, said, {"corpus": corpus, **files})


def chosen_judge(recipe: JudgeRecipe, material: Material) -> Judge:
    """The judge that the recipe names."""
    if recipe.model == BY_RULE:
        from eval.judge.reference import judge_by_rule

        return judge_by_rule
    from eval.judge.endpoint import ask_endpoint
    from skin_r1.distill.teacher.question import PATIENT

    limits = replace(PATIENT, timeout=recipe.timeout)
    pictures = _pictures(material.table) if recipe.images else lambda _: []
    how: dict[str, Any] = {"structured": recipe.structured, "limits": limits}
    return lambda asked: ask_endpoint(asked, recipe, pictures, recipe.cache, **how)


def _pictures(table: Any) -> Any:
    """Number of a case -> its images as data URLs, pixels only."""
    import datasets

    from skin_r1.distill.teacher.requests import data_url

    encoded = table.select_columns(["images"]).cast_column("images", datasets.List(datasets.Image(decode=False)))
    return lambda number: [data_url(image["bytes"]) for image in encoded[number]["images"]]


def answer(judge: Judge, questions: Sequence[Question], missing: set[int]) -> list[Verdict]:
    """The verdict of each question; where a case has no text there is nothing to ask."""
    asked = [question for question in questions if question.number not in missing]
    verdicts = iter(judge(asked))
    nothing = Verdict(None, NO_PREDICTION, "")
    return [nothing if question.number in missing else next(verdicts) for question in questions]
