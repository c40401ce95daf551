"""What an answer says, by task and by reader; and that a case is scored on what it was asked."""

import json

import pytest
from squares import case, write_split

from eval import score
from eval.cases import score_case
from eval.metrics import build_metrics
from eval.predictions import Prediction
from eval.said import Said, read
from skin_r1.cli import run_main
from skin_r1.reading import render

DENSE = {"annotation": "dense", "concept_source": "annotated"}
ROW = {
    **{"case_id": "c", "group": "g", "history": None, "skin_type": None, "modality": "clinical", "dataset": "squares"},
    **{"diagnosis": "melanoma", "malignancy": "malignant", "differential": [], "annotation": "dense"},
    **{"concepts_present": ["ulcer"], "concepts_absent": ["scale"]},
}


def heard(text, reader="tolerant", **more):
    return read(Prediction("c", text, **more), reader)


def test_the_strict_form_is_read_alike_by_both_readers():
    text = render("An ulcer, no scale.", ["ulcer", "strange spot"], ["nevus"], "melanoma", "malignant")
    assert heard(text) == heard(text, "strict")
    assert heard(text).said == Said(
        "melanoma",
        "melanoma",
        ("melanocytic-nevus",),
        "malignant",
        ("ulcer",),
        ("strange spot",),
        "An ulcer, no scale.",
    )


def test_free_text_is_read_where_it_is_sure_and_counts_as_a_formless_answer():
    text = "**Most likely diagnosis:** basal cell carcinoma\n\nDifferential: melanoma, seborrheic keratosis"
    said, form, failure = heard(text)
    assert (said.predicted, said.malignancy, failure) == ("basal-cell-carcinoma", "malignant", None)
    assert "melanoma" in said.differential and form
    assert heard(text, "strict").said is None and heard(text, "strict").failure == form
    unsure = heard("This could be anything, please see a doctor.")
    assert unsure.said is None and unsure.failure.startswith("unsure: ")


def test_a_letter_stands_for_its_option_and_no_letter_for_nothing():
    options = ["melanoma", "melanocytic-nevus"]
    said = heard("The border is regular.\nAnswer: B", task="choice", options=options).said
    assert (said.predicted, said.malignancy) == ("melanocytic-nevus", "benign")
    assert heard("A or B", task="choice", options=options).failure.startswith("unsure: ")
    assert heard("Answer: C", task="choice", options=options).said is None


def test_malignancy_is_a_word_and_a_finding_is_a_line():
    assert (
        heard("Answer: malignant", task="malignancy", options=["benign", "malignant"]).said.malignancy == "malignant"
    )
    text = "1. yes\n2. No\n3. perhaps"
    assert heard(text, task="concepts", options=["ulcer", "scale", "crust"]).said.findings == ("ulcer",)
    assert heard("Yes, clearly.", task="concepts", options=["ulcer"]).said.findings == ("ulcer",)
    assert heard("I cannot tell.", task="concepts", options=["ulcer", "scale"]).failure.startswith("unsure: ")


def test_a_refusal_of_the_endpoint_is_a_failure_with_its_reason():
    assert heard("", failure="refused: content filter") == (None, "refused: content filter", "refused: content filter")


@pytest.mark.parametrize(
    ("task", "text", "defined", "undefined"),
    [
        ("malignancy", "Answer: malignant", {"malignancy_sensitivity"}, {"accuracy", "grounding_f1"}),
        ("concepts", "1. yes\n2. no", {"grounding_f1"}, {"accuracy", "malignancy_sensitivity"}),
        ("choice", "Answer: A", {"accuracy", "hierarchical_f1"}, {"grounding_f1"}),
        ("differential", "1. melanoma\n2. nevus", {"top_3_accuracy"}, {"grounding_f1"}),
    ],
)
def test_only_what_was_asked_is_scored(task, text, defined, undefined):
    options = {"concepts": ["ulcer", "scale"], "choice": ["melanoma", "psoriasis"]}.get(task)
    metrics = build_metrics([score_case(ROW, Prediction("c", text, task=task, options=options))])
    values = {metric.name: metric.value() for metric in metrics}
    assert {name: values[name] for name in defined} == dict.fromkeys(defined, 1.0)
    assert all(values[name] != values[name] for name in undefined)


def test_a_task_that_does_not_suit_a_case_leaves_it_out_and_tasks_do_not_mix(tmp_path, capsys):
    cases = [case(0, "melanoma", "test", **DENSE, concepts_present=["ulcer"], concepts_absent=["scale"])]
    write_split(tmp_path / "corpus", "test", [*cases, case(1, "melanoma", "test")])
    line = {
        "case_id": "squares/test-0",
        "completion": "1. yes\n2. no",
        "task": "concepts",
        "options": ["ulcer", "scale"],
    }
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(line) + "\n")
    arguments = ["--predictions", str(path), "--corpus", str(tmp_path / "corpus"), "--bootstrap", "50", "--out"]
    assert run_main(score.main, [*arguments, str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["task"], summary["cases"]) == ("concepts", 1)
    assert summary["metrics"]["grounding_f1"]["value"] == 1.0
    other = {"case_id": "squares/test-1", "completion": "melanoma", "task": "report"}
    path.write_text(json.dumps(line) + "\n" + json.dumps(other) + "\n")
    assert run_main(score.main, [*arguments, str(tmp_path / "other")]) == 2
    assert "answer one task" in capsys.readouterr().err
