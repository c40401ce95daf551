"""The accelerate configurations and the Slurm scripts: read by accelerate's and vLLM's own parsers, run as far as a machine
without Slurm can."""

import json
import os
import subprocess
import sys

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from trl import ModelConfig

from skin_r1.recipe import read_recipe
from skin_r1.train.config import SkinGRPOConfig, SkinSFTConfig
from tests.train.conftest import ROOT

ACCELERATE = ROOT / "recipes" / "accelerate"
SLURM = ROOT / "recipes" / "slurm"
KINDS = {"cpu": "MULTI_GPU", "ddp": "MULTI_GPU", "zero2": "DEEPSPEED", "zero3": "DEEPSPEED", "fsdp2": "FSDP"}


def launched(name, *more):
    """The environment that `accelerate launch` gives to each process, by accelerate's own code."""
    command = ["--config_file", str(ACCELERATE / f"{name}.yaml"), *more, "-m", "skin_r1.train.sft", "--config", "x"]
    arguments, defaults, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    if arguments.use_deepspeed:
        arguments.deepspeed_fields_from_accelerate_config = ",".join(
            defaults.deepspeed_config
        )  # as launch_command does
        return prepare_deepspeed_cmd_env(arguments)
    return None, prepare_multi_gpu_env(arguments)


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_accelerate_reads_the_configuration(name, kind):
    config = load_config_from_file(str(ACCELERATE / f"{name}.yaml"))  # an unknown key raises
    assert str(config.distributed_type).endswith(kind) and config.num_processes == (2 if name == "cpu" else 8)
    assert config.mixed_precision == ("no" if name == "cpu" else "bf16")


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_gets_the_stage_that_the_file_names(stage, monkeypatch):
    _, environment = launched(f"zero{stage}")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    plugin = DeepSpeedPlugin()
    assert plugin.zero_stage == stage and plugin.zero3_save_16bit_model is (stage == 3)
    zero = plugin.deepspeed_config["zero_optimization"]
    assert zero["stage"] == stage and zero["offload_optimizer"]["device"] == "none"


def test_several_machines_start_their_own_processes():
    cluster = ["--num_machines", "2", "--num_processes", "16", "--machine_rank", "1", "--same_network"]
    command, _ = launched("zero3", *cluster, "--main_process_ip", "a", "--main_process_port", "29500")
    assert command is None or "deepspeed" not in command[0]  # not DeepSpeed's launcher, which wants ssh and a hostfile


def test_fsdp_gets_version_2_and_whole_checkpoints(monkeypatch):
    _, environment = launched("fsdp2")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2 and plugin.reshard_after_forward is True
    assert "FULL" in str(plugin.state_dict_type)


TOOLS = {
    # what a cluster has and this machine lacks, just enough to see what each machine would run
    "scontrol": 'printf "node%d\\n" $(seq 1 "$SLURM_NNODES")',
    "srun": 'while [[ $1 == --* ]]; do shift; done; SLURM_PROCID=1 exec "$@"',
    # the trainers of a server job outlive its start: the script stops the server when they end
    "accelerate": 'until [[ -z ${SERVED:-} ]] || grep -q vllm "$LOG" 2>/dev/null; do sleep 0.05; done\n'
    f'exec {sys.executable} "$RECORD" accelerate "$@"',
    "vllm": f'exec {sys.executable} "$RECORD" vllm "$@"',
}
RECORD = "import json, os, sys; open(os.environ['LOG'], 'a').write(json.dumps(sys.argv[1:]) + chr(10))"


