"""The recipes of the three families: values that avoid known breakage, layers that exist, figures that the plan prints, and
two steps of each on a tiny model of the same architecture."""

import json
import re

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText
from trl import ModelConfig

from skin_r1.cli import main as skin_r1
from skin_r1.cli import run_main
from skin_r1.distill.recipe import DistillRecipe
from skin_r1.phantom.main import PhantomRecipe
from skin_r1.recipe import read_recipe
from skin_r1.rewards import load_rewards
from skin_r1.serve.recipe import ServeRecipe
from skin_r1.train.config import SkinGRPOConfig, SkinSFTConfig
from skin_r1.train.curate import CurateConfig
from skin_r1.train.plan.architecture import find_architecture
from skin_r1.train.plan.main import main as plan
from skin_r1.train.sft import load_rationales, texts
from tests.train.conftest import ROOT
from tests.train.tiny_models import BUILDERS

HUB = {
    "qwen2_5_vl_7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "qwen3_vl_8b": "Qwen/Qwen3-VL-8B-Instruct",
    "medgemma_4b": "google/medgemma-4b-it",
}
STAGES = ("sft", "grpo", "sft_full", "grpo_full")
BIG = [(family, stage) for family in HUB for stage in STAGES]
CLASSES = {"curate": CurateConfig, "distill": DistillRecipe, "phantom": PhantomRecipe, "serve": ServeRecipe}


def recipe(family, stage):
    return ROOT / "recipes" / family / f"{stage}.yaml"


def content(family, stage):
    return yaml.safe_load(recipe(family, stage).read_text())


def classes_of(path):
    keys = yaml.safe_load(path.read_text())
    if "rationales" in keys and "output_dir" in keys and "reward_funcs" not in keys:
        return (SkinSFTConfig, ModelConfig)
    if "reward_funcs" in keys:
        return (SkinGRPOConfig, ModelConfig)
    return (CLASSES[path.stem.split("_")[0]],)


@pytest.mark.parametrize(
    "path",
    [p for p in sorted((ROOT / "recipes").glob("*/*.yaml")) if p.parent.name != "accelerate" and p.stem != "eval"],
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)
def test_every_recipe_loads_with_the_classes_of_its_command(path):
    classes = classes_of(path)
    cpu = ["--use_cpu", "true"] if len(classes) == 2 else []
    parsed = read_recipe(classes, ["--config", str(path), *cpu], prog="skin-r1", about="")
    assert [type(each) for each in parsed] == list(classes)


@pytest.mark.parametrize(("family", "stage"), BIG)
def test_a_recipe_opens_with_what_it_is_for_and_how_to_run_it(family, stage):
    head = [line for line in recipe(family, stage).read_text().splitlines() if line.startswith("#")][:16]
    words = [line[2:12].strip() for line in head if line[2:12].strip().endswith(":")]
    assert words == ["Purpose:", "Needs:", "Launch:", "Override:"]
    assert f"recipes/{family}/{stage}.yaml" in "\n".join(head)


@pytest.mark.parametrize(("family", "stage"), BIG)
def test_a_recipe_avoids_known_breakage(family, stage):
    keys = content(family, stage)
    assert keys["bf16"] is True and keys["dtype"] == "bfloat16" and keys["freeze_vision"] is True
    assert keys["save_strategy"] == "steps" and keys["save_steps"] > 0 and keys["report_to"] == "wandb"
    assert keys.get("use_peft", False) is not stage.endswith("full")  # adapters with ZeRO-3 break, trl#6089
    if stage.startswith("sft"):
        return
    assert keys["loss_type"] in ("dapo", "dr_grpo")
    assert (keys["top_p"], keys["top_k"], keys["temperature"]) == (1.0, 0, 1.0) and "min_p" not in keys
    assert keys["mask_truncated_completions"] is True and keys["max_completion_length"] >= 1024
    assert not {"log_completions", "log_multimodal", "log_images"} & keys.keys() and keys["completions_every"] > 0
    assert keys["vllm_max_model_length"] >= keys["max_prompt_tokens"] + keys["max_completion_length"]
    assert not keys.get("load_in_4bit", False)  # merging adapters into 4 bits rounds them, trl#3466
    paid = dict(zip((f.__name__ for f in load_rewards(keys["reward_funcs"])), keys["reward_weights"], strict=True))
    assert paid == {
        "format_reward": 0.2,
        "diagnosis_reward": 1.0,
        "malignancy_reward": 0.2,
        "grounding_reward": 1.0,
        "consistency_reward": 0.2,
    }


