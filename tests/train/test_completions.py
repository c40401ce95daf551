"""The table of completions: whole files, the right rows, images by license; wandb and trackio without a network."""

import glob
import io
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict, deque
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from transformers import TrainerControl, TrainerState, TrainingArguments

from skin_r1.case import load_corpus
from skin_r1.errors import UserError
from skin_r1.licenses import is_open
from skin_r1.train.monitor.completions import CompletionsTable, case_columns, read, table_of, write
from skin_r1.train.monitor.groups import family_of
from tests.train.conftest import ROOT, SMALL_GRPO, TINY

PNG = b"\x89PNG\r\n"
REWARDS = ("format_reward", "grounding_reward")
ROWS = {
    "case_id": "a/1",
    "diagnosis": "melanoma",
    "license": "CC BY 4.0",
    "images": [Image.new("RGB", (8, 8), "brown")],
}


def logs(modes, images=False):
    """TRL's `_logs` (grpo_trainer.py, trl 1.16): deques that hold one generation batch."""
    size = len(modes)
    kept = {
        "images": deque(maxlen=size),
        "prompt": deque(maxlen=size),
        "completion": deque(maxlen=size),
        "rewards": defaultdict(lambda: deque(maxlen=size)),
        "advantages": deque(maxlen=size),
        "extra": defaultdict(lambda: deque(maxlen=size)),
    }
    for at, mode in enumerate(modes):
        kept["prompt"].append([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "See."}]}])
        kept["completion"].append([{"role": "assistant", "content": f"answer {at}", "reasoning_content": "seen"}])
        for name in REWARDS:
            kept["rewards"][name].append(math.nan if name == "grounding_reward" and at % 2 else at / 10)
        kept["advantages"].append(float(at))
        for name, values in case_columns([ROWS], mode, images=images).items():
            kept["extra"][name].extend(values)
    return kept


def test_a_row_says_case_truth_text_rewards_and_advantage():
    rows = table_of(logs(["train"] * 3), step=7, limit=2).to_pylist()
    assert rows[1] == {
        "step": 7,
        "case_id": "a/1",
        "diagnosis": "melanoma",
        "family": family_of("melanoma"),
        "prompt": "See.",
        "completion": "<think>seen</think>\nanswer 1",
        "format_reward": 0.1,
        "grounding_reward": None,
        "advantage": 1.0,
    }
    assert len(rows) == 2


def test_rows_of_an_evaluation_are_left_out():
    table = table_of(logs(["eval", "train", "eval", "train"]), step=1, limit=9)
    assert table["advantage"].to_pylist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ("CC BY 4.0", True),
        ("CC-BY", True),
        ("CC-0", True),
        ("CC0 1.0", True),
        ("Apache-2.0", True),
        ("CC BY-SA 4.0", True),
        ("CC BY-NC 4.0", False),
        ("CC-BY-NC", False),
        ("CC BY-NC 4.0 (also quoted as CC BY 4.0: see its Dataverse page)", False),
        ("CC0, CC BY or CC BY-NC, per image: see the notes", False),
        ("(c) DermNet, no passing on", False),
        ("as the dataset's skin-r1.yaml says", False),
        ("", False),
    ],
)
def test_an_image_is_shown_only_under_a_license_that_lets_anybody_pass_it_on(terms, shown):
    columns = case_columns([{**ROWS, "license": terms}], "train", images=True)
    assert (columns["image"][0] is not None) is shown is is_open(terms)
    assert "image" not in case_columns([{**ROWS, "license": terms}], "train", images=False)
    if shown:
        assert Image.open(io.BytesIO(columns["image"][0])).size == (8, 8)


def test_a_kill_leaves_a_whole_file_or_none(tmp_path, monkeypatch):
    first = table_of(logs(["train"]), step=2, limit=9)
    write(tmp_path, 2, first)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)  # killed after the bytes, before they have their name
        write(tmp_path, 4, table_of(logs(["train"]), step=4, limit=9))
    assert read(tmp_path).equals(first)
    (tmp_path / "completions" / "step-0000006.parquet.partial").write_bytes(b"PAR1 half")
    assert read(tmp_path)["step"].to_pylist() == [2]


def test_a_run_without_completions_says_how_to_get_them(tmp_path):
    with pytest.raises(UserError, match="completions_every"):
        read(tmp_path)


def test_what_a_killed_run_wrote_after_its_checkpoint_goes(tmp_path):
    for step in (2, 4, 6):
        write(tmp_path, step, table_of(logs(["train"]), step=step, limit=9))
    args = TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    table = CompletionsTable(logs(["train"]), every=4, rows=9)
    state = TrainerState(global_step=4)
    table.on_train_begin(args, state, TrainerControl())
    for state.global_step in range(5, 9):
        table.on_step_end(args, state, TrainerControl())
    assert read(tmp_path)["step"].to_pylist() == [2, 4, 8]


