"""SFT and GRPO on the tiny model through the command line: weights move, runs repeat, resume and refuse."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file

from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.models import load
from skin_r1.train import trainer as trainer_module
from skin_r1.train.clock import TimeLimit
from skin_r1.train.data.lengths import drop_overlong
from skin_r1.train.data.rows import training_rows
from skin_r1.train.preflight import check_images, check_rewards
from skin_r1.train.run import fingerprint
from skin_r1.train.trainer import rows_with_signal
from tests.train.conftest import ROOT, SMALL_GRPO, SMALL_SFT, TINY

pytestmark = pytest.mark.pipeline


def weights(folder):
    return load_file(folder / "model.safetensors")


def facts(folder):
    return json.loads((folder / "manifest.json").read_text())["outputs"]


def sft(rationales, out, *more):
    command = ["sft", "--config", str(TINY / "sft.yaml"), "--rationales", str(rationales), "--output_dir", str(out)]
    return skin_r1([*command, *SMALL_SFT, *more])


def grpo(corpus, model, out, *more):
    command = ["grpo", "--config", str(TINY / "grpo.yaml"), "--corpus", str(corpus), "--output_dir", str(out)]
    return skin_r1([*command, "--model_name_or_path", str(model), *SMALL_GRPO, *more])


def test_sft_moves_every_part_and_lowers_the_loss(checkpoint):
    before, after = weights(checkpoint / "base"), weights(checkpoint)
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("visual" in name for name in moved) and any("visual" not in name for name in moved)
    losses = [entry["loss"] for entry in json.loads((checkpoint / "log_history.json").read_text()) if "loss" in entry]
    assert losses[-1] < losses[0]


def test_the_same_seed_gives_the_same_weights(checkpoint, rationales, tmp_path):
    assert sft(rationales, tmp_path / "again") == 0
    again = weights(tmp_path / "again")
    assert all(torch.equal(again[name], value) for name, value in weights(checkpoint).items())


def test_freezing_the_vision_tower_holds_it_still(rationales, tmp_path):
    assert sft(rationales, tmp_path / "frozen", "--freeze_vision", "true") == 0
    before, after = weights(tmp_path / "frozen" / "base"), weights(tmp_path / "frozen")
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if "visual" in name and "merger" not in name} <= still
    assert any("merger" in name for name in set(before) - still)  # the projector learns on
    assert any(not torch.equal(before[name], after[name]) for name in before if "visual" not in name)


def test_resume_ends_where_an_unbroken_run_ends(rationales, tmp_path):
    steps = ["--save_strategy", "steps", "--save_steps", "4", "--lr_scheduler_type", "constant"]
    assert sft(rationales, tmp_path / "whole", *steps) == 0
    assert sft(rationales, tmp_path / "broken", *steps) == 0
    shutil.rmtree(tmp_path / "broken" / "checkpoint-8")  # as if killed after step 4
    for name in ("model.safetensors", "manifest.json"):
        (tmp_path / "broken" / name).unlink()
    assert sft(rationales, tmp_path / "broken", *steps) == 0
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert all(torch.allclose(whole[name], resumed[name], atol=1e-6) for name in whole)


def test_a_finished_run_goes_on_where_more_steps_are_asked_for(rationales, tmp_path):
    keys = ["--save_strategy", "steps", "--save_steps", "1", "--lr_scheduler_type", "constant"]
    assert sft(rationales, tmp_path / "run", *keys, "--max_steps", "2") == 0
    assert sft(rationales, tmp_path / "run", *keys, "--max_steps", "3") == 0
    assert facts(tmp_path / "run")["steps"] == 3 and (tmp_path / "run" / "checkpoint-3").is_dir()


def test_other_rows_or_weights_are_another_run(corpus, checkpoint, tmp_path, capsys):
    keys = ["--max_steps", "1", "--save_strategy", "steps", "--save_steps", "1"]
    assert grpo(corpus, checkpoint, tmp_path / "run", *keys) == 0
    for more in (["--annotation", "dense"], ["--reward_weights", "1", "1", "1", "1"], ["--use_peft", "true"]):
        assert grpo(corpus, checkpoint, tmp_path / "run", *keys, *more) == 2
        assert "another run" in capsys.readouterr().err
    assert fingerprint(tmp_path / "run" / "checkpoint-1") != fingerprint(checkpoint / "base")


def test_a_folder_of_another_run_is_refused(checkpoint, rationales, tmp_path, capsys):
    assert sft(rationales, tmp_path / "run") == 0
    model = ["--model_name_or_path", str(checkpoint)]
    assert sft(rationales, tmp_path / "run", *model) == 2
    assert "another run" in capsys.readouterr().err


def test_a_folder_that_is_no_checkpoint_is_refused(corpus, rationales, tmp_path, capsys):
    assert sft(rationales, tmp_path / "out", "--model_name_or_path", str(corpus)) == 2
    assert "cannot load the model" in capsys.readouterr().err


def test_grpo_moves_the_weights_with_finite_rewards(corpus, checkpoint, tmp_path):
    assert grpo(corpus, checkpoint, tmp_path / "grpo") == 0
    history = json.loads((tmp_path / "grpo" / "log_history.json").read_text())
    rewards = [entry["reward"] for entry in history if "reward" in entry]
    assert len(rewards) == 2 and all(0 <= reward <= 2.4 for reward in rewards)
    assert all(f"rewards/{name}_reward/mean" in history[0] for name in ("format", "diagnosis", "grounding"))
    assert facts(tmp_path / "grpo")["steps"] == 2


def test_lora_trains_the_language_model_only_and_its_adapter_loads(corpus, checkpoint, tmp_path):
    lora = ["--use_peft", "true", "--lora_r", "4", "--beta", "0.02"]
    lora += ["--lora_target_modules", r"^model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj$"]
    assert grpo(corpus, checkpoint, tmp_path / "lora", *lora) == 0
    adapter = load_file(tmp_path / "lora" / "adapter_model.safetensors")
    assert adapter and not any("visual" in name for name in adapter)
    loaded = load(tmp_path / "lora")
    assert "Peft" in type(loaded.model).__name__


def launch(module, *arguments, processes=2):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    command += [str(ROOT / "recipes" / "accelerate" / "cpu.yaml"), "--num_processes", str(processes), "-m", module]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=400
    )


def test_two_processes_run_sft_and_grpo(corpus, rationales, checkpoint, tmp_path):
    arguments = ["--config", TINY / "sft.yaml", "--rationales", rationales, "--output_dir", tmp_path / "sft2"]
    done = launch("skin_r1.train.sft", *arguments, *SMALL_SFT, "--max_steps", "3")
    assert done.returncode == 0, done.stderr[-3000:]
    arguments = ["--config", TINY / "grpo.yaml", "--corpus", corpus, "--output_dir", tmp_path / "grpo2"]
    arguments += ["--model_name_or_path", checkpoint, *SMALL_GRPO, "--max_steps", "1"]
    done = launch("skin_r1.train.grpo", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    for folder in (tmp_path / "sft2", tmp_path / "grpo2"):
        # accelerate falls back to one process in silence: the type is asserted, not assumed
        assert facts(folder)["distributed_type"] == "DistributedType.MULTI_CPU"
        assert facts(folder)["processes"] == 2
        assert facts(folder)["wrapped"] == "DistributedDataParallel"


def test_a_users_mistake_ends_a_launched_run_without_a_traceback(corpus, tmp_path):
    done = launch("skin_r1.train.grpo", "--config", TINY / "grpo.yaml", "--corpus", tmp_path / "none", processes=1)
    assert done.returncode != 0 and "the corpus has no train split" in done.stderr


def test_preflight_refuses_rewards_that_cannot_tell(corpus):
    rows = training_rows(corpus, "dense").select(range(8))

    def generous(completions, **_):
        return [1.0] * len(completions)

    with pytest.raises(UserError, match="generous"):
        check_rewards([generous], rows)


def test_preflight_counts_overlong_rows_and_runs_one_forward(corpus, checkpoint, capsys):
    rows = training_rows(corpus, "all").select(range(4))
    loaded = load(checkpoint)
    check_images(rows, loaded.model, loaded.processor)
    assert len(drop_overlong(rows, loaded.processor, 10_000, key="max_prompt_tokens")) == 4
    with pytest.raises(UserError, match="every row takes more than max_prompt_tokens=3"):
        drop_overlong(rows, loaded.processor, 3, key="max_prompt_tokens")


def batch(advantages):
    """A batch as TRL makes it: two images on the first row, one on the others, of 4 patches each."""
    rows = len(advantages)
    images = [2] + [1] * (rows - 1)
    patches = torch.arange(sum(images) * 4, dtype=torch.float32).reshape(-1, 1)
    return {
        "advantages": torch.tensor(advantages),
        "completion_ids": torch.arange(rows)[:, None].repeat(1, 3),
        "num_images": images,
        "pixel_values": patches,
        "image_grid_thw": torch.tensor([[1, 2, 2]] * sum(images)),
        "num_items_in_batch": torch.tensor(3.0 * rows),
    }


def test_rows_without_advantage_leave_the_batch_with_their_images():
    kept = rows_with_signal(batch([0.5, 0.0, -0.5, 0.0]))
    assert kept["completion_ids"][:, 0].tolist() == [0, 2] and kept["advantages"].tolist() == [0.5, -0.5]
    assert kept["num_images"] == [2, 1] and len(kept["image_grid_thw"]) == 3
    assert kept["pixel_values"].flatten().tolist() == [*range(8), *range(12, 16)]
    assert kept["num_items_in_batch"] == 12  # the divisor of the loss counts every row
    whole = batch([0.5, -0.5])
    assert rows_with_signal(whole) is whole
    assert rows_with_signal(batch([0.0, 0.0]))["completion_ids"].tolist() == [[0, 0, 0]]  # all processes must step
    filled = rows_with_signal(batch([0.0, 0.0, 0.5, 0.0]), 2)  # as many rows as another process has
    assert filled["completion_ids"][:, 0].tolist() == [0, 2] and filled["num_images"] == [2, 1]


def test_leaving_such_rows_out_changes_no_gradient(corpus, checkpoint, tmp_path, monkeypatch):
    seen = []

    def counted(inputs, at_least):
        seen.append((len(inputs["advantages"]), len(rows_with_signal(inputs, at_least)["advantages"])))
        return rows_with_signal(inputs, at_least)

    monkeypatch.setattr(trainer_module, "rows_with_signal", counted)
    assert grpo(corpus, checkpoint, tmp_path / "less") == 0
    assert any(after < before for before, after in seen)
    monkeypatch.setattr(trainer_module, "rows_with_signal", lambda inputs, at_least: inputs)
    assert grpo(corpus, checkpoint, tmp_path / "all") == 0
    less, whole = weights(tmp_path / "less"), weights(tmp_path / "all")
    assert all(torch.allclose(less[name], whole[name], atol=1e-5) for name in whole)


@pytest.mark.parametrize("key", [("--entropy_coef", "0.05"), ("--top_entropy_quantile", "0.2"), ("--beta", "0.02")])
def test_rows_stay_where_the_loss_looks_at_all_of_them(corpus, checkpoint, tmp_path, monkeypatch, key):
    monkeypatch.setattr(trainer_module, "rows_with_signal", lambda *_: pytest.fail("rows were left out"))
    assert grpo(corpus, checkpoint, tmp_path / "all", *key, "--max_steps", "1") == 0


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (("--loss_type", "dapoo"), "allowed: grpo, dapo"),
        (("--importance_sampling_level", "word"), "allowed: token, sequence"),
        (("--freeze_vision", "true", "--vision_learning_rate", "1e-5"), "what is frozen learns nothing"),
        (("--max_seconds", "0"), "allowed: above 0"),
        (("--log_completions", "true"), "completions_every and log_images"),
        (("--log_images", "true"), "completions_every of 1 or more"),
        (("--rarity", "2"), "inverse frequency"),
        (("--use_vllm", "true", "--vllm_max_model_length", "64"), "max_prompt_tokens + max_completion_length"),
    ],
)
def test_values_that_cannot_train_are_refused_at_once(corpus, checkpoint, tmp_path, capsys, keys, says):
    assert grpo(corpus, checkpoint, tmp_path / "no", *keys, "--max_completion_length", "96") == 2
    assert says in capsys.readouterr().err


def test_a_balanced_draw_gives_every_diagnosis_its_turn(corpus):
    rows = training_rows(corpus, "all", balance=True, seed=1)
    counts = Counter(rows["diagnosis"])
    assert len(rows) == 80 and max(counts.values()) - min(counts.values()) <= 1
    assert set(counts) == set(training_rows(corpus, "all")["diagnosis"])


def test_training_rows_are_labelled_and_chosen_by_annotation(corpus):
    dense, sparse, both = (training_rows(corpus, which) for which in ("dense", "sparse", "all"))
    assert (len(dense), len(sparse), len(both)) == (40, 40, 80)
    assert all(row["annotation"] == "sparse" and not row["concepts_present"] for row in sparse)


def test_a_time_limit_ends_training_and_lets_the_rate_fall(rationales, tmp_path):
    limit = ["--max_steps", "100000", "--max_seconds", "4", "--lr_scheduler_type", "constant", "--logging_steps", "1"]
    assert sft(rationales, tmp_path / "timed", *limit) == 0
    assert 1 < facts(tmp_path / "timed")["steps"] < 1000
    assert 4 <= facts(tmp_path / "timed")["compute_seconds"] < 20
    before, after = weights(tmp_path / "timed" / "base"), weights(tmp_path / "timed")
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_the_rate_is_scaled_by_the_time_that_is_left():
    limit = TimeLimit(10.0, on_cpu=True)
    limit.on_train_begin(None, None, None)
    limit.agreed = 7.5
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    limit.on_step_begin(None, None, None, optimizer=optimizer)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1, abs=1e-9)
