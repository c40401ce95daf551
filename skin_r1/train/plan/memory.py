"""Bytes per GPU, each formula with its source."""

from dataclasses import dataclass

import torch
from trl.kernels.chunked_logprob import TOKEN_CHUNK_SIZE

from skin_r1.train.plan.hardware import GPU
from skin_r1.train.plan.model import Sizes
from skin_r1.train.plan.run import Run

# Buffers that DeepSpeed 0.19 sets aside unless told otherwise, in elements (deepspeed/runtime/zero/config.py).
ZERO_BUCKET, ZERO_LIVE = 500_000_000, 1_000_000_000
# Columns of the vocabulary that TRL 1.16 projects at a time (trl/trainer/utils.py, _CHUNKED_LOGPROB_CHUNK_SIZE).
HEAD_COLUMNS = 32_768
# CUDA context, cuBLAS and NCCL, and what the allocator cannot use. Assumed, not derived.
OVERHEAD = 2 * 2**30
# What vLLM needs inside its share beside weights and keys and values: its context and one batch's activations. Assumed.
VLLM_OVERHEAD = 2 * 2**30
SERVER_SHARE = 0.9  # of a GPU of its own, what vLLM takes by default
# QLoRA (Dettmers et al. 2023, arXiv 2305.14314, section 3): 4 bits, and a 32-bit constant per block of 64 weights.
# LLM.int8 (Dettmers et al. 2022, arXiv 2208.07339): a byte, and a constant per row, which is next to nothing.
BYTES_4BIT, BYTES_8BIT = (4 + 32 / 64) / 8, 1


@dataclass(frozen=True)
class Tokens:
    """Of one row: tokens of the prompt (images included), of the completion, patches of all its images."""

    prompt: int
    completion: int
    patches: int

    @property
    def row(self) -> int:
        """Tokens of the whole row."""
        return self.prompt + self.completion


def state_bytes(sizes: Sizes, run: Run) -> dict[str, float]:
    """Weights, gradients, optimizer states and the buffers of their exchange, per GPU.

    Per trained parameter in bytes (weight + gradient + AdamW's two moments); ZeRO and FSDP divide by the number of GPUs
    what they shard (Rajbhandari et al. 2020, ZeRO, arXiv 1910.02054, section 3 and figure 1):

    - plain or DDP: the parameter's own type for all, 2 + 2 + 4 in bfloat16, 4 + 4 + 8 in float32; DDP holds the
      gradients once more in its buckets. PEFT keeps adapters in float32, but TRL in bfloat16 under ZeRO and QLoRA.
    - ZeRO: 2 + 2 + 12, the optimizer with a float32 copy of the parameters. Stage 1 shards the optimizer, 2 the
      gradients too, 3 the weights too; stage 3 then holds up to 1e9 gathered parameters.
    - FSDP2: accelerate turns trained parameters to float32, 4 + 4 + 8, all sharded; two layers, the embedding and the
      output projection stand gathered in bfloat16.

    8-bit AdamW keeps a byte per moment (Dettmers et al. 2022, arXiv 2110.02861); Adafactor and SGD next to nothing.
    """
    zero, world = run.sharding.startswith("zero"), run.gpus
    width = run.dtype.itemsize
    trained = sizes.trained + sizes.adapters
    trained_width = 4 if run.sharding == "fsdp2" else width
    if run.lora is not None and not zero and not run.quantized:
        trained_width = 4
    frozen = sizes.total - sizes.trained
    base = float(frozen * width)
    if run.quantized:
        each = BYTES_4BIT if run.quantized == 4 else BYTES_8BIT
        base = sizes.quantizable * each + (frozen - sizes.quantizable) * width
    moment = 4 if zero else moment_bytes(run.optimizer, trained_width)
    optimizer = trained * (2 * moment + (4 if zero else 0)) / (world if zero or run.sharding == "fsdp2" else 1)
    whole = run.sharding in ("none", "ddp", "zero1", "zero2")
    exchange = 0.0
    if run.sharding == "ddp":
        exchange = trained * trained_width
    elif run.sharding == "zero2":
        exchange = 2 * min(ZERO_BUCKET, trained) * width
    elif run.sharding == "zero3":
        exchange = (2 * min(ZERO_BUCKET, trained) + min(ZERO_LIVE, sizes.total)) * width
    elif run.sharding == "fsdp2":
        exchange = 2 * (sizes.layer + sizes.head) * width
    return {
        "weights": (base + trained * trained_width) / (1 if whole else world),
        "gradients": trained * trained_width / (1 if run.sharding in ("none", "ddp", "zero1") else world),
        "optimizer states": 0.0 if run.offload else optimizer,
        "buffers of the exchange": exchange,
        "reference model": _reference(sizes, run),
    }


