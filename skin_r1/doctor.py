"""`skin-r1 doctor`: versions, hardware, what is missing and how to get it."""

import argparse
import os
import platform
import shutil
from collections.abc import Sequence
from importlib.util import find_spec

from skin_r1.manifest import git_revision, versions

# module -> what it is for, and how to get it
OPTIONAL = {
    "vllm": ("fast serving and rollouts", "make vllm"),
    "deepspeed": ("ZeRO sharding on several GPUs", 'pip install -e ".[deepspeed]"'),
    "wandb": ("experiment tracking", 'pip install -e ".[wandb]"'),
    "trackio": ("experiment tracking in a local file", 'pip install -e ".[trackio]"'),
    "bitsandbytes": ("QLoRA: base weights in 4 bits", 'pip install -e ".[qlora]"'),
    "fastapi": ("serving", 'pip install -e ".[serve]"'),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the state of this installation; returns 0."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 doctor", description=__doc__, epilog="Example: skin-r1 doctor > doctor.txt   (for a bug report)"
    )
    parser.parse_args(argv)
    import torch

    for name, value in versions().items():
        print(f"{name:>14}  {value}")
    print(f"{'revision':>14}  {git_revision() or 'not a git checkout'}")
    print(f"{'machine':>14}  {platform.platform()}, {os.cpu_count()} cores")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    print(
        f"{'torch build':>14}  {build}; chosen when `make setup` installs torch==2.13.0 (see TORCH_INDEX in Makefile)"
    )
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        print(f"{f'gpu {index}':>14}  {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")
    print(f"{'free disk':>14}  {shutil.disk_usage('.').free / 2**30:.0f} GiB here")
    for module, (purpose, remedy) in OPTIONAL.items():
        state = "installed" if find_spec(module) else f"missing: {remedy}"
        print(f"{module:>14}  {state}   ({purpose})")
    return 0
