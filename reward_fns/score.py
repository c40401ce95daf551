"""`skin-r1 rewards score`: what each reward pays a file of predictions."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import reward_fns
from skin_r1.errors import problem
from skin_r1.reading import messages_for


def main(argv: Sequence[str] | None = None) -> int:
    """Print the mean of each reward and the number of cases on which it spoke; returns 0."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 rewards score",
        description=__doc__,
        epilog="Example: skin-r1 rewards score --predictions runs/p.jsonl --corpus runs/demo/corpus --split test",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--split", default="test")
    options = parser.parse_args(argv)
    from skin_r1.case import load_corpus

    cases = {row["case_id"]: row for row in load_corpus(options.corpus, options.split).remove_columns("images")}
    rows, completions = [], []
    if not options.predictions.is_file():
        raise problem("no such file", file=options.predictions, next_step="skin-r1 eval run writes one")
    for number, line in enumerate(options.predictions.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            case_id, completion = entry["case_id"], entry["completion"]
        except (ValueError, KeyError, TypeError) as error:
            needs = "an object with case_id and completion"
            raise problem(
                "bad prediction", file=options.predictions, row=number, found=line[:80], allowed=needs
            ) from error
        if case_id not in cases:
            where = f"a case of {options.corpus}/{options.split}"
            raise problem("unknown case", file=options.predictions, row=number, found=case_id, allowed=where)
        rows.append(cases[case_id])
        completions.append(completion)
    if not rows:
        raise problem("the file holds no prediction", file=options.predictions)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    prompts = [messages_for(row) for row in rows]
    for name in reward_fns.__all__:
        paid = getattr(reward_fns, name)(prompts=prompts, completions=completions, **columns)
        spoken = [value for value in paid if value is not None]
        mean = f"{sum(spoken) / len(spoken):.3f}" if spoken else "does not apply"
        print(f"{name:<28}{mean:>16}   n = {len(spoken)}")
    return 0
