"""`skin-r1 data build`: datasets' own files -> one corpus of Case records, a manifest and a report."""

import argparse
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.images.intake import Executor, Intake, gather, make_parts, plan_parts, remove_parts
from data_prep.images.prepare import Bad
from data_prep.sources import Merged, Source, merge, read_sources
from skin_r1.errors import problem
from skin_r1.whole import check_replaceable

if TYPE_CHECKING:
    pass

EXAMPLES = """\
Examples:
  skin-r1 data build --dataset pad_ufes_20 --root data/pad_ufes_20 --out corpora/pad_ufes_20
  skin-r1 data build --dataset ham10000 --root data/ham10000 --out corpora/ham10000 --dense_fraction 0.1
      (a tenth of the training lesions keeps its findings, the rest carries the label only)
  skin-r1 data build --dataset fitzpatrick17k --root data/labels --out corpora/fitzpatrick17k
      (labels only: records without images)
  skin-r1 data build --dataset ham10000 --root data/ham10000 --dataset isic2019 --root data/isic2019 \\
      --dataset ddi --root data/ddi --held_out ddi --out corpora/merged
      (one corpus: a picture in two datasets is one case, and nothing that belongs to DDI is trained on)
  skin-r1 data build ... --shard 3/16      (one job of an array: its share of the images; then the same without --shard)

A killed build goes on where it stopped when the same command is given again.
"""


SHOWN = 200
"""Labels without a diagnosis that the command prints."""


def build(
    *,
    datasets: Sequence[tuple[str, Path]],
    out: Path,
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.2,
    held_out: Sequence[str] = (),
    dense_fraction: float = 1.0,
    max_side: int = 256,
    skip_bad_images: bool = False,
    overwrite: bool = False,
    workers: int = 2,
    shard: tuple[int, int] | None = None,
    executor: Executor = "processes",
) -> dict[str, Any]:
    """Build a corpus.

    Args:
        datasets: (name of `adapters.ADAPTERS`, folder with the dataset's own files); nothing in the folders is changed.
            Of datasets that describe one picture the first leads.
        out: folder to write. Images taken in wait in `OUT.intake` until the corpus is whole.
        seed: of the splits and of the choice of dense groups.
        validation, test: shares of the rows that are not held out.
        held_out: names of datasets of which every case is a test case, with all that belongs to the same patient, lesion
            or picture in the other datasets.
        dense_fraction: share of the training groups that keep their findings.
        max_side: longest side of the stored images, pixels.
        skip_bad_images: leave rows out whose image or mask is broken, and count them, instead of refusing.
        overwrite: replace an earlier corpus.
        workers: processes that read images.
        shard: (i, n): take in every n-th part of the images from the i-th, and stop there.
        executor: where images are read: processes of this machine, or a Ray cluster.

    Returns:
        The facts that the manifest holds under `outputs`; of a shard, how much of it is done.

    Raises:
        UserError: see the message; no corpus was written then.
    """
    from data_prep.adapters import adapter

    out = out.absolute()
    roots = [root for _, root in datasets]
    for root in roots:
        check_replaceable(out, "corpus", overwrite=overwrite, keep=root)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise problem(
            f"the output cannot be made here: {error.strerror}", file=out, next_step="choose another"
        ) from None
    sources = read_sources([(adapter(name), root) for name, root in datasets])
    _check_held_out(held_out, sources)
    merged = merge(sources)
    waiting = out.with_name(out.name + ".intake")
    parts = plan_parts(waiting, [merged.tasks[row] for row in sorted(merged.tasks)], max_side=max_side)
    make_parts(parts, max_side=max_side, workers=workers, shard=shard or (0, 1), executor=executor)
    if shard is not None:
        return {"shard": shard, "parts": len(parts[shard[0] :: shard[1]]), "of": len(parts)}
    intake = gather(parts)
    if intake.bad and not skip_bad_images:
        intake.forget_bad()
        raise _refusal(merged, intake)
    if len(intake.bad) == len(merged.rows):
        raise problem(
            "no usable row is left: every image is broken", file=roots[0], next_step="download the dataset again"
        )

    from data_prep.assemble import assemble  # brings in the datasets library
    from data_prep.write import write_corpus

    done = assemble(
        merged, intake, validation=validation, test=test, dense_fraction=dense_fraction, seed=seed, held_out=set(held_out)
    )  # fmt: skip
    config = {
        "datasets": [{"dataset": s.name, "adapter": s.adapter.NAME, "root": s.root} for s in sources],
        "title": " + ".join(s.listing.title or s.adapter.TITLE for s in sources),
        "seed": seed, "validation": validation, "test": test, "held_out": list(held_out),
        "dense_fraction": dense_fraction, "max_side": max_side, "skip_bad_images": skip_bad_images,
        "thresholds": _thresholds(),
    }  # fmt: skip
    facts = write_corpus(done, out, config, overwrite=overwrite, keep=roots[0])
    remove_parts(waiting)
    return facts


