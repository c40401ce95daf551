"""Cross-references: well-formed, one node each, not across malignancy, and each in its source under its label."""

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks.match_xrefs import (
    EXTRACT,
    PREFIXES,
    REJECTED,
    XREFS,
    count,
    doid_labels,
    icd11_terms,
    key,
    mondo_labels,
    names,
    propose,
)
from skin_r1.ontology import load_ontology, resolve
from skin_r1.wording import KNOWLEDGE, read_tsv

TREE = load_ontology()
ROWS = list(read_tsv(XREFS))
LEFT_OUT = list(read_tsv(KNOWLEDGE / "isic_left_out.tsv"))
SOURCES = (KNOWLEDGE / "SOURCES.md").read_text(encoding="utf-8")
FORMS = {
    "DOID": re.compile(r"DOID:\d{1,7}"),
    "MONDO": re.compile(r"MONDO:\d{7}"),
    "ICD11": re.compile(r"ICD11:\d{6,10}"),
    "ISIC": re.compile(r"ISIC:(Benign|Malignant|Indeterminate)(:[^:|\t]+)*"),
}
HELD_BY = {"DOID": {"DOID"}, "MONDO": {"Mondo", "MondoOther"}, "ICD11": {"Mondo"}, "ISIC": {"ISIC"}}
CANCER = re.compile(r"(?<!pseudo)(carcinoma|melanoma|lymphoma|sarcoma|leukemia)s?\b|\b(cancer|malignant neoplasm)\b")

# The same disease under a name that shares no word with ours; each was read.
OTHER_NAMES = {
    "DOID:4394",  # reticulohistiocytic granuloma
    "MONDO:0002984",
    "DOID:4265",  # angiomyoma
    "DOID:5569",  # malignant syringoma: microcystic adnexal carcinoma
    "MONDO:0003519",
    "DOID:1906",  # malignant fibrous histiocytoma of skin: pleomorphic dermal sarcoma
    "DOID:5233",  # glomangiosarcoma
    "MONDO:0004712",  # herpes simplex dermatitis: eczema herpeticum
    "DOID:9903",  # meibomian cyst: chalazion
    "DOID:3141",  # mucinoses
    "DOID:8771",  # contagious pustular dermatitis: orf
    "MONDO:0005717",
    "DOID:13368",  # tinea profunda: Majocchi granuloma
}


@pytest.fixture(scope="session")
def ontologies(real_data: Path) -> Path:
    folder = real_data / "ontology"
    needed = (
        "HumanDO.tsv",
        "isic_diagnosis_paths.txt",
        "mondo_exactmatch_doid.sssom.tsv",
        "mondo_exactmatch_icd11.foundation.sssom.tsv",
    )
    missing = [name for name in needed if not (folder / name).exists()]
    if missing:
        pytest.skip(f"sources of cross-references are not in {folder}: {', '.join(missing)}")
    return folder


def prefix(row: dict[str, str]) -> str:
    return row["id"].partition(":")[0]


def test_every_row_is_well_formed_and_says_where_it_comes_from() -> None:
    for row in ROWS:
        assert set(row) == {"diagnosis", "id", "label", "source", "via"} and row["diagnosis"] in TREE.nodes, row
        assert FORMS[prefix(row)].fullmatch(row["id"]), row
        assert row["source"] in HELD_BY[prefix(row)] and f"\n| {row['source']} |" in SOURCES, row
        assert bool(row["label"]) == (prefix(row) in ("DOID", "MONDO")), row
        assert bool(FORMS["MONDO"].fullmatch(row["via"])) == (prefix(row) == "ICD11"), row


def test_the_tree_carries_exactly_the_table() -> None:
    table = defaultdict(list)
    for row in ROWS:
        table[row["diagnosis"]].append(row["id"])
    assert {slug: list(node.xrefs) for slug, node in TREE.nodes.items() if node.xrefs} == table
    order = list(TREE.nodes)
    keys = [(order.index(r["diagnosis"]), PREFIXES.index(prefix(r)), r["id"]) for r in ROWS]
    assert keys == sorted(keys)
    assert not any("xrefs" in row for row in read_tsv(KNOWLEDGE / "diagnoses.tsv"))


def test_no_id_is_on_two_nodes_and_no_node_has_two_of_a_disease_ontology() -> None:
    assert [each for each, times in Counter(row["id"] for row in ROWS).items() if times > 1] == []
    per_node = Counter((row["diagnosis"], prefix(row)) for row in ROWS if prefix(row) != "ISIC")
    assert [each for each, times in per_node.items() if times > 1] == []


def test_no_cancer_sits_on_a_benign_node_and_no_benign_term_on_a_cancer() -> None:
    judged = 0
    for row in ROWS:
        malignancy, label = TREE.malignancy(row["diagnosis"]), row["label"].casefold()
        if CANCER.search(label) and "syndrome" not in label:
            assert malignancy in ("malignant", "premalignant"), row
            judged += 1
        if re.search(r"\b(benign|nevus|adenoma|papilloma|lipoma)\b", label):
            assert malignancy != "malignant", row
    assert judged >= 80


