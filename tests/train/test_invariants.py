"""What must not change a step: how a batch is cut, how many processes share it, the order of the rewards, a second run.

One step of plain gradient descent is compared, not of Adam, which turns the sign of a gradient's rounding error into a
whole step. Rounding is what remains: the same numbers summed in another order and with other padding. Sums of 10^3 to
10^4 terms of 32 bits agree to about 10^-5 of the result; ten times as much of the largest change is allowed.
"""

import json

import pytest
from safetensors.torch import load_file

from skin_r1.train.monitor import completions
from tests.train.conftest import TINY
from tests.train.processes import finish, speaker, start, together

pytestmark = pytest.mark.pipeline

ONE_STEP = ["--max_steps", "1", "--warmup_steps", "0", "--logging_steps", "1", "--optim", "sgd"]
ONE_STEP += ["--learning_rate", "0.1", "--lr_scheduler_type", "constant", "--weight_decay", "0"]
TOLERANCE = 1e-4  # of the largest change of a weight
REWARDS = {
    "reward_fns.format_reward": "0.2",
    "reward_fns.diagnosis_reward": "1.0",
    "reward_fns.malignancy_reward": "0.7",
}


def cut(rows, times):
    return ["--per_device_train_batch_size", str(rows), "--gradient_accumulation_steps", str(times)]


def sft(corpus, rationales, *more):
    command = ["sft", "--config", TINY / "sft.yaml", "--rationales", rationales]
    return [*command, "--model_name_or_path", speaker(corpus), *ONE_STEP, *more]


def grpo(corpus, *more, rewards=tuple(REWARDS)):
    command = ["grpo", "--config", TINY / "grpo.yaml", "--corpus", corpus, "--model_name_or_path", speaker(corpus)]
    command += ["--critic_steps", "0", "--num_generations", "4", "--max_completion_length", "32", *ONE_STEP, *more]
    command += ["--completions_every", "1"]
    return [*command, "--reward_funcs", *rewards, "--reward_weights", *(REWARDS[name] for name in rewards)]


def run(command, folder, *, processes=1, **how):
    command = [*command, "--output_dir", folder]
    codes = together(command, **how) if processes == 2 else [finish(start(command, **how))]
    assert set(codes) == {0}, (folder / "log-0.txt").read_text()[-2000:]
    return folder


def logs(folder):
    return json.loads((folder / "log_history.json").read_text())[0]


def paid(folder):
    """The answers of a GRPO run with their rewards and advantages (to 1e-5), in an order of their own."""
    rows = completions.read(folder).to_pylist()
    rows = [{key: round(own, 5) if isinstance(own, float) else own for key, own in row.items()} for row in rows]
    return sorted(rows, key=str)


def assert_same_step(before, one, other):
    start_, first, second = (load_file(folder / "model.safetensors") for folder in (before, one, other))
    largest = max(float((first[name] - start_[name]).abs().max()) for name in start_)
    assert largest > 1e-4, "no step was made"
    for name in start_:
        assert float((first[name] - second[name]).abs().max()) <= TOLERANCE * largest, name


@pytest.fixture(scope="module")
def sft_whole(corpus, rationales, tmp_path_factory):
    return run(sft(corpus, rationales, *cut(8, 1)), tmp_path_factory.mktemp("sft") / "whole")


@pytest.fixture(scope="module")
def grpo_whole(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpo")
    return run(grpo(corpus, *cut(12, 1)), folder / "whole", answers=folder / "answers.json")


def test_sft_is_the_same_in_one_row_at_a_time(corpus, rationales, sft_whole, tmp_path):
    parts = run(sft(corpus, rationales, *cut(1, 8)), tmp_path / "parts")
    assert logs(parts)["loss"] == pytest.approx(logs(sft_whole)["loss"], rel=1e-5)
    assert_same_step(speaker(corpus), sft_whole, parts)


def test_sft_is_the_same_on_two_processes(corpus, rationales, sft_whole, tmp_path):
    two = run(sft(corpus, rationales, *cut(4, 1)), tmp_path / "two", processes=2)
    assert logs(two)["loss"] == pytest.approx(logs(sft_whole)["loss"], rel=1e-5)
    assert_same_step(speaker(corpus), sft_whole, two)


def test_grpo_is_the_same_in_one_row_at_a_time(corpus, grpo_whole, tmp_path):
    """Both sample one generation batch of 12 answers at once, so the answers are the same."""
    parts = run(grpo(corpus, *cut(1, 12)), tmp_path / "parts")
    assert logs(parts)["reward"] == logs(grpo_whole)["reward"] > 0
    assert logs(parts)["grad_norm"] == pytest.approx(logs(grpo_whole)["grad_norm"], rel=1e-4)
    assert_same_step(speaker(corpus), grpo_whole, parts)


def test_grpo_is_the_same_on_two_processes(corpus, grpo_whole, tmp_path):
    """With the answers of the one process, as each samples from a state of its own; the second group lies on both."""
    answers = grpo_whole.parent / "answers.json"
    two = run(grpo(corpus, *cut(6, 1)), tmp_path / "two", processes=2, answers=answers)
    assert paid(two) == paid(grpo_whole)
    assert len({row["advantage"] for row in paid(two)}) > 4  # groups were paid, and differ
    for name in ("reward", "reward_std", "grad_norm"):
        assert logs(two)[name] == pytest.approx(logs(grpo_whole)[name], rel=1e-4)
    assert_same_step(speaker(corpus), grpo_whole, two)


def test_grpo_is_the_same_with_its_rewards_in_another_order(corpus, grpo_whole, tmp_path):
    turned = run(grpo(corpus, *cut(12, 1), rewards=tuple(reversed(REWARDS))), tmp_path / "turned")
    assert logs(turned)["reward"] == pytest.approx(logs(grpo_whole)["reward"], rel=1e-6)
    assert_same_step(speaker(corpus), grpo_whole, turned)


def test_the_same_grpo_run_again_gives_the_same_bits(corpus, grpo_whole, tmp_path):
    again = run(grpo(corpus, *cut(12, 1)), tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (grpo_whole / "model.safetensors").read_bytes()
    clock = {"step_time", "train_runtime", "train_samples_per_second", "train_steps_per_second"}
    first, second = ({k: v for k, v in logs(folder).items() if k not in clock} for folder in (again, grpo_whole))
    assert first == second