def _check_held_out(names: Sequence[str], sources: Sequence[Source]) -> None:
    known = [source.name for source in sources]
    for name in names:
        if name not in known:
            raise problem("this dataset is not in the build", column="--held_out", found=name, allowed=known)
    if set(names) == set(known):
        raise problem("nothing would be left to train on", column="--held_out", found=", ".join(names))


def _refusal(merged: Merged, intake: Intake) -> Exception:
    order = sorted(merged.tasks)
    bad: list[tuple[Bad, Any]] = [(b, merged.rows[order[task]]) for task, b in intake.bad.items()]
    listed = "\n".join(f"    {b.file}: {b.reason} (row {row.row})" for b, row in bad)
    first, row = bad[0]
    return problem(
        f"{len(bad)} of the images or masks are broken:\n{listed}",
        file=row.file,
        row=row.row,
        column="image",
        found=str(first.file.name),
        allowed="an image that decodes in full",
        next_step="download these files again, or leave them out (and count them) with --skip_bad_images",
    )


def _thresholds() -> dict[str, float]:
    from skin_r1.lesion import measure as m

    return {
        "asymmetric_above": m.ASYMMETRIC_ABOVE,
        "irregular_above": m.IRREGULAR_ABOVE,
        "color_share": m.COLOR_SHARE,
    }


def summary(facts: dict[str, Any], out: Path) -> str:
    """What the command prints at the end; unresolved labels are listed one by one."""
    splits, kinds = facts["splits"], facts["annotation"]
    lines = [
        f"{facts['cases']} cases in {facts['groups']} groups: "
        + ", ".join(f"{splits.get(s, 0)} {s}" for s in ("train", "validation", "test"))
        + f"; {kinds.get('dense', 0)} dense, {kinds.get('sparse', 0)} sparse"
    ]
    if facts["identical_images_merged"] or facts["near_duplicates_merged"]:
        lines.append(
            f"duplicates merged into one group: {facts['identical_images_merged']} identical, "
            f"{facts['near_duplicates_merged']} nearly"
        )
    lines += [f"{count} pictures are in {a} and in {b}: one case each" for a, b, count in facts["overlaps"]]
    if facts["conflicts"]:
        told = ", ".join(f"{n['lesions']} {rule} ({n['cases']} cases)" for rule, n in facts["conflicts"].items())
        lines.append(f"lesions whose labels differ, by the rule that settled them: {told}; see conflicts.jsonl")
    lines += [f"note: {note}" for note in facts["notes"]]
    lines += [f"left out: {count} rows, {reason}" for reason, count in facts["excluded"].items()]
    if facts["unresolved_labels"]:
        total = sum(u["count"] for u in facts["unresolved_labels"].values())
        lines.append(f"labels that name no diagnosis ({total} cases; kept, with diagnosis null):")
        for label, u in list(facts["unresolved_labels"].items())[:SHOWN]:
            near = f"   (near: {', '.join(u['candidates'][:3])})" if u["candidates"] else ""
            lines.append(f"  {u['count']:>6}  {label}{near}")
        if (more := len(facts["unresolved_labels"]) - SHOWN) > 0:
            lines.append(f"  ... and {more} more, all in {out / 'manifest.json'}")
    lines.append(f"report: {out / 'report.html'}")
    return "\n".join(lines)


