"""Rollouts by a real vLLM on the CPU agree with the model that trains, and the check notices where they would not."""

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace

import httpx
import pytest
from transformers import AutoProcessor
from trl.trainer import grpo_trainer

from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.models import load
from skin_r1.reading import message_text
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.data.rows import training_rows
from skin_r1.train.rollouts import boundary
from skin_r1.train.rollouts.boundary import RolloutTrainer, prepare, sampling_without
from skin_r1.train.rollouts.parity import check_parity
from tests.train.conftest import ROOT, SMALL_GRPO, TINY

with_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")
ENGINE = ["--use_vllm", "true", "--vllm_gpu_memory_utilization", "0.05", "--vllm_max_model_length", "256"]
TIGHT = 1e-4  # of a log-probability, both sides in float32


def environment(**more):
    """The tests' own, with the project on the path and the hook that lets torchvision be imported (skin_r1.compat)."""
    path = [str(ROOT / "skin_r1" / "serve" / "engines" / "vllm_path"), str(ROOT), str(ROOT / "tests" / "train")]
    fixed = {"PYTHONPATH": os.pathsep.join(path), "TORCH_COMPILE_DISABLE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", **fixed, **more}


def run(*command):
    result = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment(), timeout=400
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]


def answers(url):
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def started_server(checkpoint, tmp_path_factory):
    """vLLM's own server as TRL asks for it (development endpoints, image features apart, weight transfer), just started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = [
        "--dtype",
        "float32",
        "--enforce-eager",
        "--max-model-len",
        "256",
        "--logprobs-mode",
        "processed_logprobs",
    ]
    flags += ["--max-logprobs", "-1", "--enable-scale-out", "--weight-transfer-config", '{"backend": "nccl"}']
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint), *flags]
    log = tmp_path_factory.mktemp("server") / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=out,
            stderr=out,
            env=environment(VLLM_SERVER_DEV_MODE="1"),
        )
        yield process, f"http://127.0.0.1:{port}", log
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:  # a machine under load
            process.kill()


@pytest.fixture(scope="module")
def server(started_server):
    process, url, log = started_server
    deadline = time.monotonic() + 400
    while not answers(url):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.5)
    return url, log


@pytest.fixture(scope="module")
def facts(started_server, corpus, checkpoint, tmp_path_factory):  # the server starts meanwhile
    out = tmp_path_factory.mktemp("rollouts") / "facts.json"
    run(ROOT / "tests" / "train" / "rollouts_in_vllm.py", corpus, checkpoint, out)
    return json.loads(out.read_text())


def test_the_ban_is_written_for_the_sampler_that_reads_it():
    given = {"logit_bias": {5: 2.0}, "stop": ["x"]}
    assert sampling_without([3, 4], given, use_vllm=True) == {
        "logit_bias": {5: 2.0, 3: -100.0, 4: -100.0},
        "stop": ["x"],
    }
    assert given == {"logit_bias": {5: 2.0}, "stop": ["x"]}
    assert sampling_without([3, 4], {"suppress_tokens": [9]}, use_vllm=False) == {"suppress_tokens": [3, 4, 9]}
    assert sampling_without([3], None, use_vllm=True) == {"logit_bias": {3: -100.0}}


@pytest.mark.parametrize("use_vllm", [False, True])
def test_every_vision_token_of_the_model_is_banned(checkpoint, tmp_path, monkeypatch, use_vllm):
    monkeypatch.setattr(boundary, "find_spec", lambda name: object())
    monkeypatch.setattr(boundary, "keep_weights_loadable_on_cpu", lambda: None)
    processor, model_config = AutoProcessor.from_pretrained(checkpoint), load(checkpoint, device="cpu").model.config
    config = SkinGRPOConfig(output_dir=str(tmp_path), use_vllm=use_vllm, use_cpu=True, bf16=False)
    prepare(config, processor, model_config)
    tokens = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    wanted = {processor.tokenizer.convert_tokens_to_ids(token) for token in tokens}
    assert set(config.generation_kwargs["logit_bias" if use_vllm else "suppress_tokens"]) >= wanted


def test_vllm_rollouts_without_vllm_are_refused(monkeypatch):
    monkeypatch.setattr(boundary, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="make vllm"):
        prepare(SimpleNamespace(use_vllm=True), None, None)


@with_vllm
def test_prompts_answers_and_log_probs_agree_with_no_one_and_two_images(facts):
    assert facts["images"] == [0, 1, 2, 0, 1, 2]
    parity = facts["start"]["passed"]
    assert parity["rows"] == 6 and parity["dtype"] == "float32" and parity["mode"] == "colocate"
    assert parity["gap_largest"] < TIGHT and parity["greedy_ties"] == 0 < parity["greedy_tokens"]


@with_vllm
def test_greedy_texts_and_what_they_are_paid_equal_those_of_hf_generation(facts):
    assert facts["texts"]["vllm"] == facts["texts"]["hf"] and len(set(facts["texts"]["hf"])) > 1
    assert facts["paid"]["vllm"] == facts["paid"]["hf"]
    assert len(set(facts["paid"]["hf"][-1])) > 1


@with_vllm
def test_the_check_refuses_the_prompts_that_trl_hands_over(facts):
    refusal = facts["expanded prompts"]["refused"]
    assert "another prompt" in refusal and "case phantom/" in refusal and "--use_vllm false" in refusal


@with_vllm
def test_vllm_follows_the_weights(facts):
    assert any("visual" in name for name in facts["moved"]) and any("visual" not in name for name in facts["moved"])
    assert [entry["sampling/sampling_logp_difference/mean"] < 0.02 for entry in facts["log"]] == [True] * 3
    assert facts["new weights"]["passed"]["gap_largest"] < TIGHT
    assert "refused" in facts["old weights"], "the weights must have moved enough to be told apart"


@with_vllm
def test_image_features_are_those_of_the_new_vision_tower(facts):
    assert facts["new image features"]["passed"]["gap_largest"] < TIGHT
    assert "refused" in facts["old image features"], "without the reset vLLM answers from the old vision tower"


@with_vllm
def test_no_vision_token_is_sampled_by_a_model_that_wants_to(facts):
    assert facts["vllm samples"] == facts["hf samples"] == 0
    assert facts["vllm samples unbanned"] and facts["hf samples unbanned"]
    assert "not banned" in facts["unbanned"]["refused"]


@with_vllm
def test_other_families_read_the_prompts_of_training(tmp_path):
    run(ROOT / "tests" / "train" / "prompts_in_vllm.py", tmp_path / "families", tmp_path / "prompts.json")
    prompts = json.loads((tmp_path / "prompts.json").read_text())
    assert {(prompt["family"], prompt["images"]) for prompt in prompts} == {
        (family, images) for family in ("qwen3_vl", "gemma3_mm", "idefics3") for images in (0, 1, 2)
    }
    for prompt in prompts:
        assert prompt["vllm"] == prompt["training"]
        assert (prompt["expanded twice"] == prompt["training"]) == (prompt["images"] == 0), "TRL may be right by now"


def test_images_are_not_sent_around_for_the_logs(corpus, checkpoint, tmp_path, monkeypatch):
    sent, asked = [], []
    gather = grpo_trainer.gather_object
    monkeypatch.setattr(grpo_trainer, "gather_object", lambda objects: sent.append(objects) or gather(objects))
    loaded = load(checkpoint, device="cpu")
    config = SkinGRPOConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        max_steps=1,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=4,
        save_strategy="no",
    )
    prepare(config, loaded.processor, loaded.model.config)
    trainer = RolloutTrainer(
        model=loaded.model,
        args=config,
        reward_funcs=[lambda prompts, **_: asked.extend(prompts) or [0.0, 1.0, 2.0, 3.0]],
        train_dataset=training_rows(corpus, "all"),
        processing_class=loaded.processor,
    )
    trainer.train()
    assert b"PIL" in pickle.dumps(asked[0]) and b"PIL" not in pickle.dumps(sent)  # the rewards see the images
    (kept,) = {message_text(prompt[-1]) for prompt in trainer._logs["prompt"]}
    assert kept == message_text(asked[0][-1]) != ""


@with_vllm
@pytest.mark.pipeline
def test_the_command_trains_with_vllm_and_records_the_parity(corpus, checkpoint, tmp_path):
    command = ["grpo", "--config", TINY / "grpo.yaml", "--corpus", corpus, "--model_name_or_path", checkpoint]
    run("-m", "skin_r1.cli", *command, "--output_dir", tmp_path / "run", *SMALL_GRPO, *ENGINE)
    outputs = json.loads((tmp_path / "run" / "manifest.json").read_text())["outputs"]
    assert outputs["steps"] == 2 and outputs["parity"]["rows"] == 8
    assert outputs["parity"]["dtype"] == "bfloat16", "TRL leaves vLLM's type to vLLM"
    history = json.loads((tmp_path / "run" / "log_history.json").read_text())
    gaps = [entry["sampling/sampling_logp_difference/mean"] for entry in history if "reward" in entry]
    assert len(gaps) == 2 and max(gaps) < 0.05


@with_vllm
def test_server_mode_agrees_but_cannot_take_weights_on_a_cpu(corpus, checkpoint, server, tmp_path, monkeypatch):
    url, log = server
    from trl.generation.vllm_client import VLLMClient
    from trl.generation.vllm_generation import VLLMGeneration

    def build():
        config = SkinGRPOConfig(
            output_dir=str(tmp_path / "run"),
            use_cpu=True,
            bf16=False,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=24,
            use_vllm=True,
            vllm_mode="server",
            vllm_server_base_url=url,
        )
        loaded = load(checkpoint, device="cpu")
        prepare(config, loaded.processor, loaded.model.config)
        rows = training_rows(corpus, "all")
        rewards = [lambda completions, **_: [0.0] * len(completions)]
        return RolloutTrainer(
            model=loaded.model,
            args=config,
            reward_funcs=rewards,
            train_dataset=rows,
            processing_class=loaded.processor,
        )

    with pytest.raises(NotImplementedError, match="needs a CUDA device"):  # TRL's obstacle
        build()
    told = {"master_address": "127.0.0.1", "master_port": 1, "rank_offset": 1, "world_size": 2, "packed": True}
    answer = httpx.post(f"{url}/init_weight_transfer_engine", json={"init_info": told}, timeout=60)
    assert answer.status_code == 500  # vLLM's obstacle
    assert "Cannot access accelerator device when none is available" in log.read_text()

    # Weights cannot travel, but server and trainer have loaded the same ones: all the rest of the way is compared.
    monkeypatch.setattr(VLLMClient, "init_communicator", lambda client, device: None)
    monkeypatch.setattr(VLLMGeneration, "sync_weights", lambda generation: None)
    trainer = build()
    rows = [trainer.train_dataset[index] for index in range(3)]
    rows[0]["images"], rows[2]["images"] = [], rows[2]["images"] * 2
    parity = check_parity(trainer, rows)
    assert parity.mode == "server" and parity.gap_largest < TIGHT

    with monkeypatch.context() as patch, pytest.raises(UserError, match="VLLM_SERVER_DEV_MODE=1"):
        patch.setattr(trainer.vllm_generation.vllm_client, "base_url", f"{url}/user")  # no development endpoint there
        boundary.forget_image_features(trainer.vllm_generation)

    monkeypatch.setattr(trainer, "vllm_mode", "colocate")  # short prompts are wrong here: TRL sends the features apart
    with pytest.raises(UserError, match="vLLM"):
        check_parity(trainer, rows[1:2])


def test_the_command_says_how_to_get_vllm(corpus, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(boundary, "find_spec", lambda name: None)
    command = [
        "grpo",
        "--config",
        str(TINY / "grpo.yaml"),
        "--corpus",
        str(corpus),
        "--output_dir",
        str(tmp_path / "r"),
    ]
    assert skin_r1([*command, "--model_name_or_path", str(checkpoint), *SMALL_GRPO, "--use_vllm", "true"]) == 2
    assert "make vllm" in capsys.readouterr().err
