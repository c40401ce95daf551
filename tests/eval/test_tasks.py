"""What each task asks and shows: the prompt of the open diagnosis to the letter, hard options, no order that tells."""

import random
from collections import Counter

import pytest

from eval.tasks import TASKS, WORDS, applies, families, look_alikes, messages, options_for
from skin_r1.concepts import concept_name
from skin_r1.differentials import neighbors
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for

ROW = {
    "case_id": "x/1",
    "modality": "dermoscopic",
    "history": "It bled.",
    "diagnosis": "melanoma",
    "malignancy": "malignant",
    "differential": [],
    "concepts_present": ["ulcer", "papule"],
    "concepts_absent": ["scale", "macule", "nodule"],
}
BARE = {**ROW, "diagnosis": None, "malignancy": None, "concepts_present": [], "concepts_absent": []}


def test_the_open_diagnosis_is_asked_as_in_training():
    for history in (None, "", "It bled."):
        row = {**ROW, "history": history}
        assert messages("diagnosis", row, ()) == messages_for(row)


@pytest.mark.parametrize("task", [name for name in TASKS if name != "diagnosis"])
def test_a_prompt_shows_its_options_by_name_and_what_is_known(task):
    options = options_for(task, ROW, place=0)
    (message,) = messages(task, ROW, options)
    text = message["content"]
    assert message["role"] == "user" and text.startswith("This is a dermoscopic image") and "It bled." in text
    assert "{" not in text and "  " not in text
    lines = text.splitlines()
    for number, option in enumerate(options):
        mark = "ABCD"[number] if task == "choice" else str(number + 1)
        nodes = load_ontology().nodes
        name = concept_name(option) if task == "concepts" else nodes[option].name if option in nodes else option
        assert f"{mark}. {name}" in lines
    assert "Experts" not in text and (options or "melanoma" not in text)


def test_which_cases_a_task_asks():
    assert {task for task in TASKS if applies(task, BARE)} == {"diagnosis", "report"}
    assert all(applies(task, ROW) for task in TASKS)
    assert applies("differential", {**BARE, "differential": [{"diagnosis": "melanoma", "weight": 1.0}]})
    assert not applies("malignancy", {**ROW, "malignancy": "indeterminate"})
    assert not applies("hierarchy", {**ROW, "diagnosis": "melanocytic-malignancy"}), "the truth is a family itself"


def test_the_letters_of_the_right_answer_are_balanced_and_seeded():
    rows = [{**ROW, "case_id": f"x/{i}"} for i in range(40)]
    for choices in (2, 4, 5):
        shown = [options_for("choice", row, place=i, choices=choices, seed=3) for i, row in enumerate(rows)]
        counts = Counter(options.index("melanoma") for options in shown)
        assert counts == dict.fromkeys(range(choices), 40 // choices)
        assert all(len(set(options)) == choices for options in shown) and len({*shown}) > choices
    again = [options_for("choice", row, place=i, choices=5, seed=3) for i, row in enumerate(rows)]
    assert again == shown
    assert [options_for("choice", row, place=i, choices=5, seed=4) for i, row in enumerate(rows)] != shown


def test_wrong_options_are_wrong_for_every_diagnosis():
    tree = load_ontology()
    for truth in tree.nodes:
        drawn = look_alikes(truth, 9, random.Random(0))
        assert len(set(drawn)) == 9
        assert {tree.nodes[slug].level for slug in drawn} <= {"diagnosis", "subtype"}
        options = {truth, *drawn}
        assert all(options & {*tree.ancestors(slug)} == set() for slug in options), "none holds another"


def test_wrong_options_are_hard():
    """A melanoma's are what is taken for one, benign nevi among them, though the tree keeps them far apart."""
    tree = load_ontology()
    drawn = [slug for seed in range(30) for slug in look_alikes("melanoma", 3, random.Random(seed))]
    near = Counter(drawn)
    assert near.keys() <= {edge.b for edge in neighbors("melanoma")[:9]}
    assert {"melanocytic-nevus", "dysplastic-nevus"} < near.keys() and "benign" in map(tree.malignancy, near)


def test_the_order_of_findings_does_not_tell_which_are_present():
    places = [options_for("concepts", {**ROW, "case_id": f"x/{i}"}, place=i).index("ulcer") for i in range(200)]
    assert set(places) == {0, 1, 2, 3, 4} and max(Counter(places).values()) < 80
    assert sorted(options_for("concepts", ROW, place=0)) == sorted(ROW["concepts_present"] + ROW["concepts_absent"])


def test_families_and_words():
    assert options_for("hierarchy", ROW, place=0) == families() and "melanocytic-malignancy" in families()
    assert options_for("malignancy", ROW, place=0) == WORDS
    assert options_for("report", ROW, place=0) == ()
