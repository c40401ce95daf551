"""The figures of the arms: kept a file a seed, told seed by seed."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.arm_figures import METRICS, additions, draw, interval, read, record, table
from benchmarks.arms import arms
from skin_r1.demo import MODES


def keep(folder: Path, seed: int, name: str, values: dict[str, float | None]) -> None:
    """Record an arm as `eval score` and `write_manifest` leave it."""
    model, scores = folder / f"{seed}-{name}", folder / f"{seed}-scores"
    model.mkdir()
    (model / "manifest.json").write_text(
        json.dumps({"git_revision": "abc", "versions": {"torch": "2"}, "outputs": {}})
    )
    metrics = {each: {"value": values.get(each, 0.5), "low": 0.4, "high": 0.6, "n": 9} for each in METRICS}
    for mode in MODES:
        at = scores / f"{name}-{mode}"
        at.mkdir(parents=True)
        (at / "summary.json").write_text(json.dumps({"metrics": metrics}))
    record(folder / "figures", seed, name, model, scores, 100.0 + seed)


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """Two seeds, the second without `all`."""
    for seed, accuracy in ((0, 0.5), (1, 0.7)):
        keep(tmp_path, seed, "diagnosis", {"accuracy": accuracy + 0.1, "hallucination_rate": 0.4})
        keep(tmp_path, seed, "control", {"accuracy": accuracy, "hallucination_rate": 0.2})
        keep(tmp_path, seed, "answers", {"hallucination_rate": None})
    keep(tmp_path, 0, "all", {"accuracy": 0.9, "hallucination_rate": 0.1})
    return tmp_path / "figures"


def cells(text: str, name: str) -> list[str]:
    """One row of the table."""
    return next(
        [cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines() if line.startswith(f"| {name} ")
    )


def test_gains_are_taken_seed_by_seed(figures: Path) -> None:
    text = table(read(figures, [0, 1, 2]), ["sft", *arms()], "greedy")
    seeds, seconds, accuracy, *_, gain, _, less = cells(text, "diagnosis")
    assert (seeds, seconds) == ("2", "100")
    assert gain == "0.100 ± 0.000"  # though the accuracies themselves differ by seed
    assert accuracy.startswith("0.700 ± ") and accuracy != "0.700 ± 0.000"
    assert less == ""  # not over itself
    assert cells(text, "control")[-1] == "0.500 ± 0.000"


def test_an_arm_is_held_to_the_one_before_it(figures: Path) -> None:
    text = additions(read(figures, [0, 1]), ["control", "diagnosis", "grounding", "all"], "greedy")
    assert text.splitlines()[2:] == [
        "| diagnosis | control | 0.100 ± 0.000 | 0.000 ± 0.000 | 0.000 ± 0.000 | 0.200 ± 0.000 |",
        "| all | diagnosis | 0.300 | 0.000 | 0.000 | -0.300 |",  # no seed has grounding, one has all
    ]


def test_an_arm_of_fewer_seeds_says_so_and_one_of_none_is_left_out(figures: Path) -> None:
    text = table(read(figures, [0, 1]), ["sft", *arms()], "sampled")
    assert cells(text, "all")[0] == "1" and cells(text, "all")[-3:] == ["0.400", "0.000", "0.750"]
    assert "| sft " not in text and "| no_sft " not in text


def test_what_is_not_defined_is_not_a_number(figures: Path) -> None:
    assert cells(table(read(figures, [0, 1]), ["answers"], "greedy"), "answers")[5] == "not defined"
    assert interval([0.1, math.nan]) == "not defined"


def test_interval_is_students() -> None:
    # mean 2, standard deviation 1, three seeds: t(0.975, 2) = 4.3027, times 1 / sqrt 3
    assert interval([1, 2, 3]) == "2.000 ± 2.484"


def test_a_file_says_what_trained_it_and_is_written_again_alike(figures: Path, tmp_path: Path) -> None:
    before = (figures / "seed-0.json").read_text()
    arm = json.loads(before)["arms"]["all"]
    assert arm["git_revision"] == "abc" and arm["versions"] == {"torch": "2"}
    record(figures, 0, "all", tmp_path / "0-all", tmp_path / "0-scores", 100.0)
    assert (figures / "seed-0.json").read_text() == before


def test_the_picture_has_a_dot_for_each_seed(figures: Path, tmp_path: Path) -> None:
    draw(read(figures, [0, 1]), ["diagnosis", "control", "answers", "all"], tmp_path / "arms.svg")
    tree = ElementTree.parse(tmp_path / "arms.svg")
    dots = tree.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 3 * (2 + 2 + 1) + 2 * 2  # three panels; answers invents nothing that could be counted
