"""Count how often each finding goes with each diagnosis; writes the tables that `skin_r1.vocabulary` reads.

Only counts leave the datasets: no image, no row, no identifier. A case counts for its diagnosis and for each node above
it up to the family, so that "melanoma" pools the thicknesses.

- `--labels`: `knowledge/expectations.tsv`, what people marked. SkinCon is joined to Fitzpatrick17k on the image's MD5;
  rows marked "Do not consider this image" and labels that Fitzpatrick17k's reviewers called wrong are left out. In
  Derm7pt each criterion is annotated for every case, so a value that was not chosen counts as not seen.
- `--measured`: `knowledge/measured.tsv`, what `skin_r1.lesion.measure` found on the lesions of a built HAM10000 corpus.
  An image counts for a finding only where it could be measured.
- `--summary`: print the vocabularies and how much is known of each, and write nothing.

Example:
    python -m benchmarks.estimate_expectations --labels ../shared/data/labels
    skin-r1 data build --dataset ham10000 --root ../shared/data/ham10000 --out corpora/ham10000
    python -m benchmarks.estimate_expectations --measured corpora/ham10000
    python -m benchmarks.estimate_expectations --summary
"""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from skin_r1.concepts import concept_codes, expectations, load_concepts, measured_expectations
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology, resolve
from skin_r1.vocabulary import Vocabulary
from skin_r1.wording import KNOWLEDGE

# Keys of knowledge/SOURCES.md.
SKINCON = "Daneshjou2022+Groh2021"
DERM7PT = "Kawahara2019"
HAM10000 = "Tschandl2018+measured"

Counted = tuple[str, str, int, int, str]
"""A row of a table: diagnosis, concept, positives, total, source."""
NOTE = """\
# Counts only: in `positives` of `total` {kind} images the finding was {seen}. A node counts its
# subtypes too. Zeros are kept: looked for, never seen. Sources are keys of SOURCES.md.
# Made by benchmarks/estimate_expectations.py.
"""


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    if not path.exists():
        raise problem("A label table is missing", file=path, next_step="give its folder with --labels")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def skincon(folder: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(diagnosis slug, annotation row) of every usable SkinCon image."""
    labels = {row["md5hash"]: row for row in read_csv(folder / "fitzpatrick17k.csv")}
    for row in read_csv(folder / "skincon_annotations_fitzpatrick17k.csv"):
        label = labels.get(Path(row["ImageID"]).stem)
        if row["Do not consider this image"] == "1" or label is None or label["qc"] == "3 Wrongly labelled":
            continue
        if slug := resolve(label["label"], "fitzpatrick17k").diagnosis:
            yield slug, row


def derm7pt(folder: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(diagnosis slug, criteria row) of every Derm7pt case with one diagnosis."""
    for row in read_csv(folder / "derm7pt_meta.csv"):
        if slug := resolve(row["diagnosis"], "derm7pt").diagnosis:
            yield slug, row


def count(
    rows: Iterable[tuple[str, Mapping[str, str]]], codes: Mapping[tuple[str, str], str]
) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Images per (diagnosis, concept) and per diagnosis; a case also counts for the nodes above, but for groups."""
    tree = load_ontology()
    positives: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    for slug, row in rows:
        nodes = [node for node in tree.path(slug) if tree.nodes[node].level != "group"]
        seen = [concept for (column, value), concept in codes.items() if row[column] == value]
        totals.update(nodes)
        positives.update((node, concept) for node in nodes for concept in seen)
    return positives, totals


def annotated(labels: Path) -> Iterator[Counted]:
    """Rows of `expectations.tsv`, from the label tables in the folder `labels`."""
    for name, source, rows in (("skincon", SKINCON, skincon(labels)), ("derm7pt", DERM7PT, derm7pt(labels))):
        codes = concept_codes(name)
        positives, totals = count(rows, codes)
        for slug in sorted(totals):
            for concept in dict.fromkeys(codes.values()):
                yield slug, concept, positives[slug, concept], totals[slug], source


def measured(corpus: Path) -> Iterator[Counted]:
    """Rows of `measured.tsv`, from all splits of a corpus that `skin-r1 data build` wrote."""
    from pyarrow import parquet

    tree = load_ontology()
    positives: Counter[tuple[str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    files = sorted(corpus.glob("*/*.parquet"))
    columns = ["diagnosis", "concept_source", "concepts_present", "concepts_absent"]
    for row in (row for file in files for row in parquet.read_table(file, columns=columns).to_pylist()):
        if row["diagnosis"] is None or row["concept_source"] != "measured":
            continue
        nodes = [node for node in tree.path(row["diagnosis"]) if tree.nodes[node].level != "group"]
        known = row["concepts_present"] + row["concepts_absent"]
        positives.update((node, concept) for node in nodes for concept in row["concepts_present"])
        totals.update((node, concept) for node in nodes for concept in known)
    if not totals:
        raise problem(
            "The corpus has no measured finding", file=corpus, next_step="build one from a dataset with masks"
        )
    order = list(load_concepts())
    for slug, concept in sorted(totals, key=lambda pair: (pair[0], order.index(pair[1]))):
        yield slug, concept, positives[slug, concept], totals[slug, concept], HAM10000


def write(path: Path, note: str, rows: Iterable[Counted]) -> None:
    """Write a table; a failure leaves the old one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        stream.write(note)
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(("diagnosis", "concept", "positives", "total", "source"))
        writer.writerows(rows)
    os.replace(partial, path)
    print(f"wrote {path}")


def summary() -> str:
    """A table of the vocabularies: concepts, those taken from it first, exclusive pairs, counted pairs."""
    concepts = load_concepts()
    lines = [
        f"{'vocabulary':<16}{'concepts':>10}{'of its own':>12}{'exclusions':>12}{'annotated':>11}{'measured':>10}"
    ]
    for name in (*get_args(Vocabulary), None):
        members = {slug for slug, concept in concepts.items() if name is None or name in concept.vocabulary}
        own = [slug for slug in members if name in (None, concepts[slug].vocabulary[0])]
        pairs = {frozenset((slug, other)) for slug in members for other in concepts[slug].excludes}
        seen = [sum(concept in members for _, concept in table) for table in (expectations(), measured_expectations())]
        lines.append(
            f"{name or 'all':<16}{len(members):>10}{len(own):>12}{len(pairs):>12}{seen[0]:>11,}{seen[1]:>10,}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Estimate and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, help="folder of the label tables of SkinCon and Derm7pt")
    parser.add_argument("--measured", type=Path, metavar="CORPUS", help="corpus built from HAM10000 with its masks")
    parser.add_argument("--summary", action="store_true", help="print the vocabularies")
    parser.add_argument("--out", type=Path, default=KNOWLEDGE, help="folder of the tables")
    args = parser.parse_args(argv)
    if not (args.labels or args.measured or args.summary):
        parser.error("give --labels, --measured or --summary")
    if args.labels:
        write(args.out / "expectations.tsv", NOTE.format(kind="annotated", seen="marked"), annotated(args.labels))
    if args.measured:
        write(args.out / "measured.tsv", NOTE.format(kind="measured", seen="found"), measured(args.measured))
    if args.summary:
        print(summary())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
