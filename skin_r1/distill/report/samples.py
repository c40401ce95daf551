"""Kept rationales to show: chosen for variety, with a small picture and what each sentence rests on."""

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from skin_r1.distill.report.figures import fit
from skin_r1.distill.report.provenance import Note, finding_name, note, rules_by_id
from skin_r1.reading import ParseFailure, parse
from skin_r1.rules import Rule

SAMPLES = 24
"""Kept rationales that the page shows."""
SIDE = 160
"""Longest side of a thumbnail, pixels."""
ROOM = 16_000
"""Characters of a rationale's text on the page, escaped."""
NOTES, FINDINGS = 6, 32
"""Notes of a sentence, and findings of a case, that are shown."""
FILES = ("train", "validation")
KEYS = ["case_id", "kind", "hinted", "diagnosis"]
SHOWN = [
    *KEYS, "completion", "images", "teacher", "findings", "sentences", "malignancy", "modality", "skin_type", "license",
    "source",
]  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A sentence, the findings that it speaks of and what it rests on; `more` notes are not shown."""

    text: str
    findings: tuple[str, ...]
    notes: tuple[Note, ...]
    more: int


@dataclass(frozen=True)
class Sample:
    """A kept rationale.

    Attributes:
        row: its columns but the image and the completion.
        split: `train` or `validation`.
        findings: names of the case's findings.
        sentences: the reasoning; empty where the teacher does not say what its sentences rest on.
        think: the reasoning as one text.
        completion: the whole text, as a model reads it; cut at `ROOM`.
        picture: JPEG data URL; None without an image that decodes.
    """

    row: Mapping[str, Any]
    split: str
    findings: tuple[str, ...]
    sentences: tuple[Said, ...]
    think: str
    completion: str
    picture: str | None


def kept_rows(folder: Path, columns: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Split -> the columns of its rationales that the file has; no rows where there is no file."""
    import pyarrow.parquet as pq

    out: dict[str, list[dict[str, Any]]] = {}
    for split in FILES:
        file = folder / f"{split}.parquet"
        out[split] = []
        if file.is_file():
            names = pq.read_schema(file).names
            out[split] = pq.read_table(file, columns=[name for name in columns if name in names]).to_pylist()
    return out


def read_samples(folder: Path) -> list[Sample]:
    """Up to `SAMPLES` of the kept rationales, the same each time.

    Each is of the kind, then of the diagnosis, that has been shown least.
    """
    import pyarrow.parquet as pq

    rows = kept_rows(folder, KEYS)
    places = [(split, at, row) for split in FILES for at, row in enumerate(rows[split])]
    wanted, rules = _varied(places), rules_by_id()
    found: dict[tuple[str, int], Sample] = {}
    for split in FILES:
        here = sorted(at for name, at in wanted if name == split)
        if not here:
            continue
        source = pq.ParquetFile(folder / f"{split}.parquet")
        columns = [name for name in SHOWN if name in source.schema_arrow.names]
        start = 0
        for group in range(source.num_row_groups):
            size = source.metadata.row_group(group).num_rows
            if inside := [at - start for at in here if start <= at < start + size]:
                taken = source.read_row_group(group, columns=columns).take(inside).to_pylist()
                for at, row in zip(inside, taken, strict=True):
                    found[split, at + start] = _sample(row, split, rules)
            start += size
    return [found[place] for place in wanted]


def _varied(places: Sequence[tuple[str, int, Mapping[str, Any]]]) -> list[tuple[str, int]]:
    """(split, row) of the chosen: hinted or not, kind and diagnosis in turn, else in an order that looks random."""
    cells: dict[tuple[Any, ...], list[tuple[bytes, str, int]]] = {}
    for split, at, row in places:
        cell = row.get("kind") or "", bool(row.get("hinted")), row.get("diagnosis")
        drawn = hashlib.sha256(f"{row['case_id']}/{cell[0]}/{split}/{at}".encode()).digest()
        cells.setdefault(cell, []).append((drawn, split, at))
    for pool in cells.values():
        pool.sort(reverse=True)
    shown: Counter[Any] = Counter()
    out: list[tuple[str, int]] = []
    while cells and len(out) < SAMPLES:
        cell = min(cells, key=lambda c: (shown["kind", c[0]], shown["dx", c[2]], shown["hint", c[1]], cells[c][-1]))
        _, split, at = cells[cell].pop()
        if not cells[cell]:
            del cells[cell]
        shown.update({("kind", cell[0]): 1, ("dx", cell[2]): 1, ("hint", cell[1]): 1})
        out.append((split, at))
    return out


def _sample(row: Mapping[str, Any], split: str, rules: Mapping[str, Rule]) -> Sample:
    completion = row["completion"][-1]["content"]
    reading = parse(completion)
    think = completion if isinstance(reading, ParseFailure) else reading.think
    told = row.get("sentences") or []
    # Sentences that are not the text would show a provenance that the text does not have.
    told = told if " ".join(each["text"] for each in told) == think else []
    images = row.get("images") or []
    names = [finding_name(slug) for slug in row.get("findings") or ()]
    return Sample(
        {name: value for name, value in row.items() if name not in ("images", "completion", "sentences")}, split,
        tuple(names[:FINDINGS]), _said(told, rules), fit(think, ROOM), fit(completion, ROOM),
        _small(images[0]["bytes"]) if images and images[0].get("bytes") else None,
    )  # fmt: skip


def _said(told: Sequence[Mapping[str, Any]], rules: Mapping[str, Rule]) -> tuple[Said, ...]:
    out: list[Said] = []
    room = ROOM
    for each in told:
        if room <= 0:
            out.append(Said(f"… ({len(told) - len(out)} more sentences)", (), (), 0))
            break
        notes = tuple(note(basis, rules) for basis in each["basis"][:NOTES])
        names = tuple(finding_name(slug) for slug in each["findings"])
        out.append(Said(fit(each["text"], room), names, notes, max(0, len(each["basis"]) - NOTES)))
        room -= len(each["text"])
    return tuple(out)


def _small(encoded: bytes) -> str | None:
    """A thumbnail without metadata, as a data URL; None where the bytes are no image."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))  # lets a large JPEG be decoded small
            small = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
