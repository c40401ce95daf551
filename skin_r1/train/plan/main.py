"""`skin-r1 plan`: what a recipe needs, before anything is downloaded or rented."""

import argparse
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from skin_r1.errors import UserError
from skin_r1.train.plan.advice import advise, verdict
from skin_r1.train.plan.architecture import find_architecture, image_size_in_tokens
from skin_r1.train.plan.cost import disk_bytes, step_cost
from skin_r1.train.plan.hardware import NAMES, gpu
from skin_r1.train.plan.memory import Tokens, peaks
from skin_r1.train.plan.model import Sizes, measure
from skin_r1.train.plan.report import advice_lines, cost_lines, describe, disk_table, memory_table, vllm_lines
from skin_r1.train.plan.run import Run, read_run

ABOUT = """Memory per GPU, disk, tokens, arithmetic and time of an SFT or GRPO recipe, from its configuration alone: no
weights, no network. Any key of the recipe can be overridden. See docs/plan.md for the formulas."""
EXAMPLE = """Example: skin-r1 plan --config recipes/qwen2_5_vl_7b/sft_full.yaml --accelerate recipes/accelerate/zero3.yaml \
--gpus 8 --gpu h100-80gb --per_device_train_batch_size 2"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="skin-r1 plan", description=ABOUT, epilog=EXAMPLE, allow_abbrev=False)
    parser.add_argument("--config", required=True, help="a recipe of skin-r1 sft or grpo")
    parser.add_argument("--accelerate", type=Path, help="a file of recipes/accelerate; none: plain data parallel")
    parser.add_argument(
        "--gpus", type=int, help="over all machines; default: the accelerate file's num_processes, else 1"
    )
    parser.add_argument("--gpu", default="h100-80gb", choices=NAMES, help="kind of GPU (default h100-80gb)")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of training data (default 10,000)")
    parser.add_argument(
        "--image_size", type=int, default=448, help="pixels, height and width of an image (default 448)"
    )
    parser.add_argument("--images", type=int, default=1, help="images per row (default 1)")
    parser.add_argument("--text_tokens", type=int, default=384, help="a prompt's text in tokens (default 384)")
    parser.add_argument("--completion_tokens", type=int, help="default: 512 for sft, max_completion_length for grpo")
    parser.add_argument("--servers", type=int, default=1, help="GPUs that sample in server mode (default 1)")
    parser.add_argument("--mfu", type=float, default=0.35, help="share of the peak arithmetic reached (default 0.35)")
    parser.add_argument("--mbu", type=float, default=0.5, help="share of the peak bandwidth reached (default 0.5)")
    return parser


def steps_of(config: Any, run: Run, rows: int) -> int:
    """Optimizer steps of the whole run: `max_steps`, or the epochs over the rows.

    A GRPO step uses its rows `num_generations` at a time on one prompt.
    """
    if config.max_steps > 0:
        return int(config.max_steps)
    samples = rows * (config.num_generations * config.num_iterations if run.stage == "grpo" else 1)
    return ceil(config.num_train_epochs * samples / (run.batch * run.accumulation * run.gpus))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan; returns 0, also where it does not fit."""
    options, overrides = _parser().parse_known_args(argv)
    for name in ("gpus", "rows", "image_size", "text_tokens", "servers"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)}: allowed are 1 and more")
    for name in ("mfu", "mbu"):
        if not 0 < getattr(options, name) <= 1:
            raise UserError(f"--{name} {getattr(options, name)}: allowed is a share, above 0 to 1")
    run, config, model = read_run(["--config", options.config, *overrides], options.accelerate, options.gpus)
    name = str(model.model_name_or_path)
    architecture = find_architecture(name, tiny_image_size=getattr(config, "tiny_image_size", 56))
    side = config.tiny_image_size if name == "tiny" else options.image_size
    image_tokens, patches = image_size_in_tokens(architecture, side)
    completion = options.completion_tokens or (512 if run.stage == "sft" else config.max_completion_length)
    tokens = Tokens(options.text_tokens + options.images * image_tokens, completion, options.images * patches)
    card = gpu(options.gpu)

    known: dict[str, Sizes] = {}

    def measured(planned: Run) -> Sizes:
        key = str(planned.lora)  # of all that a change touches, only the adapters alter the model itself
        if key not in known:
            known[key] = measure(
                architecture,
                dtype=run.dtype,
                lora=planned.lora,
                freeze_vision=run.freeze_vision,
                freeze_projector=run.freeze_projector,
            )
        return known[key]

    sizes = measured(run)
    words = verdict(sizes, run, tokens, card)
    cost = step_cost(sizes, run, tokens, card, servers=options.servers, mfu=options.mfu, mbu=options.mbu)
    steps = steps_of(config, run, options.rows)
    lines = describe(name, sizes, run, tokens, card)
    lines += ["", *memory_table(peaks(sizes, run, tokens, card), card, words)]
    lines += vllm_lines(sizes, run, tokens, card)
    lines += [
        "",
        *disk_table(disk_bytes(sizes, run), run),
        *cost_lines(cost, run, steps, mfu=options.mfu, mbu=options.mbu),
    ]
    if words != "fits":
        lines += ["", *advice_lines(advise(measured, run, tokens, card))]
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
