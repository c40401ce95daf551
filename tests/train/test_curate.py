"""Curation: bands and intervals by worked examples, sampling that survives kills, and GRPO on what it chose."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import binomtest
from trl.trainer.utils import RepeatSampler

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.cli import run_main
from skin_r1.errors import UserError
from skin_r1.gold import gold_answer
from skin_r1.recipe import read_recipe
from skin_r1.tiny import build_tiny
from skin_r1.train import curate
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.curate import CurateConfig, read_parts
from skin_r1.train.data.bands import Choice, band_of, chosen_cases, histogram, judged, silent_kind, summary_of, wilson
from skin_r1.train.data.rows import check_generation_batch, training_rows
from skin_r1.train.data.sampling import CaseNoise, case_seed
from skin_r1.train.run import fingerprint
from tests.train.conftest import ROOT, SMALL_GRPO, TINY

REWARD = "tests.train.test_curate.length_reward"
SAMPLES = 4


def length_reward(completions, **_):
    """Pays 1, 0.5 or 0 by the text's length modulo 3, nothing for no text: the untrained model earns all three."""
    texts = [completion[-1]["content"] for completion in completions]
    return [(0.0, 0.5, 1.0)[len(text) % 3] for text in texts]


def silent_reward(completions, **_):
    return [None for _ in completions]


@pytest.mark.parametrize(
    ("passes", "samples", "band"),
    [(0, 8, "never"), (1, 8, "hard"), (2, 8, "hard"), (3, 8, "medium"), (6, 8, "medium"), (7, 8, "easy")]
    + [(8, 8, "always"), (1, 4, "hard"), (2, 4, "medium"), (3, 4, "medium"), (1, 2, "medium"), (0, 2, "never")],
)
def test_a_pass_rate_falls_into_its_band(passes, samples, band):
    assert band_of(passes, samples) == band


@pytest.mark.parametrize(
    ("passes", "samples", "low", "high"),
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(passes, samples, low, high):
    assert wilson(passes, samples) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_is_that_of_scipy_for_every_outcome_of_few_answers():
    for samples in (2, 4, 8, 16):
        for passes in range(samples + 1):
            theirs = binomtest(passes, samples).proportion_ci(0.95, method="wilson")
            assert wilson(passes, samples) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_cases_that_teach_nothing_are_told_apart_and_counted():
    paid = {
        "a": [0.0] * 4,
        "b": [1.0] * 4,
        "c": [0.5] * 4,
        "d": [0, 0, 0.5, 0],
        "e": [1, 0, 0, 0.25],
        "f": [1, 1, 1, 0.5],
    }
    rows = [
        judged(name, "melanoma" if name < "d" else "psoriasis", list(map(float, paid[name])), 1, 0.99) for name in paid
    ]
    assert [row["band"] for row in rows] == ["never", "always", "never", "never", "hard", "medium"]
    assert [silent_kind(row) for row in rows] == ["never", "always", "same", None, None, None]
    assert rows[4]["mean_reward"] == 0.3125 and rows[4]["std_reward"] == pytest.approx(0.671875**0.5 / 2)
    summary = summary_of(rows)
    assert summary["bands"] == {"never": 3, "hard": 1, "medium": 1, "easy": 0, "always": 1}
    assert summary["zero_variance"] == {"never": 1, "always": 1, "same": 1}
    assert summary["pass_rate"] == 8 / 24 and summary["parse_failures"] == 6 / 24
    assert summary["diagnoses"]["melanoma"]["zero_variance"] == 3 and summary["diagnoses"]["psoriasis"]["hard"] == 1
    text = histogram(summary)
    assert "never          3   50.0%  ####################\n" in text and "3 of 6 (never 1, always 1, same 1)" in text


def test_a_case_draws_from_the_softmax_and_from_its_own_stream():
    temperature, draws = 0.7, 4000
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0, -torch.inf])
    noise = CaseNoise([7], draws, temperature, torch.device("cpu"))
    taken = noise(None, scores.repeat(draws, 1)).argmax(dim=1)
    shares = torch.bincount(taken, minlength=5) / draws
    assert torch.allclose(shares, (scores / temperature).softmax(0), atol=0.03) and shares[4] == 0
    alone, beside = (CaseNoise(seeds, 3, 1.0, torch.device("cpu")) for seeds in ([11], [5, 11]))
    for _ in range(3):  # token after token, whatever the neighbors
        assert torch.equal(alone(None, torch.zeros(3, 9)), beside(None, torch.zeros(6, 9))[3:])


