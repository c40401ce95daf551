"""`skin-r1 eval probe`: does what a model says follow the image? -> probes.json, probes.jsonl and a table."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.options import Options, read_options
from eval.probes.verdict import RULES
from skin_r1.errors import problem

EXAMPLES = """\
Examples:
  skin-r1 eval probe --model runs/demo/grpo --corpus runs/demo/corpus --out runs/eval/probes
  skin-r1 eval probe --model runs/grpo --corpus runs/corpus --out runs/eval/probes --probes counterfactual same_label
  skin-r1 eval probe --base p.jsonl --probe no_image=n.jsonl --corpus runs/corpus --out runs/eval/probes

The second form runs some probes only. The third needs no model: its files were made by `skin-r1 eval run`, with and without
--probe NAME. With a model, all options of `skin-r1 eval run` are taken. A killed run resumes: give the same command again.
"""


def run_probes(options: Options, out: Path, probes: Sequence[str]) -> dict[str, Path]:
    """Let a model answer the cases as they are and under each probe; what is there is not run again.

    Args:
        options: of `skin-r1 eval run`; their `out` and `probe` are replaced.
        out: folder; gets `base.jsonl` and a file per probe.
        probes: keys of `eval.probes.perturb.PROBES`.

    Returns:
        Probe -> its predictions file; `base` among them.

    Raises:
        UserError: as `eval.run.run_predictions`, or cases stay without an answer.
    """
    from eval.run import run_predictions

    files = {name: out / f"{name}.jsonl" for name in ("base", *probes)}
    for name, path in files.items():
        tally = run_predictions(replace(options, out=path, probe=None if name == "base" else name))
        print(f"{name}: {tally.made} new predictions in {path}", flush=True)
        if tally.failed:
            raise problem(
                f"{sum(tally.failed.values())} cases have no answer",
                file=path.with_name(path.name + ".unanswered.jsonl"),
                next_step="mend what can be mended and give the same command again",
            )
    return files


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval probe",
        description="Change one thing of each case and see whether the answers follow the image.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model", metavar="DIR", help="as for `skin-r1 eval run`, whose other options are taken too")
    add("--base", type=Path, metavar="FILE", help="instead of a model: predictions on the cases as they are")
    add("--probe", action="append", default=[], metavar="NAME=FILE", help="with --base: predictions under a probe")
    add("--corpus", type=Path, required=True, metavar="DIR", help="corpus of Case records")
    add("--split", default="test", help="train, validation or test (default: test)")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write or resume")
    add("--probes", nargs="+", default=list(RULES), metavar="NAME", help=f"of {', '.join(RULES)} (default: all)")
    add("--limit", type=int, metavar="N", help="N cases only, drawn by their ids: the same for every model")
    add("--seed", type=int, default=0, help="of the changes, the sampling and the bootstrap (default: 0)")
    add("--bootstrap", type=int, default=2000, metavar="N", help="resamples (default: 2000)")
    return parser


def _files(given: Sequence[str]) -> dict[str, Path]:
    """The NAME=FILE options."""
    files = {}
    for text in given:
        name, sign, path = text.partition("=")
        if not sign or not path:
            raise problem("--probe takes a name and a file", found=text, allowed="NAME=FILE")
        files[name] = Path(path)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval probe`."""
    parser = _parser()
    given, rest = parser.parse_known_args(argv)
    for name in ("bootstrap", "limit"):
        value = getattr(given, name)
        if value is not None and value < 1:
            raise problem(f"--{name} counts from 1", found=value, allowed="a positive number")
    if (given.model is None) == (given.base is None) or bool(given.probe) != (given.base is not None):
        raise problem(
            "give --model, or --base with at least one --probe NAME=FILE", next_step="skin-r1 eval probe --help"
        )
    files = _files(given.probe)
    for name in files or given.probes:
        if name not in RULES:
            raise problem("unknown probe", column="probes", found=name, allowed=RULES)
    if given.model is None:
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        base = given.base
    else:
        shared = ["--model", given.model, "--corpus", given.corpus, "--split", given.split, "--out", given.out]
        shared += ["--seed", given.seed] + ([] if given.limit is None else ["--limit", given.limit])
        options = read_options([*rest, *map(str, shared)])
        if options.task != "diagnosis" or options.dry_run:
            raise problem(
                "probes are about the open diagnosis, asked in earnest", found=rest, allowed="no --task, no --dry_run"
            )
        files = run_probes(options, given.out, given.probes)
        base = files.pop("base")

    from eval.probes.result import probe_predictions, probe_table

    where = {"split": given.split, "limit": given.limit, "seed": given.seed, "bootstrap": given.bootstrap}
    result = probe_predictions(base, files, given.corpus, given.out, **where)
    print(f"{result['cases']} cases of {result['groups']} groups, 95 % intervals from {given.bootstrap} resamples")
    print(probe_table(result))
    print(f"written: {given.out / 'probes.json'}")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
