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
    assert accuracy["p"] == 2**-5  # B alone is right in 6 groups: as if a coin had fallen alike 6 times
    assert accuracy["p"] < accuracy["p_holm"] <= 15 * accuracy["p"]
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


@pytest.fixture
def a_better_b(scored, tmp_path):
    """`make(groups)`: two runs on 24 cases in so many groups; B is right wherever A is wrong."""

    def make(groups):
        for name, said in (("a", "psoriasis"), ("b", "melanoma")):
            (tmp_path / name).mkdir()
            scores = [scored("melanoma", said, case_id=f"c{i}", group=f"g{i % groups}") for i in range(24)]
            write_scores(tmp_path / name / "scores.jsonl", scores)
        return tmp_path / "a", tmp_path / "b"

    return make


def test_one_patient_proves_nothing(a_better_b, capsys):
    folders = a_better_b(1)
    assert compare.compare(*folders)["metrics"]["accuracy"] == {
        **{"a": 0.0, "b": 1.0, "difference": 1.0},
        **dict.fromkeys(("low", "high", "p", "p_holm", "detectable")),
    }
    assert run_main(compare.main, [*map(str, folders)]) == 0
    assert "1.000   +1.000  one group: no interval" in capsys.readouterr().out


@pytest.mark.parametrize("groups", [2, 5, 8])
def test_few_patients_give_no_smaller_p_than_swapping_the_models_in_each_can(groups, a_better_b):
    assert compare.compare(*a_better_b(groups))["metrics"]["accuracy"]["p"] == 2.0 ** (1 - groups)


def test_only_patients_in_whom_the_models_differ_count(scored, tmp_path):
    for name, right in (("a", 0), ("b", 3)):
        (tmp_path / name).mkdir()
        scores = [
            scored("melanoma", "melanoma" if i < right else "psoriasis", case_id=f"c{i}", group=f"g{i}")
            for i in range(8)
        ]
        write_scores(tmp_path / name / "scores.jsonl", scores)
    assert compare.compare(tmp_path / "a", tmp_path / "b")["metrics"]["accuracy"]["p"] == 0.25


def test_a_single_resample_is_printed(folders, capsys):
    assert run_main(compare.main, [*map(str, folders), "--bootstrap", "1"]) == 0
    assert "Accuracy" in capsys.readouterr().out


def test_a_large_difference_is_found_among_all_metrics(scored, tmp_path, capsys):
    for name, right in (("a", 60), ("b", 110)):
        (tmp_path / name).mkdir()
        scores = [
            scored(
                "melanoma",
                said := "melanoma" if i < right else "psoriasis",
                **{"case_id": f"c{i}", "group": f"g{i}"},
                label_scores={"melanoma": -0.1 if said == "melanoma" else -2.4, "psoriasis": -2.4 + i / 100},
            )
            for i in range(120)
        ]
        write_scores(tmp_path / name / "scores.jsonl", scores)
    folders = [str(tmp_path / name) for name in ("a", "b")]
    assert run_main(compare.main, folders) == 0
    said = capsys.readouterr().out
    assert next(line for line in said.splitlines() if "Accuracy (top-1)" in line).endswith("*")
    assert "no p (Holm)" not in said
    assert run_main(compare.main, [*folders, "--bootstrap", "200"]) == 0
    assert "no p (Holm) can be below" in capsys.readouterr().out


def test_metrics_settled_on_before_are_corrected_for_alone(folders, capsys):
    found = compare.compare(*folders, metrics=["accuracy"])["metrics"]
    assert set(found) == {"accuracy"} and found["accuracy"]["p"] == found["accuracy"]["p_holm"]
    assert run_main(compare.main, [*map(str, folders), "--metrics", "acuracy"]) == 2
    assert "did you mean: accuracy" in capsys.readouterr().err
