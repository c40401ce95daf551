"""Datasets side by side: which rows describe the same picture, and whose ids mean the same person.

The ISIC Archive gives each picture one name (`ISIC_0024306`) that its challenges and HAM10000 keep, and its lesions and
patients ids (`HAM_0000118`, `IL_...`, `IP_...`) that mean the same in all of them. All 10,015 images of HAM10000 are in
ISIC 2019, for example. Other datasets number their own rows: equal ids of two of them mean nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_prep.images.find import index_images
from data_prep.images.prepare import Task
from data_prep.raw import Adapter, Listing, Raw
from skin_r1.errors import problem

ISIC = frozenset({"ham10000", "isic2017", "isic2018", "isic2019", "isic2020", "isic2024", "isic_archive", "milk10k"})
ISIC_IDS = ISIC | {"bcn20000"}
"""BCN20000 names its pictures in its own way, and its lesions as ISIC 2019 does (`BCN_0003884`)."""
ISIC_NAME = re.compile(r"(ISIC_\d{7})(?:_downsampled)?(?:\.\w+)?")
FILLED = ("patient_id", "lesion_id", "history", "skin_type", "modality")


def id_space(dataset: str) -> str:
    """Datasets of one space mean the same by the same patient or lesion id."""
    return "isic" if dataset in ISIC_IDS else dataset


@dataclass(frozen=True)
class Source:
    """A dataset and what was read of it."""

    adapter: Adapter
    root: Path
    listing: Listing

    @property
    def name(self) -> str:
        """What its cases are called by; the adapter's name unless the dataset names itself."""
        return self.listing.name or self.adapter.NAME

    @property
    def id_space(self) -> str:
        """Datasets of one space mean the same by the same patient or lesion id."""
        return id_space(self.name)


@dataclass(frozen=True)
class Merged:
    """The rows of all datasets, one for each picture.

    Attributes:
        sources: the datasets, in the order that the user named them.
        rows: rows to become cases; blanks filled from their twins.
        source: index into `sources` per row.
        twins: index of a row -> the rows of other datasets that describe its picture, as (source, row).
        tasks: index of a row -> its image; rows without an image file are missing.
        files: per source, how many of its rows have an image file.
        overlaps: (leading dataset, other dataset) -> pictures in both.
    """

    sources: Sequence[Source]
    rows: list[Raw]
    source: list[int]
    twins: Mapping[int, list[tuple[int, Raw]]]
    tasks: Mapping[int, Task]
    files: Sequence[int]
    overlaps: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def case_id(self, row: int) -> str:
        """`<dataset>/<native id>`."""
        return f"{self.sources[self.source[row]].name}/{self.rows[row].native_id}"

    def tellers(self, row: int) -> Iterator[tuple[Source, Raw]]:
        """Everyone who describes this row's picture, the leading dataset first."""
        yield self.sources[self.source[row]], self.rows[row]
        for number, twin in self.twins.get(row, ()):
            yield self.sources[number], twin


def read_sources(pairs: Sequence[tuple[Adapter, Path]]) -> list[Source]:
    """Read each dataset.

    Raises:
        UserError: a dataset is named twice, has no rows, or its adapter refuses a file.
    """
    sources: list[Source] = []
    for adapter, root in pairs:
        source = Source(adapter, root, adapter.read(root))
        if not source.listing.rows:
            file = next(iter(source.listing.inputs.values()))
            raise problem("the dataset has no rows", file=file, next_step="download it again")
        if source.name in [other.name for other in sources]:
            raise problem("the dataset is named twice", column="--dataset", found=source.name, allowed="each once")
        sources.append(source)
    return sources


def merge(sources: Sequence[Source]) -> Merged:
    """One row for each picture: of rows that share an ISIC name, the first dataset's leads and the others fill blanks."""
    rows: list[Raw] = []
    of: list[int] = []
    tasks: dict[int, Task] = {}
    twins: dict[int, list[tuple[int, Raw]]] = {}
    overlaps: Counter[tuple[str, str]] = Counter()
    shared = sum(source.adapter.NAME in ISIC for source in sources) > 1
    first: dict[str, int] = {}
    files = [0] * len(sources)
    for number, source in enumerate(sources):
        images = _Images(source)
        for row in source.listing.rows:
            key = isic_name(row.image) if shared and source.adapter.NAME in ISIC else None
            lead = first.setdefault(key, len(rows)) if key else len(rows)
            # two rows of one dataset with one name are its own affair
            own = lead == len(rows) or of[lead] == number
            place = len(rows) if own else lead
            if own:
                rows.append(row)
                of.append(number)
            else:
                twins.setdefault(lead, []).append((number, row))
                overlaps[sources[of[lead]].name, source.name] += 1
            if task := images.task(row, f"{sources[of[place]].name}/{rows[place].native_id}"):
                tasks.setdefault(place, task)
                files[number] += 1
    for place, others in twins.items():
        rows[place] = _filled(rows[place], [row for _, row in others])
    return Merged(sources, rows, of, twins, tasks, files, overlaps)


def isic_name(image: str) -> str | None:
    """`ISIC_0024306` of an image's name, with or without suffix; None for other names."""
    found = ISIC_NAME.fullmatch(image)
    return found[1] if found else None


def _filled(lead: Raw, others: Sequence[Raw]) -> Raw:
    """The leading row with its blanks filled; findings on which two rows disagree are unknown."""
    changes: dict[str, Any] = {}
    for name in FILLED:
        if not getattr(lead, name):
            changes |= next(({name: value} for other in others if (value := getattr(other, name))), {})
    present = dict.fromkeys(slug for row in (lead, *others) for slug in row.present)
    absent = dict.fromkeys(slug for row in (lead, *others) for slug in row.absent)
    changes["present"] = tuple(slug for slug in present if slug not in absent)
    changes["absent"] = tuple(slug for slug in absent if slug not in present)
    return replace(lead, **changes)


class _Images:
    """Finds the image and the mask of a row."""

    def __init__(self, source: Source) -> None:
        self.kind = source.adapter.MASKS
        self.index = index_images(source.root)
        self.named = {row.image for row in source.listing.rows} if self.index.stems else set()

    def task(self, row: Raw, case_id: str) -> Task | None:
        path = self.index.find(row.image) if self.index.stems and row.image else None
        if path is None or self._is_anothers(path, row.image):
            return None
        return Task(case_id, path, self.index.masks.get(path.stem) if self.kind == "file" else self.kind)

    def _is_anothers(self, path: Path, image: str) -> bool:
        """A file found under another suffix or in a deeper folder, which another row names as it is."""
        place = path.relative_to(self.index.root).as_posix()
        if place in self.named:
            return image != place
        return path.name in self.named and Path(image).name != path.name
