"""The `skin-r1` command: finds the room that does the work, and imports nothing else."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from skin_r1.errors import UserError

# command -> (module, one line of help). Commands of two words are looked up first.
COMMANDS = {
    "demo": ("skin_r1.demo", "walk the whole road on procedural lesions, on a CPU"),
    "phantom": ("skin_r1.phantom.main", "write a corpus of procedural lesions with known findings"),
    "data list": ("data_prep.listing", "datasets that can be read"),
    "data build": ("data_prep.build", "raw dataset -> corpus of Case records"),
    "data resolve": ("data_prep.resolve", "labels -> diagnoses of the ontology"),
    "data validate": ("data_prep.validate", "check a corpus against the Case contract"),
    "data report": ("data_prep.report.page", "write a corpus's report again"),
    "distill rules": ("skin_r1.distill.books.main", "your own books -> verified diagnostic rules"),
    "distill graph": ("skin_r1.distill.differential.main", "which diagnoses are confused, and what tells them apart"),
    "curate": ("skin_r1.train.curate", "how often the SFT model reads each case right: bands for GRPO"),
    "distill": ("skin_r1.distill.run", "dense cases -> verified rationales"),
    "plan": ("skin_r1.train.plan.main", "memory, disk and time of a recipe on given GPUs, before any is paid for"),
    "sft": ("skin_r1.train.sft", "supervised fine-tuning on rationales"),
    "grpo": ("skin_r1.train.grpo", "GRPO with diagnosis and grounding rewards"),
    "rewards check": ("reward_fns.check", "prove the rewards on your rows before paying for a GPU"),
    "rewards score": ("eval.rewards", "what each reward pays a file of predictions"),
    "eval run": ("eval.run", "model -> predictions.jsonl"),
    "eval score": ("eval.score", "predictions -> summary.json and report.html"),
    "eval compare": ("eval.compare", "two scored runs, paired"),
    "eval probe": ("eval.probes.main", "does the answer follow the image? swapped, blank and masked images, hints"),
    "eval judge": (
        "eval.judge.main",
        "a judge's scores of the rationales; `eval judge validate` holds it against people",
    ),
    "eval export": ("eval.integrations.export", "predictions -> a dataset with a card, in a folder or on the Hub"),
    "eval import": ("eval.integrations.collect", "an inspect_ai log or an exported dataset -> predictions.jsonl"),
    "serve": ("skin_r1.serve.main", "serve a model: chat, diagnose and a page"),
    "audit verify": ("skin_r1.serve.audit.command", "is the server's log as it wrote it?"),
    "doctor": ("skin_r1.doctor", "versions, hardware, what is missing and how to get it"),
}


def usage() -> str:
    """The text of `skin-r1 --help`."""
    lines = ["usage: skin-r1 COMMAND [options]      (skin-r1 COMMAND --help explains each)", ""]
    lines += [f"  {name:<14} {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join([*lines, "", "Example: skin-r1 demo", "Research use only: not a medical device."])


def run_main(command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is printed without a traceback and gives 2."""
    try:
        return command(argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `skin-r1 data list | head`: the reader has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS and len(arguments) >= words:
            module = import_module(COMMANDS[name][0])
            return run_main(module.main, arguments[words:])
    family = [name for name in COMMANDS if name.split()[0] == arguments[0]]
    if family:
        print("\n".join([f"usage: skin-r1 {arguments[0]} ..."] + [f"  {n:<14} {COMMANDS[n][1]}" for n in family]))
        return 0 if arguments[1:] in (["-h"], ["--help"]) else 2
    from skin_r1.errors import problem

    print(f"error: {problem('unknown command', found=arguments[0], allowed=COMMANDS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
