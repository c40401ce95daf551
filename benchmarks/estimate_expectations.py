"""Count how often each finding was annotated for each diagnosis; writes `skin_r1/knowledge/expectations.tsv`.

Only counts leave the datasets: no image, no row, no identifier. SkinCon is joined to Fitzpatrick17k on the image's
MD5; rows marked "Do not consider this image" and labels that Fitzpatrick17k's reviewers called wrong are left out.
In Derm7pt each criterion is annotated for every case, so a value that was not chosen counts as not seen. A case
counts for its diagnosis and for each node above it up to the family, so that "melanoma" pools the thicknesses.

Example:
    python benchmarks/estimate_expectations.py --labels ../shared/data/labels
"""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from skin_r1.concepts import concept_codes
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology, resolve
from skin_r1.wording import KNOWLEDGE

# Keys of knowledge/SOURCES.md.
SKINCON = "Daneshjou2022+Groh2021"
DERM7PT = "Kawahara2019"


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


def main(argv: Sequence[str] | None = None) -> int:
    """Estimate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True, help="folder of the label tables")
    parser.add_argument("--out", type=Path, default=KNOWLEDGE / "expectations.tsv", help="table to write")
    args = parser.parse_args(argv)
    sources = (("skincon", SKINCON, skincon(args.labels)), ("derm7pt", DERM7PT, derm7pt(args.labels)))
    partial = args.out.with_name(args.out.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        stream.write(
            "# Counts only: in `positives` of `total` annotated images the finding was marked. A node counts its\n"
        )
        stream.write("# subtypes too. Zeros are kept: looked for, never seen. Sources are keys of SOURCES.md.\n")
        stream.write("# Made by benchmarks/estimate_expectations.py.\n")
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(("diagnosis", "concept", "positives", "total", "source"))
        for name, source, rows in sources:
            codes = concept_codes(name)
            positives, totals = count(rows, codes)
            for slug in sorted(totals):
                for concept in dict.fromkeys(codes.values()):
                    writer.writerow((slug, concept, positives[slug, concept], totals[slug], source))
    os.replace(partial, args.out)
    print(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
