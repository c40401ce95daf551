"""Arithmetic, time and disk of a run, each formula with its source."""

from dataclasses import dataclass
from math import ceil

import torch

from skin_r1.train.plan.hardware import GPU
from skin_r1.train.plan.memory import SERVER_SHARE, Tokens, key_value_bytes, moment_bytes, vllm_room
from skin_r1.train.plan.model import Sizes
from skin_r1.train.plan.run import Run

# Tokenizer, processor, configuration, logs and manifest beside the weights.
SMALL_FILES = 30e6


@dataclass(frozen=True)
class Cost:
    """Of one optimizer step: tokens and arithmetic over all GPUs, seconds of training and of rollouts."""

    rows: int
    tokens: int
    flops: float
    training_seconds: float
    rollout_seconds: float

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return self.training_seconds + self.rollout_seconds


def forward_flops(sizes: Sizes, tokens: Tokens) -> tuple[float, float]:
    """Operations of one row's forward pass: in the language model, and in the vision tower.

    Two per parameter that multiplies and token (Kaplan et al. 2020, arXiv 2001.08361, table 1; the embedding does not
    multiply, the output projection works on the completion only), and for attention 4 x width x tokens attended to per
    token and layer, half of it under the causal mask (Chowdhery et al. 2022, PaLM, arXiv 2204.02311, appendix B). The
    width of all heads is taken as the model's own.
    """
    language = sizes.total - sizes.vision - sizes.head * (1 if sizes.tied else 2)
    row = tokens.row
    attended = sum(min(row, window or row) for window in sizes.windows) / 2
    linear = 2.0 * language * row + 2.0 * sizes.head * tokens.completion
    vision = 2.0 * sizes.vision * tokens.patches
    vision += 4.0 * sizes.vision_width * sizes.vision_layers * tokens.patches**2
    return linear + 4.0 * sizes.hidden * row * attended, vision


def training_flops(sizes: Sizes, run: Run, tokens: Tokens) -> float:
    """Operations that one row needs: forward, backward, and for GRPO the passes that only score.

    The backward pass costs two forward passes, one for the weights' gradients and one for the activations'; frozen
    weights under adapters need the second only, a frozen vision tower neither. GRPO scores a row once more for the
    policy that sampled it (vLLM's own probabilities are corrected by it) and once for a reference model. Passes
    that checkpointing repeats are not counted: they are work of the machine, not of the model (PaLM, appendix B).
    """
    language, vision = forward_flops(sizes, tokens)
    backward = 2.0 if run.lora is None else 1.0
    scoring = (1 if run.rollouts in ("colocate", "server") else 0) + (1 if run.reference else 0)
    vision_backward = 2.0 if sizes.vision_saved else 0.0
    return language * (1 + backward + scoring) + vision * (1 + vision_backward + scoring)


def rollout_seconds(
    sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU, *, servers: int, mfu: float, mbu: float
) -> float:
    """Seconds to sample what one optimizer step needs.

    Writing is bound by memory: every step of a batch reads all weights and the keys and values so far (Pope et al. 2022,
    arXiv 2211.05102, section 2); reading the prompts is bound by arithmetic. All completions are taken at full length.

    Args:
        servers: GPUs that sample in server mode.
        mfu, mbu: shares of the peak arithmetic and of the peak bandwidth that are reached.
    """
    rows = float(run.generated)
    if run.rollouts == "server":
        rows = run.generated * run.gpus / servers
    together = rows
    if run.rollouts != "transformers":
        memory = gpu.memory * (run.vllm_share if run.rollouts == "colocate" else SERVER_SHARE)
        together = min(rows, max(1.0, vllm_room(sizes, run, tokens, memory)))
    weights = sizes.total * run.dtype.itemsize
    cache = key_value_bytes(sizes, tokens.prompt + tokens.completion // 2)
    decode = tokens.completion * (weights + together * cache) / (gpu.bandwidth * mbu)
    language, vision = forward_flops(sizes, Tokens(tokens.prompt, 0, tokens.patches))
    return run.generations * (ceil(rows / together) * decode + rows * (language + vision) / (gpu.flops * mfu))


def step_cost(sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU, *, servers: int, mfu: float, mbu: float) -> Cost:
    """One optimizer step on `run.gpus` GPUs; arguments as in `rollout_seconds`."""
    rows = run.batch * run.accumulation * run.gpus
    flops = rows * training_flops(sizes, run, tokens)
    sampling = 0.0
    if run.stage == "grpo":
        sampling = rollout_seconds(sizes, run, tokens, gpu, servers=servers, mfu=mfu, mbu=mbu)
    return Cost(rows, rows * tokens.row, flops, flops / (run.gpus * gpu.flops * mfu), sampling)


def checkpoint_bytes(sizes: Sizes, run: Run) -> tuple[float, float]:
    """Bytes on disk of one checkpoint to resume from, and of the final output.

    Weights (an adapter's only, where there is one) in their type, AdamW's two moments in theirs. DeepSpeed's optimizer
    file holds float32 copies of the parameters too, and stages 1 and 2 write the weights once more in their own file.
    """
    trained = sizes.trained + sizes.adapters
    zero = run.sharding.startswith("zero")
    width = 4 if run.sharding == "fsdp2" and run.lora is None else run.dtype.itemsize
    if run.lora is not None:
        width = run.dtype.itemsize if zero or run.quantized else 4
    weights = float(sizes.adapters * width) if run.lora is not None else float(sizes.total * width)
    moment = 4 if zero else moment_bytes(run.optimizer, width)
    optimizer = trained * (2 * moment + (4 if zero else 0))
    twice = 2 if run.sharding in ("zero1", "zero2") else 1
    return twice * weights + optimizer + SMALL_FILES, weights + SMALL_FILES


def disk_bytes(sizes: Sizes, run: Run) -> dict[str, float]:
    """What a run writes and reads: the base model, the checkpoints kept and the one being written, the output."""
    checkpoint, output = checkpoint_bytes(sizes, run)
    return {
        "base model": sizes.total * float(torch.bfloat16.itemsize if run.dtype == torch.bfloat16 else 4),
        "checkpoints": run.kept_checkpoints * checkpoint,
        "output": output,
    }