def test_a_seed_belongs_to_a_run_and_a_case():
    seeds = {case_seed(seed, case) for seed in (0, 1) for case in ("a/1", "a/2")}
    assert len(seeds) == 4 and all(0 <= seed < 2**63 for seed in seeds) and case_seed(0, "a/1") in seeds


def arguments(corpus, checkpoint, out, *more):
    command = ["--config", TINY / "curate.yaml", "--model", checkpoint, "--corpus", corpus, "--out", out]
    command += ["--samples", SAMPLES, "--max_completion_length", 16, "--reward", REWARD]
    return [str(part) for part in (*command, *more)]


def run(*args):
    return run_main(curate.main, arguments(*args))


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def rows_of(folder):
    return pq.read_table(folder / "curation.parquet").to_pylist()


def lines_of(folder):
    parts = sorted((folder / "parts").glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


@pytest.fixture(scope="session")
def checkpoint(corpus):
    """The embedded model before any training: its answers differ, which is all that these tests ask of it."""
    rows = training_rows(corpus, "all")
    texts = [message["content"] for prompt in rows["prompt"] for message in prompt]
    answers = [gold_answer(row) for row in rows.remove_columns("images")]
    return build_tiny(corpus.parent / "untrained", texts + answers, seed=0)


@pytest.fixture(scope="session")
def curation(corpus, checkpoint):
    folder = corpus.parent / "curation"
    assert run(corpus, checkpoint, folder) == 0
    return folder


@pytest.mark.pipeline
def test_every_sparse_case_is_judged_by_its_own_answers(corpus, curation, capsys):
    rows, said = rows_of(curation), {line["case_id"]: line["completions"] for line in lines_of(curation)}
    cases = load_corpus(corpus, "train")
    assert [row["case_id"] for row in rows] == [c["case_id"] for c in cases if c["annotation"] == "sparse"]
    for row in rows:
        paid = length_reward([[{"content": text}] for text in said[row["case_id"]]])
        assert len(paid) == SAMPLES and row["passes"] == paid.count(1.0)
        assert row["zero_variance"] == (len(set(paid)) == 1) and row["band"] == band_of(row["passes"], SAMPLES)
    assert len({row["band"] for row in rows}) >= 3, "the reward must spread the cases, or the tests below hold nothing"
    manifest = json.loads((curation / "manifest.json").read_text())
    summary = json.loads((curation / "curation.json").read_text())
    assert manifest["kind"] == "curation" and manifest["config"]["reward"] == REWARD
    assert manifest["inputs"]["model"]["sha256"] and manifest["outputs"] == summary
    assert summary["bands"] == {name: Counter(r["band"] for r in rows)[name] for name in summary["bands"]}


@pytest.mark.pipeline
def test_a_killed_run_resumes_to_the_bytes_of_an_unbroken_one(corpus, checkpoint, curation, tmp_path):
    out = tmp_path / "killed"
    # one case at a time here, sixteen on resume: the batch does not move the answers
    command = [
        sys.executable,
        "-m",
        "skin_r1.train.curate",
        *arguments(corpus, checkpoint, out, "--cases_per_batch", 1),
    ]
    part = out / "parts" / "part-0-of-1.jsonl"
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while time.monotonic() < until and not (part.is_file() and part.read_bytes().count(b"\n") >= 3):
            assert process.poll() is None, "ended before it was killed"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (out / "manifest.json").exists()
    whole = part.read_bytes()[: part.read_bytes().rfind(b"\n") + 1]
    assert 3 <= whole.count(b"\n") < 40
    part.write_bytes(whole + b'{"case_id": "phantom/torn", "compl')  # as a kill in the middle of a write leaves it
    assert run(corpus, checkpoint, out) == 0
    assert part.read_bytes().startswith(whole) and len(lines_of(out)) == 40  # none sampled twice
    assert (out / "curation.parquet").read_bytes() == (curation / "curation.parquet").read_bytes()
    assert {line["case_id"]: line["completions"] for line in lines_of(out)} == {
        line["case_id"]: line["completions"] for line in lines_of(curation)
    }


@pytest.mark.pipeline
def test_two_processes_share_the_cases_and_one_takes_up_their_parts(corpus, checkpoint, curation, tmp_path):
    out = tmp_path / "two"
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        ROOT / "recipes/accelerate/cpu.yaml",
    ]
    command += ["-m", "skin_r1.train.curate", *arguments(corpus, checkpoint, out, "--limit", 15)]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    parts = {part.name: part.read_bytes().count(b"\n") for part in (out / "parts").iterdir()}
    assert parts == {"part-0-of-2.jsonl": 8, "part-1-of-2.jsonl": 7} and len(rows_of(out)) == 15
    torn = out / "parts" / "part-1-of-2.jsonl"
    torn.write_bytes(torn.read_bytes()[:-5])  # its last case is sampled again by the one process
    assert run(corpus, checkpoint, out) == 0
    assert len(read_parts(out / "parts", SAMPLES)) == 40
    assert (out / "parts" / "part-0-of-1.jsonl").read_bytes().count(b"\n") == 26
    assert (out / "curation.parquet").read_bytes() == (curation / "curation.parquet").read_bytes()


