"""Mappings as SSSOM tables: proposals for a person to judge, the check of what was judged, and the whole as one file.

SSSOM is the exchange format of ontology mappings (Matentzoglu et al., Database 2022, doi 10.1093/database/baac035). A
proposal is never used: only a table whose rows a person curated, committed to `skin_r1/knowledge/mappings/`, decides.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.table import Row, read_table
from skin_r1.errors import UserError, problem
from skin_r1.labels import contradicts
from skin_r1.likeness import likeness
from skin_r1.mappings import NARROW
from skin_r1.ontology import load_ontology, normalize, resolve

PREFIX = "SKINR1:"
NOTHING = "sssom:NoTermFound"
CURATED = "semapv:ManualMappingCuration"
LEXICAL = "semapv:LexicalMatching"
LONGEST_CODE = 5  # letters; a dataset's code may look like another's abbreviation (ACD: a nevus in DERM12345)
PREDICATES = ("skos:exactMatch", "skos:broadMatch")
COLUMNS = ("subject_label", "subject_type", "predicate_id", "object_id", "mapping_justification", "comment")
HEAD = """\
# curie_map:
#   SKINR1: https://w3id.org/skin-r1/diagnosis/
#   semapv: https://w3id.org/semapv/vocab/
#   skos: http://www.w3.org/2004/02/skos/core#
#   sssom: https://w3id.org/sssom/
# mapping_set_id: https://w3id.org/skin-r1/mappings/{name}
# license: https://creativecommons.org/publicdomain/zero/1.0/
"""


def propose(labels: Sequence[str], out: Path, dataset: str | None) -> tuple[int, int]:
    """Write what could be meant by the labels that do not resolve, most alike first.

    Args:
        labels: as they stand in the dataset.
        out: an SSSOM table; for each label the diagnoses that it names or looks like, with a lexical score in [0, 1], and a
            last row that says that it means nothing. A person keeps one row a label and writes `CURATED` in it.
        dataset: whose codes apply.

    Returns:
        How many labels did not resolve, and how many rows were written.

    Raises:
        UserError: `out` exists: it may hold a person's work.
    """
    if out.exists():
        raise problem("the file exists, and may hold a person's work", file=out, next_step="choose another file")
    counts = Counter(labels)
    open_ones = [label for label in counts if resolve(label, dataset).match == "none"]
    tree = load_ontology()
    rows: list[tuple[str, ...]] = []
    for label in sorted(open_ones, key=lambda one: (-counts[one], one)):
        found = resolve(label, dataset)
        for slug in found.candidates:
            score = f"{likeness(label, slug):.2f}"
            why = f"{tree.name(slug)}, {tree.malignancy(slug)}; the label occurs {counts[label]} times"
            rows.append((label, "rdfs literal", "skos:exactMatch", PREFIX + slug, LEXICAL, score, why))
        rows.append(
            (label, "rdfs literal", "skos:exactMatch", NOTHING, LEXICAL, "", "if the label names no diagnosis")
        )
    header = (*COLUMNS[:5], "confidence", "comment")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_table(dataset or "proposals", header, rows), encoding="utf-8")
    return len(open_ones), len(rows)


def check(file: Path) -> tuple[int, list[UserError]]:
    """Check a curated table.

    Returns:
        The number of rows, and what is wrong with each: a diagnosis that does not exist, an unknown predicate, a row that
        nobody curated, a label twice, a label that names another diagnosis outright, or one whose words speak of
        another malignancy than the diagnosis has.

    Raises:
        UserError: the file cannot be read or lacks a column.
    """
    if not file.is_file():
        raise problem("the file does not exist", file=file, next_step="skin-r1 data resolve --propose writes one")
    rows = list(read_table(file, COLUMNS[:5], comment="#"))
    wrong: list[UserError] = []
    seen: dict[str, int] = {}
    for row in rows:
        wrong += _faults(row)
        if row.values["predicate_id"] == NARROW:
            continue  # what a label covers besides, not what it means
        key = normalize(row.values["subject_label"])
        if key in seen:
            text = f"used already in row {seen[key]}"
            wrong.append(row.wrong("subject_label", text, "each label once (spelling and case do not count)"))
        seen.setdefault(key, row.number)
    return len(rows), wrong


def _faults(row: Row) -> Iterator[UserError]:
    tree = load_ontology()
    label, target = row.values["subject_label"], row.values["object_id"]
    slug = target.removeprefix(PREFIX)
    if not label:
        yield row.wrong("subject_label", "blank", "the label as the dataset writes it")
    if row.values["predicate_id"] not in (*PREDICATES, NARROW):
        yield row.wrong("predicate_id", "unknown", " or ".join((*PREDICATES, NARROW)))
    if row.values["mapping_justification"] != CURATED:
        yield row.wrong("mapping_justification", "no person's word", CURATED)
    if target == NOTHING:
        return
    if not target.startswith(PREFIX) or slug not in tree.nodes:
        near = ", ".join(resolve(slug).candidates)
        yield row.wrong("object_id", "no diagnosis of the ontology", f"{NOTHING}, or {PREFIX}<slug>; near: {near}")
        return
    named = tree.lookup(label) if len(label) > LONGEST_CODE else None
    node = tree.nodes[slug]
    own = set(normalize(" ".join((node.name, *node.synonyms, *node.narrower))).split())
    rest = " ".join(word for word in normalize(label).split() if word not in own)
    if named and named != slug and slug not in tree.path(named):
        yield row.wrong("object_id", f"at odds with the label, which names {named}", f"{PREFIX}{named} or wider")
    elif contradicts(rest, tree.malignancy(slug)):
        yield row.wrong(
            "object_id",
            f"{tree.malignancy(slug)}, while the label's words speak of something else",
            "a diagnosis of that malignancy, or a synonym in diagnoses.tsv if the name misleads",
        )


def export(out: Path) -> int:
    """Write every committed name, synonym, wider term and dataset code as one SSSOM table; the number of rows."""
    from skin_r1.mappings import mappings

    tree = load_ontology()
    rows: list[tuple[str, ...]] = []
    for slug, node in tree.nodes.items():
        for text in (node.name, *node.synonyms):
            rows.append((text, "rdfs literal", PREDICATES[0], PREFIX + slug, CURATED, "diagnoses.tsv"))
        for text in node.narrower:
            rows.append((text, "rdfs literal", PREDICATES[1], PREFIX + slug, CURATED, "diagnoses.tsv"))
    for table in mappings().values():
        for text, (target, match, file) in table.items():
            predicate = PREDICATES[match == "broader"]
            rows.append((text, "rdfs literal", predicate, PREFIX + target if target else NOTHING, CURATED, file))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_table("all", COLUMNS, rows), encoding="utf-8")
    return len(rows)


def _table(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["\t".join(header)] + ["\t".join(cell.replace("\t", " ") for cell in row) for row in rows]
    return HEAD.format(name=name) + "\n".join(lines) + "\n"
