"""`skin-r1 data build`: a dataset's own files -> a corpus of Case records, a manifest and a report."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.corpus import write_splits
from data_prep.images import Bad, Prepared, Task, find_images, prepare_all
from data_prep.raw import Adapter, Raw
from skin_r1.errors import problem
from skin_r1.whole import check_replaceable, whole_folder

EXAMPLES = """\
Examples:
  skin-r1 data build --dataset pad_ufes_20 --root data/pad_ufes_20 --out corpora/pad_ufes_20
  skin-r1 data build --dataset ham10000 --root data/ham10000 --out corpora/ham10000 --dense_fraction 0.1
      (a tenth of the training lesions keeps its findings, the rest carries the label only)
  skin-r1 data build --dataset fitzpatrick17k --root data/labels --out corpora/fitzpatrick17k
      (labels only: records without images)
"""


def build(
    *,
    dataset: str,
    root: Path,
    out: Path,
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.2,
    dense_fraction: float = 1.0,
    max_side: int = 256,
    skip_bad_images: bool = False,
    overwrite: bool = False,
    workers: int = 2,
) -> dict[str, Any]:
    """Build a corpus.

    Args:
        dataset: a name of `adapters.ADAPTERS`.
        root: folder with the dataset's own files; nothing in it is changed.
        out: folder to write.
        seed: of the splits and of the choice of dense groups.
        validation, test: shares of the rows.
        dense_fraction: share of the training groups that keep their findings.
        max_side: longest side of the stored images, pixels.
        skip_bad_images: leave rows out whose image or mask is broken, and count them, instead of refusing.
        overwrite: replace an earlier corpus.
        workers: processes that read images.

    Returns:
        The facts that the manifest holds under `outputs`.

    Raises:
        UserError: see the message; nothing was written then.
    """
    from data_prep.adapters import adapter as find_adapter

    adapter = find_adapter(dataset)
    check_replaceable(out, "corpus", overwrite=overwrite, keep=root)
    listing = adapter.read(root)
    if not listing.rows:
        raise problem(
            "the dataset has no rows", file=next(iter(listing.inputs.values())), next_step="download it again"
        )
    images, bad, absent = _take_in(adapter, root, listing.rows, max_side=max_side, workers=workers)
    if bad and not skip_bad_images:
        raise _refusal(bad, listing.rows)
    broken = {b.case_id for b in bad}
    rows = [row for row in listing.rows if row.native_id not in broken]
    if not rows:
        raise problem(
            "no usable row is left: every image is broken", file=root, next_step="download the dataset again"
        )

    from data_prep.assemble import assemble  # brings in the datasets library

    done = assemble(adapter, rows, images, validation=validation, test=test, dense_fraction=dense_fraction, seed=seed)
    excluded = dict(listing.excluded)
    if bad:
        excluded["image or mask broken (--skip_bad_images)"] = len(bad)
    facts = done.facts | {
        "cases": len(done.cases),
        "splits": dict(Counter(case.split for case in done.cases)),
        "annotation": dict(Counter(case.annotation for case in done.cases)),
        "images": len(images),
        "images_absent": absent,
        "excluded": excluded,
        "bad_images": [{"file": str(b.file), "reason": b.reason} for b in bad],
        "notes": [*listing.notes, *_notes(len(images), absent)],
    }
    config = {
        "dataset": dataset, "title": adapter.TITLE, "root": root, "seed": seed, "validation": validation, "test": test,
        "dense_fraction": dense_fraction, "max_side": max_side, "skip_bad_images": skip_bad_images,
        "thresholds": _thresholds(), "license": adapter.LICENSE, "source": adapter.SOURCE,
    }  # fmt: skip

    from data_prep.report import write_report
    from skin_r1.manifest import write_manifest

    with whole_folder(out, kind="corpus", overwrite=overwrite, keep=root) as folder:
        write_splits(folder, done.cases)
        write_manifest(folder, kind="corpus", config=config, inputs=listing.inputs, outputs=facts)
        write_report(folder)
    return facts


def _take_in(
    adapter: Adapter, root: Path, rows: Sequence[Raw], *, max_side: int, workers: int
) -> tuple[dict[str, Prepared], list[Bad], int]:
    """Images by native id, what is broken, and how many rows have no image file."""
    images, masks = find_images(root)
    tasks = []
    for row in rows:
        path = images.get(row.image) or images.get(Path(row.image).stem)
        if path is not None:
            mask = masks.get(Path(row.image).stem) if adapter.MASKS == "file" else adapter.MASKS
            tasks.append(Task(row.native_id, path, mask))
    good: dict[str, Prepared] = {}
    bad: list[Bad] = []
    for done in prepare_all(tasks, max_side=max_side, workers=workers) if tasks else ():
        if isinstance(done, Bad):
            bad.append(done)
        else:
            good[done.case_id] = done
    return good, bad, len(rows) - len(tasks)


def _refusal(bad: Sequence[Bad], rows: Sequence[Raw]) -> Exception:
    where = {row.native_id: row for row in rows}
    first = where[bad[0].case_id]
    listed = "\n".join(f"    {b.file}: {b.reason} (row {where[b.case_id].row})" for b in bad)
    return problem(
        f"{len(bad)} of the images or masks are broken:\n{listed}",
        file=first.file,
        row=first.row,
        column="image",
        found=str(bad[0].file.name),
        allowed="an image that decodes in full",
        next_step="download these files again, or leave them out (and count them) with --skip_bad_images",
    )


def _notes(images: int, absent: int) -> list[str]:
    if not images:
        return ["No image was found: the records carry labels only (images is an empty list)."]
    return [f"{absent} rows have no image file: their records have an empty images list."] if absent else []


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
    lines += [f"note: {note}" for note in facts["notes"]]
    lines += [f"left out: {count} rows, {reason}" for reason, count in facts["excluded"].items()]
    if facts["unresolved_labels"]:
        total = sum(u["count"] for u in facts["unresolved_labels"].values())
        lines.append(f"labels that name no diagnosis ({total} cases; kept, with diagnosis null):")
        for label, u in facts["unresolved_labels"].items():
            near = f"   (near: {', '.join(u['candidates'][:3])})" if u["candidates"] else ""
            lines.append(f"  {u['count']:>6}  {label}{near}")
    lines.append(f"report: {out / 'report.html'}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data build",
        description="Read a dataset's own files and write a corpus: parquet splits, manifest.json, report.html.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--dataset", required=True, help="name of the dataset; `skin-r1 data list` shows them")
    p.add_argument("--root", required=True, type=Path, help="folder with the dataset's own files; left untouched")
    p.add_argument("--out", required=True, type=Path, help="folder to write the corpus to")
    p.add_argument("--seed", type=int, default=0, help="seed of splits and dense choice (default: 0)")
    p.add_argument("--validation", type=float, default=0.1, help="share of the rows (default: 0.1)")
    p.add_argument("--test", type=float, default=0.2, help="share of the rows (default: 0.2)")
    p.add_argument(
        "--dense_fraction", type=float, default=1.0,
        help="share of the training groups that keep their findings; validation and test keep all (default: 1.0)",
    )  # fmt: skip
    p.add_argument("--max_side", type=int, default=256, help="longest side of stored images, pixels (default: 256)")
    p.add_argument("--skip_bad_images", action="store_true", help="leave broken images out and count them")
    p.add_argument("--overwrite", action="store_true", help="replace an earlier corpus at --out")
    p.add_argument("--workers", type=int, default=2, help="processes that read images (default: 2)")
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
    print(summary(build(**options), options["out"]))
    return 0
