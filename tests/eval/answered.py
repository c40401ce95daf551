"""A corpus, and answers to it that are right, wrong, unread, free and cut off; its scores by `skin-r1 eval score`."""

import json

from squares import COLORS, case, write_split

from eval import score
from skin_r1.cli import run_main
from skin_r1.reading import render

NAMES = list(COLORS)
ANNOTATED = {
    "annotation": "dense",
    "concept_source": "annotated",
    "concepts_present": ["ulcer", "papule"],
    "concepts_absent": ["scale"],
}


def write_corpus(folder, count=24, **changes):
    """Cases 0, 1, 2, ... of three diagnoses, two to a group; the history says which one it is; the first eight are dense."""
    cases = [
        case(i, NAMES[i % 3], "test", history=f"Number {i}.", **(ANNOTATED if i < 8 else {}), **changes)
        for i in range(count)
    ]
    write_split(folder, "test", cases)
    return folder


def answer(number):
    """What the model says to a case."""
    if number == 5:
        return "I cannot say."
    if number == 7:
        return "There is an ulcer. The diagnosis is basal cell carcinoma."
    said = ("melanoma", "melanocytic nevus", "melanoma", "basal cell carcinoma")[number % 4]
    findings = ["ulcer", "scale"] if number % 4 else ["papule"]
    return render(
        "A spot, an ulcer.", findings, ["nodular melanoma"], said, "benign" if number % 3 == 1 else "malignant"
    )


def answers(count=24):
    """case_id -> completion."""
    return {f"squares/test-{number}": answer(number) for number in range(count)}


def write_predictions(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def scored(predictions, corpus, out, *options):
    """metric -> its line in the summary.json of `skin-r1 eval score`."""
    given = ["--predictions", str(predictions), "--corpus", str(corpus), "--out", str(out), *options]
    assert run_main(score.main, given) == 0
    return json.loads((out / "summary.json").read_text())["metrics"]
