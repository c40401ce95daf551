"""The start of a run under ZeRO-3, in two processes: one of them builds or merges alone while the other waits."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model

from skin_r1.models import load
from skin_r1.train.model.parameters import language_lora_targets
from tests.train.conftest import ROOT, TINY
from tests.train.on_gloo import environment
from tests.train.processes import together

pytestmark = pytest.mark.pipeline


def under_zero3(command, folder):
    zero = environment(ROOT / "recipes" / "accelerate" / "zero3.yaml")
    codes = together([*command, "--output_dir", folder, "--use_cpu", "false"], deepspeed=zero)
    assert codes == [0, 0], (folder / "log-0.txt").read_text()[-3000:]
    facts = json.loads((folder / "manifest.json").read_text())["outputs"]
    # the trainer's own model is divided all the same
    assert (facts["processes"], facts["zero_stage"], facts["wrapped"]) == (2, 3, "DeepSpeedEngine")


def test_grpo_from_an_adapter(corpus, checkpoint, tmp_path):
    adapter, out = tmp_path / "adapter", tmp_path / "out"
    loaded = load(checkpoint, dtype=torch.float32)
    torch.manual_seed(0)
    lora = LoraConfig(r=4, init_lora_weights=False, target_modules=language_lora_targets(loaded.model))
    with_adapter = get_peft_model(loaded.model, lora)
    with_adapter.save_pretrained(adapter)
    loaded.processor.save_pretrained(adapter)
    expected = with_adapter.merge_and_unload().state_dict()

    command = ["grpo", "--config", TINY / "grpo.yaml", "--corpus", corpus, "--model_name_or_path", adapter]
    command += ["--critic_steps", "0", "--max_steps", "1", "--num_generations", "2", "--max_completion_length", "4"]
    under_zero3([*command, "--per_device_train_batch_size", "2"], out)
    merged, base = (load(folder).model.state_dict() for folder in (out / "start", checkpoint))
    assert all(torch.equal(value, merged[name]) for name, value in expected.items())
    assert any(not torch.equal(value, base[name]) for name, value in merged.items())


def test_sft_from_the_embedded_model(rationales, tmp_path):
    command = ["sft", "--config", TINY / "sft.yaml", "--rationales", rationales, "--model_name_or_path", "tiny"]
    command += ["--max_steps", "1", "--warmup_steps", "0", "--per_device_train_batch_size", "4"]
    under_zero3(command, tmp_path / "out")
    built, trained = (load(folder).model.state_dict() for folder in (tmp_path / "out" / "base", tmp_path / "out"))
    assert any(not torch.equal(value, trained[name]) for name, value in built.items())
