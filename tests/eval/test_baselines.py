"""The baselines learn what can be learned from color, and are scored like any model."""

import json

import pytest
from squares import case, write_split

from benchmarks import baselines
from eval.predictions import read_predictions
from skin_r1.cli import run_main
from skin_r1.reading import Reading, parse


def run(corpus, out, *options):
    arguments = ["--corpus", str(corpus), "--out", str(out), "--bootstrap", "100", "--seed", "1", *options]
    return run_main(baselines.main, arguments)


def test_color_tells_the_squares_apart_and_the_majority_does_not(corpus, tmp_path, capsys):
    out = tmp_path / "baselines"
    assert run(corpus, out, "--epochs", "12", "--class_weight", "balanced") == 0
    summary = json.loads((out / "summary.json").read_text())
    accuracy = {name: found["metrics"]["accuracy"]["value"] for name, found in summary.items()}
    assert accuracy["majority"] == pytest.approx(1 / 3)
    assert accuracy["color_histogram"] == 1.0
    assert accuracy["small_cnn"] >= 5 / 6
    assert summary["majority"]["metrics"]["hallucination_rate"]["value"] is None
    for name in accuracy:
        said = list(read_predictions(out / name / "predictions.jsonl"))
        assert all(isinstance(parse(prediction.completion), Reading) for prediction in said)
        assert (out / name / "scores" / "report.html").is_file()
    assert "| small_cnn |" in capsys.readouterr().out
    assert run(corpus, out) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_answers(corpus, tmp_path):
    for name in "ab":
        assert run(corpus, tmp_path / name, "--epochs", "1", "--only", "small_cnn") == 0
    first, second = ((tmp_path / name / "small_cnn" / "predictions.jsonl").read_bytes() for name in "ab")
    assert first == second


def test_a_train_split_without_labels_is_refused(tmp_path, capsys):
    write_split(tmp_path / "c", "train", [case(0, None, "train")])
    write_split(tmp_path / "c", "test", [case(0, "melanoma", "test")])
    assert run(tmp_path / "c", tmp_path / "out") == 2
    assert "no case of the train split has a diagnosis" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