@pytest.mark.pipeline
def test_another_mark_of_a_pass_sorts_anew_without_sampling(corpus, curation, tmp_path):
    shutil.copytree(curation, tmp_path / "again")
    before = (curation / "parts" / "part-0-of-1.jsonl").read_bytes()
    model = curation.parent / "untrained"
    assert run(corpus, model, tmp_path / "again", "--pass_reward", "0.5") == 0
    assert (tmp_path / "again" / "parts" / "part-0-of-1.jsonl").read_bytes() == before
    strict, mild = rows_of(curation), rows_of(tmp_path / "again")
    assert all(a["passes"] <= b["passes"] for a, b in zip(strict, mild, strict=True))
    assert sum(a["passes"] for a in strict) < sum(b["passes"] for b in mild)


@pytest.mark.pipeline
def test_a_choice_takes_the_wanted_bands_and_a_share_of_the_silent_rows(corpus, curation):
    rows = rows_of(curation)
    ids = [row["case_id"] for row in rows]
    here = fingerprint(corpus)
    wanted = {row["case_id"] for row in rows if row["band"] in ("hard", "medium") and not row["zero_variance"]}
    assert wanted and chosen_cases(Choice(curation, here, ("hard", "medium")), ids) == wanted
    silent = {row["case_id"] for row in rows if row["zero_variance"]}
    assert len(silent) >= 2
    kept = chosen_cases(Choice(curation, here, ("hard", "medium"), 0.5, 3), ids)
    assert wanted < kept and len(kept - wanted) == round(0.5 * len(silent)) and kept - wanted <= silent
    assert kept == chosen_cases(Choice(curation, here, ("hard", "medium"), 0.5, 3), ids)
    assert chosen_cases(Choice(curation, here, ("easy",), 1.0), ids) >= silent
    chosen = training_rows(corpus, "sparse", choice=Choice(curation, here, ("hard", "medium")))
    assert set(chosen["case_id"]) == wanted


def grpo(corpus, model, out, *more):
    command = [
        "grpo",
        "--config",
        TINY / "grpo.yaml",
        "--corpus",
        corpus,
        "--output_dir",
        out,
        "--annotation",
        "sparse",
    ]
    return skin_r1([str(part) for part in (*command, "--model_name_or_path", model, *SMALL_GRPO, *more)])


@pytest.mark.pipeline
def test_grpo_trains_on_the_curated_rows_and_resumes_only_with_them(corpus, checkpoint, curation, tmp_path, capsys):
    rows = rows_of(curation)
    expected = sum(row["band"] in ("hard", "medium", "easy") for row in rows)
    assert 4 < expected < 40
    assert grpo(corpus, checkpoint, tmp_path / "grpo", "--curation", curation, "--max_steps", "1") == 0
    manifest = json.loads((tmp_path / "grpo" / "manifest.json").read_text())
    assert manifest["outputs"]["rows"] == expected and manifest["outputs"]["steps"] == 1
    assert manifest["inputs"]["curation"]["sha256"]
    said = capsys.readouterr().out
    assert f"training on {expected} of these 40 rows" in said and f"by {REWARD}, which this run does not pay" in said
    if expected % 4:
        assert f"leaves {expected % 4} of {expected} rows over" in said
    assert grpo(corpus, checkpoint, tmp_path / "grpo") == 2  # the same folder without the curation
    assert "another run" in capsys.readouterr().err


