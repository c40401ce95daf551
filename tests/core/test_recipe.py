"""Recipes: every shipped one loads; unknown keys and bad values are refused with their place."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest
import yaml
from trl import ModelConfig

from skin_r1.errors import UserError
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.train.config import SkinGRPOConfig, SkinSFTConfig

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))


@dataclass
class Toy:
    """A recipe of two keys."""

    steps: int = field(default=1)
    name: str = field(default="a")


def write(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text)
    return path


def test_the_command_line_wins_over_the_file(tmp_path):
    recipe = write(tmp_path, b"steps: 5\nname: b\n")
    (toy,) = read_recipe((Toy,), ["--config", str(recipe), "--steps", "7"], prog="toy", about="toy")
    assert (toy.steps, toy.name) == (7, "b")
    (toy,) = read_recipe((Toy,), [f"--config={recipe}"], prog="toy", about="toy")
    assert toy.steps == 5


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfsteps: 5\r\nname: b\r\n"])
def test_bom_and_crlf_are_read(tmp_path, text):
    (toy,) = read_recipe((Toy,), ["--config", str(write(tmp_path, text))], prog="toy", about="toy")
    assert (toy.steps, toy.name) == (5, "b")


def test_an_unknown_key_names_file_line_and_neighbour(tmp_path):
    recipe = write(tmp_path, b"name: b\nstepps: 5\n")
    with pytest.raises(UserError) as caught:
        read_recipe((Toy,), ["--config", str(recipe)], prog="toy", about="toy")
    text = str(caught.value)
    assert str(recipe) in text and "row 2" in text and "'stepps'" in text and "steps" in text


@pytest.mark.parametrize(
    ("text", "says"), [(b"- a\n- b\n", "not a mapping"), (b"a: [1\n", "not YAML"), (b"", "not a mapping")]
)
def test_what_is_no_recipe_is_refused(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        read_recipe((Toy,), ["--config", str(write(tmp_path, text))], prog="toy", about="toy")


def test_a_missing_recipe_and_an_unknown_option_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such recipe"):
        read_recipe((Toy,), ["--config", str(tmp_path / "none.yaml")], prog="toy", about="toy")
    for mistyped in (["--stepps", "1"], ["--stepps=1"], ["--step", "1"]):
        with pytest.raises(UserError, match=r"did you mean --steps"):
            read_recipe((Toy,), mistyped, prog="toy", about="toy")


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_recipe_opens_with_its_header(path):
    head = path.read_text().split("\n\n")[0]
    for word in ("# Purpose:", "# Needs:", "# Launch:", "# Override:"):
        assert word in head, f"{path} lacks {word}"


@pytest.mark.parametrize("path", [p for p in RECIPES if p.stem in ("sft", "control", "grpo")], ids=str)
def test_every_training_recipe_holds_only_known_keys_and_rewards(path):
    content = yaml.safe_load(path.read_text())
    config = SkinGRPOConfig if path.stem == "grpo" else SkinSFTConfig
    known = {f.name for cls in (config, ModelConfig) for f in fields(cls)}
    assert set(content) <= known, set(content) - known
    if path.stem == "grpo":
        rewards = load_rewards(content["reward_funcs"])
        assert len(rewards) == len(content["reward_weights"])


@pytest.mark.parametrize(
    "path", [p for p in RECIPES if p.stem in ("sft", "control", "grpo") and "tiny" in str(p)], ids=str
)
def test_the_recipes_of_this_machine_are_accepted_by_the_trainers(path):
    config = SkinGRPOConfig if path.stem == "grpo" else SkinSFTConfig
    options, model = read_recipe((config, ModelConfig), ["--config", str(path)], prog="x", about="x")
    assert options.output_dir and model.model_name_or_path


def test_truncation_is_refused(tmp_path):
    with pytest.raises(UserError, match="cut image tokens"):
        read_recipe((SkinSFTConfig,), ["--max_length", "64", "--output_dir", str(tmp_path)], prog="x", about="x")


def test_an_unknown_reward_is_refused_with_the_choices():
    with pytest.raises(UserError, match="diagnosis_reward"):
        load_rewards(["reward_fns.diagnosys_reward"])
    with pytest.raises(UserError, match="no such reward module"):
        load_rewards(["nowhere.format_reward"])
