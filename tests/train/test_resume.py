"""`kill -9` at any moment and the same command again end where an unbroken run ends, to the bit."""

import json
import os
import signal
import time

import numpy as np
import pytest
import torch

from skin_r1.train.monitor import completions
from skin_r1.train.resume.checkpoints import last_whole
from tests.train.conftest import TINY
from tests.train.processes import finish, speaker, start

pytestmark = pytest.mark.pipeline

WALL_CLOCK = {"train_runtime", "train_samples_per_second", "train_steps_per_second", "step_time", "seconds", "spent"}
SAVE = ["--save_strategy", "steps", "--logging_steps", "3", "--warmup_steps", "2", "--critic_steps", "0"]
LORA = ["--use_peft", "true", "--lora_r", "4", "--lora_dropout", "0.1", "--lora_target_modules"]
LORA += [r"^model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj$"]


def sft(rationales, *more):
    command = ["sft", "--config", TINY / "sft.yaml", "--rationales", rationales, *SAVE[:-2]]
    return [*command, "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "2", *more]


def grpo(corpus, *more):
    model = speaker(corpus)
    command = ["grpo", "--config", TINY / "grpo.yaml", "--corpus", corpus, "--model_name_or_path", model, *SAVE]
    command += ["--annotation", "dense", "--per_device_train_batch_size", "8", "--max_completion_length", "32"]
    return [*command, "--beta", "0.02", "--completions_every", "1", *more]


def whole_and_broken(command, folder, kills, first=None):
    """The folders of an unbroken run and of the same command, killed on the way, until it ends; they run side by side."""
    whole, resumed = folder / "whole", folder / "broken"
    unbroken = start([*command, "--output_dir", whole])
    command = [*command, "--output_dir", resumed]
    if first is not None:
        first(start(command), resumed)
    for kill in kills:
        assert finish(start(command, kill=kill)) == -signal.SIGKILL, kill
        assert not (resumed / "manifest.json").exists()
    assert finish(start(command)) == 0
    assert finish(unbroken) == 0
    return whole, resumed


def plain(value):
    """A value without what the clock has to do with, tensors as (type, shape, bytes)."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if key not in WALL_CLOCK}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    return value


def rows(folder):
    """The tokens that each step trained on in the end: after a kill a step comes again."""
    seen = {}
    for line in (folder / "rows-0.jsonl").read_text().splitlines():
        entry = json.loads(line)
        seen.setdefault(entry["step"], []).append(entry["rows"])
    per_step = min(len(found) for found in seen.values())
    return {step: found[-per_step:] for step, found in seen.items()}


def assert_same_end(whole, resumed):
    for name in ("model.safetensors", "adapter_model.safetensors"):
        assert (whole / name).exists() == (resumed / name).exists()
        if (whole / name).exists():
            assert (whole / name).read_bytes() == (resumed / name).read_bytes()
    assert plain(json.loads((whole / "log_history.json").read_text())) == plain(
        json.loads((resumed / "log_history.json").read_text())
    )
    assert rows(whole) == rows(resumed)
    if (whole / completions.FOLDER).exists():
        assert completions.read(whole).equals(completions.read(resumed))
    last = last_whole(whole).name
    assert last == last_whole(resumed).name
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "forgotten_0.pt"):
        before, after = (torch.load(folder / last / name, weights_only=False) for folder in (whole, resumed))
        assert plain(before) == plain(after), name
    states = [json.loads((folder / last / "trainer_state.json").read_text()) for folder in (whole, resumed)]
    assert plain(states[0]) == plain(states[1])


def test_sft(rationales, tmp_path):
    command = sft(rationales, "--max_steps", "9", "--save_steps", "2", "--save_total_limit", "1")
    kills = [("step", 3), ("step", 6), ("writing", 1), ("unsealed", 2), ("sealed", 1), ("ending", 1)]
    assert_same_end(*whole_and_broken(command, tmp_path, kills))


def test_sft_of_an_adapter_with_dropout_killed_from_outside(rationales, tmp_path):
    def from_outside(process, folder):
        while not (folder / "checkpoint-4").is_dir():
            assert process.is_alive()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert finish(process) == -signal.SIGKILL

    command = sft(rationales, *LORA, "--max_steps", "7", "--save_steps", "2")
    assert_same_end(*whole_and_broken(command, tmp_path, [("unsealed", 1)], first=from_outside))


def test_grpo_within_a_generation_and_in_the_second_epoch(corpus, tmp_path):
    command = grpo(corpus, "--num_generations", "2", "--steps_per_generation", "4", "--num_iterations", "2")
    command += [
        "--gradient_accumulation_steps",
        "2",
        "--max_steps",
        "10",
        "--save_steps",
        "3",
        "--save_total_limit",
        "1",
    ]
    kills = [("step", 8), ("writing", 1), ("sealed", 3), ("ending", 1)]
    assert_same_end(*whole_and_broken(command, tmp_path, kills))


def test_grpo_of_an_adapter(corpus, tmp_path):
    command = grpo(corpus, *LORA, "--num_generations", "4", "--max_steps", "5", "--save_steps", "2")
    assert_same_end(*whole_and_broken(command, tmp_path, [("unsealed", 1), ("step", 4)]))