GUARD = """
import os, socket
connect, lookup = socket.socket.connect, socket.getaddrinfo
LOCAL = ("127.", "localhost", "::1", "0.0.0.0")

def refuse(host):
    if host and not str(host).startswith(LOCAL) and host != socket.gethostname():
        with open(os.environ["ATTEMPTS"], "a") as stream:
            stream.write(f"{host}\\n")
        raise OSError(f"no network: {host}")

def guarded_connect(self, address):
    if isinstance(address, tuple):
        refuse(address[0])
    return connect(self, address)

def guarded_lookup(host, *rest, **named):
    refuse(host)
    return lookup(host, *rest, **named)

socket.socket.connect, socket.getaddrinfo = guarded_connect, guarded_lookup
"""


def offline(folder, tracker, *arguments):
    """`skin-r1 grpo` in a process that may reach nothing but this machine; wandb's Go process has a dead proxy."""
    (folder / "guard").mkdir(exist_ok=True)
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    environment = {
        **os.environ,
        **proxies,
        "PYTHONPATH": f"{folder / 'guard'}{os.pathsep}{ROOT}",
        "ATTEMPTS": str(folder / "attempts"),
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(folder),
        "TRACKIO_DIR": str(folder / "trackio"),
    }
    environment.pop("WANDB_API_KEY", None)
    command = [sys.executable, "-m", "skin_r1.cli", "grpo", "--config", TINY / "grpo.yaml"]
    options = [*SMALL_GRPO, "--max_steps", "4", "--save_strategy", "steps", "--save_steps", "2"]
    options += ["--completions_every", "2", "--report_to", tracker]
    done = subprocess.run(
        [*map(str, command), *map(str, arguments), *options],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (folder / "attempts").exists(), (folder / "attempts").read_text()
    return done.stdout


def holding(folder, data):
    return [file for file in folder.rglob("*") if file.is_file() and data in file.read_bytes()]


@pytest.mark.pipeline
def test_wandb_and_trackio_hold_metrics_and_table_without_a_network(corpus, checkpoint, tmp_path):
    """One run: to wandb until its end, then from its second step on again to trackio, now with images."""
    for name in ("wandb", "trackio"):
        pytest.importorskip(name)
    out = tmp_path / "run"
    where = ["--corpus", corpus, "--model_name_or_path", checkpoint, "--output_dir", out]
    stdout = offline(tmp_path, "wandb", *where)
    assert "ALARM clipped at step 3" in stdout  # eight steps of SFT do not teach the model to end
    raised = [json.loads(line) for line in (out / "alarms.jsonl").read_text().splitlines()]
    assert [(alarm["name"], alarm["step"]) for alarm in raised] == [("clipped", 3)]
    first = read(out)
    assert first["step"].to_pylist() == [2] * 16 + [4] * 16
    cases = {
        row["case_id"]: row["diagnosis"]
        for row in load_corpus(corpus, "train").select_columns(["case_id", "diagnosis"])
    }
    assert all(cases[row["case_id"]] == row["diagnosis"] for row in first.to_pylist())
    assert first["completion"][0].as_py() and first["prompt"][0].as_py().startswith("This is a")

    (run,) = glob.glob(str(tmp_path / "wandb" / "offline-run-*"))
    (log,) = glob.glob(f"{run}/*.wandb")
    with open(log, "rb") as stream:
        data = stream.read()
    for metric in ("train/reward", "train/groups/zero_std", "train/malignancy/", "train/completions/clipped_ratio"):
        assert metric.encode() in data
    tables = [json.load(open(file)) for file in glob.glob(f"{run}/files/media/table/completions*.json")]
    rows = [dict(zip(table["columns"], row, strict=True)) for table in tables for row in table["data"]]
    assert sorted(rows, key=lambda row: row["step"])[0].keys() == first.to_pylist()[0].keys()
    assert {row["completion"] for row in rows} == set(first["completion"].to_pylist())
    assert not holding(tmp_path / "wandb", PNG) and not holding(out / "completions", PNG)

    shutil.rmtree(out / "checkpoint-4")  # as if killed after step 2
    for name in ("model.safetensors", "manifest.json"):
        (out / name).unlink()
    offline(tmp_path, "trackio", *where, "--log_images", "true")
    again = read(out)
    assert again["step"].to_pylist() == first["step"].to_pylist()
    assert [json.loads(line)["step"] for line in (out / "alarms.jsonl").read_text().splitlines()] == [3]
    assert [image is not None for image in again["image"].to_pylist()] == [False] * 16 + [True] * 16
    (database,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        entries = [json.loads(text) for (text,) in connection.execute("select metrics from metrics order by id")]
    logged = set().union(*entries)
    assert {"train/reward", "train/groups/zero_std", "train/entropy"} <= logged
    assert any(name.startswith("train/family/") for name in logged)
    (table,) = (entry["completions"] for entry in entries if "completions" in entry)
    assert table["_type"] == "trackio.table"
    assert [row["completion"] for row in table["_value"]] == again["completion"].to_pylist()[16:]
    assert holding(tmp_path / "trackio", PNG)
    assert pq.read_metadata(out / "completions" / "step-0000002.parquet").num_rows == 16
