"""`eval score` with label scores, sampled answers and a validation split: confidence is measured, mended and bounded."""

import json
import math
from random import Random

import pytest
from squares import COLORS, case, write_split

from eval import compare, score
from skin_r1.cli import run_main
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.reading import render
from skin_r1.serve.answer.confidence import probabilities, read_calibration

CLASSES = sorted(COLORS)


def answer(slug):
    tree = load_ontology()
    return render("It is flat.", [], [], tree.name(slug), tree.malignancy(slug))


def predictions(path, cases, sure):
    """Right in 6 of 10 cases, always `sure` of itself; four sampled answers, of which the share that is right is named."""
    rng = Random(path.name)
    with path.open("w") as stream:
        for each in cases:
            wrong = [slug for slug in CLASSES if slug != each.diagnosis]
            said = each.diagnosis if rng.random() < 0.6 else rng.choice(wrong)
            scores = {slug: sure if slug == said else (1 - sure) / 2 for slug in CLASSES}
            line = {
                **{"case_id": each.case_id, "completion": answer(said), "samples": [answer(said)] * 3 + ["no idea"]},
                "label_scores": {slug: math.log(p) for slug, p in scores.items()},
            }
            stream.write(json.dumps(line) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    made = {}
    for split in ("validation", "test"):
        cases = _cases(split)
        write_split(folder / "corpus", split, cases)
        made[split] = predictions(folder / f"{split}.jsonl", cases, 0.98)
    return folder, made


def test_overconfidence_is_exposed_and_mended_by_the_validation_split(files, tmp_path, capsys):
    folder, made = files
    arguments = ["--predictions", str(made["test"]), "--corpus", str(folder / "corpus"), "--bootstrap", "200", "--out"]
    assert run_main(score.main, [*arguments, str(tmp_path / "out"), "--validation", str(made["validation"])]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    before, after = summary["metrics"], summary["calibration"]["metrics"]
    assert before["ece_width"]["low"] > 0.2 and after["ece_width"]["value"] < 0.1
    assert after["nll"]["value"] < before["nll"]["value"]
    assert after["score_top_1_accuracy"] == before["score_top_1_accuracy"]  # a temperature moves no answer
    assert summary["calibration"]["temperature"]["usable"] and summary["calibration"]["temperature"]["value"] > 2
    coverage = after["lac_coverage"]
    assert coverage["value"] > 0.9 - 3 * 0.04  # 0.9 is promised; 0.04 is the spread over such halves of 120 cases
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What the validation split teaches" in page and "Votes of sampled answers" in page
    # three of four samples agree, whether right or wrong
    assert before["votes_score_top_1_accuracy"]["value"] == pytest.approx(before["accuracy"]["value"])
    assert before["votes_ece_width"]["value"] == pytest.approx(abs(0.75 - before["accuracy"]["value"]))

    plain = tmp_path / "plain.jsonl"
    lines = [json.loads(line) for line in made["test"].read_text().splitlines()]
    plain.write_text(
        "".join(json.dumps({key: line[key] for key in ("case_id", "completion")}) + "\n" for line in lines)
    )
    assert run_main(score.main, ["--predictions", str(plain), *arguments[2:], str(tmp_path / "plain")]) == 0
    assert "nll" not in json.loads((tmp_path / "plain" / "summary.json").read_text())["metrics"]
    both = compare.compare(tmp_path / "out", tmp_path / "plain", bootstrap=50)  # what both have is compared
    assert "accuracy" in both["metrics"] and "nll" not in both["metrics"]


def test_the_server_reads_what_validation_teaches_about_votes(files, tmp_path):
    folder, made = files
    lines = [json.loads(line) for line in made["validation"].read_text().splitlines()]
    votes = tmp_path / "votes.jsonl"
    votes.write_text(
        "".join(
            json.dumps({key: line[key] for key in ("case_id", "completion", "samples")} | {"model": "m"}) + "\n"
            for line in lines
        )
    )
    own = tmp_path / "own.jsonl"
    own.write_text(
        "".join(json.dumps(json.loads(line) | {"model": "m"}) + "\n" for line in made["test"].read_text().splitlines())
    )
    arguments = ["--predictions", str(own), "--corpus", str(folder / "corpus"), "--bootstrap", "50"]
    arguments += ["--validation", str(votes), "--out", str(tmp_path / "out")]
    assert run_main(score.main, arguments) == 0
    found = read_calibration(tmp_path / "out" / "calibration.json", "m")
    assert (found.samples, found.n) == (5, 120)
    # four of five answers agree, and 6 of 10 leaders are right: one more vote is for something else
    before, after = (probabilities({"a": 4}, 5, each)["a"] for each in (None, found))
    right = sum(
        answer(each.diagnosis) in line["samples"] for each, line in zip(_cases("validation"), lines, strict=True)
    )
    assert before == pytest.approx(4 / 6) and abs(after - right / 120) < 0.08
    with pytest.raises(UserError, match="another|wrong"):
        read_calibration(tmp_path / "out" / "calibration.json", "another model")


def _cases(split):
    return [case(i, CLASSES[i % 3], split, group=f"{split}-{i}") for i in range(120)]


def test_predictions_of_the_test_split_teach_nothing(files, tmp_path, capsys):
    folder, made = files
    arguments = [
        "--predictions",
        str(made["test"]),
        "--corpus",
        str(folder / "corpus"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert run_main(score.main, [*arguments, "--validation", str(made["test"])]) == 2
    assert "validation split does not hold" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
