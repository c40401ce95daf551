"""Who is taken for whom: writes the tables behind `skin_r1.distill.differential.graph`.

- `--labels`: count `knowledge/colisted.tsv` anew: in how many cases of SCIN dermatologists named two diagnoses together.
  Only counts leave the dataset: no case, no identifier, and no pair that is named in fewer than three cases.
- always: `knowledge/differentials.tsv`, from the tree, the rules, the counted findings and `colisted.tsv`. Run it again
  whenever one of them changes; it takes seconds.

`docs/differentials.md` explains the weight. Example:
    python -m benchmarks.build_differentials
    python -m benchmarks.build_differentials --labels ../shared/data/labels/scin
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from math import prod, sqrt
from pathlib import Path

from benchmarks.differential_profiles import contrast, likeness, profiles
from skin_r1.distill.differential.graph import telling
from skin_r1.mappings import mappings
from skin_r1.ontology import load_ontology, resolve
from skin_r1.vocabulary import Expectation
from skin_r1.wording import KNOWLEDGE, read_tsv

SUBTYPES, SIBLINGS, COUSINS = 0.3, 0.2, 0.1
"""The tree's part: two kinds of one disease; the same shelf; the same family by different shelves."""
ORGANS = {
    "alopecia": "hair", "nail-disease": "nail", "onychomycosis": "nail", "nail-matrix-nevus": "nail",
    "oral-and-mucosal-disease": "mucosa", "mucosal-melanoma": "mucosa", "acral-nevus": "acral",
    "acral-lentiginous-melanoma": "acral", "tinea-nigra": "acral", "plantar-wart": "acral",
}  # fmt: skip
"""Node -> the place of all that lies at or below it; the rest is of the skin at large. Findings do not say where they are."""
ELSEWHERE = 0.5  # what likeness and contrast are worth between two places
COUNTED = 0.6  # what they are worth where one has no rule of its own: a few dozen images, in which little was marked
LEAST_CASES = 3  # cases with both before a pair is kept
LIKENESS = 0.6  # the most that likeness of findings alone can give: other diagnoses may share all the findings we name
CONTRAST = 0.55  # and the most that contrast alone can give
SHARED = 0.1  # likeness that makes half of a contrast count
FLOOR, MOST = 0.25, 10  # least weight of an edge; edges that a diagnosis keeps for itself
TELLS = 6  # findings in the file


def colisted(folder: Path) -> list[tuple[str, str, int, int, int]]:
    """(a, b, cases with both, cases with a, cases with b) of SCIN's weighted differentials; a before b."""
    from data_prep.adapters.scin import read

    tree = load_ontology()
    cases = {raw.lesion_id: raw.differential for raw in read(folder).rows}  # a case has a row for each of its images
    single: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for weights in cases.values():
        found = (resolve(label, "scin").diagnosis for label, _ in weights)
        slugs = {slug for slug in found if slug and tree.nodes[slug].level != "group"}
        single.update(slugs)
        both.update(pair for pair in combinations(sorted(slugs), 2) if not related(*pair))
    return [(a, b, count, single[a], single[b]) for (a, b), count in sorted(both.items()) if count >= LEAST_CASES]


def related(a: str, b: str) -> bool:
    """True for a diagnosis with itself, its ancestors and its descendants."""
    return a in load_ontology().path(b) or b in load_ontology().path(a)


@cache
def listed() -> Mapping[tuple[str, str], tuple[int, int, int]]:
    """(a, b) -> cases with both, with a, with b; from `knowledge/colisted.tsv`."""
    return {
        (row["a"], row["b"]): (int(row["both"]), int(row["a_cases"]), int(row["b_cases"]))
        for row in read_tsv(KNOWLEDGE / "colisted.tsv")
    }


def nodes() -> tuple[str, ...]:
    """Diagnoses, subtypes, and the families at which labels of datasets stop, in the order of the tree's file."""
    labeled = {slug for table in mappings().values() for slug, *_ in table.values()}
    labeled.update(slug for pair in listed() for slug in pair)
    fine = ("diagnosis", "subtype")
    levels = {slug: node.level for slug, node in load_ontology().nodes.items()}
    return tuple(slug for slug, level in levels.items() if level in fine or (level == "family" and slug in labeled))


def by_tree(a: str, b: str) -> tuple[float, str]:
    """The tree's part of the weight and its name; (0, "") for what shares no family."""
    tree = load_ontology()
    parents = (tree.nodes[a].parent, tree.nodes[b].parent)
    if parents[0] == parents[1] and parents[0] is not None and tree.nodes[parents[0]].level != "group":
        kinds = tree.nodes[parents[0]].level == "diagnosis"
        return (SUBTYPES, "tree:subtypes") if kinds else (SIBLINGS, "tree:siblings")
    shared = set(tree.ancestors(a)) & set(tree.ancestors(b))
    return (COUSINS, "tree:family") if any(tree.nodes[slug].level == "family" for slug in shared) else (0.0, "")