@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize("family", HUB)
def test_adapters_go_on_every_language_layer_and_nowhere_else(family, stage):
    parsed = read_recipe(
        (SkinSFTConfig if stage == "sft" else SkinGRPOConfig, ModelConfig),
        ["--config", str(recipe(family, stage)), "--use_cpu", "true"],
        prog="skin-r1",
        about="",
    )
    targets = parsed[1].lora_target_modules
    assert isinstance(targets, str)  # peft reads a string as a pattern, a list as endings of names
    config = find_architecture(HUB[family]).config
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
        linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
        adapted = get_peft_model(model, LoraConfig(target_modules=targets), low_cpu_mem_usage=True)
    found = {name.removeprefix("base_model.model.") for name in adapted.targeted_module_names}
    assert found == {name for name in linear if name.startswith("model.language_model.layers.")}
    assert len(found) == 7 * config.get_text_config().num_hidden_layers


@pytest.mark.parametrize(("family", "stage"), BIG)
def test_the_needs_of_a_recipe_are_what_the_plan_prints(family, stage, capsys):
    text = recipe(family, stage).read_text()
    needs = re.search(r"of (\d+) GB \((\d+) GiB.*: (\w+)\), (\d+) GB of disk, ([\d.]+) s a step on (\w+)", text)
    memory, used, verdict, disk, seconds, card = needs.groups()
    command = ["--config", str(recipe(family, stage)), "--model_name_or_path", HUB[family]]
    command += ["--gpu", f"{card.lower()}-{memory}gb"]
    if stage.endswith("full"):
        command += ["--accelerate", str(ROOT / "recipes" / "accelerate" / "zero3.yaml")]
    assert run_main(plan, command) == 0
    printed = capsys.readouterr().out
    together = max(float(value) for value in re.search(r"together(.*)", printed)[1].split())
    assert round(together) == int(used)
    assert f"GiB: {verdict} (" in printed and verdict == "fits"
    assert round(float(re.search(r"disk in GB +([\d.]+)", printed)[1])) == int(disk)
    assert f"operations; {seconds} s =" in printed


# sizes only: the model, the data, how many steps of how much, and what this machine lacks
SMALL = ["--max_steps", "2", "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "2"]
SMALL += ["--logging_steps", "1", "--warmup_steps", "0", "--use_cpu", "true", "--bf16", "false"]
SMALL += ["--report_to", "none", "--save_steps", "2", "--ddp_timeout", "600"]
SMALL_GRPO = ["--num_generations", "2", "--max_completion_length", "16", "--use_vllm", "false"]


def run(family, stage, model, data, out, *more):
    key = "--rationales" if stage.startswith("sft") else "--corpus"
    command = [stage.split("_")[0], "--config", str(recipe(family, stage)), "--model_name_or_path", str(model)]
    command += [key, str(data), "--output_dir", str(out), *SMALL, *(SMALL_GRPO if "grpo" in stage else []), *more]
    assert skin_r1(command) == 0
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    history = json.loads((out / "log_history.json").read_text())
    assert facts["steps"] == 2
    return history


@pytest.mark.pipeline
@pytest.mark.parametrize("family", HUB)
def test_a_family_runs_sft_and_then_grpo_on_the_adapter(family, corpus, rationales, tmp_path):
    start = BUILDERS[family](tmp_path / "start", texts(load_rationales(rationales, "train")))
    lora = ["--lora_r", "4"]
    losses = [
        entry["loss"] for entry in run(family, "sft", start, rationales, tmp_path / "sft", *lora) if "loss" in entry
    ]
    assert len(losses) == 2 and all(0 < loss < 100 for loss in losses)
    assert (tmp_path / "sft" / "adapter_model.safetensors").is_file()
    history = run(family, "grpo", tmp_path / "sft", corpus, tmp_path / "grpo", *lora)
    assert len([entry for entry in history if "rewards/consistency_reward/mean" in entry]) == 2
    assert (tmp_path / "grpo" / "adapter_model.safetensors").is_file()


@pytest.mark.pipeline
@pytest.mark.parametrize("family", HUB)
def test_a_family_runs_full_sft_and_then_grpo_on_the_weights(family, corpus, rationales, tmp_path):
    start = BUILDERS[family](tmp_path / "start", texts(load_rationales(rationales, "train")))
    run(family, "sft_full", start, rationales, tmp_path / "sft")
    run(family, "grpo_full", tmp_path / "sft", corpus, tmp_path / "grpo")
    assert (tmp_path / "grpo" / "model.safetensors").is_file()
