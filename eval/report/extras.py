"""Results of `eval probe` and `eval judge` that lie beside an evaluation, for its report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.probes.faithfulness import NAMES
from eval.probes.result import SHOWN
from eval.report.facts import estimate_text


class Table(NamedTuple):
    """A table of the page.

    Attributes:
        title, lead: what it is, and a line under it.
        head: its columns.
        rows: cells; the first one names the row.
    """

    title: str
    lead: str
    head: list[str]
    rows: list[list[str]]


def extras(folders: Sequence[Path], model: str | None, split: str) -> tuple[list[Table], list[str]]:
    """The tables of probes.json and judge.json in these folders, the first of each name; and what was left out and why.

    Args:
        folders: where to look.
        model, split: of the evaluation. A result of another model or split is left out: it would pass for this one's.
    """
    tables, left_out = [], []
    for name, table_of in (("probes.json", _probes), ("judge.json", _judge)):
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            other = [key for key, mine in (("model", model), ("split", split)) if found.get(key) != mine]
            if other:
                left_out.append(f"{name} is of another {' and '.join(other)}")
            else:
                tables.append(table_of(found))
        except (ValueError, KeyError, TypeError, AttributeError):
            left_out.append(f"{name} cannot be read by this version")
    return tables, left_out


def _cell(found: Mapping[str, Any] | None) -> str:
    return "" if found is None or found.get("value") is None else estimate_text(found)


def _probes(result: Mapping[str, Any]) -> Table:
    rows = [
        [
            name.replace("_", " "),
            probe["verdict"]["line"],
            str(probe["cases"]),
            *(_cell(probe["metrics"].get(key)) for key in SHOWN),
        ]
        for name, probe in result["probes"].items()
    ]
    head = ["Probe", "Verdict", "Cases", *(NAMES[key].title for key in SHOWN)]
    known = [column for column in range(len(head)) if any(row[column] for row in rows)]
    return Table(
        "Probes: does the answer follow the image?",
        f"{result['cases']} cases in {result['groups']} groups, seed {result['seed']}. From probes.json.",
        [head[column] for column in known],
        [[row[column] for column in known] for row in rows],
    )


def _judge(result: Mapping[str, Any]) -> Table:
    found = [(each["title"], each) for each in result.get("axes", {}).values()]
    found += [(f"{each['title']}: this one better", each) for each in result.get("pairs", {}).values()]
    if rubric := result.get("rubric"):
        found.append(("Rubric score", {**rubric["score"], "unscored": rubric["unscored"]}))
    itself = " The judge judged itself." if result["judges_itself"] else ""
    return Table(
        "Judge",
        f"Judged by {result['judge']}, {result['cases']} cases in {result['groups']} groups.{itself} From judge.json.",
        ["Axis", "Value", "Cases", "Unscored"],
        [[title, _cell(each), str(each["n"]), str(sum(each["unscored"].values()))] for title, each in found],
    )
