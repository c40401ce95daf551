"""`eval run` with the tiny model itself: whole, killed and resumed, and refused."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from squares import COLORS, case, write_split

from eval import run
from eval.tasks import TASKS
from skin_r1.cli import run_main
from skin_r1.reading import PROMPT

ROOT = Path(__file__).resolve().parents[2]


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


SCORED = ("--samples", "2", "--temperature", "1.0", "--label_scores", "all", "--batch_size", "2")


def test_samples_and_label_scores_stand_beside_the_greedy_answer(tiny, corpus, tmp_path):
    from eval.models.likelihood import label_likelihood
    from skin_r1.case import load_corpus
    from skin_r1.models import load
    from skin_r1.ontology import load_ontology
    from skin_r1.reading import messages_for

    assert read(tiny, corpus, tmp_path / "greedy.jsonl", "--batch_size", "2") == 0
    assert read(tiny, corpus, tmp_path / "p.jsonl", *SCORED) == 0
    greedy, lines = ([json.loads(line) for line in (tmp_path / n).open()] for n in ("greedy.jsonl", "p.jsonl"))
    assert [line["completion"] for line in lines] == [line["completion"] for line in greedy]
    drawn = [line["samples"] for line in lines]
    assert all(len(texts) == 2 for texts in drawn) and len({text for texts in drawn for text in texts}) == 12
    names = {slug: load_ontology().name(slug) for slug in sorted(COLORS)}
    loaded, rows = load(tiny), load_corpus(corpus, "test")
    for row, line in zip(rows, lines, strict=True):
        found = label_likelihood(loaded, messages_for(row), row["images"], line["completion"], names)
        assert line["label_scores"] == pytest.approx(found.scores, abs=1e-5)
        assert line["label_means"] == pytest.approx(found.means, abs=1e-5)


# Imports once, then forks a process for each run.
FORKS = """
import os, sys
import eval.run, skin_r1.case, skin_r1.models, transformers.models.qwen2_5_vl.modeling_qwen2_5_vl
from skin_r1.cli import run_main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(run_main(eval.run.main, sys.argv[1:]))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def test_a_process_killed_at_work_ends_as_if_it_had_not_been(tiny, corpus, tmp_path):
    out = tmp_path / "p.jsonl"
    assert read(tiny, corpus, tmp_path / "whole.jsonl", *SCORED) == 0
    given = ["--model", tiny, "--corpus", corpus, "--out", out, "--max_new_tokens", "8", *SCORED]
    command = [sys.executable, "-c", FORKS, *map(str, given)]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True) as parent:
        for reached in (1, 3):
            print("go", file=parent.stdin, flush=True)
            pid = int(parent.stdout.readline())
            end = time.monotonic() + 60
            while time.monotonic() < end and not (out.exists() and out.read_bytes().count(b"\n") >= reached):
                time.sleep(0.001)
            os.kill(pid, signal.SIGKILL)
            assert int(parent.stdout.readline()) == signal.SIGKILL, "it was killed at work"
        parent.stdin.close()
    assert out.read_bytes().count(b"\n") < 6
    assert read(tiny, corpus, out, *SCORED) == 0
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_labels_come_from_a_file_and_a_wrong_line_is_named(tiny, corpus, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("melanoma\nBasal cell carcinoma\n\nnevocellular nevus\n")
    assert read(tiny, corpus, tmp_path / "p.jsonl", "--label_scores", labels, "--limit", "1") == 0
    (line,) = [json.loads(text) for text in (tmp_path / "p.jsonl").open()]
    assert set(line["label_scores"]) == set(COLORS)
    for content, words in (
        ("melanoma\nthe pox of doom\n", ["row 2", "the pox of doom"]),
        ("melanoma\n", ["at least two"]),
    ):
        labels.write_text(content)
        assert read(tiny, corpus, tmp_path / "q.jsonl", "--label_scores", labels) == 2
        said = capsys.readouterr().err
        assert all(word in said for word in (*words, str(labels))), said
    assert read(tiny, corpus, tmp_path / "q.jsonl", "--label_scores", "all", "--task", "report") == 2
    assert "open diagnosis only" in capsys.readouterr().err


def test_a_probe_reaches_the_model(tiny, corpus, tmp_path):
    names = ("plain", "no_image", "counterfactual")
    for name in names:
        probe = () if name == "plain" else ("--probe", name)
        assert read(tiny, corpus, tmp_path / f"{name}.jsonl", *probe, "--label_scores", "all") == 0
    scores = {
        name: [json.loads(line)["label_scores"] for line in (tmp_path / f"{name}.jsonl").open()] for name in names
    }
    assert scores["plain"] != scores["no_image"] != scores["counterfactual"] != scores["plain"]


def test_the_next_step_that_is_named_works(tiny, corpus, tmp_path, capsys):
    from eval import score

    assert read(tiny, corpus, tmp_path / "p.jsonl", "--limit", "2") == 0
    words = capsys.readouterr().out.partition("next: skin-r1 eval score ")[2].split()
    assert run_main(score.main, [str(tmp_path / "scores") if word == "DIR" else word for word in words]) == 0


@pytest.fixture
def loads(monkeypatch):
    """Counts how often a model is loaded; it still is."""
    from eval.models import checkpoint
    from skin_r1 import models

    counted, load = [], models.load
    monkeypatch.setattr(models, "load", lambda *given, **named: (counted.append(given), load(*given, **named))[1])
    checkpoint._loaded.cache_clear()
    return counted


def test_the_runs_of_all_probes_load_the_model_once(tiny, corpus, tmp_path, loads):
    from eval.probes.main import main

    # No lesion stands out on a flat square: both masks leave out every case, and that ends no run.
    probes = ("lesion_masked", "background_masked", "blank", "rotated")
    given = [
        "--model",
        tiny,
        "--corpus",
        corpus,
        "--out",
        tmp_path / "probes",
        "--max_new_tokens",
        "4",
        "--bootstrap",
        "20",
    ]
    assert run_main(main, [str(each) for each in [*given, "--probes", *probes]]) == 0
    assert len(loads) == 1
    found = json.loads((tmp_path / "probes" / "probes.json").read_text())["probes"]
    assert [found[name]["cases"] for name in probes] == [0, 0, 6, 6]
    assert found["lesion_masked"]["verdict"]["answer"] == "not measured"


def test_a_run_of_left_out_cases_alone_loads_no_model(tiny, corpus, tmp_path, loads, capsys):
    for _ in range(2):
        assert read(tiny, corpus, tmp_path / "p.jsonl", "--probe", "lesion_masked") == 0
        assert "6 cases left out" in capsys.readouterr().out
    assert loads == [] and (tmp_path / "p.jsonl").read_text() == ""


@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")
def test_vllm_says_what_the_checkpoint_says(tiny, corpus, tmp_path):
    assert read(tiny, corpus, tmp_path / "hf.jsonl", "--max_new_tokens", "12") == 0
    given = [
        "--engine",
        "vllm",
        "--model",
        tiny,
        "--corpus",
        corpus,
        "--out",
        tmp_path / "p.jsonl",
        "--max_new_tokens",
        "12",
    ]
    command = [sys.executable, "-m", "skin_r1.cli", "eval", "run", *given, "--max_model_len", "1024"]
    done = subprocess.run(
        [*map(str, command), "--samples", "2", "--temperature", "1.0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    ours, theirs = ([json.loads(line) for line in (tmp_path / name).open()] for name in ("p.jsonl", "hf.jsonl"))
    assert [line["case_id"] for line in ours] == [line["case_id"] for line in theirs]
    assert [line["completion"] for line in ours] == [line["completion"] for line in theirs]
    assert all(len({*line["samples"]}) == 2 for line in ours)
    meta = json.loads((tmp_path / "p.jsonl.meta.json").read_text())
    assert meta["engine"] == "vllm" and meta["model_checksum"] and meta["samples"] == 2


def test_help_shows_tasks_and_examples(capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(["--help"])
    said = capsys.readouterr().out
    assert stopped.value.code == 0 and "Examples:" in said and "--engine https://HOST/v1" in said
    assert all(f"  {name} " in said for name in TASKS)
