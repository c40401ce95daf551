"""`skin-r1 rewards score`: what each reward pays a file of predictions."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import reward_fns
from eval.predictions import match, read_predictions
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

    cases = load_corpus(options.corpus, options.split).remove_columns("images").to_list()
    said = read_predictions(options.predictions)
    ids = [case["case_id"] for case in cases]
    paired = match(said, ids, path=options.predictions, split=options.split, allow_missing=True)
    rows = [case for case, prediction in zip(cases, paired, strict=True) if prediction]
    completions = [prediction.completion for prediction in paired if prediction]
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    prompts = [messages_for(row) for row in rows]
    for name in reward_fns.__all__:
        paid = getattr(reward_fns, name)(prompts=prompts, completions=completions, **columns)
        spoken = [value for value in paid if value is not None]
        mean = f"{sum(spoken) / len(spoken):.3f}" if spoken else "does not apply"
        print(f"{name:<28}{mean:>16}   n = {len(spoken)}")
    print(f"{len(rows)} of the split's {len(cases)} cases have a prediction")
    return 0
