"""`skin-r1 rewards check`: prove on your own rows that gold answers are paid and hacks are not, before any GPU hour."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reward_fns
from skin_r1.concepts import load_concepts
from skin_r1.gold import gold_answer
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for, render
from skin_r1.rewards import Reward, load_rewards

# Rewards of the truth: gold must be 1 where they speak. The others look at the answer's form alone.
TRUTH = ("diagnosis_reward", "malignancy_reward", "grounding_reward", "differential_reward")
# Means over the rows that a hack may earn at most.
CAPS = {
    ("diagnosis_reward", "two diagnoses"): 0.0,
    ("diagnosis_reward", "wrong diagnosis"): 0.25,
    ("malignancy_reward", "wrong diagnosis"): 0.0,
    ("grounding_reward", "all findings"): 0.3,
}
SLACK = 0.01  # a form reward cannot know that a diagnosis (scar) is also the name of a finding
# Speaks on label-only rows alone, where the gold answer can name no finding.
GOLD_SILENT = ("expected_grounding_reward",)


@dataclass(frozen=True)
class CheckResult:
    """Mean pay of each reward for each kind of answer (None where it never spoke), and what is wrong."""

    table: Mapping[str, Mapping[str, float | None]]
    faults: tuple[str, ...]


def answers(row: Mapping[str, Any]) -> dict[str, str]:
    """The gold answer and the hacks that every reward must not fall for."""
    ontology = load_ontology()
    gold = gold_answer(row)
    name = ontology.name(row["diagnosis"])
    every = [concept.name for concept in load_concepts().values()]
    rival = "psoriasis" if ontology.malignancy(row["diagnosis"]) == "malignant" else "melanoma"
    wrong = render("It is so.", [], [], ontology.name(rival), str(ontology.malignancy(rival)))
    return {
        "gold": gold,
        "empty": "",
        "name alone": name,
        "empty reasoning": gold.replace(gold[gold.index("<think>") + 7 : gold.index("</think>")], " ", 1),
        "all findings": render("All of it.", every[:32], [], name, row["malignancy"]),
        "two diagnoses": render("Both.", [], [], f"{name} or {ontology.name(rival)}", row["malignancy"]),
        "answer twice": gold + gold,
        "wrong diagnosis": wrong,
    }


def check_rows(rows: Sequence[Mapping[str, Any]], rewards: Sequence[Reward]) -> CheckResult:
    """Pay every kind of answer on every row.

    Args:
        rows: Case rows with a diagnosis.
        rewards: with names in `__name__`.
    """
    columns = {key: [row[key] for row in rows] for key in rows[0] if key != "images"}
    prompts = [messages_for(row) for row in rows]
    kinds = [answers(row) for row in rows]
    table: dict[str, dict[str, float | None]] = {}
    faults: list[str] = []
    for reward in rewards:
        name = getattr(reward, "__name__", repr(reward))
        table[name] = {}
        for kind in kinds[0]:
            completions = [[{"role": "assistant", "content": kind_of[kind]}] for kind_of in kinds]
            paid = reward(prompts=prompts, completions=completions, **columns)
            spoken = [value for value in paid if value is not None]
            table[name][kind] = sum(spoken) / len(spoken) if spoken else None
            for row, value in zip(rows, paid, strict=True):
                if value is not None and not 0.0 <= value <= 1.0:
                    faults.append(f"{name} pays {value} outside of [0, 1] on {row['case_id']} ({kind})")
                if kind == "gold" and name in TRUTH and value not in (None, 1.0) and not _soft(name, row):
                    faults.append(f"{name} pays the gold answer {value} on {row['case_id']}")
                if kind in ("empty", "name alone", "answer twice") and value not in (None, 0.0):
                    faults.append(f"{name} pays {value} for {kind!r} on {row['case_id']}")
        faults += _overpaid(name, table[name])
    return CheckResult(table, tuple(dict.fromkeys(faults)))


def _overpaid(name: str, paid: Mapping[str, float | None]) -> list[str]:
    """Hacks that earn more than they may: our rewards have caps, any other must not pay a hack above gold."""
    faults = []
    for kind in ("all findings", "two diagnoses", "wrong diagnosis"):
        value, gold = paid[kind], paid["gold"]
        most = CAPS.get((name, kind), gold)
        if value is not None and most is not None and value > most + SLACK and name not in GOLD_SILENT:
            faults.append(f"{name} pays the hack {kind!r} {value:.3f} on average; at most {most:.3f} is right")
    return faults


def _soft(name: str, row: Mapping[str, Any]) -> bool:
    """Where the label is not the likeliest of the case's own weights, no answer can satisfy both."""
    weights = sorted(row["differential"], key=lambda item: -item["weight"])
    return name == "differential_reward" and bool(weights) and weights[0]["diagnosis"] != row["diagnosis"]


def show(result: CheckResult) -> str:
    """The table as text."""
    kinds = list(next(iter(result.table.values())))
    lines = [f"{'reward':<28}" + "".join(f"{kind:>16}" for kind in kinds)]
    for name, row in result.table.items():
        cells = ["-" if value is None else f"{value:.3f}" for value in row.values()]
        lines.append(f"{name:<28}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 0 when every reward holds, else 1."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 rewards check",
        description=__doc__,
        epilog="Example: skin-r1 rewards check --corpus runs/demo/corpus --split train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int, default=500, help="at most so many rows, spread over the split")
    parser.add_argument(
        "--reward_funcs", nargs="+", metavar="MODULE.NAME", help="rewards to check (default: all of reward_fns)"
    )
    options = parser.parse_args(argv)
    from skin_r1.case import load_corpus
    from skin_r1.errors import UserError, problem

    if options.limit < 1:
        raise problem("--limit counts from 1", found=options.limit, allowed="1 or more")
    rewards = load_rewards(options.reward_funcs or [f"reward_fns.{name}" for name in reward_fns.__all__])
    table = load_corpus(options.corpus, options.split).remove_columns("images")
    step = -(-len(table) // options.limit) or 1  # an empty split has no row to step over
    rows = [row for row in table.select(range(0, len(table), step)) if row["diagnosis"]]
    if not rows:
        raise UserError(f"no row of {options.corpus}/{options.split} has a diagnosis")
    result = check_rows(rows, rewards)
    print(show(result))
    for fault in result.faults[:20]:
        print(f"fault: {fault}")
    print(f"{len(rows)} rows, {len(result.faults)} faults")
    return 1 if result.faults else 0
