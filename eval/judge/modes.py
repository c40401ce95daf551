"""The three ways to judge: on axes, by a rubric, in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.cases import score_case
from eval.judge.axes import AXES, Axis
from eval.judge.injection import canaries, resistance
from eval.judge.lines import Judged, judged
from eval.judge.material import Material, answer
from eval.judge.pairs import pair_lines, pair_questions, pairs_summary
from eval.judge.question import Criterion, Judge, Question
from eval.judge.recipe import JudgeRecipe
from eval.judge.rubric import read_rubric
from eval.judge.summary import axes_summary, rubric_summary


@dataclass(frozen=True)
class Result:
    """What a way of judging comes to.

    Attributes:
        summary: its part of judge.json.
        verdicts: file name -> verdicts.
        rows: file name -> other JSON lines.
        inputs: further files that were read.
    """

    summary: dict[str, Any]
    verdicts: dict[str, list[Judged]]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    inputs: dict[str, Path] = field(default_factory=dict)


def on_axes(recipe: JudgeRecipe, material: Material, judge: Judge) -> Result:
    """Every axis of every case, and the canaries."""
    axes = [AXES[name] for name in recipe.axes]
    lines = _lines(recipe, material, judge, [axes] * len(material.rows))
    credits = {
        row["case_id"]: score_case(row, one).credit for row, one in zip(material.rows, material.said[0], strict=True)
    }
    found = axes_summary(lines, credits, seed=recipe.seed, resamples=recipe.bootstrap)
    tested = canaries(material.rows[: recipe.canaries], axes)
    if not tested:
        return Result({"axes": found}, {"judge.jsonl": lines})
    verdicts = judge([question for _, question in tested])
    attacked = [judged(asked, verdict, attack) for (attack, asked), verdict in zip(tested, verdicts, strict=True)]
    withstood = resistance(tested, verdicts, seed=recipe.seed, resamples=recipe.bootstrap)
    return Result({"axes": found, "injection": withstood}, {"judge.jsonl": lines, "canaries.jsonl": attacked})


def by_rubric(recipe: JudgeRecipe, material: Material, judge: Judge) -> Result:
    """Every criterion of every case that has some."""
    path = Path(recipe.rubric)
    rubric = read_rubric(path, [row["case_id"] for row in material.rows])
    lines = _lines(recipe, material, judge, [rubric.get(row["case_id"], []) for row in material.rows])
    summary, scores = rubric_summary(lines, rubric, seed=recipe.seed, resamples=recipe.bootstrap)
    return Result({"rubric": summary}, {"judge.jsonl": lines}, {"rubric.jsonl": scores}, {"rubric": path})


def in_pairs(recipe: JudgeRecipe, material: Material, judge: Judge) -> Result:
    """Every axis of every case, the predictions (A) against the others (B), in both orders."""
    a, b = material.texts
    asked = pair_questions(material.rows, a, b, [AXES[name] for name in recipe.axes], recipe.repeats)
    lines = pair_lines(asked, answer(judge, [question for _, question in asked], material.missing))
    found = pairs_summary(lines, seed=recipe.seed, resamples=recipe.bootstrap)
    return Result({"pairs": found}, {"judge.jsonl": lines})


def _lines(
    recipe: JudgeRecipe, material: Material, judge: Judge, items: Sequence[Sequence[Axis | Criterion]]
) -> list[Judged]:
    """Ask about each text; `items` are what is asked of each case."""
    (texts,) = material.texts
    questions = [
        Question(row, number, item, (texts[number],), repeat)
        for number, row in enumerate(material.rows)
        for item in items[number]
        for repeat in range(recipe.repeats)
    ]
    verdicts = answer(judge, questions, material.missing)
    return [judged(*pair) for pair in zip(questions, verdicts, strict=True)]
