"""`skin-r1 eval judge`: predictions -> judge.jsonl and judge.json."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.judge.recipe import BY_RULE, JudgeRecipe

SCHEMA_VERSION = 1
KIND = "judgement"
ABOUT = """Let a judge score rationales: on six axes from 0 to 5, by a rubric, or against other predictions in both orders.

The judge is a model behind any OpenAI-compatible endpoint. It sees image, annotation and text, never who wrote it.
A verdict that cannot be read is unscored and counted, never a zero. A killed run goes on where it was. Before its numbers are
believed, compare a judge with people: skin-r1 eval judge validate --help.

Example: skin-r1 eval judge --predictions p.jsonl --corpus runs/corpus --model NAME --base_url URL --out runs/eval/judge"""


def judge_predictions(recipe: JudgeRecipe) -> dict[str, Any]:
    """Judge a predictions file and write the verdicts and what they come to.

    Returns:
        The content of judge.json.

    Raises:
        UserError: the predictions do not fit the split, the rubric is wrong, the endpoint is beyond hope, or the
            output may not be written.
    """
    from eval.judge.lines import write_lines
    from eval.judge.material import chosen_judge, gather
    from eval.judge.modes import by_rubric, in_pairs, on_axes
    from eval.judge.prompt import VERSION
    from skin_r1.manifest import write_manifest
    from skin_r1.whole import whole_folder

    with whole_folder(Path(recipe.out), kind=KIND, overwrite=recipe.overwrite, keep=Path(recipe.corpus)) as folder:
        material = gather(recipe)
        judge = chosen_judge(recipe, material)
        result = (in_pairs if recipe.against else by_rubric if recipe.rubric else on_axes)(recipe, material, judge)
        summary = {
            "schema_version": SCHEMA_VERSION,
            "judge": recipe.model,
            "prompt_version": VERSION,
            "model": ", ".join(material.models) or None,
            "judges_itself": recipe.model in material.models,
            "split": recipe.split,
            "cases": len(material.rows),
            "groups": len({row["group"] for row in material.rows}),
            "missing_predictions": len(material.missing),
            **{key: getattr(recipe, key) for key in ("repeats", "temperature", "images", "seed", "bootstrap")},
            "level": 0.95,
            **result.summary,
        }
        for name, lines in result.verdicts.items():
            write_lines(folder / name, lines)
        for name, rows in result.rows.items():
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / name).write_text(content, encoding="utf-8")
        (folder / "judge.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        counts = {name: len(lines) for name, lines in result.verdicts.items()}
        config = {**asdict(recipe), "out": None, "overwrite": None}
        write_manifest(folder, kind=KIND, config=config, inputs={**material.inputs, **result.inputs}, outputs=counts)
    return summary


def table_of(summary: dict[str, Any]) -> str:
    """The summary as aligned text."""
    rows = [(found["title"], found) for found in summary.get("axes", {}).values()]
    rows += [(f"{found['title']}: A better", found) for found in summary.get("pairs", {}).values()]
    if rubric := summary.get("rubric"):
        rows += [("Rubric score", {**rubric["score"], "unscored": rubric["unscored"]})]
        rows += [(f"  {tag}", {**found, "unscored": {}}) for tag, found in rubric["tags"].items()]
    lines = [f"  {title:<32} {_span(found)}{_unscored(found['unscored'])}" for title, found in rows]
    for attack, found in summary.get("injection", {}).items():
        lines.append(f"  {f'Injection withstood ({attack})':<32} {_span(found['resisted'])}")
    return "\n".join(lines)


def _span(found: dict[str, Any]) -> str:
    value = "undefined" if found["value"] is None else f"{found['value']:.2f}"
    span = "" if found["low"] is None else f"[{found['low']:.2f}, {found['high']:.2f}]"
    return f"{value:>9} {span:<14} n = {found['n']}"


def _unscored(reasons: dict[str, int]) -> str:
    return f"; unscored: {', '.join(f'{count} {reason}' for reason, count in reasons.items())}" if reasons else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval judge` and, by its first word, of `skin-r1 eval judge validate`; returns 0."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["validate"]:
        from eval.judge.validate import main as validate

        return validate(arguments[1:])
    from skin_r1.recipe import read_recipe

    (recipe,) = read_recipe((JudgeRecipe,), arguments, prog="skin-r1 eval judge", about=ABOUT)
    summary = judge_predictions(recipe)
    print(f"{summary['cases']} cases of {summary['groups']} groups, judged by {summary['judge']}")
    print(table_of(summary))
    if summary["judges_itself"]:
        print("note: the judge wrote these texts itself; judges tend to prefer their own")
    if recipe.model != BY_RULE:
        from skin_r1.distill.teacher.ledger import ledger

        print(ledger(recipe.cache, model=recipe.model).text("judge"))
    print(f"verdicts: {Path(recipe.out) / 'judge.jsonl'}")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