def by_lists(a: str, b: str) -> tuple[float, str]:
    """The part of being named together, and its name: the root of the cosine of the two sets of cases."""
    if (both_each := listed().get((min(a, b), max(a, b)))) is None:
        return 0.0, ""
    both, first, second = both_each
    fewer, more = sorted((first, second))
    cosine = Expectation(both, fewer, "").interval()[0] * sqrt(fewer / more)
    return sqrt(cosine), f"listed:{both}/{first + second - both}"


def edges() -> list[tuple[str, str, float, tuple[str, ...]]]:
    """(a, b, weight, why) of every pair that is kept, a before b, in the order of the slugs."""
    tree, slugs = load_ontology(), nodes()
    seen = profiles(slugs)
    alike, denied = likeness(seen), contrast(seen)
    own = [bool(row.any()) for row in seen.ruled]
    organs = [next((ORGANS[node] for node in tree.path(slug) if node in ORGANS), "skin") for slug in slugs]
    found: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}
    for i, j in combinations(range(len(slugs)), 2):
        a, b = sorted((slugs[i], slugs[j]))
        if related(a, b):
            continue
        x, y, same = float(alike[i, j]), float(denied[i, j]), organs[i] == organs[j]
        worth = (1.0 if same else ELSEWHERE) * (1.0 if own[i] and own[j] else COUNTED)
        shared = 1.0 if same and organs[i] != "skin" else x / (SHARED + x)  # they share their place
        parts = (
            by_tree(a, b),
            (worth * LIKENESS * x, f"findings:{x:.2f}"),
            (worth * CONTRAST * y * shared, f"contrast:{y:.2f}"),
            by_lists(a, b),
        )
        weight = 1 - prod(1 - part for part, _ in parts)
        if weight >= FLOOR:
            found[a, b] = round(weight, 3), tuple(why for part, why in parts if part >= 0.01)
    best: dict[str, list[tuple[float, str, str]]] = {slug: [] for slug in slugs}
    for (a, b), (weight, _) in found.items():
        for end in (a, b):
            best[end].append((-weight, a, b))
    kept = {(a, b) for pairs in best.values() for _, a, b in sorted(pairs)[:MOST]}
    return [(a, b, *found[a, b]) for a, b in sorted(kept)]


def write(path: Path, note: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; a failure leaves the old one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        stream.write(note + "\t".join(header) + "\n")
        stream.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    os.replace(partial, path)
    print(f"wrote {path}")


COLISTED = """\
# In how many cases of SCIN dermatologists named both diagnoses, and each of them: `both`, `a_cases`, `b_cases` (cases with
# either: a_cases + b_cases - both). Derived counts: no case and no identifier, no pair named together in fewer than 3 cases.
# Adapted from SCIN (Ward2024 in SOURCES.md), https://github.com/google-research-datasets/scin, and subject to the SCIN Data
# Use License there (LICENSE; as is, without warranties); modified: labels resolved to our diagnoses, and counted.
# Made by benchmarks/build_differentials.py --labels.
"""
DIFFERENTIALS = """\
# Which diagnoses are taken for one another, and the findings that tell them apart best (finding>the diagnosis it favors).
# Made by benchmarks/build_differentials.py from the tree, the rules, the counts and colisted.tsv; do not edit.
# `why` holds the parts of the weight: docs/differentials.md.
"""


def differentials() -> list[tuple[str, str, str, str, str]]:
    """Rows of `knowledge/differentials.tsv`: a, b, weight, why, tells."""
    return [
        (a, b, f"{weight:.3f}", "|".join(why), "|".join(f"{t.finding}>{t.favors}" for t in telling(a, b)[:TELLS]))
        for a, b, weight, why in edges()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Count and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, help="folder of SCIN's scin_cases.csv and scin_labels.csv")
    args = parser.parse_args(argv)
    if args.labels:
        write(KNOWLEDGE / "colisted.tsv", COLISTED, ("a", "b", "both", "a_cases", "b_cases"), colisted(args.labels))
        listed.cache_clear()
    rows = differentials()
    write(KNOWLEDGE / "differentials.tsv", DIFFERENTIALS, ("a", "b", "weight", "why", "tells"), rows)
    ends = {slug for a, b, *_ in rows for slug in (a, b)}
    told = sum(bool(row[4]) for row in rows)
    print(f"{len(rows)} edges between {len(ends)} of {len(nodes())} diagnoses; {told} have a finding that tells")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
