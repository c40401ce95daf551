"""Whether a run fits, and which change helps most: each is planned in its own right, not guessed."""

from collections.abc import Callable
from dataclasses import replace

from peft import LoraConfig

from skin_r1.train.plan.hardware import GPU
from skin_r1.train.plan.memory import Tokens, peaks, vllm_room
from skin_r1.train.plan.model import Sizes
from skin_r1.train.plan.run import Run

FITS, TIGHT = 0.85, 1.0  # shares of a GPU's memory; between them it may fail on the longest rows

Measured = Callable[[Run], Sizes]


def peak_bytes(sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU) -> float:
    """The most that a GPU holds at any time."""
    return max(sum(parts.values()) for parts in peaks(sizes, run, tokens, gpu).values())


def verdict(sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU) -> str:
    """`fits`, `tight` or `does not fit`; colocated rollouts must have room for a sequence too."""
    used = peak_bytes(sizes, run, tokens, gpu) / gpu.memory
    if run.rollouts == "colocate" and vllm_room(sizes, run, tokens, run.vllm_share * gpu.memory) < 1:
        return "does not fit"
    return "fits" if used <= FITS else "tight" if used <= TIGHT else "does not fit"


def changes(run: Run) -> dict[str, Run]:
    """What could be changed to save memory: the words of the recipe -> the run that would follow."""
    found: dict[str, Run] = {}
    if not run.checkpointing:
        found["activation_checkpointing: true"] = replace(run, checkpointing=True)
    if run.batch > 1:
        half = max(1, run.batch // 2)
        found[f"per_device_train_batch_size: {half}, gradient_accumulation_steps: {run.accumulation * 2}"] = replace(
            run, batch=half, accumulation=run.accumulation * 2
        )
    if run.rollouts == "colocate":
        if not run.vllm_sleeps:
            found["vllm_enable_sleep_mode: true"] = replace(run, vllm_sleeps=True)
        for share in (0.25, 0.45, 0.6):
            if abs(share - run.vllm_share) > 0.04:
                found[f"vllm_gpu_memory_utilization: {share}"] = replace(run, vllm_share=share)
        found["vllm_mode: server (rollouts on GPUs of their own)"] = replace(run, rollouts="server")
    if run.reference and run.lora is None:
        found["beta: 0 (no reference model)"] = replace(run, reference=False)
    if run.lora is None:
        lora = LoraConfig(r=64)  # on the language layers
        found["use_peft: true (LoRA)"] = replace(run, lora=lora, sharding="ddp" if run.gpus > 1 else "none")
        if run.gpus > 1 and run.sharding not in ("zero3", "fsdp2"):
            found["--accelerate recipes/accelerate/zero3.yaml"] = replace(run, sharding="zero3")
        if not run.offload and run.sharding.startswith("zero"):
            found["offload_optimizer_device: cpu in the accelerate configuration"] = replace(run, offload=True)
        if run.gpus < 8:
            found["--gpus 8 --accelerate recipes/accelerate/zero3.yaml"] = replace(run, gpus=8, sharding="zero3")
    elif run.quantized != 4 and run.rollouts in ("none", "transformers"):
        found["load_in_4bit: true (QLoRA)"] = replace(run, quantized=4)
    return found


def advise(measured: Measured, run: Run, tokens: Tokens, gpu: GPU) -> list[tuple[str, float, str]]:
    """(change, bytes saved at the peak, verdict with it), what helps most first; changes that save nothing are left out.

    A change that lets the run fit where it did not comes before any that does not.

    Args:
        measured: sizes of the model as a run trains it.
    """
    now = peak_bytes(measured(run), run, tokens, gpu)
    rank = {"fits": 0, "tight": 1, "does not fit": 2}
    before = rank[verdict(measured(run), run, tokens, gpu)]
    rated = []
    for words, other in changes(run).items():
        sizes = measured(other)
        saved = now - peak_bytes(sizes, other, tokens, gpu)
        after = verdict(sizes, other, tokens, gpu)
        if saved > 0.01 * gpu.memory or rank[after] < before:
            rated.append((words, saved, after))
    return sorted(rated, key=lambda item: (rank[item[2]], -item[1]))
