"""The whole road with a few steps of everything, through the command line, and again after a loss."""

import json
import shutil

import pytest

from skin_r1.cli import main as skin_r1
from skin_r1.demo import COLUMNS, MODELS, MODES

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "demo"
    assert skin_r1(["demo", "--smoke", "--seed", "5", "--out", str(out)]) == 0
    return out


def test_the_summary_holds_every_model_with_intervals_and_seed(demo):
    summary = json.loads((demo / "summary.json").read_text())
    assert set(summary["models"]) == set(MODELS)
    for model in summary["models"].values():
        assert model["seed"] == 5
        for mode in MODES:
            for column in COLUMNS:
                metric = model[mode][column]
                assert {"value", "low", "high", "n"} <= set(metric)
        accuracy = model["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1


def test_the_control_got_the_seconds_of_grpo(demo):
    facts = json.loads((demo / "grpo" / "manifest.json").read_text())["outputs"]
    seconds = facts["compute_seconds"] + facts["critic"]["seconds"]
    assert facts["critic"]["seconds"] > 0
    config = json.loads((demo / "control" / "manifest.json").read_text())["config"]
    assert config["max_seconds"] == round(seconds)


def test_the_report_stands_alone_and_every_part_has_a_manifest(demo):
    page = (demo / "report.html").read_text()
    assert "Research use only" in page and "http-equiv" in page
    assert "<script" not in page and "src=" not in page
    for part in ("corpus", "rationales", "sft", "grpo", "control", "answers", "answer_only"):
        assert (demo / part / "manifest.json").is_file()


def test_a_demo_goes_on_where_it_was_broken_off(demo, capsys):
    shutil.rmtree(demo / "eval" / "control-greedy")
    (demo / "summary.json").unlink()
    before = (demo / "grpo" / "model.safetensors").stat().st_mtime_ns
    assert skin_r1(["demo", "--smoke", "--seed", "5", "--out", str(demo)]) == 0
    assert (demo / "summary.json").is_file()
    assert (demo / "grpo" / "model.safetensors").stat().st_mtime_ns == before
    assert "already there" in capsys.readouterr().out


def test_a_folder_of_another_demo_is_refused(demo, capsys):
    assert skin_r1(["demo", "--smoke", "--seed", "6", "--out", str(demo)]) == 2
    assert "another demo" in capsys.readouterr().err
