"""Two scored runs, paired."""

import json

import pytest
from scipy.stats import binom

from eval import compare
from eval.cases import write_scores
from skin_r1.cli import run_main


@pytest.fixture
def folders(scored, tmp_path):
    """A is right in the first 10 of 40 cases, B in the first 22; two cases per group."""
    for name, right in (("a", 10), ("b", 22)):
        (tmp_path / name).mkdir()
        scores = [
            scored("melanoma", "melanoma" if i < right else "psoriasis", case_id=f"c{i}", group=f"g{i // 2}")
            for i in range(40)
        ]
        write_scores(tmp_path / name / "scores.jsonl", scores if name == "a" else scores[::-1])
    return tmp_path / "a", tmp_path / "b"


def test_differences_by_hand(folders, tmp_path, capsys):
    out = tmp_path / "difference.json"
    assert run_main(compare.main, [*map(str, folders), "--out", str(out), "--bootstrap", "1000"]) == 0
    result = json.loads(out.read_text())
    accuracy = result["metrics"]["accuracy"]
    assert accuracy["difference"] == pytest.approx(12 / 40)
    assert 0 < accuracy["low"] < 12 / 40 < accuracy["high"]
    assert result["mcnemar"] == {"only_a": 0, "only_b": 12, "p": pytest.approx(2 * binom.pmf(0, 12, 0.5))}
    assert set(result["metrics"]["grounding_f1"].values()) == {None}
    assert 0 < accuracy["p"] < 0.01 and accuracy["p"] < accuracy["p_holm"] <= 15 * accuracy["p"]
    assert 0.05 < accuracy["detectable"] < 0.3
    assert "McNemar" in capsys.readouterr().out


def test_a_run_does_not_differ_from_itself(folders):
    result = compare.compare(folders[0], folders[0], bootstrap=100)
    assert result["mcnemar"]["p"] == 1.0
    assert {result["metrics"]["accuracy"][key] for key in ("difference", "low", "high", "detectable")} == {0.0}
    assert {row["p"] for row in result["metrics"].values() if row["p"] is not None} == {1.0}


def test_other_cases_are_refused(folders, scored, capsys):
    write_scores(folders[1] / "scores.jsonl", [scored(case_id="c0", group="g0")])
    assert run_main(compare.main, [*map(str, folders)]) == 2
    assert "not about the same cases" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["{", '{"case_id": "x"}', "[]"])
def test_scores_of_another_kind_are_refused(line, folders, capsys):
    (folders[1] / "scores.jsonl").write_text(line + "\n")
    assert run_main(compare.main, [*map(str, folders)]) == 2
    said = capsys.readouterr().err
    assert "row 1" in said and "--overwrite" in said


def test_a_folder_without_scores_is_refused(tmp_path, capsys):
    assert run_main(compare.main, [str(tmp_path), str(tmp_path)]) == 2
    assert "no scored cases" in capsys.readouterr().err
