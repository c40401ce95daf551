"""Write an assembled corpus whole: splits, conflicts, duplicates, manifest, report and card."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_prep.assemble import Assembled
from data_prep.corpus import write_splits
from data_prep.report.page import write_report
from skin_r1.case import Case
from skin_r1.manifest import write_manifest
from skin_r1.whole import whole_folder


def write_corpus(done: Assembled, out: Path, config: dict[str, Any], *, overwrite: bool, keep: Path) -> dict[str, Any]:
    """Write the corpus whole; the facts of its manifest."""
    several = len(done.merged.sources) > 1
    inputs = {
        f"{source.name}: {name}" if several else name: file
        for source in done.merged.sources
        for name, file in source.listing.inputs.items()
    }
    with whole_folder(out, kind="corpus", overwrite=overwrite, keep=keep) as folder:
        counts: dict[str, Counter[str]] = {name: Counter() for name in ("splits", "annotation", "flags")}
        write_splits(folder, _counted(done, counts))
        facts = _facts(done, counts)
        _write_lines(folder / "conflicts.jsonl", done.conflicts)
        _write_lines(folder / "duplicates.jsonl", done.duplicates)
        write_manifest(folder, kind="corpus", config=config, inputs=inputs, outputs=facts)
        write_report(folder)
    return facts


def _counted(done: Assembled, counts: Mapping[str, Counter[str]]) -> Iterable[Case]:
    for case in done.cases():
        counts["splits"][case.split] += 1
        counts["annotation"][case.annotation] += 1
        counts["flags"].update(case.quality["flags"] if case.quality else ())
        yield case


def _facts(done: Assembled, counts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    merged, bad = done.merged, done.intake.bad
    several = len(merged.sources) > 1
    own = Counter(merged.source[row] for row in done.rows)
    excluded: Counter[str] = Counter()
    notes: list[str] = []
    sources = []
    for number, source in enumerate(merged.sources):
        lead = f"{source.name}: " if several else ""
        files = merged.files[number]
        absent = len(source.listing.rows) - files
        excluded.update({lead + reason: count for reason, count in source.listing.excluded.items()})
        notes += [lead + note for note in (*source.listing.notes, *_notes(files, absent))]
        sources.append(
            {
                "dataset": source.name, "title": source.listing.title or source.adapter.TITLE,
                "license": source.listing.license or source.adapter.LICENSE,
                "source": source.listing.source or source.adapter.SOURCE, "rows": len(source.listing.rows),
                "cases": own[number], "images": files, "images_absent": absent,
            }
        )  # fmt: skip
    if bad:
        excluded["image or mask broken (--skip_bad_images)"] = len(bad)
    return dict(done.facts) | {
        "sources": sources,
        "overlaps": [[*pair, count] for pair, count in merged.overlaps.items()],
        "cases": len(done.rows),
        "splits": dict(counts["splits"]),
        "annotation": dict(counts["annotation"]),
        "quality_flags": dict(counts["flags"].most_common()),
        "images": len(merged.tasks) - len(bad),
        "images_absent": len(merged.rows) - len(merged.tasks),
        "excluded": dict(excluded),
        "bad_images": [{"file": str(b.file), "reason": b.reason} for b in bad.values()],
        "notes": notes,
    }


def _write_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _notes(images: int, absent: int) -> list[str]:
    if not images:
        return ["No image was found: the records carry labels only (images is an empty list)."]
    return [f"{absent} rows have no image file: their records have an empty images list."] if absent else []