@pytest.mark.parametrize(
    ("label", "cancer"),
    [
        ("skin angiosarcoma", True),
        ("Merkel cell carcinoma", True),
        ("adult T-cell leukemia/lymphoma", True),
        ("cutaneous pseudolymphoma", False),
        ("melanoacanthoma", False),
        ("sarcoidosis", False),
    ],
)
def test_words_of_cancer(label: str, cancer: bool) -> None:
    assert bool(CANCER.search(label)) == cancer


def test_isic_roots_agree_with_the_malignancy_of_the_node() -> None:
    kept = {
        "Benign": {"benign", "non-neoplastic", "indeterminate"},
        "Indeterminate": {"indeterminate", "premalignant"},
        "Malignant": {"malignant", "premalignant"},
    }
    for path, slug in TREE.isic_paths.items():
        assert TREE.malignancy(slug) in kept[path.split(":")[0]], (path, slug)


def test_a_label_shares_a_word_with_its_node_or_was_read() -> None:
    strangers = set()
    for row in (row for row in ROWS if row["label"]):
        node = TREE.nodes[row["diagnosis"]]
        if not any(key(row["label"]) & key(text) for text in (node.name, *node.synonyms)):
            strangers.add(row["id"])
    assert strangers == OTHER_NAMES, strangers ^ OTHER_NAMES


def test_paths_left_out_have_a_reason_and_still_resolve_to_a_wider_node() -> None:
    for row in LEFT_OUT:
        assert row["reason"] and row["path"] not in TREE.isic_paths, row
        found = resolve(row["path"])
        assert (found.diagnosis, found.match) == (row["nearest"], "broader"), (row, found)


def test_a_rejected_pair_is_not_in_the_table() -> None:
    rejected = {(row["diagnosis"], row["id"]) for row in read_tsv(REJECTED)}
    assert all(row["reason"] and row["diagnosis"] in TREE.nodes for row in read_tsv(REJECTED))
    assert rejected & {(row["diagnosis"], row["id"]) for row in ROWS} == set()


def test_the_extract_is_the_one_stated_and_holds_what_it_must() -> None:
    assert hashlib.sha256(EXTRACT.read_bytes()).hexdigest() in SOURCES
    held = {row["id"]: row["label"] for row in read_tsv(EXTRACT)}
    assert held == {row["id"]: row["label"] for row in ROWS if row["source"] == "MondoOther"}


def test_counts_are_those_of_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "ontology.md").read_text(encoding="utf-8")
    assert count() in docs


def test_every_doid_exists_with_its_label(ontologies: Path) -> None:
    labels = doid_labels(ontologies)
    assert {r["id"]: r["label"] for r in ROWS if prefix(r) == "DOID"}.items() <= labels.items()


def test_every_mondo_id_exists_with_its_label(ontologies: Path) -> None:
    labels = mondo_labels(ontologies)
    assert {r["id"]: r["label"] for r in ROWS if r["source"] == "Mondo" and r["label"]}.items() <= labels.items()
    assert not labels.keys() & {r["id"] for r in ROWS if r["source"] == "MondoOther"}


def test_every_icd11_id_exists_through_its_mondo_term(ontologies: Path) -> None:
    terms = icd11_terms(ontologies)
    for row in (r for r in ROWS if prefix(r) == "ICD11"):
        assert row["via"] in terms[row["id"]], row
        mondo = {r["id"] for r in ROWS if r["diagnosis"] == row["diagnosis"] and prefix(r) == "MONDO"}
        # Mondo tells Paget disease of the breast from that of the nipple; ICD-11 has the nipple only.
        assert mondo == {row["via"]} or row["diagnosis"] == "mammary-paget-disease", row


def test_every_isic_path_is_on_one_node_or_left_out(ontologies: Path) -> None:
    paths = (ontologies / "isic_diagnosis_paths.txt").read_text(encoding="utf-8").splitlines()
    used = [row["id"][5:] for row in ROWS if prefix(row) == "ISIC"] + [row["path"] for row in LEFT_OUT]
    assert len(paths) == 418 and Counter(used) == Counter(paths)


def test_no_shared_name_is_left_unread(ontologies: Path) -> None:
    assert list(propose(names(ontologies, None, ()))) == []


def test_proposals_are_found_by_name(ontologies: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing rejected, the pairs once read come back: the silence above is review, not blindness."""
    nothing = tmp_path / "rejected.tsv"
    nothing.write_text("diagnosis\tid\tlabel\treason\n", encoding="utf-8")
    monkeypatch.setattr("benchmarks.match_xrefs.REJECTED", nothing)
    found = {(slug, term) for slug, term, *_ in propose(names(ontologies, None, ()))}
    assert ("leukemia-cutis", "DOID:1240") in found and len(found) >= 20


def test_malignancy_is_decided_at_or_above_each_leaf_and_never_undone() -> None:
    for slug, node in TREE.nodes.items():
        deciders = [each for each in TREE.path(slug) if TREE.nodes[each].malignancy]
        assert deciders, slug
        assert TREE.malignancy(slug) == TREE.nodes[deciders[-1]].malignancy
        if node.malignancy:
            assert TREE.malignancy(slug) == node.malignancy
