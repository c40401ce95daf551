"""Propose, check and count the cross-references of diagnoses (`skin_r1/knowledge/xrefs.tsv`).

A proposal is a shared name and no more: a person reads each pair, and only pairs of the same meaning are written into
the table (same organ, same malignancy, neither a parent nor a kind); the others go to `xrefs_rejected.tsv`. Names are
compared as sets of words after `normalize`, without words that every dermatology term may carry.

Folders: `--data` holds `HumanDO.tsv` and the two Mondo tables of the Disease Ontology and ICD-11; `--mondo` all
`mondo_exactmatch_*.sssom.tsv` of the same Mondo release; `--synonyms` Disease Ontology subsets in OBO form.

Example:
    python -m benchmarks.match_xrefs count
    python -m benchmarks.match_xrefs propose --data ../shared/data/ontology
    python -m benchmarks.match_xrefs extract --data ../shared/data/ontology --mondo mondo/src/ontology/mappings
"""

import argparse
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.wording import KNOWLEDGE, normalize, read_tsv

XREFS = KNOWLEDGE / "xrefs.tsv"
EXTRACT = Path(__file__).parent / "mondo_terms.tsv"
REJECTED = Path(__file__).parent / "xrefs_rejected.tsv"
TABLES = ("ncit", "mesh", "omim", "orphanet", "icd10cm", "medgen")  # the first that holds a term is named
PREFIXES = ("DOID", "MONDO", "ICD11", "ISIC")
_COMMON = frozenset("a and by cutaneous disease due in of skin the to type".split())
_SYNONYM = re.compile(r'synonym: "(.*?)" EXACT')


def key(text: str) -> frozenset[str]:
    """The words by which two names are compared."""
    words = frozenset(normalize(text).split())
    return words - _COMMON or words


def rows(path: Path) -> list[dict[str, str]]:
    """Rows of a tab-separated source; raises UserError where the file is missing."""
    if not path.exists():
        raise problem("A source of cross-references is missing", file=path, next_step="give its folder")
    return list(read_tsv(path))


def doid_labels(data: Path) -> dict[str, str]:
    """Disease Ontology id -> label."""
    return {row["id"]: row["label"] for row in rows(data / "HumanDO.tsv")}


def mondo_labels(data: Path) -> dict[str, str]:
    """Mondo id -> label, of every term that has a Disease Ontology or an ICD-11 match."""
    tables = (data / f"mondo_exactmatch_{name}.sssom.tsv" for name in ("doid", "icd11.foundation"))
    return {row["subject_id"]: row["subject_label"] for table in tables for row in rows(table)}


def icd11_terms(data: Path) -> dict[str, set[str]]:
    """ICD-11 foundation id (`ICD11:...`) -> Mondo terms that match it exactly."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows(data / "mondo_exactmatch_icd11.foundation.sssom.tsv"):
        found[row["object_id"].replace("icd11.foundation:", "ICD11:")].add(row["subject_id"])
    return found


def names(data: Path, mondo: Path | None, synonyms: Iterable[Path]) -> Iterator[tuple[str, str, str]]:
    """(id, label, one name of the term) from every source given."""
    labels = doid_labels(data)
    yield from ((term, label, label) for term, label in labels.items())
    folders = {path.name: path for folder in (mondo, data) if folder for path in folder.glob("mondo_exactmatch_*.tsv")}
    for path in map(folders.__getitem__, sorted(folders)):
        for row in read_tsv(path):
            for text in (row["subject_label"], row.get("object_label") or ""):
                yield row["subject_id"], row["subject_label"], text
    for path in synonyms:
        term = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            term = line[4:].strip() if line.startswith("id: ") else term
            if term in labels and (match := _SYNONYM.match(line)):
                yield term, labels[term], match[1]


def propose(terms: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str, str, str]]:
    """(slug, id, label, name of ours, name of theirs) for nodes without DOID and MONDO id; never a pair once rejected."""
    rejected = {(row["diagnosis"], row["id"]) for row in read_tsv(REJECTED)}
    found: dict[frozenset[str], dict[str, tuple[str, str]]] = defaultdict(dict)
    for term, label, text in terms:
        if words := key(text):
            found[words].setdefault(term, (label, text))
    for slug, node in load_ontology().nodes.items():
        if node.level in ("group", "family") or any(x.startswith(("DOID:", "MONDO:")) for x in node.xrefs):
            continue
        for ours in (node.name, *node.synonyms):
            for term, (label, theirs) in found.get(key(ours), {}).items():
                if (slug, term) not in rejected:
                    yield slug, term, label, ours, theirs


def extract(data: Path, mondo: Path) -> str:
    """Text of `mondo_terms.tsv`: where each Mondo term that `--data` does not hold is to be found."""
    here = mondo_labels(data)
    wanted = {row["id"]: row for row in read_tsv(XREFS) if row["id"].startswith("MONDO:") and row["id"] not in here}
    lines, used = [], []
    for name in TABLES:
        path = mondo / f"mondo_exactmatch_{name}.sssom.tsv"
        held = {row["subject_id"]: row["subject_label"] for row in rows(path)}
        taken = sorted(set(wanted) & set(held))
        used += [f"# {path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n"] if taken else []
        lines += [f"{term}\t{held[term]}\t{name}\n" for term in taken]
        wanted = {term: row for term, row in wanted.items() if term not in held}
    if wanted:
        raise problem("Mondo terms are in no table", file=XREFS, column="id", found=sorted(wanted), allowed=TABLES)
    head = "# Mondo terms of knowledge/xrefs.tsv without a Disease Ontology or ICD-11 match, and the table that holds each.\n"
    return head + "".join(used) + "id\tlabel\ttable\n" + "".join(lines)


def count() -> str:
    """How many diagnoses and subtypes have an id of each source, as a table."""
    nodes = [node for node in load_ontology().nodes.values() if node.level in ("diagnosis", "subtype")]
    rows_of = Counter(row["id"].partition(":")[0] for row in read_tsv(XREFS))
    out = ["source          ids  diagnoses   share"]
    for title, prefixes in (*((name, (name,)) for name in PREFIXES), ("DOID or MONDO", ("DOID", "MONDO"))):
        have = sum(any(x.startswith(tuple(f"{p}:" for p in prefixes)) for x in node.xrefs) for node in nodes)
        out.append(f"{title:13} {sum(rows_of[p] for p in prefixes):5} {have:10} {have / len(nodes):7.1%}")
    left = sum(1 for _ in read_tsv(KNOWLEDGE / "isic_left_out.tsv"))
    return "\n".join(
        [*out, f"of {len(nodes)} diagnoses and subtypes; {left} ISIC paths are left out, each with a reason"]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("count", "propose", "extract"))
    parser.add_argument("--data", type=Path, help="folder of HumanDO.tsv and the Mondo tables")
    parser.add_argument("--mondo", type=Path, help="folder of all exact-match tables of Mondo")
    parser.add_argument("--synonyms", type=Path, nargs="*", default=[], help="OBO files of the Disease Ontology")
    args = parser.parse_args(argv)
    if args.step != "count" and args.data is None or args.step == "extract" and args.mondo is None:
        parser.error("propose needs --data; extract needs --data and --mondo")
    if args.step == "count":
        print(count())
    elif args.step == "propose":
        print("diagnosis\tid\tlabel\tname\tmatched")
        for found in propose(names(args.data, args.mondo, args.synonyms)):
            print("\t".join(found))
    else:
        EXTRACT.write_text(extract(args.data, args.mondo), encoding="utf-8", newline="\n")
        print(f"wrote {EXTRACT} sha256 {hashlib.sha256(EXTRACT.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