def run_script(name, arguments, tmp_path, nodes=3, **environment):
    """Run a Slurm script with recording tools; the commands that it would start, by name."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool, body in TOOLS.items():
        (tools / tool).write_text(f"#!/bin/bash\n{body}\n")
        (tools / tool).chmod(0o755)
    (tmp_path / "record.py").write_text(RECORD)
    log = tmp_path / "log"
    slurm = {"SLURM_JOB_NODELIST": "node[1-3]", "SLURM_NNODES": str(nodes), "SLURM_JOB_ID": "123456"}
    slurm |= {"SLURM_GPUS_ON_NODE": "8", "LOG": str(log), "RECORD": str(tmp_path / "record.py")}
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(SLURM / name), *arguments],
        env={**os.environ, **slurm, **path, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return done, {line[0]: line[1:] for line in lines}


SFT_RECIPE = "recipes/qwen2_5_vl_7b/sft_full.yaml"
GRPO_RECIPE = "recipes/qwen2_5_vl_7b/grpo_full.yaml"
JOBS = [
    ("sft.slurm", [SFT_RECIPE], SkinSFTConfig, "skin_r1.train.sft", 24),
    ("grpo_colocate.slurm", [GRPO_RECIPE], SkinGRPOConfig, "skin_r1.train.grpo", 24),
    ("grpo_server.slurm", [GRPO_RECIPE, "runs/x/sft_full"], SkinGRPOConfig, "skin_r1.train.grpo", 16),
]


@pytest.mark.parametrize(("script", "arguments", "config_class", "module", "processes"), JOBS)
def test_every_option_of_a_script_is_one_of_the_program_it_starts(
    script, arguments, config_class, module, processes, tmp_path, monkeypatch
):
    done, commands = run_script(script, [*arguments, "--learning_rate", "2e-6"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert commands["accelerate"][0] == "launch"
    monkeypatch.chdir(ROOT)
    launch, _, _ = _validate_launch_command(launch_command_parser().parse_args(commands["accelerate"][1:]))
    assert (launch.module, launch.training_script, launch.num_processes) == (True, module, processes)
    assert (launch.num_machines, launch.machine_rank, launch.main_process_ip) == (processes // 8, 1, "node1")
    config, _ = read_recipe(
        (config_class, ModelConfig), [*launch.training_script_args, "--use_cpu", "true"], prog="x", about=""
    )
    assert config.learning_rate == 2e-6
    if script == "grpo_server.slurm":
        assert (config.vllm_mode, config.vllm_server_host, config.vllm_server_port) == ("server", "node3", 8000)


def test_the_server_is_started_as_trl_expects(tmp_path):
    pytest.importorskip("vllm")
    _, commands = run_script("grpo_server.slurm", [GRPO_RECIPE, "runs/x/sft_full"], tmp_path, SERVED="yes")
    check = """
import json, sys
import skin_r1  # makes torchvision importable beside a CPU build of torch
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(json.loads(sys.argv[1]))
transfer = arguments.weight_transfer_config
backend = transfer["backend"] if isinstance(transfer, dict) else transfer.backend
print(json.dumps([backend, arguments.max_logprobs, str(arguments.logprobs_mode), arguments.data_parallel_size]))
"""
    assert commands["vllm"][0] == "serve"
    done = subprocess.run(
        [sys.executable, "-c", check, json.dumps(commands["vllm"][1:])], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["nccl", -1, "processed_logprobs", 8]


@pytest.mark.parametrize("script", sorted(SLURM.glob("*.slurm")), ids=lambda p: p.name)
def test_a_script_is_sound_bash_and_says_how_it_is_used(script, tmp_path):
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    head = script.read_text().splitlines()[1:14]
    words = [line[2:12].strip() for line in head if line[2:12].strip().endswith(":")]
    assert words == ["Purpose:", "Needs:", "Launch:", "Override:"]
    done, commands = run_script(script.name, [], tmp_path)
    assert done.returncode != 0 and "usage" in done.stderr and not commands


def test_rollouts_on_machines_of_their_own_need_two(tmp_path):
    done, commands = run_script("grpo_server.slurm", [GRPO_RECIPE, "runs/x"], tmp_path, nodes=1)
    assert done.returncode == 2 and "at least 2 machines" in done.stderr and not commands