def _shard(text: str) -> tuple[int, int]:
    """`i/n`, with 0 <= i < n."""
    try:
        i, n = (int(part) for part in text.split("/"))
    except ValueError:
        i, n = 0, 0
    if not 0 <= i < n:
        raise problem("no such shard", column="--shard", found=text, allowed="i/n with 0 <= i < n, such as 0/16")
    return i, n


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data build",
        description="Read a dataset's own files and write one corpus: parquet splits, manifest, report, dataset card.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--dataset", required=True, action="append", metavar="NAME",
        help="name of a dataset, followed by its --root; may be repeated; `skin-r1 data list` shows the names",
    )  # fmt: skip
    p.add_argument(
        "--root", required=True, action="append", type=Path, metavar="DIR",
        help="folder with that dataset's own files; left untouched",
    )  # fmt: skip
    p.add_argument("--out", required=True, type=Path, help="folder to write the corpus to")
    p.add_argument("--seed", type=int, default=0, help="seed of splits and dense choice (default: 0)")
    p.add_argument("--validation", type=float, default=0.1, help="share of the rows (default: 0.1)")
    p.add_argument("--test", type=float, default=0.2, help="share of the rows (default: 0.2)")
    p.add_argument(
        "--dense_fraction", type=float, default=1.0,
        help="share of the training groups that keep their findings; validation and test keep all (default: 1.0)",
    )  # fmt: skip
    p.add_argument(
        "--held_out", action="append", default=[], metavar="NAME",
        help="a dataset of the build that is test cases only, with all that belongs to it; may be repeated",
    )  # fmt: skip
    p.add_argument("--max_side", type=int, default=256, help="longest side of stored images, pixels (default: 256)")
    p.add_argument("--skip_bad_images", action="store_true", help="leave broken images out and count them")
    p.add_argument("--overwrite", action="store_true", help="replace an earlier corpus at --out")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    p.add_argument(
        "--workers", type=int, default=cores, help=f"processes that read images (default: {cores}, the cores)"
    )
    p.add_argument("--shard", metavar="i/n", help="take in this share of the images only, for job i of an array of n")
    p.add_argument(
        "--executor",
        choices=("processes", "ray"),
        default="processes",
        help="where images are read (default: processes)",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data build`."""
    options = vars(parser().parse_args(argv))
    for name in ("validation", "test", "dense_fraction"):
        if not 0 <= options[name] <= 1:
            raise problem("a share is out of range", column=f"--{name}", found=options[name], allowed="0 to 1")
    if options["validation"] + options["test"] >= 1:
        raise problem(
            "nothing would be left to train on",
            column="--validation, --test",
            found=options["validation"] + options["test"],
            allowed="a sum below 1",
        )
    if options["max_side"] < 16:
        raise problem(
            "stored images would be too small", column="--max_side", found=options["max_side"], allowed=">= 16"
        )
    names, roots = options.pop("dataset"), options.pop("root")
    if len(names) != len(roots):
        raise problem(
            "each dataset needs its folder", column="--dataset, --root", found=f"{len(names)} and {len(roots)}",
            allowed="--dataset NAME --root DIR, once for each dataset",
        )  # fmt: skip
    if options["workers"] < 1:
        raise problem("no process would read images", column="--workers", found=options["workers"], allowed=">= 1")
    options["shard"] = _shard(options["shard"]) if options["shard"] else None
    gc.disable()  # a million rows hold no cycles, and looking for some takes a quarter of the time
    try:
        facts = build(datasets=list(zip(names, roots, strict=True)), **options)
    finally:
        gc.enable()
    if options["shard"]:
        print(f"shard done: {facts['parts']} of {facts['of']} parts of images.")
        print("When all shards are done, give the same command without --shard.")
    else:
        print(summary(facts, options["out"]))
    return 0
