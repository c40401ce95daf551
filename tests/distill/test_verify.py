"""The verifier against exams that people wrote who had not read it."""

import json
from pathlib import Path

import pytest

from benchmarks.verify import judged, recall_and_precision
from skin_r1.distill.checks.held_out import hold_out
from skin_r1.distill.verify import REASONS, fault
from skin_r1.reading import Reading, parse, render

HERE = Path(__file__).parent
EXAMS = sorted(HERE.glob("adversarial_*.jsonl"))
CASE = {
    "diagnosis": "melanoma", "malignancy": "malignant", "modality": "clinical", "concepts_present": ["ulcer", "scale"],
    "concepts_absent": ["crust"], "history": None, "group": "patient-7",
}  # fmt: skip


@pytest.mark.parametrize("exam", EXAMS, ids=lambda path: path.stem)
def test_the_exam_is_passed(exam):
    answers = judged(exam)
    recall, precision = recall_and_precision(answers)
    # Set C was written last and mended for least: what to expect of texts that nobody has seen lies nearer to it.
    least = (0.93, 0.85) if exam.stem.endswith("_c") else (0.97, 0.97)
    assert len(answers) >= 300 and recall >= least[0] and precision >= least[1], (recall, precision)
    assert {reason.split(":")[0] for _, reason in answers if reason} <= set(REASONS)


@pytest.mark.parametrize("exam", EXAMS, ids=lambda path: path.stem)
def test_the_exam_is_sound(exam):
    """Its cases are possible, and what it calls good is right in its JSON: an exam may not be passed by its own faults."""
    from skin_r1.concepts import load_concepts
    from skin_r1.ontology import load_ontology

    texts = set()
    for line in map(json.loads, exam.read_text(encoding="utf-8").splitlines()):
        case = line["case"]
        assert load_ontology().malignancy(case["diagnosis"]) == case["malignancy"], line["id"]
        present, absent = set(case["concepts_present"]), set(case["concepts_absent"])
        assert present | absent <= set(load_concepts()) and not present & absent, line["id"]
        reading = parse(line["completion"])
        assert isinstance(reading, Reading) == (line["expect"] != "parse"), line["id"]
        if line["expect"] == "keep":
            assert isinstance(reading, Reading) and set(reading.finding_slugs) <= present, line["id"]
            assert reading.diagnosis_slug == case["diagnosis"], line["id"]
        texts.add(line["completion"])
    assert len(texts) == len(exam.read_text(encoding="utf-8").splitlines()), "each text is its own"


def said(think, **changes):
    answer = {"findings": ["ulcer", "scale"], "differential": [], "diagnosis": "melanoma", "malignancy": "malignant"}
    return render(think, **(answer | changes))


def test_a_case_of_a_held_out_patient_is_refused_whatever_it_says():
    text = said("An ulcer with scale. This is melanoma.")
    assert fault(text, CASE, held_out=hold_out([], ["patient-8"])) is None
    assert fault(text, CASE, held_out=hold_out([], ["patient-7"])).startswith("test:")


def test_a_text_of_a_test_case_is_refused_in_another_spelling():
    held_out = hold_out(
        ["A greyish scaly ulcer spreads over the crest of the helix and its margin is rolled and pale."]
    )
    near = (
        "1. A grayish, scaly ulcer spreads over the crest of the helix; its margin is rolled and pale. It is melanoma."
    )
    far = "An ulcer with scale lies on the crest of the helix. This is melanoma."
    assert fault(said(near), CASE, held_out=held_out).startswith("test:")
    assert fault(said(far), CASE, held_out=held_out) is None


@pytest.mark.parametrize(
    ("think", "kind"),
    [
        ("Melanoma. An ulcer with scale.", "early"),
        ("Is this melanoma or psoriasis? An ulcer with scale. This is melanoma.", None),
        ("An ulcer with scale. There is no need to see a doctor. This is melanoma.", "unsafe"),
        ("An ulcer with scale. Do not delay a visit to the doctor. This is melanoma.", None),
        (
            "An ulcer with scale on the left cheek; on the right cheek it ends. This is melanoma.",
            "contradiction",
        ),
        ("An ulcer with scale on dermoscopy. This is melanoma.", "unseen"),
        ("An ulcer with scale. Dermoscopy should follow. This is melanoma.", None),
    ],
)
def test_one_flaw_each(think, kind):
    reason = fault(said(think), CASE)
    assert (reason is None) if kind is None else reason is not None and reason.startswith(kind + ":"), reason
