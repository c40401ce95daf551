"""How often does the SFT model read each case right? Pass rates and bands for GRPO, before a GPU hour is spent on it.

Run as `skin-r1 curate --config RECIPE --model CKPT --corpus CORPUS --out DIR` or by `accelerate launch ... -m
skin_r1.train.curate`. Answers are written as they come, scored when all are there.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from datasets import Dataset
from tqdm import tqdm

from skin_r1.errors import problem
from skin_r1.manifest import write_manifest
from skin_r1.models import load
from skin_r1.reading import ParseFailure, parse
from skin_r1.recipe import read_recipe
from skin_r1.reward_check.check import sample
from skin_r1.reward_check.tells import check_gold
from skin_r1.rewards import Reward, load_rewards
from skin_r1.train.data.bands import KIND, SCHEMA, histogram, judged, summary_of
from skin_r1.train.data.rows import training_rows
from skin_r1.train.data.sampling import sample_answers
from skin_r1.train.run import checkpoint_to_resume, fingerprint

ABOUT = """Sample answers of a model to each training case and sort the cases by how many are right.

Example: skin-r1 curate --config recipes/tiny/curate.yaml --limit 200"""


@dataclass
class CurateConfig:
    """The recipe's keys."""

    model: str = field(default="", metadata={"help": "checkpoint folder, adapter folder or hub id of the SFT model"})
    corpus: str = field(default="", metadata={"help": "folder that `skin-r1 data build` or `phantom` wrote"})
    out: str = field(default="", metadata={"help": "folder to write or resume"})
    annotation: str = field(default="sparse", metadata={"help": "which training rows: sparse, dense or all"})
    limit: int | None = field(default=None, metadata={"help": "so many cases, evenly spread: a first look"})
    samples: int = field(default=8, metadata={"help": "answers per case, at least 2"})
    temperature: float = field(default=1.0, metadata={"help": "as in GRPO"})
    max_completion_length: int = field(default=1024, metadata={"help": "tokens of the longest answer, as in GRPO"})
    reward: str = field(default="reward_fns.diagnosis_reward", metadata={"help": "import path of the reward"})
    pass_reward: float = field(default=0.99, metadata={"help": "an answer passes with at least this reward"})
    cases_per_batch: int = field(default=8, metadata={"help": "cases per forward pass; times samples answers"})
    seed: int = field(default=0, metadata={"help": "of the sampling"})

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.annotation not in ("sparse", "dense", "all"):
            raise ValueError(f"annotation={self.annotation!r}; allowed: sparse, dense, all")
        for name, least in (("samples", 2), ("max_completion_length", 1), ("cases_per_batch", 1), ("limit", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name}={value}; allowed: {least} or more")
        if self.temperature <= 0:
            raise ValueError(f"temperature={self.temperature}; allowed: above 0, else all answers are the same")
        if not 0 < self.pass_reward <= 1:
            raise ValueError(f"pass_reward={self.pass_reward}; allowed: above 0, at most 1")


def this_process() -> PartialState:
    """Which process this is of how many; they may wait a week for the last one (the default ends them in minutes).

    Raises:
        UserError: accelerate launched several and found one: each would sample every case.
    """
    # accelerate does not choose gloo by itself where there is no accelerator, nor hand on `use_cpu` of cpu.yaml
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    state = PartialState(cpu=cpu, timeout=timedelta(days=7))
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if state.num_processes != launched:
        raise problem(
            "the launched processes do not know of each other",
            found=state.num_processes,
            allowed=f"{launched} processes",
            next_step="launch with recipes/accelerate/cpu.yaml on a CPU, with ddp.yaml on GPUs",
        )
    return state


def read_parts(folder: Path, samples: int) -> dict[str, list[str]]:
    """case_id -> its answers, from the parts of every process of every launch so far.

    A torn last line, as a killed process leaves it, is not there. A case that two parts hold (a process that outlived
    its launcher) counts once: its answers depend on the seed and the case alone.

    Raises:
        UserError: a whole line is not what a part holds.
    """
    answers: dict[str, list[str]] = {}
    for part in sorted(folder.glob("part-*.jsonl")):
        for number, raw in enumerate(part.read_bytes().split(b"\n")[:-1], start=1):
            try:
                line = json.loads(raw)
                case_id, said = str(line["case_id"]), [str(text) for text in line["completions"]]
                if len(said) != samples:
                    raise ValueError(f"{len(said)} answers")
            except (ValueError, KeyError, TypeError) as error:
                raise problem(
                    "this line does not hold the answers to a case",
                    file=part,
                    row=number,
                    found=f"{type(error).__name__}: {error}",
                    allowed=f'{{"case_id": ..., "completions": [{samples} texts]}}',
                    next_step="remove the line: the case is sampled again",
                ) from None
            answers.setdefault(case_id, said)
    return answers


def append(part: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append whole lines in one write and put them on the disk, so that a kill after this call loses nothing."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    with part.open("ab", buffering=0) as stream:
        stream.write(text.encode("utf-8", "replace"))
        os.fsync(stream.fileno())


def cut_torn_line(part: Path) -> None:
    """Remove what a kill left after the last whole line, or the next line would be glued to it."""
    with suppress(FileNotFoundError), part.open("r+b") as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)


def sample_missing(config: CurateConfig, rows: Dataset, parts: Path, state: PartialState) -> None:
    """Sample this process's cases that no part holds yet: every world-th case, whatever was done before.

    A share of what is missing would be more even, but a process that reads the parts a moment later than another would
    see the other's first lines and count differently.
    """
    own = parts / f"part-{state.process_index}-of-{state.num_processes}.jsonl"
    cut_torn_line(own)
    done = read_parts(parts, config.samples)
    case_ids: list[str] = rows["case_id"][:]
    mine = range(state.process_index, len(rows), state.num_processes)
    missing = [index for index in mine if case_ids[index] not in done]
    if not missing:
        return
    loaded = load(config.model, device=str(state.device))
    already, hide = len(mine) - len(missing), not state.is_main_process
    with tqdm(total=len(mine), initial=already, desc="curate", unit="case", disable=hide) as bar:
        for batch in chunks(missing, config.cases_per_batch):
            cases = [rows[index] for index in batch]
            answers = sample_answers(
                loaded,
                cases,
                samples=config.samples,
                temperature=config.temperature,
                max_new_tokens=config.max_completion_length,
                seed=config.seed,
            )
            append(own, ({"case_id": c["case_id"], "completions": a} for c, a in zip(cases, answers, strict=True)))
            bar.update(len(batch))


def chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Slices of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def judge(config: CurateConfig, rows: Dataset, answers: Mapping[str, Sequence[str]], reward: Reward) -> pa.Table:
    """Score every answer and sort the cases into bands; `SCHEMA`, in the corpus's order.

    Raises:
        UserError: the reward does not speak on a case.
    """
    judgments = []
    for row in rows.remove_columns("images"):
        said = answers[row["case_id"]]
        columns = {key: [value] * len(said) for key, value in row.items() if key != "prompt"}
        completions = [[{"role": "assistant", "content": text}] for text in said]
        paid = reward(prompts=[row["prompt"]] * len(said), completions=completions, **columns)
        spoken = [float(value) for value in paid if value is not None]
        if len(spoken) < len(said):
            raise problem(
                "the reward does not apply to a case, so it has no pass rate",
                column="reward",
                found=f"{config.reward} on {row['case_id']}",
                allowed="a reward that speaks on every row, such as reward_fns.diagnosis_reward",
                next_step="give another --reward: the answers are kept and not sampled again",
            )
        failures = sum(isinstance(parse(text), ParseFailure) for text in said)
        judgments.append(judged(row["case_id"], row["diagnosis"], spoken, failures, config.pass_reward))
    return pa.Table.from_pylist(judgments, schema=SCHEMA)


def write_curation(out: Path, table: pa.Table, facts: Mapping[str, Any], config: CurateConfig) -> None:
    """Write `curation.parquet` and `curation.json`, then the manifest: where it stands, the curation is whole."""
    summary = {**facts, **summary_of(table.to_pylist())}
    pq.write_table(table, out / "curation.parquet")
    (out / "curation.json").write_text(json.dumps(summary, indent=2) + "\n")
    inputs = {"corpus": Path(config.corpus), "model": Path(config.model)}
    write_manifest(out, kind=KIND, config=asdict(config), inputs=inputs, outputs=summary)
    print(histogram(summary))
    if config.limit is None:
        print(f"next: skin-r1 grpo --config RECIPE --annotation {config.annotation} --curation {out}")
    else:
        print("next: the same command without --limit; what is sampled stays")


def main(argv: Sequence[str] | None = None) -> int:
    """Curate; returns 0. See `ABOUT`."""
    (config,) = read_recipe((CurateConfig,), argv, prog="skin-r1 curate", about=ABOUT)
    for name in ("model", "corpus", "out"):
        if not getattr(config, name):
            raise problem(f"--{name} is needed", next_step="skin-r1 curate --help")
    out, parts = Path(config.out), Path(config.out) / "parts"
    state = this_process()
    (reward,) = load_rewards([config.reward])
    rows = training_rows(Path(config.corpus), config.annotation)
    if config.limit is not None and config.limit < len(rows):
        rows = rows.select([index * len(rows) // config.limit for index in range(config.limit)])
    check_gold(reward, sample(rows, [reward], 32))
    sampling = {
        "model": fingerprint(config.model),
        "corpus": fingerprint(config.corpus),
        "samples": config.samples,
        "temperature": config.temperature,
        "max_completion_length": config.max_completion_length,
        "seed": config.seed,
    }
    if out.is_dir() and any(out.iterdir()) and not (out / "run.json").is_file():
        raise problem("this folder holds something else", file=out, next_step="give another --out")
    checkpoint_to_resume(out, {"stage": "curate", **sampling})
    if state.is_main_process:
        parts.mkdir(exist_ok=True)
        (out / "manifest.json").unlink(missing_ok=True)  # unfinished until it stands again
    state.wait_for_everyone()
    sample_missing(config, rows, parts, state)
    state.wait_for_everyone()
    if state.is_main_process:
        table = judge(config, rows, read_parts(parts, config.samples), reward)
        chosen = {name: getattr(config, name) for name in ("annotation", "limit", "reward", "pass_reward")}
        write_curation(out, table, {**sampling, **chosen}, config)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
