"""Labels as found in the wild: most lead somewhere right, almost none astray, and none to the opposite malignancy."""

from collections import Counter

from benchmarks.resolve import LABELS, outcome, table
from skin_r1.ontology import load_ontology
from skin_r1.wording import read_tsv

TREE = load_ontology()


def test_labels_found_in_the_wild() -> None:
    counts = sum(table().values(), Counter[str]())
    assert counts.total() > 1200
    assert (counts["right"] + counts["none meant"]) / counts.total() >= 0.92
    assert counts["wrong"] / counts.total() <= 0.005
    assert counts["flipped"] == 0


def test_the_list_itself_names_known_nodes() -> None:
    for row in read_tsv(LABELS):
        assert all(slug == "none" or slug in TREE.nodes for slug in row["accepted"].split("|")), row


def test_outcomes_are_told_apart() -> None:
    assert outcome("nodular melanoma", "nodular-melanoma") == "right"
    assert outcome("melanoma", "nodular-melanoma") == "right"  # an ancestor
    assert outcome("nodular melanoma", "melanocytic-nevus") == "flipped"
    assert outcome("psoriasis", "eczema") == "wrong"
    assert outcome("r/o melanoma", "none") == "none meant"
    assert outcome("xyzzy", "eczema") == "unresolved"
