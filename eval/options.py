"""The options of `skin-r1 eval run`, from the command line and from a recipe."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.tasks import TASKS, check_task
from skin_r1.errors import problem

EXAMPLES = """\
Examples:
  skin-r1 eval run --model runs/demo/grpo --corpus runs/demo/corpus --out runs/eval/predictions.jsonl
  skin-r1 eval run --config recipes/tiny/eval.yaml --model runs/sft --corpus runs/corpus --out runs/eval/p.jsonl
  skin-r1 eval run --model BASE --adapter LORA --corpus runs/corpus --temperature 0.8 --seed 1 --out p.jsonl
  skin-r1 eval run --engine vllm --model DIR --corpus runs/corpus --samples 8 --temperature 0.7 --out p.jsonl
  skin-r1 eval run --engine https://HOST/v1 --model NAME --api_key_env MY_KEY --task choice --corpus runs/corpus --out p.jsonl
  skin-r1 eval run --model DIR --corpus runs/corpus --label_scores all --probe blank --out p.jsonl

A killed run resumes where it stopped: give the same command again. Exit code 1: some cases have no answer yet, see
OUT.unanswered.jsonl, and the same command asks them again.
"""


@dataclass(frozen=True)
class Options:
    """What is read from where, by whom, and how; the fields are the options, explained by `--help`."""

    model: str
    corpus: Path
    out: Path
    split: str
    engine: str
    adapter: Path | None
    task: str
    choices: int
    probe: str | None
    samples: int
    label_scores: str
    temperature: float
    max_new_tokens: int
    seed: int
    batch_size: int
    concurrency: int
    timeout: float
    attempts: int
    max_model_len: int
    api_key_env: str
    cache: Path | None
    limit: int | None
    overwrite: bool
    dry_run: bool

    @property
    def probe_name(self) -> str | None:
        """The probe without its seed."""
        return None if self.probe is None else self.probe.partition(":")[0]

    @property
    def probe_seed(self) -> int:
        """The seed behind the probe's name, else `seed`.

        Raises:
            UserError: it is no number.
        """
        number = (self.probe or "").partition(":")[2]
        if number and not number.isdecimal():
            raise problem(
                "the seed of a probe is a number", column="probe", found=self.probe, allowed="NAME or NAME:SEED"
            )
        return int(number) if number else self.seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    tasks = "\n".join(f"  {name:<13} {task.about}" for name, task in TASKS.items())
    out = argparse.ArgumentParser(
        prog="skin-r1 eval run",
        description="Let a model answer every case of a split; writes a JSON line per case and resumes after a kill.\n\n"
        f"Tasks, and what an answer holds:\n{tasks}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = out.add_argument
    add("--config", type=Path, metavar="RECIPE", help="YAML with any of these options")
    add(
        "--engine", default="transformers", metavar="ENGINE", help="transformers (default), vllm, or http(s)://HOST/v1"
    )
    add("--model", metavar="DIR", help="checkpoint folder or hub id; for an address the model's name there (required)")
    add(
        "--adapter",
        type=Path,
        metavar="DIR",
        help="LoRA adapter; loaded beside the model, never merged (transformers)",
    )
    add("--corpus", type=Path, metavar="DIR", help="corpus of Case records (required)")
    add("--split", default="test", help="train, validation or test (default: test)")
    add("--out", type=Path, metavar="FILE", help="predictions.jsonl to write or resume (required)")
    add("--task", default="diagnosis", help="what is asked, see above (default: diagnosis)")
    add("--choices", type=int, default=4, metavar="K", help="options of the task choice (default: 4)")
    add("--probe", metavar="NAME[:SEED]", help="change each case before it is asked, e.g. blank")
    add("--temperature", type=float, default=0.0, help="0 is greedy (default); with --samples that of the samples")
    add("--samples", type=int, default=0, metavar="K", help="K sampled answers beside the greedy one (default: 0)")
    add(
        "--label_scores",
        default="none",
        metavar="all|FILE|none",
        help="log-likelihood of every diagnosis of the train split, or of those in a file, a name a line (transformers)",
    )
    add("--max_new_tokens", type=int, default=160, metavar="N", help="longest answer (default: 160)")
    add("--seed", type=int, default=0, help="of the sampling and of the options shown (default: 0)")
    add("--batch_size", type=int, default=32, metavar="N", help="cases per forward pass (transformers; default: 32)")
    add(
        "--concurrency",
        type=int,
        default=8,
        metavar="N",
        help="questions under way at once (vllm, address; default: 8)",
    )
    add("--timeout", type=float, default=300.0, metavar="S", help="seconds for one attempt (address; default: 300)")
    add("--attempts", type=int, default=6, metavar="N", help="at one question (address; default: 6)")
    add(
        "--max_model_len",
        type=int,
        default=8192,
        metavar="N",
        help="prompt and answer in tokens (vllm; default: 8192)",
    )
    add(
        "--api_key_env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable that holds the key (address; default: OPENAI_API_KEY)",
    )
    add(
        "--cache",
        type=Path,
        metavar="FILE",
        help="answers kept for other runs too (vllm, address; default: beside OUT)",
    )
    add("--limit", type=int, metavar="N", help="N cases only, drawn by their ids: the same for every model")
    add("--overwrite", action="store_true", help="forget predictions and answers that are there already")
    add("--dry_run", action="store_true", help="print the first question and stop")
    return out


def read_options(argv: Sequence[str]) -> Options:
    """Options from the command line, and from the recipe that it names.

    Raises:
        UserError: an option is missing or cannot be.
    """
    command = parser()
    given = command.parse_args(argv)
    if given.config is not None:
        given = command.parse_args([*recipe_arguments(given.config, command), *argv])
    values = {key: value for key, value in vars(given).items() if key != "config"}
    for name in ("model", "corpus", "out"):
        if values[name] is None:
            raise problem(f"--{name} is needed", next_step="skin-r1 eval run --help")
    for name in ("max_new_tokens", "batch_size", "concurrency", "attempts", "max_model_len", "limit"):
        if values[name] is not None and values[name] < 1:
            raise problem(f"--{name} counts from 1", found=values[name], allowed="a positive number")
    for name in ("temperature", "samples"):
        if values[name] < 0:
            raise problem(f"--{name} is never negative", found=values[name], allowed="0 or more")
    options = Options(**values)
    check_task(options.task, options.choices)
    if not options.timeout > 0:
        raise problem("--timeout is positive", found=options.timeout, allowed="seconds")
    if options.samples and not options.temperature:
        raise problem(
            "samples at temperature 0 would all be the greedy answer",
            column="temperature",
            found=options.temperature,
            allowed="above 0 with --samples",
            next_step="--temperature 0.7",
        )
    return options


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
