"""DeepSpeed on two processes of a CPU, as the recipes of accelerate set it up. For tests only: GPUs need none of this.

accelerate leaves DeepSpeed out under `use_cpu`, and without a GPU and without `use_cpu` it finds no backend and runs N
single processes in silence. So the backend is named here.
"""

import os

from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.state import PartialState
from accelerate.utils.launch import prepare_deepspeed_cmd_env


def environment(recipe):
    """What `accelerate launch --config_file RECIPE` tells its processes, in full precision."""
    command = ["--config_file", str(recipe), "--num_processes", "2", "--mixed_precision", "no", "module"]
    arguments, *_ = _validate_launch_command(launch_command_parser().parse_args(command))
    arguments.deepspeed_fields_from_accelerate_config = ""
    _, variables = prepare_deepspeed_cmd_env(arguments)
    return {name: value for name, value in variables.items() if name.startswith("ACCELERATE_")}


def use_gloo():
    """Start DeepSpeed's communication on gloo and have accelerate go with it."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # compiled at the first use, for speed alone
    prepare = PartialState._prepare_backend

    def on_gloo(self, cpu=False, sagemaker_dp=False, backend=None):
        backend, kind = prepare(self, cpu, sagemaker_dp, backend)
        return backend or "gloo", kind

    PartialState._prepare_backend = on_gloo
    deepspeed.init_distributed("gloo")
