"""Models behind an address: a real server that answers, misbehaves and is asked by a process that is killed."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from squares import COLORS, case, write_split

from eval import run
from eval.predictions import read_predictions
from eval.tasks import TASKS
from skin_r1.case import load_corpus
from skin_r1.cli import run_main
from skin_r1.reading import messages_for, parse, render
from tests.distill.endpoint import Endpoint, completion, prompt_of

ROOT = Path(__file__).resolve().parents[2]
GOOD = render("A dark spot.", ["papule"], [], "melanoma", "malignant")


class Keyed(Endpoint):
    """Also notes the heads of what it was sent."""

    def __init__(self, *args, **kwargs):
        self.heads = []
        super().__init__(*args, **kwargs)

    async def _exchange(self, reader, writer):
        whole = reader.readuntil

        async def noted(end):
            self.heads.append((await whole(end)).decode())
            return self.heads[-1].encode()

        reader.readuntil = noted
        try:
            return await super()._exchange(reader, writer)
        finally:
            reader.readuntil = whole


@pytest.fixture
def serve(serve):
    return partial(serve, kind=Keyed)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """40 test cases, each with a history of its own, so that no two ask the same."""
    folder = tmp_path_factory.mktemp("many")
    names = list(COLORS)
    write_split(folder, "test", [case(i, names[i % 3], "test", history=f"Number {i}.") for i in range(40)])
    return folder


def arguments(url, corpus, out, *options):
    given = ["--engine", url, "--model", "m", "--corpus", corpus, "--out", out, "--attempts", "2", "--timeout", "20"]
    return [str(each) for each in [*given, *options]]


def read(*given):
    return run_main(run.main, arguments(*given))


def lines(out):
    return [json.loads(line) for line in out.read_text().splitlines()]


def seeded(body):
    """An answer that shows question, seed and temperature."""
    number = prompt_of(body).split("Number ")[1].split(".")[0]
    return f"case {number} seed {body['seed']} at {body['temperature']:g}"


def test_a_line_per_case_in_order_and_the_image_as_it_is(serve, corpus, tmp_path):
    server = serve(lambda body: GOOD, latency=lambda body: 0.01 * (len(body["messages"][0]["content"][0]) % 3))
    out = tmp_path / "p.jsonl"
    assert read(server.url, corpus, out, "--max_new_tokens", "77", "--seed", "5") == 0
    assert [(line["case_id"], parse(line["completion"]).diagnosis_slug, line["model"]) for line in lines(out)] == [
        (f"squares/test-{i}", "melanoma", "m") for i in range(6)
    ]
    rows = load_corpus(corpus, "test")
    texts = {messages_for(row)[0]["content"] for row in rows}
    pixels = {bytes(row["images"][0].tobytes()) for row in rows}
    for body in server.bodies:
        picture, text = body["messages"][0]["content"]
        assert text["text"] in texts and (body["model"], body["max_tokens"], body["seed"]) == ("m", 77, 5)
        kind, _, content = picture["image_url"]["url"].partition(",")
        assert kind == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(content))).tobytes() in pixels
    meta = json.loads((tmp_path / "p.jsonl.meta.json").read_text())
    assert meta["engine"] == server.url and meta["decoding"] == {"temperature": 0.0, "max_new_tokens": 77, "seed": 5}
    asked = len(server.bodies)
    assert read(server.url, corpus, out, "--max_new_tokens", "77", "--seed", "5") == 0
    assert len(server.bodies) == asked, "nothing is asked twice"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_writes_what_it_showed(task, serve, corpus, tmp_path):
    server = serve(lambda body: f"<think>t</think>\nabout {len(prompt_of(body))}")
    out = tmp_path / "p.jsonl"
    assert read(server.url, corpus, out, "--task", task, "--choices", "3") == 0
    prompts = {prompt_of(body) for body in server.bodies}
    for line, prediction in zip(lines(out), read_predictions(out), strict=True):
        assert line.get("task", "diagnosis") == task and tuple(prediction.options or ()) == tuple(
            line.get("options", ())
        )
        assert any(line["completion"].endswith(f"about {len(prompt)}") for prompt in prompts)
    counts = {"choice": 3, "malignancy": 4, "diagnosis": 0, "differential": 0, "report": 0}
    if task in counts:
        assert {len(line.get("options", ())) for line in lines(out)} == {counts[task]}
    assert len(lines(out)) == (2 if task == "concepts" else 6), "two cases have annotated findings"


def test_samples_beside_a_greedy_answer(serve, many, tmp_path):
    server = serve(seeded)
    out = tmp_path / "p.jsonl"
    assert read(server.url, many, out, "--samples", "3", "--temperature", "0.7", "--seed", "2", "--limit", "5") == 0
    assert len(lines(out)) == 5
    for line in lines(out):
        number = line["case_id"].rpartition("-")[2]
        assert line["completion"] == f"case {number} seed 2 at 0"
        assert line["samples"] == [f"case {number} seed {seed} at 0.7" for seed in (3, 4, 5)]


def test_reasoning_that_the_server_split_off_comes_back(serve, corpus, tmp_path):
    server = serve(lambda body: GOOD.partition("</think>\n")[2])
    server.thoughts = "A dark spot."
    assert read(server.url, corpus, tmp_path / "p.jsonl") == 0
    assert all(line["completion"] == GOOD for line in lines(tmp_path / "p.jsonl"))


def test_an_answer_cut_off_is_an_answer(serve, corpus, tmp_path):
    server = serve(lambda body: GOOD)
    server.script = [completion("<think>A dark", "length"), completion(None, "stop", refusal="I cannot help.")]
    out = tmp_path / "p.jsonl"
    assert read(server.url, corpus, out, "--concurrency", "1") == 0
    told = {line["failure"]: line["completion"] for line in lines(out) if "failure" in line}
    assert told == {"cut off: longer than max_tokens": "<think>A dark", "refused: I cannot help.": ""}
    assert sum(line["completion"] == GOOD for line in lines(out)) == 4
    assert read(server.url, corpus, out, "--concurrency", "1") == 0 and server.asked.total() == 6


def test_failures_are_counted_and_asked_again(serve, corpus, tmp_path, capsys):
    too_long = (400, {}, '{"error": {"message": "maximum context length is 10 tokens"}}')
    server = serve(lambda body: GOOD)
    server.script = [too_long, (413, {}, '{"error": {"message": "image too large"}}')]
    out, reasons = tmp_path / "p.jsonl", tmp_path / "p.jsonl.unanswered.jsonl"
    assert read(server.url, corpus, out, "--concurrency", "1") == 1
    said = capsys.readouterr().err
    assert "2 cases have no answer" in said and "1 bad request" in said and "1 too large" in said
    assert len(lines(out)) == 4 and len(lines(reasons)) == 2
    told = " ".join(line["reason"] for line in lines(reasons))
    assert "bad request: " in told and "maximum context length" in told and "too large: " in told
    assert {line["case_id"] for line in [*lines(out), *lines(reasons)]} == {f"squares/test-{i}" for i in range(6)}
    before = len(server.bodies)
    assert read(server.url, corpus, out) == 0
    assert len(server.bodies) == before + 2 and not reasons.exists()
    assert [line["case_id"] for line in lines(out)] == [f"squares/test-{i}" for i in range(6)]


class Picky(Keyed):
    """Finds the images of the first twenty cases too large."""

    def _draw(self, key):
        return "413" if int(prompt_of(self.bodies[-1]).split("Number ")[1].split(".")[0]) < 20 else None


def test_a_data_set_that_fails_does_not_end_the_run(many, tmp_path, capsys):
    """Twenty failures in a row would: the endpoint seems to be down. So cases are asked in random order."""
    server = Picky(lambda body: GOOD)
    assert read(server.url, many, tmp_path / "p.jsonl") == 1
    server.close()
    assert "20 cases have no answer (20 too large)" in capsys.readouterr().err
    assert [line["case_id"] for line in lines(tmp_path / "p.jsonl")] == [f"squares/test-{i}" for i in range(20, 40)]


def test_a_refused_key_ends_the_run_and_loses_nothing(serve, corpus, tmp_path, capsys):
    server = serve(lambda body: GOOD)
    server.script = [completion(GOOD)] * 2 + [(401, {}, '{"error": {"message": "bad key"}}')]
    assert read(server.url, corpus, tmp_path / "p.jsonl", "--concurrency", "1") == 2
    said = capsys.readouterr().err
    assert "the endpoint refuses the key" in said and "bad key" in said
    assert len(lines(tmp_path / "p.jsonl")) == 2


def test_a_wrong_name_or_address_is_said(serve, corpus, tmp_path, capsys):
    server = serve(lambda body: GOOD)
    server.script = [(404, {}, '{"error": {"message": "no model m"}}')] * 8
    assert read(server.url, corpus, tmp_path / "p.jsonl") == 2
    assert "does not know the model" in capsys.readouterr().err
    url = server.url
    server.close()
    server.close = lambda: None
    assert read(url, corpus, tmp_path / "q.jsonl", "--attempts", "1") == 1
    assert "6 connection" in capsys.readouterr().err


def test_the_key_comes_from_the_variable_that_is_named(serve, corpus, tmp_path, monkeypatch, capsys):
    server = serve(lambda body: GOOD)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert read(server.url, corpus, tmp_path / "p.jsonl", "--api_key_env", "MY_KEY") == 2
    assert "export MY_KEY" in capsys.readouterr().err and not server.heads
    monkeypatch.setenv("MY_KEY", "secret-1")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert read(server.url, corpus, tmp_path / "p.jsonl", "--api_key_env", "MY_KEY") == 0
    assert server.heads and all("authorization: bearer secret-1" in head.lower() for head in server.heads)
    assert os.environ["OPENAI_API_KEY"] == "another"
    assert not any(b"secret-1" in path.read_bytes() for path in tmp_path.iterdir())


def test_overwrite_asks_again_and_a_shared_cache_does_not(serve, corpus, tmp_path):
    server = serve(lambda body: GOOD)
    out = tmp_path / "p.jsonl"
    assert read(server.url, corpus, out) == read(server.url, corpus, out, "--overwrite") == 0
    assert server.asked.total() == 12
    shared = ("--cache", tmp_path / "all.sqlite")
    assert read(server.url, corpus, tmp_path / "q.jsonl", *shared, "--limit", "4") == 0
    assert read(server.url, corpus, tmp_path / "r.jsonl", *shared) == 0
    assert server.asked.total() == 18 and lines(tmp_path / "r.jsonl") == lines(out)


# Imports once, then forks a process for each run: only the start of Python is saved, the runs are whole and apart.
FORKS = """
import os, sys
import eval.run, eval.models.chat, skin_r1.case
from skin_r1.cli import run_main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(run_main(eval.run.main, sys.argv[1:]))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(serve, many, tmp_path):
    """Killed in both halves: 80 samples, then 40 completions."""
    server = serve(seeded, latency=lambda body: 0.02 + 0.02 * (body["seed"] + len(prompt_of(body)) % 3))
    options = ("--samples", "2", "--temperature", "0.7", "--concurrency", "4")
    assert read(server.url, many, tmp_path / "whole.jsonl", *options) == 0
    whole, once = (tmp_path / "whole.jsonl").read_bytes(), server.asked.total()
    assert once == 120 and len(whole.splitlines()) == 40
    out, moments = tmp_path / "p.jsonl", (1, 30, 70, 85, 95, 110)
    command = [sys.executable, "-c", FORKS, *arguments(server.url, many, out, *options)]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True) as parent:
        for moment in moments:
            print("go", file=parent.stdin, flush=True)
            pid = int(parent.stdout.readline())
            end = time.monotonic() + 60
            while server.answered.total() < once + moment and time.monotonic() < end:
                time.sleep(0.002)
            os.kill(pid, signal.SIGKILL)
            assert int(parent.stdout.readline()) == signal.SIGKILL, "it was killed at work"
        parent.stdin.close()
    assert 0 < len(out.read_bytes().splitlines()) < 40
    assert read(server.url, many, out, *options) == 0
    assert out.read_bytes() == whole
    assert server.asked.total() <= 2 * once + 4 * len(moments), "only what was under way was asked again"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "ftp://x/v1"], ["unknown engine", "vllm"]),
        (["--engine", "https://me:secret@x/v1"], ["--api_key_env"]),
        (["--adapter", "a"], ["transformers only"]),
        (["--label_scores", "all"], ["transformers only", "--samples"]),
        (["--task", "diagnose"], ["unknown task", "diagnosis"]),
        (["--choices", "30"], ["2 to 10"]),
        (["--samples", "2"], ["temperature"]),
        (["--probe", "blink"], ["unknown probe", "blank"]),
        (["--probe", "blank:x"], ["NAME:SEED"]),
        (["--attempts", "0"], ["--attempts"]),
        (["--timeout", "0"], ["--timeout"]),
    ],
)
def test_bad_options_ask_nothing(options, words, corpus, tmp_path, capsys):
    assert read("http://127.0.0.1:9/v1", corpus, tmp_path / "p.jsonl", *options) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words) and "secret" not in said, said
    assert not list(tmp_path.iterdir())


