"""`skin-r1 eval run`: a model reads every case of a split and says what it sees -> predictions.jsonl."""

import argparse
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skin_r1.errors import problem

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
EXAMPLES = """\
Examples:
  skin-r1 eval run --model runs/demo/grpo --corpus runs/demo/corpus --out runs/eval/predictions.jsonl
  skin-r1 eval run --config recipes/tiny/eval.yaml --model runs/sft --corpus runs/corpus --out runs/eval/p.jsonl
  skin-r1 eval run --model BASE --adapter LORA --corpus runs/corpus --temperature 0.8 --seed 1 --out p.jsonl

A killed run resumes where it stopped: give the same command again.
"""


def run_predictions(
    model: Path,
    corpus: Path,
    out: Path,
    *,
    split: str = "test",
    adapter: Path | None = None,
    temperature: float = 0.0,
    max_new_tokens: int = 160,
    seed: int = 0,
    batch_size: int = 32,
    limit: int | None = None,
    overwrite: bool = False,
) -> int:
    """Let a model answer every case of a split; append to `out` batch by batch, and resume.

    The split is cut into the same batches whether or not a run was interrupted, and each batch has its own seed, so a
    resumed run writes what an uninterrupted one would have written.

    Returns:
        The number of predictions made now.

    Raises:
        UserError: no such model, no images, or `out` belongs to another run.
    """
    from tqdm import tqdm

    from eval.predictions import Prediction, append, resume, start
    from skin_r1.case import load_corpus

    table = load_corpus(corpus, split)
    if limit is not None:
        table = table.select(range(min(limit, len(table))))
    case_ids: list[str] = table["case_id"][:]
    check_images(table, corpus, split)
    meta = {
        "model": str(model),
        "model_checksum": checkpoint_checksum(model),
        "adapter": None if adapter is None else str(adapter),
        "adapter_checksum": None if adapter is None else checkpoint_checksum(adapter),
        "corpus_checksum": _digest(table["checksum"][:]),
        "split": split,
        "limit": limit,
        "decoding": {
            "temperature": temperature,
            "max_new_tokens": max_new_tokens,
            "seed": seed,
            "batch_size": batch_size,
        },
    }
    done = set() if overwrite else resume(out, meta)
    if done >= set(case_ids):
        return 0

    # Imported late: a mistake in the arguments should not cost the wait for torch.
    from skin_r1.models import generate, load
    from skin_r1.reading import messages_for

    loaded = load(model, adapter=adapter)
    if not done:
        start(out, meta)
    name = "/".join(path.name for path in (model, adapter) if path is not None)
    made = 0
    with tqdm(total=len(case_ids), initial=len(done), desc="eval run", unit="case") as bar:
        for first in range(0, len(case_ids), batch_size):
            if done >= set(case_ids[first : first + batch_size]):
                continue
            rows = [table[i] for i in range(first, min(first + batch_size, len(case_ids)))]
            completions = generate(
                loaded,
                [(messages_for(row), row["images"]) for row in rows],
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                seed=seed + first,  # what `generate` gives this batch when it gets all rows in one call
                batch_size=batch_size,
            )
            fresh = [
                Prediction(row["case_id"], completion, model=name)
                for row, completion in zip(rows, completions, strict=True)
                if row["case_id"] not in done
            ]
            append(out, fresh)
            made += len(fresh)
            bar.update(len(fresh))
    return made


def check_images(table: Any, corpus: Path, split: str) -> None:
    """Refuse a split in which a case has no image.

    Raises:
        UserError: how many such cases there are, and the first.
    """
    from pyarrow.compute import list_value_length

    # Lengths only: nothing is decoded or copied.
    counts = list_value_length(table.select_columns(["images"]).with_format("arrow")[:]["images"]).to_pylist()
    empty = [i for i, count in enumerate(counts) if not count]
    if empty:
        raise problem(
            f"{len(empty)} of {len(counts)} cases have no image to read",
            file=corpus / split,
            column="images",
            found=f"none in {table[empty[0]]['case_id']}",
            next_step="build the corpus with the dataset's image files in place",
        )


