"""Two processes that train as one under DeepSpeed's ZeRO-2 and ZeRO-3, on a CPU with gloo."""

import json
import signal

import pytest
import torch
from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

from skin_r1.models import load
from skin_r1.train.data.rows import training_rows
from skin_r1.train.data.sampling import sample_answers
from tests.train.conftest import ROOT, TINY
from tests.train.on_gloo import environment
from tests.train.processes import speaker, together

pytestmark = pytest.mark.pipeline


def launched(stage, command, folder):
    """What the run's manifest says of it, after two processes of DeepSpeed's engine trained as one."""
    zero = environment(ROOT / "recipes" / "accelerate" / f"zero{stage}.yaml")
    codes = together([*command, "--output_dir", folder, "--use_cpu", "false"], deepspeed=zero)
    assert codes == [0, 0], (folder / "log-0.txt").read_text()[-3000:]
    facts = json.loads((folder / "manifest.json").read_text())["outputs"]
    # accelerate falls back to one process, or to plain DDP, in silence: the types are asserted, not assumed
    assert facts["distributed_type"] == "DistributedType.DEEPSPEED"
    assert facts["wrapped"] == "DeepSpeedEngine"
    assert facts["processes"] == 2
    assert facts["zero_stage"] == stage
    return facts


def moved(before, after):
    before, after = (load(folder).model.state_dict() for folder in (before, after))
    return any(not torch.equal(before[name], after[name]) for name in before)


def sft(rationales, start):
    command = ["sft", "--config", TINY / "sft.yaml", "--rationales", rationales, "--model_name_or_path", start]
    return [*command, "--max_steps", "3", "--per_device_train_batch_size", "4"]


def test_sft_under_zero2(corpus, rationales, tmp_path):
    launched(2, sft(rationales, speaker(corpus)), tmp_path / "zero")
    assert moved(speaker(corpus), tmp_path / "zero")


def test_sft_under_zero3_writes_whole_weights_and_resumes(corpus, rationales, tmp_path):
    command = [*sft(rationales, speaker(corpus)), "--save_strategy", "steps", "--save_steps", "2"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    launched(3, command, whole)
    assert moved(speaker(corpus), whole)

    loaded = load(whole)
    served = loaded.model.state_dict()
    trained = get_fp32_state_dict_from_zero_checkpoint(str(whole / "checkpoint-3"))  # from each process's part
    assert len(trained) > 100
    assert all(torch.equal(value, served[name]) for name, value in trained.items())
    rows = training_rows(corpus, "dense").select(range(2))
    texts = sample_answers(loaded, rows, samples=1, temperature=1.0, max_new_tokens=24, seed=0)
    assert all("{" in text for (text,) in texts)

    zero = environment(ROOT / "recipes" / "accelerate" / "zero3.yaml")
    killed = [*command, "--output_dir", broken, "--use_cpu", "false"]
    assert together(killed, deepspeed=zero, kill=("sealed", 1))[0] == -signal.SIGKILL
    launched(3, command, broken)
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()


@pytest.mark.parametrize("stage", [2, 3])
def test_grpo(stage, corpus, tmp_path):
    start = speaker(corpus)
    command = ["grpo", "--config", TINY / "grpo.yaml", "--corpus", corpus, "--model_name_or_path", start]
    command += ["--critic_steps", "0", "--max_steps", "2", "--num_generations", "4", "--max_completion_length", "32"]
    launched(stage, [*command, "--per_device_train_batch_size", "8"], tmp_path / "zero")
    assert moved(start, tmp_path / "zero")