def test_a_dry_run_shows_the_first_question(corpus, tmp_path, capsys):
    assert read("http://127.0.0.1:9/v1", corpus, tmp_path / "p.jsonl", "--task", "choice", "--dry_run") == 0
    said = capsys.readouterr().out
    assert "squares/test-0" in said and "24 x 24" in said and "A. " in said and not list(tmp_path.iterdir())


def test_a_probe_changes_what_is_sent_and_leaves_out_what_it_cannot(serve, corpus, tmp_path, capsys):
    server = serve(lambda body: GOOD)
    assert read(server.url, corpus, tmp_path / "p.jsonl", "--probe", "no_image:3") == 0
    assert (
        all(len(body["messages"][0]["content"]) == 1 for body in server.bodies)
        and len(lines(tmp_path / "p.jsonl")) == 6
    )
    assert json.loads((tmp_path / "p.jsonl.meta.json").read_text())["probe"] == "no_image:3"
    capsys.readouterr()
    assert read(server.url, corpus, tmp_path / "q.jsonl", "--probe", "lesion_masked") == 0
    left = lines(tmp_path / "q.jsonl.unanswered.jsonl")
    assert left and all(line["reason"].startswith("left out: ") for line in left)
    assert len(left) + len(lines(tmp_path / "q.jsonl")) == 6
    assert f"{len(left)} cases left out" in capsys.readouterr().out
