"""The GPUs that a plan can be made for: memory, arithmetic and memory bandwidth, from the makers' data sheets."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class GPU:
    """One accelerator.

    Attributes:
        name: as given on the command line.
        memory: bytes that a process can use; a little less than the name says.
        flops: bfloat16 operations per second with dense matrices and float32 accumulation.
        bandwidth: bytes per second between memory and the processors.
    """

    name: str
    memory: float
    flops: float
    bandwidth: float


# Peak arithmetic and bandwidth: NVIDIA's data sheets (A100 2021, H100 and H200 SXM, L40S, L4, Ada whitepaper for the
# 4090), the figure without sparsity. Memory: what the driver reports less the reserve, rounded down.
_SHEETS = {
    "4090": (23.5, 165e12, 1008e9),
    "l4": (22.0, 121e12, 300e9),
    "a100-40gb": (39.4, 312e12, 1555e9),
    "l40s": (44.4, 362e12, 864e9),
    "a100-80gb": (79.1, 312e12, 2039e9),
    "h100-80gb": (79.1, 989e12, 3350e9),
    "h200": (139.0, 989e12, 4800e9),
}
# A CPU's figures are an order of magnitude, to try the command without a GPU; its memory is this machine's.
_CPU = (0.1e12, 20e9)
NAMES = (*_SHEETS, "cpu")


def gpu(name: str) -> GPU:
    """The GPU of that name, one of `NAMES`."""
    if name == "cpu":
        return GPU(name, float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")), *_CPU)
    gibibytes, flops, bandwidth = _SHEETS[name]
    return GPU(name, gibibytes * 2**30, flops, bandwidth)
