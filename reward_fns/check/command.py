"""The command line of the check."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import reward_fns
from reward_fns.check.page import write_page
from reward_fns.check.table import show
from skin_r1.case import load_corpus
from skin_r1.errors import UserError, problem
from skin_r1.reward_check.check import check, sample
from skin_r1.reward_check.groups import SIZE
from skin_r1.rewards import load_rewards

ABOUT = """Prove on your own rows that gold answers are paid in full and spoiled or dishonest ones are not.

Example: skin-r1 rewards check --corpus runs/demo/corpus --split train --html rewards.html"""
FAULTS = 20  # shown at most


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 0 when every reward holds, else 1.

    Raises:
        UserError: no such corpus, recipe or reward; a reward that raises or pays no number; weights that do not fit.
    """
    options = _options(argv)
    if options.limit < 1:
        raise problem("--limit counts from 1", found=options.limit, allowed="1 or more")
    recipe = _recipe(options.config) if options.config else {}
    paths = options.reward_funcs or recipe.get("reward_funcs") or [f"reward_fns.{name}" for name in reward_fns.__all__]
    weights = None if options.reward_funcs else recipe.get("reward_weights")
    rewards = load_rewards(paths)
    if weights and len(weights) != len(rewards):
        raise UserError(f"reward_weights has {len(weights)} values for {len(rewards)} reward_funcs")
    rows = sample(load_corpus(options.corpus, options.split), rewards, options.limit)
    if not rows:
        raise UserError(f"no row of {options.corpus}/{options.split} has a diagnosis")
    result = check(rows, rewards, weights, group_size=recipe.get("num_generations") or SIZE, seed=options.seed)
    print(show(result))
    for note in result.notes:
        print(f"note: {note}")
    for fault in result.faults[:FAULTS]:
        print(f"fault: {fault}")
    if len(result.faults) > FAULTS:
        print(f"and {len(result.faults) - FAULTS} more faults")
    if options.html:
        write_page(options.html, result, "/".join([*options.corpus.parts[-2:], options.split]))
        print(f"page: {options.html}")
    print(f"{len(rows)} rows, {len(result.faults)} faults")
    return 1 if result.faults else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="skin-r1 rewards check", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder that `skin-r1 data build` or `phantom` wrote"
    )
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int, default=500, help="at most so many rows, spread over the split")
    parser.add_argument(
        "--reward_funcs", nargs="+", metavar="MODULE.NAME", help="rewards (default: all of reward_fns)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="RECIPE", help="take reward_funcs, reward_weights, num_generations from it"
    )
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page with the worst rows too")
    parser.add_argument("--seed", type=int, default=0, help="fixes what is borrowed from other rows")
    return parser.parse_args(argv)


def _recipe(path: Path) -> dict[str, Any]:
    """The keys of a GRPO recipe; `skin-r1 grpo` is the judge of all those that are not about rewards."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise problem("there is no such recipe", file=path, next_step="ls recipes/*/grpo.yaml") from error
    except yaml.YAMLError as error:
        raise problem("the recipe is not YAML", file=path, found=str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("reward_funcs"), list):
        raise problem(
            "the recipe names no rewards",
            file=path,
            column="reward_funcs",
            allowed="a list of import paths",
            found=content,
        )
    size, weights = content.get("num_generations"), content.get("reward_weights")
    if size is not None and (type(size) is not int or size < 2):
        raise problem(
            "a group needs answers to compare",
            file=path,
            column="num_generations",
            found=size,
            allowed="a number from 2",
        )
    if weights is not None and not (isinstance(weights, list) and all(type(each) in (int, float) for each in weights)):
        raise problem(
            "the weights are no list of numbers", file=path, column="reward_weights", found=weights, allowed="[1, 0.2]"
        )
    return content
