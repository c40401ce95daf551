"""What is in a corpus, in numbers: computed once, for the report and for the dataset card.

What can be counted is counted from the parquet files; what was left out, merged or noted is in the manifest.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.corpus import parquet_files, read_facts
from data_prep.report.counts import Counts, Tally, Unit, count_corpus
from data_prep.report.coverage import Coverage, concept_coverage
from data_prep.report.disputes import Duplicates, Settled, read_conflicts, read_duplicates
from data_prep.report.label_tree import Branch, Splits, label_tree
from skin_r1.case import SPLITS
from skin_r1.ontology import MALIGNANCIES

OPTIONS = ("held_out", "seed", "validation", "test", "dense_fraction", "max_side")
"""Settings of `skin-r1 data build` that the command is made of, besides the datasets."""


@dataclass(frozen=True)
class Line:
    """Cases of one kind by split; `name` is None where the corpus does not say."""

    name: Any
    counts: Splits
    about: str = ""

    @property
    def total(self) -> int:
        """Cases of all splits."""
        return sum(self.counts)


@dataclass(frozen=True)
class SourceFacts:
    """One dataset: what it is, its rows when it was read, its cases by split, and the licenses that its cases carry."""

    dataset: str
    title: str
    license: str
    link: str
    rows: int | None
    images: int | None
    absent: int | None
    cases: Line
    licenses: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class CorpusFacts:
    """The numbers; lists are whole here, and what shows them cuts them.

    Attributes:
        title: the datasets' titles.
        cases, groups, images: totals; `with_image`: cases that have one.
        dense, resolved: cases with findings, cases with a diagnosis.
        splits: one line a split: cases, groups, dense cases, cases with an image.
        overlaps: (leading dataset, other dataset, pictures in both).
        held_out: cases of each held-out dataset by split, and `company`: cases of others that go with them.
        units: groups, patients, lesions and identical images, with those in more than one split.
        diagnoses: most cases first, `about` is the malignancy; None stands for no diagnosis.
        malignancies: in the ontology's order, then None.
        tree: the same cases in the ontology's tree.
        labels: dataset -> rows {label, count, diagnosis, match} of the manifest; unresolved: (label, count, candidates).
        concepts: of all cases; concepts_in: of each dataset that has some.
        skin_types: 1 to 6, then None; skin_types_in: dataset -> cases by type, in that order.
        flags: (flag of image quality, cases); rated: cases whose image was rated.
        merged: pairs of identical and of nearly identical pictures that became one group.
        command: the command that builds the corpus again, without the user's folders.
        inputs: name of a file that was read -> its SHA-256.
        examples: ("diagnosis" or "flag", value) -> ids of some cases with an image.
    """

    title: str
    cases: int
    groups: int
    images: int
    with_image: int
    dense: int
    resolved: int
    splits: tuple[tuple[str, int, int, int, int], ...]
    sources: tuple[SourceFacts, ...]
    overlaps: tuple[tuple[str, str, int], ...]
    held_out: tuple[Line, ...]
    company: Mapping[str, int]
    units: Mapping[str, Unit]
    diagnoses: tuple[Line, ...]
    malignancies: tuple[Line, ...]
    modalities: tuple[Line, ...]
    tree: tuple[Branch, ...]
    labels: Mapping[str, Sequence[Mapping[str, Any]]]
    unresolved: tuple[tuple[str, int, tuple[str, ...]], ...]
    concepts: tuple[Coverage, ...]
    concepts_in: Mapping[str, tuple[Coverage, ...]]
    skin_types: tuple[Line, ...]
    skin_types_in: Mapping[str, Splits]
    flags: tuple[tuple[str, int], ...]
    rated: int
    duplicates: Duplicates
    merged: tuple[int, int]
    conflicts: tuple[Settled, ...]
    excluded: Mapping[str, int]
    bad_images: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...]
    config: Mapping[str, Any]
    command: str
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    revision: str | None
    examples: Mapping[tuple[str, str | None], Sequence[str]]


def corpus_facts(corpus: Path) -> CorpusFacts:
    """Count a corpus and read its manifest, `duplicates.jsonl` and `conflicts.jsonl`.

    Raises:
        UserError: there is no corpus, or a file of it is damaged.
    """
    manifest = read_facts(corpus)
    config, told = dict(manifest.get("config") or {}), dict(manifest.get("outputs") or {})
    counts = count_corpus(parquet_files(corpus), config.get("held_out") or ())
    datasets = _lines(counts.tallies["dataset", "split"])
    by_split = {line.name: line for line in _lines(counts.tallies["annotation", "split"])}
    pictured = {line.name: line.counts for line in _lines(counts.tallies["with_image", "split"])}
    nothing = (0,) * len(SPLITS)
    dense = by_split["dense"].counts if "dense" in by_split else nothing
    sizes = [sum(line.counts[i] for line in datasets) for i in range(len(SPLITS))]
    groups, with_image = counts.units["groups"], pictured.get(True, nothing)
    diagnoses = _diagnoses(counts)
    of_type = counts.tallies["dataset", "skin_type", "split"]
    total = {line.name: line.total for line in datasets}
    titles = [str(s.get("title")) for s in told.get("sources") or ()]
    return CorpusFacts(
        title=str(config.get("title") or " + ".join(titles or [str(line.name) for line in datasets])),
        cases=sum(sizes), groups=groups.distinct, images=counts.images, with_image=sum(with_image), dense=sum(dense),
        resolved=sum(line.total for line in diagnoses if line.name is not None),
        splits=tuple(zip(SPLITS, sizes, groups.by_split, dense, with_image, strict=True)),
        sources=_sources(counts, datasets, told.get("sources") or ()),
        overlaps=tuple((str(a), str(b), int(n)) for a, b, n in told.get("overlaps") or ()),
        held_out=tuple(
            next((line for line in datasets if line.name == name), Line(name, nothing)) for name in counts.company
        ),
        company=counts.company, units=counts.units, diagnoses=diagnoses,
        malignancies=_lines(counts.by("malignancy", "split", of=("diagnosis", "malignancy", "split")), MALIGNANCIES),
        modalities=_lines(counts.tallies["modality", "split"]),
        tree=label_tree({line.name: line.counts for line in diagnoses if line.name is not None}),
        labels=_labels(told.get("labels") or ()),
        unresolved=tuple(sorted(
            ((label, int(u["count"]), tuple(u["candidates"])) for label, u in (told.get("unresolved_labels") or {}).items()),
            key=lambda row: (-row[1], row[0]),
        )),
        concepts=concept_coverage(counts, None, sum(sizes)),
        concepts_in={name: found for name in total if (found := concept_coverage(counts, name, total[name]))},
        skin_types=_lines(counts.by("skin_type", "split", of=("dataset", "skin_type", "split")), range(1, 7), always=True),
        skin_types_in={
            name: tuple(sum(of_type[name, kind, split] for split in SPLITS) for kind in (*range(1, 7), None))
            for name in total
        },
        flags=tuple(sorted(((key[0], n) for key, n in counts.flags.items()), key=lambda row: (-row[1], row[0]))),
        rated=counts.rated,
        duplicates=read_duplicates(corpus), conflicts=read_conflicts(corpus),
        merged=(int(told.get("identical_images_merged") or 0), int(told.get("near_duplicates_merged") or 0)),
        excluded=told.get("excluded") or {}, bad_images=tuple(told.get("bad_images") or ()),
        notes=tuple(told.get("notes") or ()), config=config, command=_command(config),
        inputs={
            f"{name} ({Path(file['path']).name})": str(file["sha256"])
            for name, file in sorted((manifest.get("inputs") or {}).items())
        },
        versions=manifest.get("versions") or {}, revision=manifest.get("git_revision"), examples=counts.examples,
    )  # fmt: skip


def _lines(tally: Tally, order: Sequence[Any] = (), *, always: bool = False) -> tuple[Line, ...]:
    """(value, split) counts as lines: in `order`, else most cases first; None last. `always` keeps empty lines."""
    names = {name for name, _ in tally} | (set(order) | {None} if always else set())
    lines = [Line(name, tuple(tally[name, split] for split in SPLITS)) for name in names]
    place = {name: at for at, name in enumerate(order)}
    return tuple(sorted(lines, key=lambda x: (x.name is None, place.get(x.name, len(place)), -x.total, str(x.name))))


def _diagnoses(counts: Counts) -> tuple[Line, ...]:
    tally = counts.tallies["diagnosis", "malignancy", "split"]
    malignancy = {slug: kind for slug, kind, _ in sorted(tally, key=str)}
    lines = _lines(counts.by("diagnosis", "split", of=("diagnosis", "malignancy", "split")))
    return tuple(Line(line.name, line.counts, malignancy[line.name] or "") for line in lines)


def _sources(counts: Counts, datasets: Sequence[Line], told: Sequence[Mapping[str, Any]]) -> tuple[SourceFacts, ...]:
    """In the order of the manifest; a corpus that no `data build` wrote is told by its cases."""
    lines = {str(line.name): line for line in datasets}
    known = {str(s["dataset"]): s for s in told}
    out = []
    for name in (*known, *sorted(lines.keys() - known.keys())):
        said = known.get(name, {})
        licenses = sorted(
            (
                (str(terms), n)
                for (dataset, terms), n in counts.tallies["dataset", "license"].items()
                if dataset == name
            ),
            key=lambda row: (-row[1], row[0]),
        )
        out.append(
            SourceFacts(
                name, str(said.get("title") or name), str(said.get("license") or "; ".join(t for t, _ in licenses)),
                str(said.get("source") or ""), said.get("rows"), said.get("images"), said.get("images_absent"),
                lines.get(name, Line(name, (0,) * len(SPLITS))), tuple(licenses),
            )
        )  # fmt: skip
    return tuple(out)


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    out: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        out.setdefault(str(row.get("dataset", "")), []).append(row)
    return out


def _command(config: Mapping[str, Any]) -> str:
    """The build's command; empty where the manifest is not one of `data build`."""
    if not isinstance(config.get("datasets"), list):
        return ""
    words = ["skin-r1", "data", "build"]
    for each in config["datasets"]:
        name = str(each["adapter"])
        words += ["--dataset", name, "--root", f"data/{name}"]
    for option in OPTIONS:
        value = config.get(option)
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            words += [f"--{option}", str(each)]
    words += ["--skip_bad_images"] * bool(config.get("skip_bad_images"))
    return shlex.join([*words, "--out", "CORPUS"])
