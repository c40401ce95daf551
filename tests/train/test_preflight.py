"""Preflight: each check passes on good rows and refuses the fault that it is there for."""

import json
import shutil

import pytest
import torch
from PIL import Image

from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.models import load, with_image_parts
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.data.lengths import RowLength
from skin_r1.train.data.rows import training_rows
from skin_r1.train.preflight import (
    batch_of,
    check_completions,
    check_disk,
    check_groups,
    check_images,
    check_precision,
    check_template,
)
from skin_r1.train.sft import load_rationales
from tests.train.conftest import SMALL_GRPO, SMALL_SFT, TINY


@pytest.fixture(scope="module")
def loaded(checkpoint):
    return load(checkpoint)


def grpo(corpus, model, out, *more):
    command = ["grpo", "--config", str(TINY / "grpo.yaml"), "--corpus", str(corpus), "--output_dir", str(out)]
    return skin_r1([*command, "--model_name_or_path", str(model), *SMALL_GRPO, *more])


def config(tmp_path, **keys):
    return SkinGRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **keys)


@pytest.mark.parametrize("sizes", [[], [(56, 56)], [(112, 56)], [(40, 90), (300, 200)]])
def test_a_rows_length_is_what_the_processor_makes_of_it(loaded, sizes):
    images = [Image.new("RGB", size) for size in sizes]
    prompt = [{"role": "user", "content": "Reason about it. History: itches since May."}]
    row = {"prompt": prompt, "images": images}
    assert RowLength(loaded.processor)(row) == batch_of([row], loaded.processor)["input_ids"].shape[1]
    row["completion"] = [{"role": "assistant", "content": "<think>Scale is seen.</think>\n{}"}]
    messages = with_image_parts(prompt, len(sizes)) + with_image_parts(row["completion"], 0)
    text = loaded.processor.apply_chat_template(messages, tokenize=False)
    whole = loaded.processor(text=[text], images=[images] if images else None)["input_ids"][0]
    assert RowLength(loaded.processor)(row) == len(whole)


def test_preflight_alone_takes_no_step(corpus, checkpoint, tmp_path, capsys):
    assert grpo(corpus, checkpoint, tmp_path / "dry", "--preflight_only", "true") == 0
    said = capsys.readouterr().out
    for name in ("settings", "rewards on gold answers", "image tokens equal", "disk"):
        assert f"preflight: {name}" in said or name in said
    assert not (tmp_path / "dry" / "model.safetensors").exists()
    other = [
        "--preflight_only",
        "true",
        "--reward_weights",
        "1",
        "1",
        "1",
        "1",
    ]  # nothing was trained: nothing is mixed
    assert grpo(corpus, checkpoint, tmp_path / "dry", *other) == 0


def test_half_precision_is_refused(tmp_path):
    made = config(tmp_path)
    check_precision(made)
    made.fp16 = True
    with pytest.raises(UserError, match="half precision overflows"):
        check_precision(made)


def test_a_template_that_opens_the_reasoning_itself_is_refused(loaded):
    check_template(loaded.processor)
    template = loaded.processor.chat_template
    try:
        loaded.processor.chat_template = template.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>")
        assert loaded.processor.chat_template != template
        with pytest.raises(UserError, match="opens <think> itself"):
            check_template(loaded.processor)
    finally:
        loaded.processor.chat_template = template


def test_rows_with_none_one_and_two_images_pass_together(corpus, loaded):
    row = training_rows(corpus, "all")[0]
    rows = [{"prompt": row["prompt"], "images": row["images"] * count} for count in (0, 1, 2)]
    check_images(rows, loaded.model, loaded.processor)


def test_image_tokens_without_features_are_refused(corpus, checkpoint):
    spoilt = load(checkpoint)
    rows = training_rows(corpus, "all").select(range(2))
    spoilt.processor.image_processor.merge_size = 1  # a processor of another model: four times the tokens
    with pytest.raises(UserError, match="do not match"):
        check_images(rows, spoilt.model, spoilt.processor)


def test_broken_weights_are_refused(corpus, checkpoint):
    spoilt = load(checkpoint)
    with torch.no_grad():
        next(spoilt.model.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="not finite"):
        check_images(training_rows(corpus, "all").select(range(2)), spoilt.model, spoilt.processor)


def test_completions_that_do_not_parse_are_refused(rationales, tmp_path):
    rows = load_rationales(rationales, "train")
    check_completions(rows, rationales)
    spoilt = rows.map(
        lambda row, at: {"completion": [{"role": "assistant", "content": "nevus"}]} if at == 3 else {},
        with_indices=True,
    )
    with pytest.raises(UserError, match=r"row 3"):
        check_completions(spoilt, tmp_path / "train.parquet")


def test_a_group_divided_over_processes_is_refused_where_answers_are_compared(tmp_path):
    sizes = {"per_device_train_batch_size": 4, "num_generations": 8, "gradient_accumulation_steps": 2}
    check_groups(config(tmp_path, **sizes), ["reward_fns.novelty_reward"])
    divided = config(tmp_path, **sizes)
    divided.steps_per_generation = 1
    check_groups(divided, ["reward_fns.diagnosis_reward"])
    with pytest.raises(UserError, match="divide over processes"):
        check_groups(divided, ["reward_fns.novelty_reward"])


def test_checkpoints_that_do_not_fit_are_refused(loaded, tmp_path, monkeypatch):
    made = config(tmp_path / "deep" / "er", save_strategy="steps", save_steps=1, save_total_limit=2)
    check_disk(loaded.model, made)
    weights = sum(p.numel() for p in loaded.model.parameters()) * 4
    need = 3 * (weights + 2 * weights) + weights
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=need))
    check_disk(loaded.model, made)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=need - 1))
    with pytest.raises(UserError, match="do not fit on the disk"):
        check_disk(loaded.model, made)


def test_grpo_goes_on_from_an_adapter(rationales, corpus, checkpoint, tmp_path):
    command = [
        "sft",
        "--config",
        str(TINY / "sft.yaml"),
        "--rationales",
        str(rationales),
        "--output_dir",
        str(tmp_path / "lora"),
    ]
    command += ["--model_name_or_path", str(checkpoint), *SMALL_SFT, "--max_steps", "2"]
    assert skin_r1([*command, "--use_peft", "true", "--lora_r", "4"]) == 0
    assert (tmp_path / "lora" / "adapter_config.json").is_file()
    assert grpo(corpus, tmp_path / "lora", tmp_path / "grpo", "--rarity", "0.5", "--beta", "0.02") == 0
    merged = load(tmp_path / "grpo" / "start").model.state_dict()
    adapted = load(tmp_path / "lora").model.merge_and_unload().state_dict()
    assert all(torch.equal(merged[name], value) for name, value in adapted.items())
    history = json.loads((tmp_path / "grpo" / "log_history.json").read_text())
    assert all("kl" in entry for entry in history if "reward" in entry)
    assert any(name.startswith("family/") for entry in history for name in entry)
    assert all("groups/zero_std" in entry for entry in history if "reward" in entry)