def checkpoint_checksum(folder: Path) -> str | None:
    """SHA-256 over the names and bytes of a checkpoint's weights and configuration; None for a hub id (`org/name`).

    Raises:
        UserError: there is no such folder, or it holds no weights.
    """
    if HUB_ID.fullmatch(str(folder)) and not folder.parent.is_dir():
        return None
    if not folder.is_dir():
        raise problem("no such checkpoint folder", file=folder, allowed="a folder with config.json and *.safetensors")
    files = sorted(
        {*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.json"), *folder.glob("*.jinja")}
    )
    if not any(file.suffix in (".safetensors", ".bin") for file in files):
        raise problem(
            "the folder holds no weights",
            file=folder,
            allowed="a folder with config.json and *.safetensors",
            next_step="give the folder that `skin-r1 sft` or `skin-r1 grpo` wrote",
        )
    from skin_r1.manifest import sha256_file

    # trainer_state.json, manifest.json and their like may be rewritten without changing the model.
    files = [file for file in files if file.name not in ("trainer_state.json", "manifest.json")]
    return _digest([f"{file.name} {sha256_file(file)}" for file in files])


def _digest(parts: Sequence[str | None]) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval run",
        description="Let a model answer every case of a split; writes a JSON line per case and resumes after a kill.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="RECIPE", help="YAML with any of these options")
    parser.add_argument("--model", type=Path, metavar="DIR", help="checkpoint folder, or a hub id (required)")
    parser.add_argument(
        "--adapter", type=Path, metavar="DIR", help="LoRA adapter; loaded beside the model, never merged"
    )
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="corpus of Case records (required)")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="predictions.jsonl to write or resume (required)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 is greedy (default)")
    parser.add_argument("--max_new_tokens", type=int, default=160, metavar="N", help="longest answer (default: 160)")
    parser.add_argument("--seed", type=int, default=0, help="of the sampling (default: 0)")
    parser.add_argument("--batch_size", type=int, default=32, metavar="N", help="cases per forward pass (default: 32)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N cases only")
    parser.add_argument("--overwrite", action="store_true", help="forget predictions that are there already")
    return parser


def recipe_arguments(recipe: Path, parser: argparse.ArgumentParser) -> list[str]:
    """A recipe's keys as command-line arguments, so that one parser checks both.

    Raises:
        UserError: no such file, not a YAML mapping, or an unknown key.
    """
    import yaml

    if not recipe.is_file():
        raise problem("there is no such recipe", file=recipe, next_step="ls recipes/*/*.yaml")
    text = recipe.read_text(encoding="utf-8-sig")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise problem("the recipe is not YAML", file=recipe, found=str(error)) from None
    if not isinstance(content, Mapping):
        raise problem("the recipe is not a mapping of keys to values", file=recipe, found=type(content).__name__)
    flags = {action.dest: action.nargs == 0 for action in parser._actions if action.dest not in ("help", "config")}
    arguments: list[str] = []
    for key, value in content.items():
        if key not in flags:
            lines = [line.split(":")[0].strip() for line in text.splitlines()]
            row = lines.index(str(key)) + 1 if str(key) in lines else None
            raise problem(
                "unknown key in a recipe", file=recipe, row=row, column=str(key), found=str(key), allowed=sorted(flags)
            )
        if flags[key]:
            arguments += [f"--{key}"] if value else []
        elif value is not None:
            arguments += [f"--{key}={value}"]
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval run`."""
    import sys

    given = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    options = parser.parse_args(given)
    if options.config is not None:
        options = parser.parse_args([*recipe_arguments(options.config, parser), *given])
    for name in ("model", "corpus", "out"):
        if getattr(options, name) is None:
            raise problem(f"--{name} is needed", next_step="skin-r1 eval run --help")
    for name in ("max_new_tokens", "batch_size", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise problem(f"--{name} counts from 1", found=value, allowed="a positive number")
    if options.temperature < 0:
        raise problem("--temperature is never negative", found=options.temperature, allowed="0 (greedy) or more")
    chosen = {key: value for key, value in vars(options).items() if key != "config"}
    made = run_predictions(**chosen)
    print(f"{made} new predictions in {options.out}")
    where = f"--corpus {options.corpus} --split {options.split}"
    print(f"next: skin-r1 eval score --predictions {options.out} {where} --out DIR")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
