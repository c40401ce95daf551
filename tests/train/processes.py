"""The command line in processes of its own, which can be killed at a chosen moment and launched as a group.

A fork server imports the training code once; every run is then a fresh process that starts in a moment.
"""

import faulthandler
import hashlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
import traceback
from functools import cache
from pathlib import Path

import accelerate
import torch
import trl

from skin_r1.cli import main as skin_r1
from skin_r1.train import grpo, run, sft  # noqa: F401 - the fork server is to know them
from skin_r1.train.resume import exact
from tests.train.conftest import TINY
from tests.train.on_gloo import use_gloo

FRESH = multiprocessing.get_context("forkserver")
FRESH.set_forkserver_preload([__name__])
TIME_OUT = 140  # seconds


@cache
def speaker(corpus):
    """A model that answers `corpus` in the right form, so that GRPO has something to tell apart; made once."""
    answers, model = corpus.parent / "answers", corpus.parent / "speaker"
    command = ["distill", "--config", TINY / "distill_answer_only.yaml", "--corpus", corpus, "--output_dir", answers]
    assert skin_r1([str(part) for part in command]) == 0
    command = ["sft", "--config", TINY / "sft.yaml", "--rationales", answers, "--output_dir", model]
    command += ["--max_steps", "30", "--per_device_train_batch_size", "8", "--learning_rate", "2e-3"]
    assert finish(start(command)) == 0
    return model


def start(command, *, kill=None, world=None, deepspeed=None, answers=None):
    """A process that runs `skin-r1 COMMAND`.

    Args:
        command: the arguments.
        kill: (moment, number): `step` kills it within its n-th micro-step; the others at the n-th checkpoint:
            `writing` with a half-written optimizer, `unsealed` with all files but the last, `sealed` right after it;
            `ending` before the manifest of the trained model.
        world: (rank, size, port) for one of several processes.
        deepspeed: environment variables of accelerate that ask for it.
        answers: of the one generation of a GRPO run, a file: written, or taken instead of sampling where it is there.
            Each process samples from a state of its own, so that two would else answer otherwise than one.
    """
    process = FRESH.Process(target=_run, args=([str(part) for part in command], kill, world, deepspeed, answers))
    process.start()
    return process


def finish(process):
    """The exit code; negative for a signal."""
    process.join(TIME_OUT)
    if process.is_alive():
        process.kill()  # its traceback is in its log
        raise TimeoutError("the run hangs")
    return process.exitcode


def together(command, *, size=2, **how):
    """The exit codes of `size` processes that train as one, on gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(command, world=(rank, size, port), **how) for rank in range(size)]
    try:
        return [finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()


def _run(command, kill, world, deepspeed, answers):
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    torch.set_num_threads(1)
    if world is not None:
        rank, size, port = (str(part) for part in world)
        os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=size, LOCAL_WORLD_SIZE=size)
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    folder, number = Path(command[command.index("--output_dir") + 1]), 0 if world is None else world[0]
    folder.mkdir(exist_ok=True)
    log = os.open(folder / f"log-{number}.txt", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.dump_traceback_later(TIME_OUT - 20)
    if deepspeed is not None:
        os.environ.update(deepspeed)
        use_gloo()
    _note_rows(folder, number)
    if answers is not None:
        _same_answers(answers, number)
    if kill is not None:
        _arm(*kill)
    try:
        code = skin_r1(command)
    except BaseException:  # a forked child: whatever ends it belongs in its log, and its exit code must say so
        traceback.print_exc()
        code = 1
    print("processor seconds", time.process_time())
    sys.stdout.flush()
    sys.exit(code)


def _note_rows(output_dir, rank):
    """Write which tokens every micro-step trains on, as lines of rows-RANK.jsonl."""
    for trainer in (trl.SFTTrainer, trl.GRPOTrainer):

        def noting(self, model, inputs, *rest, whole=trainer.compute_loss, **more):
            if model.training:
                ids = inputs["completion_ids" if "completion_ids" in inputs else "input_ids"]
                rows = hashlib.sha256(ids.numpy().tobytes()).hexdigest()[:16]
                with (output_dir / f"rows-{rank}.jsonl").open("a") as stream:
                    stream.write(json.dumps({"step": self.state.global_step, "rows": rows}) + "\n")
            return whole(self, model, inputs, *rest, **more)

        trainer.compute_loss = noting


def _same_answers(file, rank):
    """Give this process its part of the recorded answers, or record them."""
    sample = trl.GRPOTrainer._generate_single_turn

    def kept(self, prompts, *rest, **more):
        if not file.exists():
            answers, logprobs = sample(self, prompts, *rest, **more)
            file.write_text(json.dumps(list(zip(prompts, answers, strict=True))))
            return answers, logprobs
        part = json.loads(file.read_text())[rank * len(prompts) : (rank + 1) * len(prompts)]
        assert [prompt for prompt, _ in part] == prompts
        return [answer for _, answer in part], None

    trl.GRPOTrainer._generate_single_turn = kept


def _arm(moment, number):
    """Kill this process at the `number`-th time that the moment comes."""
    times = iter(range(1, 10_000))

    def die():
        if next(times) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment == "step":
        backward = accelerate.Accelerator.backward
        accelerate.Accelerator.backward = lambda *args, **more: (backward(*args, **more), die())
    elif moment == "writing":
        write = torch.save

        def half(content, file, *rest, **more):
            write(content, file, *rest, **more)
            if str(file).endswith("optimizer.pt"):
                whole = Path(file).read_bytes()
                Path(file).write_bytes(whole[: len(whole) // 2])
                die()
                Path(file).write_bytes(whole)

        torch.save = half
    elif moment == "unsealed":
        seal = exact.seal
        exact.seal = lambda folder: (die(), seal(folder))
    elif moment == "sealed":
        rotate = exact.rotate_checkpoints
        exact.rotate_checkpoints = lambda **more: (die(), rotate(**more))
    elif moment == "ending":
        run.write_manifest = lambda *args, **more: die()
    else:
        raise ValueError(moment)
