"""`skin-r1 data report`: what is in a corpus, as one self-contained HTML file."""

import argparse
import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.corpus import parquet_files, read_facts, read_parquet

THUMBS = 6
"""Thumbnails per diagnosis."""
THUMB_SIDE = 96
SPLITS = ("train", "validation", "test")
COLUMNS = [
    "case_id", "diagnosis", "diagnosis_raw", "malignancy", "split", "group", "patient_id", "lesion_id", "skin_type",
    "annotation", "concept_source", "concepts_present", "concepts_absent", "checksum",
]  # fmt: skip


def write_report(corpus: Path) -> Path:
    """Write `corpus/report.html` from the parquet files and the manifest alone."""
    from jinja2 import Environment, FileSystemLoader

    files = parquet_files(corpus)
    rows = [row for file in files for row in read_parquet(file, COLUMNS).to_pylist()]
    manifest = read_facts(corpus)
    names = [name for name, _ in Counter(row["diagnosis"] or "" for row in rows).most_common()]
    pictures = _thumbnails(files, {name: _examples(rows, name) for name in names})
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    html = environment.get_template("report.html.j2").render(
        title=manifest.get("config", {}).get("title", corpus.name),
        config=manifest.get("config", {}),
        facts=manifest.get("outputs", {}),
        splits=SPLITS,
        cases=len(rows),
        dense=sum(row["annotation"] == "dense" for row in rows),
        classes=[
            {
                "name": name or "(unresolved)",
                "malignancy": next((r["malignancy"] for r in rows if (r["diagnosis"] or "") == name), None) or "",
                "counts": _counts(rows, lambda r, n=name: (r["diagnosis"] or "") == n),
                "pictures": pictures.get(name, []),
            }
            for name in names
        ],
        skin_types=[(t or "unknown", _counts(rows, lambda r, t=t: r["skin_type"] == t)) for t in (*range(1, 7), None)],
        concepts=_concepts(rows),
        leaks=_leaks(rows),
    )
    target = corpus / "report.html"
    target.write_text(html, encoding="utf-8")
    return target


def _counts(rows: Sequence[dict[str, Any]], holds: Any) -> list[int]:
    """Rows per split for which `holds`."""
    counts = Counter(row["split"] for row in rows if holds(row))
    return [counts[split] for split in SPLITS]


def _concepts(rows: Sequence[dict[str, Any]]) -> list[tuple[str, int, int, str]]:
    """Per concept: present, absent, and how it was found."""
    from skin_r1.concepts import load_concepts

    names = load_concepts()
    present = Counter(slug for row in rows for slug in row["concepts_present"])
    absent = Counter(slug for row in rows for slug in row["concepts_absent"])
    sources: dict[str, set[str]] = {}
    for row in rows:
        for slug in row["concepts_present"] + row["concepts_absent"]:
            sources.setdefault(slug, set()).add(row["concept_source"])
    order = sorted(present | absent, key=lambda s: (-present[s], s))
    return [
        (names[s].name if s in names else s, present[s], absent[s], ", ".join(sorted(filter(None, sources[s]))))
        for s in order
    ]


def _leaks(rows: Sequence[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """For each unit: how many there are, and how many lie in more than one split."""
    out = []
    for column, name in (
        ("group", "groups"), ("patient_id", "patients"), ("lesion_id", "lesions"), ("checksum", "identical images"),
    ):  # fmt: skip
        places: dict[str, set[str]] = {}
        for row in rows:
            if row[column] is not None:
                places.setdefault(row[column], set()).add(row["split"])
        out.append((name, len(places), sum(len(where) > 1 for where in places.values())))
    return out


def _examples(rows: Sequence[dict[str, Any]], name: str) -> set[str]:
    """Ids of the first cases of a diagnosis that have an image; ids carry no order of their own."""
    own = sorted(row["case_id"] for row in rows if (row["diagnosis"] or "") == name and row["checksum"])
    step = max(1, len(own) // THUMBS)
    return set(own[::step][:THUMBS])


def _thumbnails(files: Sequence[Path], wanted: dict[str, set[str]]) -> dict[str, list[dict[str, str]]]:
    """Per diagnosis, small JPEG data URLs with what was found."""
    from PIL import Image

    ids = set().union(*wanted.values()) if wanted else set()
    out: dict[str, list[dict[str, str]]] = {}
    for file in files:
        table = read_parquet(file, ["case_id", "diagnosis", "concepts_present", "images"])
        chosen = [i for i, case in enumerate(table["case_id"].to_pylist()) if case in ids]
        for row in table.take(chosen).to_pylist() if chosen else ():
            with Image.open(io.BytesIO(row["images"][0]["bytes"])) as image:
                small = image.convert("RGB")
            small.thumbnail((THUMB_SIDE, THUMB_SIDE))
            stream = io.BytesIO()
            small.save(stream, "JPEG", quality=85)
            url = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
            about = f"{row['case_id']}: {', '.join(row['concepts_present']) or 'label only'}"
            out.setdefault(row["diagnosis"] or "", []).append({"url": url, "about": about})
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data report`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data report",
        description="Write a corpus's report.html again from its parquet files and manifest.",
        epilog="Examples:\n  skin-r1 data report corpora/ham10000\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("corpus", type=Path, metavar="CORPUS")
    print(f"report: {write_report(p.parse_args(argv).corpus)}")
    return 0