def moment_bytes(optimizer: str, width: int) -> int:
    """Bytes of one of AdamW's two moments of a parameter of that width, for a value of transformers' `optim`."""
    if "8bit" in optimizer:
        return 1
    return width if optimizer.startswith("adamw") else 0


def _reference(sizes: Sizes, run: Run) -> float:
    """A whole second model, sharded as the first; with adapters the reference is the base, and costs nothing."""
    if not run.reference or run.lora is not None:
        return 0.0
    return sizes.total * run.dtype.itemsize / (run.gpus if run.sharding in ("zero3", "fsdp2") else 1)


def activation_bytes(sizes: Sizes, run: Run, tokens: Tokens) -> float:
    """What stands in memory between forward and backward pass, in the language model and the vision tower.

    Without checkpointing all that autograd keeps (`Sizes.saved`, measured on the architecture itself). With it each
    layer's input, and one layer in full while it is computed again (Chen et al. 2016, arXiv 1604.06174). Either way
    half a layer's worth more for the gradients that flow through it; measured were a quarter to a half. Linear in the
    tokens, because fused attention keeps no scores (Dao et al. 2022, arXiv 2205.14135).
    """
    rows = run.batch * tokens.row
    layer = rows * sizes.saved
    language = layer * sizes.layers
    if run.checkpointing:
        language = rows * sizes.hidden * run.dtype.itemsize * sizes.layers + layer
    vision = run.batch * tokens.patches * sizes.vision_saved
    if run.checkpointing and sizes.vision_saved:
        vision = run.batch * tokens.patches * sizes.vision_width * run.dtype.itemsize * sizes.vision_layers
        vision += run.batch * tokens.patches * sizes.vision_saved // sizes.vision_layers
    return language + layer / 2 + vision


def head_bytes(sizes: Sizes, run: Run, tokens: Tokens) -> float:
    """The output projection's loss: TRL never holds all logits (trl/kernels/chunked_logprob.py).

    A tile of 4096 tokens x 32768 words; the scored tokens' hidden states and their float32 gradient; and the float32
    gradient of the projection itself where it trains.
    """
    scored = run.batch * tokens.completion
    tile = min(scored, TOKEN_CHUNK_SIZE) * HEAD_COLUMNS * 4  # of full width, however small the vocabulary
    gradient = sizes.head * 4 if run.lora is None else 0
    return tile + scored * sizes.hidden * (run.dtype.itemsize + 4) + gradient


def key_value_bytes(sizes: Sizes, tokens: int) -> float:
    """The cache of one sequence: keys and values of every decoder layer; a sliding window bounds its own."""
    return sizes.key_values * sum(tokens if window is None else min(tokens, window) for window in sizes.windows)


def peaks(sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU) -> dict[str, dict[str, float]]:
    """Phase (`training`, `rollouts`) -> what is in a GPU's memory then, in bytes."""
    states = state_bytes(sizes, run)
    share = run.vllm_share * gpu.memory if run.rollouts == "colocate" else 0.0
    training = {
        **states,
        "activations": activation_bytes(sizes, run, tokens),
        "output projection": head_bytes(sizes, run, tokens),
        "vLLM's share": 0.0 if run.vllm_sleeps else share,
        "context and fragments": float(OVERHEAD),
    }
    if run.stage == "sft":
        return {"training": training}
    rollouts = {**states, "gradients": 0.0, "vLLM's share": share, "context and fragments": float(OVERHEAD)}
    if run.rollouts == "transformers":
        rollouts["keys and values"] = run.generated * key_value_bytes(sizes, tokens.row)
        if run.sharding in ("zero3", "fsdp2"):  # TRL gathers the whole model to generate
            rollouts["gathered weights"] = sizes.total * run.dtype.itemsize
    return {"training": training, "rollouts": rollouts}


def vllm_room(sizes: Sizes, run: Run, tokens: Tokens, memory: float) -> float:
    """How many sequences of full length vLLM's keys and values have room for; below 1 it cannot start.

    Args:
        memory: bytes that vLLM may use: its share of a GPU, or most of a GPU of its own.
    """
    weights = sizes.total * torch.bfloat16.itemsize if run.dtype == torch.bfloat16 else sizes.total * 4
    return (memory - weights - VLLM_OVERHEAD) / key_value_bytes(sizes, tokens.row)
