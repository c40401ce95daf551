"""`eval run` with the tiny model itself: whole, killed and resumed, and refused."""

import json

import pytest
from squares import COLORS, case, write_split

from eval import run
from skin_r1.cli import run_main
from skin_r1.reading import PROMPT


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    from skin_r1.tiny import build_tiny

    folder = tmp_path_factory.mktemp("tiny")
    return build_tiny(folder / "model", [PROMPT], hidden_size=64, layers=1, vision_hidden_size=32, vision_layers=1)


def read(model, corpus, out, *options):
    arguments = ["--model", model, "--corpus", corpus, "--out", out, "--max_new_tokens", "8", "--batch_size", "4"]
    return run_main(run.main, [str(a) for a in [*arguments, *options]])


def test_a_line_per_case_in_the_order_of_the_split(tiny, corpus, tmp_path):
    out = tmp_path / "deep" / "p.jsonl"
    assert read(tiny, corpus, out) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["case_id"] for line in lines] == [f"squares/test-{i}" for i in range(6)]
    assert all(set(line) == {"case_id", "completion", "model"} and line["model"] == "model" for line in lines)
    meta = json.loads((out.parent / "p.jsonl.meta.json").read_text())
    assert meta["decoding"] == {"temperature": 0.0, "max_new_tokens": 8, "seed": 0, "batch_size": 4}


@pytest.mark.parametrize("cut", [0, 5, 60, 200, -1])
def test_a_killed_run_ends_as_if_it_had_not_been_killed(cut, tiny, corpus, tmp_path):
    sampled = ("--temperature", "1.0", "--seed", "3")
    out = tmp_path / "p.jsonl"
    assert read(tiny, corpus, out, *sampled) == 0
    whole = out.read_bytes()
    out.write_bytes(whole[:cut])
    assert read(tiny, corpus, out, *sampled) == 0
    assert out.read_bytes() == whole
    assert read(tiny, corpus, out, *sampled) == 0  # complete: nothing to do
    assert out.read_bytes() == whole


def test_two_runs_never_mix(tiny, corpus, tmp_path, capsys):
    out = tmp_path / "p.jsonl"
    assert read(tiny, corpus, out, "--limit", "2") == 0
    before = out.read_bytes()
    assert read(tiny, corpus, out, "--limit", "2", "--seed", "9") == 2
    said = capsys.readouterr().err
    assert "another run" in said and "decoding" in said and "--overwrite" in said
    assert out.read_bytes() == before
    assert read(tiny, corpus, out, "--limit", "2", "--seed", "9", "--overwrite") == 0
    (tmp_path / "p.jsonl.meta.json").unlink()
    assert read(tiny, corpus, out, "--limit", "2", "--seed", "9") == 2
    assert "does not say what made it" in capsys.readouterr().err


def test_another_model_is_another_run_even_under_the_same_name(tiny, corpus, tmp_path, capsys):
    from shutil import copytree

    from skin_r1.tiny import build_tiny

    copytree(tiny, tmp_path / "model")
    assert read(tmp_path / "model", corpus, tmp_path / "p.jsonl", "--limit", "1") == 0
    small = {"hidden_size": 64, "layers": 1, "vision_hidden_size": 32, "vision_layers": 1}
    build_tiny(tmp_path / "model", [PROMPT], seed=1, **small)
    assert read(tmp_path / "model", corpus, tmp_path / "p.jsonl", "--limit", "1") == 2
    assert "model_checksum" in capsys.readouterr().err


def test_a_recipe_gives_defaults_and_the_command_line_wins(tiny, corpus, tmp_path):
    recipe = tmp_path / "eval.yaml"
    recipe.write_text(f"model: {tiny}\ncorpus: {corpus}\nout: {tmp_path / 'p.jsonl'}\nmax_new_tokens: 3\nlimit: 5\n")
    assert run_main(run.main, ["--config", str(recipe), "--limit", "1"]) == 0
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == 1
    assert json.loads((tmp_path / "p.jsonl.meta.json").read_text())["decoding"]["max_new_tokens"] == 3


def test_an_unknown_key_in_a_recipe_is_named(tmp_path, capsys):
    recipe = tmp_path / "eval.yaml"
    recipe.write_text("# a comment\nsplit: test\ntemprature: 0.5\n")
    assert run_main(run.main, ["--config", str(recipe)]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in (str(recipe), "row 3", "temprature", "did you mean: temperature")), said


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "- x"])
def test_a_recipe_that_is_none(content, tmp_path, capsys):
    recipe = tmp_path / "eval.yaml"
    recipe.write_text(content)
    assert run_main(run.main, ["--config", str(recipe)]) == 2
    assert str(recipe) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--batch_size", "0"], ["--batch_size"]),
        (["--temperature", "-1"], ["--temperature"]),
        (["--split", "dev"], ["unknown split"]),
        (["--model", "nowhere"], ["no such checkpoint folder", "nowhere"]),
        (["--adapter", "nowhere"], ["no such checkpoint folder", "nowhere"]),
        (["--model", "nobody/nothing"], ["not a checkpoint", "nobody/nothing"]),
    ],
)
def test_bad_options_leave_nothing_behind(options, words, tiny, corpus, tmp_path, capsys):
    assert read(tiny, corpus, tmp_path / "p.jsonl", *options) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert not list(tmp_path.iterdir())


def test_a_folder_without_weights_is_no_model(corpus, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert read(tmp_path / "empty", corpus, tmp_path / "p.jsonl") == 2
    assert "holds no weights" in capsys.readouterr().err


def test_cases_without_an_image_are_refused(tiny, tmp_path, capsys):
    name = next(iter(COLORS))
    write_split(tmp_path / "c", "test", [case(0, name, "test"), case(1, name, "test", images=[])])
    assert read(tiny, tmp_path / "c", tmp_path / "p.jsonl") == 2
    said = capsys.readouterr().err
    assert "1 of 2 cases have no image" in said and "squares/test-1" in said


def test_missing_options_are_named(capsys):
    assert run_main(run.main, []) == 2
    assert "--model is needed" in capsys.readouterr().err
