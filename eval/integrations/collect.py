"""`skin-r1 eval import`: an inspect_ai log, or an exported dataset -> predictions.jsonl for `skin-r1 eval score`."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem

if TYPE_CHECKING:
    from eval.predictions import Prediction

EXAMPLES = """\
Examples:
  skin-r1 eval import --source logs/2026-08-01_skin-r1.eval --out runs/eval/p.jsonl
  skin-r1 eval import --source runs/eval/dataset --split test --out runs/eval/p.jsonl
  skin-r1 eval import --source ORG/NAME --split test --out runs/eval/p.jsonl

Research use only.
"""


def collect(source: str, out: Path, *, split: str = "test", overwrite: bool = False) -> int:
    """Write the predictions of `source`, and beside them what made them.

    Args:
        source: a log of inspect_ai (.eval, .json), a folder of `skin-r1 eval export`, or a dataset of the Hub.
        out: the predictions file.
        split: of a dataset.
        overwrite: replace `out`.

    Returns:
        The number of predictions.

    Raises:
        UserError: the source is none of these, or `out` is there already.
    """
    from eval.writing import append, start

    if out.exists() and not overwrite:
        raise problem("the output is there already", file=out, next_step="choose another --out, or pass --overwrite")
    meta, predictions = _read(source, split)
    found = list(predictions)
    if not found:
        raise problem("the source holds no answer", file=source)
    start(out, meta)
    append(out, found)
    return len(found)


def _read(source: str, split: str) -> "tuple[dict[str, Any], Iterator[Prediction]]":
    if Path(source).is_file():
        from eval.integrations.inspect_log import read_log

        return read_log(Path(source))
    from eval.integrations.dataset import read_dataset

    return {"dataset": source, "split": split}, read_dataset(source, split)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval import`."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval import",
        description="Read the answers of an inspect_ai log, or of an exported dataset, into a predictions file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", required=True, metavar="FILE|DIR|ORG/NAME", help="the log, folder or Hub dataset")
    parser.add_argument("--split", default="test", help="of a dataset (default: test)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="predictions.jsonl to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    options = parser.parse_args(argv)
    print(f"{collect(**vars(options))} predictions in {options.out}")
    print(f"next: skin-r1 eval score --predictions {options.out} --corpus DIR --out DIR")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
