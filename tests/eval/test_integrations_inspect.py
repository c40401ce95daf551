"""The inspect_ai task, run by inspect's own command against a server: its numbers are those of `eval score`."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from answered import NAMES, answer, scored, write_corpus

from eval.integrations import collect
from eval.integrations.headline import HEADLINE
from eval.predictions import read_predictions
from eval.tasks import messages
from eval.writing import read_meta
from skin_r1.case import load_corpus
from skin_r1.cli import run_main
from skin_r1.ontology import load_ontology
from tests.distill.endpoint import Endpoint, completion, prompt_of

TASK = Path(__file__).resolve().parents[2] / "eval" / "integrations" / "inspect_task.py"
needs_inspect = pytest.mark.skipif(find_spec("inspect_ai") is None, reason="inspect_ai is not installed")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("inspect"))


def evaluate(corpus, logs, said, *options, script=()):
    """The log of a run, and what the server was asked; `script` is served first."""
    server = Endpoint(lambda body: said(int(prompt_of(body).split("Number ")[1].split(".")[0]), body))
    server.script = list(script)
    environment = {**os.environ, "LOCAL_API_KEY": "x", "LOCAL_BASE_URL": server.url, "INSPECT_DISPLAY": "none"}
    given = ["-T", f"corpus={corpus}", "--model", "openai-api/local/m", "--log-dir", logs, *options]
    code = "import sys; from inspect_ai._cli.main import main; sys.argv[0] = 'inspect'; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "eval", f"{TASK}@skin_r1", *map(str, given)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=logs.parent,
        )
    finally:
        server.close()
    (log,) = logs.glob("*.*")
    assert done.returncode == 0, done.stdout + done.stderr
    return log, server.bodies


def metrics_of(log):
    from inspect_ai.log import read_eval_log

    whole = read_eval_log(str(log))
    assert whole.status == "success", whole.error
    (found,) = whole.results.scores
    return {name: each.value for name, each in found.metrics.items()}


def back(log, out):
    assert run_main(collect.main, ["--source", str(log), "--out", str(out)]) == 0
    return out


def same(found, expected):
    for name in HEADLINE:
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
            if expected[name][key] is None:
                assert name + end not in found
            else:
                assert found[name + end] == pytest.approx(expected[name][key], abs=1e-9), name + end


@needs_inspect
@pytest.mark.parametrize("form", ["eval", "json"])
def test_numbers_are_those_of_eval_score(corpus, tmp_path, form):
    log, asked = evaluate(corpus, tmp_path / "logs", lambda number, body: answer(number), "--log-format", form)
    out = back(log, tmp_path / "p.jsonl")
    expected = scored(out, corpus, tmp_path / "scores")
    assert 0 < expected["accuracy"]["value"] < 1 and 0 < expected["grounding_f1"]["value"] < 1
    same(metrics_of(log), expected)
    assert {each.case_id: each.completion for each in read_predictions(out)} == {
        f"squares/test-{number}": answer(number) for number in range(24)
    }
    assert read_meta(out)["decoding"]["temperature"] == 0.0 and read_meta(out)["split"] == "test"
    rows = {row["history"]: row for row in load_corpus(corpus, "test").remove_columns("images").to_list()}
    for body in asked:
        picture, text = body["messages"][-1]["content"]
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        row = rows["Number " + text["text"].split("Number ")[1].split(".")[0] + "."]
        assert text["text"] == messages("diagnosis", row, ())[0]["content"]


@needs_inspect
def test_multiple_choice_and_answers_cut_off(corpus, tmp_path):
    def said(number, body):
        name = load_ontology().name(NAMES[number % 3] if number % 2 else NAMES[(number + 1) % 3])
        lines = [line for line in prompt_of(body).splitlines() if line.endswith(f". {name}")]
        return f"Answer: {lines[0][0]}" if lines else "Answer: A"

    log, _ = evaluate(
        corpus, tmp_path / "logs", said, "-T", "task=choice", script=[completion("The answer", "length")]
    )
    out = back(log, tmp_path / "p.jsonl")
    (cut,) = (each for each in read_predictions(out) if each.failure)
    assert cut.failure == "cut off: longer than max_tokens" and cut.completion == "The answer"
    expected = scored(out, corpus, tmp_path / "scores")
    assert 0.3 < expected["accuracy"]["value"] < 1
    same(metrics_of(log), expected)


@pytest.mark.skipif(find_spec("inspect_ai") is not None, reason="inspect_ai is installed")
def test_without_inspect_a_log_is_refused_plainly(tmp_path, capsys):
    (tmp_path / "log.json").write_text(json.dumps({"version": 2}))
    assert run_main(collect.main, ["--source", str(tmp_path / "log.json"), "--out", str(tmp_path / "p.jsonl")]) == 2
    assert "inspect_ai is not installed" in capsys.readouterr().err