@pytest.mark.pipeline
def test_grpo_refuses_a_curation_that_does_not_fit(corpus, checkpoint, curation, tmp_path, capsys):
    def refusal(*more):
        assert grpo(corpus, checkpoint, tmp_path / "out", *more) == 2
        return capsys.readouterr().err

    assert "lacks 40 of the 80" in refusal("--curation", curation, "--annotation", "all")
    assert "this is no curation" in refusal("--curation", corpus)
    assert "fewer training rows" in refusal("--curation", curation, "--per_device_train_batch_size", "400")
    assert "bands=['often']" in refusal("--curation", curation, "--bands", "often")
    assert "keep_zero_variance=2.0" in refusal("--curation", curation, "--keep_zero_variance", "2")
    unfinished = tmp_path / "unfinished"
    shutil.copytree(curation, unfinished)
    (unfinished / "manifest.json").unlink()
    assert "not finished" in refusal("--curation", unfinished)
    other = tmp_path / "other"
    shutil.copytree(corpus, other)
    (other / "manifest.json").write_text('{"kind": "corpus"}\n')
    assert "another corpus" in refusal("--curation", curation, "--corpus", other)


@pytest.mark.pipeline
def test_a_curation_that_leaves_nothing_is_refused_with_its_counts(corpus, curation, tmp_path):
    shutil.copytree(curation, tmp_path / "silent")
    table = pq.read_table(curation / "curation.parquet").to_pylist()
    rows = [judged(row["case_id"], row["diagnosis"], [0.0] * 4, 4, 0.99) for row in table]
    pq.write_table(curate.pa.Table.from_pylist(rows, schema=curate.SCHEMA), tmp_path / "silent" / "curation.parquet")
    with pytest.raises(UserError, match=r"no case to train on(.|\n)*never \("):
        chosen_cases(Choice(tmp_path / "silent", fingerprint(corpus), ("hard",)), [row["case_id"] for row in rows])


def test_a_short_last_batch_is_dropped_by_trl_and_said_by_us(tmp_path, capsys):
    sampler = RepeatSampler(range(10), mini_repeat_count=4, batch_size=4, repeat_count=2, seed=0)
    assert len(set(sampler)) == 8 and not list(RepeatSampler(range(3), mini_repeat_count=4, batch_size=4))
    keys = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_generations": 4}
    config = SkinGRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **keys)
    check_generation_batch(10, config)
    assert "leaves 2 of 10 rows over: a generation batch holds 4 (1 processes x" in capsys.readouterr().out
    check_generation_batch(8, config)
    assert not capsys.readouterr().out
    with pytest.raises(UserError, match="4 or more"):
        check_generation_batch(3, config)


@pytest.mark.pipeline
def test_what_cannot_be_curated_is_refused(corpus, checkpoint, curation, tmp_path, capsys):
    def refusal(*args):
        assert run(*args) == 2
        return capsys.readouterr().err

    out = tmp_path / "out"
    assert "--model is needed" in refusal(corpus, "", out)
    assert "temperature=0.0" in refusal(corpus, checkpoint, out, "--temperature", "0")
    assert "samples=1" in refusal(corpus, checkpoint, out, "--samples", "1")
    assert "annotation='few'" in refusal(corpus, checkpoint, out, "--annotation", "few")
    assert "pass_reward=1.5" in refusal(corpus, checkpoint, out, "--pass_reward", "1.5")
    assert "something else" in refusal(corpus, checkpoint, corpus)
    assert "another run" in refusal(corpus, checkpoint, curation, "--seed", "1")
    assert not out.exists()
    again = tmp_path / "again"
    shutil.copytree(curation, again)
    silent = REWARD.replace("length", "silent")
    assert "does not apply" in refusal(corpus, checkpoint, again, "--reward", silent)
    part = again / "parts" / "part-0-of-1.jsonl"
    part.write_bytes(part.read_bytes() + b'{"case_id": "phantom/x", "completions": ["one"]}\n')
    assert "row 41" in refusal(corpus, checkpoint, again)


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*/curate.yaml")), ids=str)
def test_the_recipes_sample_as_their_grpo_recipes_do(path):
    import yaml

    (config,) = read_recipe((CurateConfig,), ["--config", str(path)], prog="x", about="x")
    theirs = yaml.safe_load((path.parent / "grpo.yaml").read_text())
    assert all(getattr(config, key) == theirs[key] for key in ("temperature", "max_completion_length", "corpus"))
    assert config.model == theirs["model_name_or_path"] and config.reward in theirs["reward_funcs"]
    assert (theirs["top_p"], theirs["top_k"]) == (1.0, 0)
