"""A plan as text."""

from collections.abc import Mapping

from skin_r1.train.plan.advice import FITS
from skin_r1.train.plan.cost import Cost
from skin_r1.train.plan.hardware import GPU
from skin_r1.train.plan.memory import SERVER_SHARE, Tokens, vllm_room
from skin_r1.train.plan.model import Sizes
from skin_r1.train.plan.run import Run

_LORA = {0: "LoRA", 4: "QLoRA", 8: "LoRA on 8-bit weights"}


def gib(value: float) -> str:
    """Bytes as GiB with one decimal, more where that would say 0."""
    size = value / 2**30
    return f"{size:.1f}" if size >= 0.95 else f"{size:.2f}" if size >= 0.0095 else f"{size:.4f}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def describe(name: str, sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU) -> list[str]:
    """What is planned: model, method, GPUs, tokens."""
    trains = sizes.trained + sizes.adapters
    if run.lora is None:
        method = "all weights"
    else:
        method = f"{_LORA[run.quantized]} of rank {getattr(run.lora, 'r', '?')}"
    vision = "the vision tower is frozen" if not sizes.vision_saved else "the vision tower trains"
    lines = [
        f"{run.stage.upper()} of {name}: {method}, {vision}; {run.gpus} x {gpu.name}, sharding: {run.sharding}",
        f"parameters   {sizes.total:,} in all, {sizes.vision:,} in the vision tower; {trains:,} train",
        f"a row        {tokens.prompt:,} tokens of prompt (images included) + {tokens.completion:,} of completion; "
        f"{tokens.patches:,} image patches",
        f"a step       {run.batch} rows x {run.accumulation} passes x {run.gpus} GPUs"
        + (f"; each GPU samples {run.generated} completions at a time" if run.generated else ""),
    ]
    if run.lora is None and run.dtype.itemsize == 2 and run.sharding in ("none", "ddp"):
        lines.append(
            "note         bfloat16 weights without a float32 copy lose small updates: ZeRO keeps one, FSDP2 too"
        )
    return lines


def memory_table(phases: Mapping[str, Mapping[str, float]], gpu: GPU, words: str) -> list[str]:
    """One column of GiB per phase, and the verdict on the higher sum."""
    names = list(dict.fromkeys(part for parts in phases.values() for part in parts))
    lines = [f"{'GiB per GPU':<28}" + "".join(f"{phase:>12}" for phase in phases)]
    for name in names:
        values = [parts.get(name, 0.0) for parts in phases.values()]
        if any(values):
            lines.append(f"  {name:<26}" + "".join(f"{gib(value) if value else '-':>12}" for value in values))
    sums = [sum(parts.values()) for parts in phases.values()]
    lines.append(f"  {'together':<26}" + "".join(f"{gib(value):>12}" for value in sums))
    used = max(sums) / gpu.memory
    lines.append(
        f"{gpu.name} has {gib(gpu.memory)} GiB: {words} ({used:.0%} used; up to {FITS:.0%} counts as fitting)"
    )
    return lines


def vllm_lines(sizes: Sizes, run: Run, tokens: Tokens, gpu: GPU) -> list[str]:
    """How many rollouts vLLM can hold at once, on its share of the GPU or on a GPU of its own."""
    if run.rollouts not in ("colocate", "server"):
        return []
    memory = gpu.memory * (run.vllm_share if run.rollouts == "colocate" else SERVER_SHARE)
    room = vllm_room(sizes, run, tokens, memory)
    if room < 1:
        return [f"vLLM cannot start: {gib(memory)} GiB hold the weights and less than one sequence"]
    return [f"vLLM's {gib(memory)} GiB hold the weights and {int(room):,} sequences of {tokens.row:,} tokens at once"]


def disk_table(parts: Mapping[str, float], run: Run) -> list[str]:
    """GB on disk, one line."""
    named = ", ".join(f"{name} {value / 1e9:.3g}" for name, value in parts.items())
    kept = f" ({run.kept_checkpoints} checkpoints: save_total_limit and the one being written)"
    return [f"disk in GB   {sum(parts.values()) / 1e9:.3g}: {named}{kept if run.kept_checkpoints else ''}"]


def cost_lines(cost: Cost, run: Run, steps: int, *, mfu: float, mbu: float) -> list[str]:
    """Arithmetic and time per step and run, with the shares of the peak that they assume."""
    parts = f"{duration(cost.training_seconds)} training"
    assumed = f"at {mfu:.0%} of the peak arithmetic"
    if run.stage == "grpo":
        parts += f" + {duration(cost.rollout_seconds)} rollouts"
        assumed += f" and {mbu:.0%} of the peak bandwidth"
    return [
        f"per step     {cost.rows:,} rows, {cost.tokens:,} tokens, {cost.flops:.2e} operations; "
        f"{duration(cost.seconds)} = {parts}",
        f"the run      {steps:,} steps, {duration(cost.seconds * steps)} {assumed} (assumed, not measured)",
    ]


def advice_lines(advice: list[tuple[str, float, str]]) -> list[str]:
    """The changes, what helps most first."""
    lines = ["what to change, what helps most first:"]
    for words, saved, after in advice:
        effect = f"{gib(saved)} GiB less" if saved >= 0 else f"{gib(-saved)} GiB more"
        lines.append(f"  {words}: {effect}, {after}")
    return lines if advice else ["nothing in the recipe would save much: take a GPU with more memory"]
