"""Read a recipe: a YAML file into typed dataclasses, the command line winning over the file, unknown keys refused."""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from skin_r1.errors import UserError, problem


def read_recipe(classes: Sequence[Any], argv: Sequence[str] | None, *, prog: str, about: str) -> tuple[Any, ...]:
    """Parse `--config RECIPE` and `--key value` overrides into one instance of each dataclass.

    Args:
        classes: dataclasses; their fields are the recipe's keys.
        argv: arguments after the command, or None for the process's own.
        prog, about: shown by `--help`.

    Raises:
        UserError: the recipe is missing or not a mapping, a key or an option is unknown, a value does not fit.
    """
    import sys

    from trl import TrlParser

    arguments = list(sys.argv[1:] if argv is None else argv)
    recipe = _recipe_path(arguments)
    if recipe is not None:
        _check_keys(recipe, classes)
    parser = TrlParser(dataclass_types=list(classes), prog=prog, description=about, allow_abbrev=False)
    _check_options(arguments, [*parser._option_string_actions, "--config"], prog)
    try:
        return tuple(parser.parse_args_and_config(args=arguments))
    except ValueError as error:
        raise problem(
            "the recipe's values do not fit together", file=recipe, found=str(error), next_step=f"{prog} --help"
        ) from error


def _check_options(arguments: Sequence[str], known: Sequence[str], prog: str) -> None:
    for argument in arguments:
        option = argument.partition("=")[0]
        if option.startswith("--") and option not in known:
            raise problem(
                "unknown option",
                found=option,
                allowed=_near(option, known),
                next_step=f"mend it, or see {prog} --help",
            )


def _near(word: str, known: Sequence[str]) -> str:
    # The trainers have about 200 keys: listing them all would bury the answer.
    near = get_close_matches(word, known, n=3)
    return f"did you mean {', '.join(near)}?" if near else f"one of {len(known)}; see --help"


def _recipe_path(arguments: list[str]) -> Path | None:
    for index, argument in enumerate(arguments):
        if argument.startswith("--config="):  # TRL's parser reads the two-word form only
            arguments[index : index + 1] = ["--config", argument.removeprefix("--config=")]
    if "--config" not in arguments:
        return None
    after = arguments.index("--config") + 1
    if after == len(arguments):
        raise UserError("--config needs a file, for example --config recipes/tiny/sft.yaml")
    return Path(arguments[after])


def _check_keys(recipe: Path, classes: Sequence[Any]) -> None:
    if not recipe.is_file():
        raise problem("there is no such recipe", file=recipe, next_step="ls recipes/*/*.yaml")
    try:
        content = yaml.safe_load(recipe.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise problem("the recipe is not YAML", file=recipe, found=str(error)) from error
    if not isinstance(content, dict):
        raise problem("the recipe is not a mapping of keys to values", file=recipe, found=type(content).__name__)
    allowed = sorted({field.name for cls in classes for field in fields(cls) if field.init} | {"env"})
    for key in content:
        if key not in allowed:
            raise problem(
                "unknown key in a recipe",
                file=recipe,
                row=_line_of(recipe, str(key)),
                column=str(key),
                found=key,
                allowed=_near(str(key), allowed),
                next_step="mend or remove the key",
            )


def _line_of(recipe: Path, key: str) -> int | None:
    for number, line in enumerate(recipe.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.split(":")[0].strip() == key:
            return number
    return None
