"""Rationales: composed ones pass their own check, wrong ones do not."""

import json
from pathlib import Path

import pandas as pd
import pytest

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.distill.composer.compose import compose_full
from skin_r1.distill.composer.short import answer_only, compose_short, differential_of
from skin_r1.distill.composer.trajectory import possible
from skin_r1.distill.verify import fault
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse, render

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "recipes" / "tiny"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distill") / "corpus"
    sizes = ["--dense", "60", "--sparse", "20", "--validation", "6", "--test", "4", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(folder), "--seed", "4", *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(corpus):
    table = load_corpus(corpus, "train").remove_columns("images")
    return [row for row in table if row["annotation"] == "dense"]


@pytest.mark.parametrize("order", ["canonical", "shuffled"])
def test_every_short_rationale_passes_verification(rows, order):
    for row in rows:
        text = compose_short(row, seed=1, order=order)
        assert fault(text, row) is None, text
        reading = parse(text)
        assert isinstance(reading, Reading) and set(reading.finding_slugs) == set(row["concepts_present"])
        assert len(reading.think.split()) <= 60


def test_every_trajectory_of_every_case_passes_verification(rows):
    written = 0
    for number, row in enumerate(rows):
        for kind in possible(row):
            made = compose_full(row, kind, 17 * number)
            assert fault(made.completion, row, answer=made.diagnosis) is None, made.completion
            reading = parse(made.completion)
            assert isinstance(reading, Reading) and set(reading.finding_slugs) == set(row["concepts_present"])
            assert kind == "coarse_to_fine" or made.diagnosis == row["diagnosis"]
            written += 1
    assert written > len(rows)


def test_wording_varies_with_the_serial_and_never_when_written_twice(rows):
    row = max(rows, key=lambda r: len(r["concepts_present"]))
    kind = possible(row)[0]
    assert len({compose_full(row, kind, serial).completion for serial in range(20)}) == 20
    assert compose_full(row, kind, 3) == compose_full(row, kind, 3)


def test_the_differential_leaves_out_the_diagnosis(rows):
    for row in rows:
        assert row["diagnosis"] not in differential_of(row)
    assert differential_of({**rows[0], "differential": []})  # falls back on the ontology


def say(row, think="Seen.", findings=(), differential=(), diagnosis=None, malignancy=None):
    name = diagnosis or load_ontology().name(row["diagnosis"])
    return render(think, list(findings), list(differential), name, malignancy or row["malignancy"])


def test_each_fault_is_named(rows):
    row = {**rows[0], "diagnosis": "melanoma", "malignancy": "malignant"}
    row |= {"concepts_present": ["ulcer", "scale"], "concepts_absent": ["crust"]}
    cases = {
        "parse": "melanoma",
        "diagnosis": say(row, diagnosis="psoriasis"),
        "malignancy": say(row, malignancy="benign"),
        "differential": say(row, differential=["melanoma"]),
        "finding": say(row, findings=["crust"]),
        "contradiction": say(row, think="There is no ulcer.", findings=["ulcer"]),
    }
    for kind, text in cases.items():
        reason = fault(text, row)
        assert reason is not None and reason.startswith(kind + ":"), (kind, reason)
    assert fault(say(row, findings=["ulcer", "ulcer"]), row).startswith("finding:")
    assert fault(say(row, think="There is crust.", findings=["ulcer"]), row).startswith("finding:")
    assert fault(say(row, think="There is an ulcer without crust.", findings=["ulcer"]), row) is None


CASE = {
    "diagnosis": "melanoma", "malignancy": "malignant", "concepts_present": ["ulcer", "scale"],
    "concepts_absent": ["crust"], "history": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("think", "kind"),
    [
        ("The annotated findings are ulcer and scale.", "hint"),
        ("An ulcer and scale. The confirmed diagnosis was given as melanoma.", "hint"),
        ("Experts saw an ulcer and scale.", "hint"),
        ("An ulcer and scale. Histology shows atypical cells.", "unseen"),
        ("An ulcer with scale, firm on palpation.", "unseen"),
        ("A 70-year-old patient with an ulcer and scale.", "unseen"),
        ("The patient reports growth. Ulcer and scale.", "unseen"),
        ("An ulcer and scale. This suggests psoriasis.", "contradiction"),
        ("An ulcer and scale. The picture is most consistent with a seborrheic keratosis.", "contradiction"),
        ("An ulcer and scale. The lesion is benign.", "contradiction"),
        ("An ulcer and scale. This suggests melanoma. Less likely: psoriasis, which would fit scale.", None),
        ("An ulcer and scale. This does not fit psoriasis. It is likely malignant.", None),
        ("An ulcer and scale. Together they point to a malignant melanocytic neoplasm, here melanoma.", None),
        ("An ulcer and scale. It is not benign.", None),
    ],
)
def test_prose_that_betrays_the_hint_or_says_what_nobody_sees_is_rejected(think, kind):
    text = render(think, ["ulcer", "scale"], [], "Melanoma", "malignant")
    reason = fault(text, CASE)
    assert (reason is None) if kind is None else reason is not None and reason.startswith(kind + ":"), reason


def test_history_may_be_told_when_the_prompt_tells_it():
    row = CASE | {"history": "Age 70 years. Itches."}
    think = "A 70-year-old patient with an ulcer and scale. This suggests melanoma."
    assert fault(render(think, ["ulcer", "scale"], [], "Melanoma", "malignant"), row) is None
    wrong = think.replace("70", "17")
    assert fault(render(wrong, ["ulcer", "scale"], [], "Melanoma", "malignant"), row).startswith("unseen:")


@pytest.mark.parametrize(
    ("findings", "differential", "kind"),
    [
        ([], [], "finding"),
        (["ulcer"], ["purple measles of Mars"], "differential"),
        (["ulcer"], ["psoriasis", "Psoriasis"], "differential"),
        (["ulcer"], ["psoriasis", "dermatofibroma"], None),
    ],
)
def test_the_json_names_findings_and_known_diagnoses_once(findings, differential, kind):
    reason = fault(render("An ulcer.", findings, differential, "Melanoma", "malignant"), CASE)
    assert (reason is None) if kind is None else reason is not None and reason.startswith(kind + ":"), reason


def test_answers_alone_claim_nothing(rows):
    row = rows[0]
    assert fault(answer_only(row), row, answer_only=True) is None
    assert fault(compose_short(row, seed=0), row, answer_only=True) is not None


def test_the_command_writes_whole_folders_and_refuses_to_overwrite(corpus, tmp_path, capsys):
    out = tmp_path / "rationales"
    command = ["distill", "--config", str(TINY / "distill.yaml"), "--corpus", str(corpus), "--output_dir", str(out)]
    assert skin_r1(command) == 0
    table = pd.read_parquet(out / "train.parquet")
    assert len(table) == 60 and {"case_id", "prompt", "completion", "images"} <= set(table.columns)
    assert json.loads((out / "manifest.json").read_text())["outputs"]["train"] == {"asked": 60, "kept": 60}
    assert skin_r1(command) == 2 and "exists already" in capsys.readouterr().err
    assert not out.with_name("rationales.partial").exists()


@pytest.mark.parametrize("overwrite", ["false", "true"])
def test_a_folder_of_something_else_is_never_replaced(corpus, tmp_path, overwrite, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for place in (tmp_path / "mine", corpus, tmp_path, ""):
        command = ["distill", "--corpus", str(corpus), "--output_dir", str(place), "--overwrite", overwrite]
        assert skin_r1(command) == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert (corpus / "manifest.json").is_file()


def test_a_corpus_without_dense_cases_says_so(tmp_path, capsys):
    corpus = tmp_path / "sparse"
    sizes = ["--dense", "0", "--sparse", "4", "--validation", "2", "--test", "2", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(corpus), *sizes]) == 0
    command = ["distill", "--corpus", str(corpus), "--output_dir", str(tmp_path / "out")]
    assert skin_r1(command) == 2
    assert "no training rationale was kept" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--teacher", "gpt"], "compose"),
        (["--teacher", "openai"], "needs a model"),
        (["--concurrency", "0"], "1 or more"),
        (["--limit", "-3"], "1 or more"),
    ],
)
def test_a_wrong_choice_is_refused(options, says, capsys):
    assert skin_r1(["distill", *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes").glob("*/distill*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_distill_recipe_is_read(path):
    from skin_r1.distill.recipe import DistillRecipe
    from skin_r1.recipe import read_recipe

    (recipe,) = read_recipe((DistillRecipe,), ["--config", str(path)], prog="distill", about="")
    assert recipe.corpus and recipe.output_dir and path.read_text().startswith("# Purpose:")


def test_rules_of_a_users_book_are_argued_with(tmp_path):
    """`distill rules` reads a page, and `distill --rules` writes a rationale that rests on it; in a process of its own."""
    import subprocess
    import sys

    book = tmp_path / "book.md"
    book.write_text("# Notes\n\nAn irregular border is typical of squamous cell carcinoma in this clinic.\n")
    corpus = tmp_path / "corpus"
    sizes = ["--dense", "60", "--sparse", "4", "--validation", "4", "--test", "2", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(corpus), "--seed", "4", *sizes]) == 0
    assert skin_r1(["distill", "rules", "--source", str(book), "--out", str(tmp_path / "rules")]) == 0
    rules = tmp_path / "rules" / "rules.tsv"
    assert "squamous-cell-carcinoma\tirregular-border\ttypical" in rules.read_text()
    out = tmp_path / "out"
    command = ["distill", "--corpus", str(corpus), "--output_dir", str(out), "--length", "full", "--copies", "8"]
    done = subprocess.run([sys.executable, "-m", "skin_r1.cli", *command, "--rules", str(rules)], capture_output=True)
    assert done.returncode == 0, done.stderr
    bases = {basis for row in pd.read_parquet(out / "train.parquet")["sentences"] for s in row for basis in s["basis"]}
    assert "squamous-cell-carcinoma/irregular-border/book.md" in bases


def test_no_two_splits_share_a_serial_number(corpus, tmp_path):
    """Near copies of training rationales in the validation split would make a model look as if it generalized."""
    from skin_r1.distill.composer.code import overlap

    out = tmp_path / "out"
    command = ["distill", "--corpus", str(corpus), "--output_dir", str(out), "--length", "full", "--copies", "3"]
    assert skin_r1(command) == 0
    texts = {
        split: [parse(row[0]["content"]).think for row in pd.read_parquet(out / f"{split}.parquet")["completion"]]
        for split in ("train", "validation")
    }
    assert max(overlap(one, other) for one in texts["train"] for other in texts["validation"]) <= 0.5


def test_a_held_out_case_is_refused_whoever_writes(rows):
    from skin_r1.distill.checks.held_out import hold_out

    row = rows[0]
    held_out = hold_out([], [row["group"]])
    assert fault(answer_only(row), row, answer_only=True, held_out=held_out).startswith("test:")
    assert fault(compose_short(row, seed=0), row, held_out=held_out).startswith("test:")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--annotation", "sparse"], "only dense cases"),
        (["--copies", "2"], "copies is for trajectories"),
        (["--teacher", "openai", "--model", "m"], "no image is sent to a default"),
        (["--kinds", "sideways"], "unknown trajectory"),
    ],
)
def test_keys_that_would_do_nothing_or_harm_are_refused(options, says, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert skin_r1(["distill", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_run_that_keeps_nothing_keeps_what_it_rejected(corpus, tmp_path, capsys):
    held_out = tmp_path / "test.txt"
    (tmp_path / "c").mkdir()
    import shutil

    shutil.copytree(corpus, tmp_path / "c" / "corpus")
    shutil.rmtree(tmp_path / "c" / "corpus" / "test")  # every training case is a test case: all are refused
    shutil.copytree(tmp_path / "c" / "corpus" / "train", tmp_path / "c" / "corpus" / "test")
    held_out.write_text("A text of a test case that nothing here repeats.\n")
    out = tmp_path / "out"
    command = ["distill", "--corpus", str(tmp_path / "c" / "corpus"), "--output_dir", str(out)]
    assert skin_r1([*command, "--held_out_texts", str(held_out)]) == 2
    assert "rejected.jsonl" in capsys.readouterr().err and not out.exists()
    assert len(out.with_name("out.rejected.jsonl").read_text().splitlines()) == 60


def test_validation_cases_are_optional(corpus, tmp_path, capsys):
    import shutil

    shutil.copytree(corpus, tmp_path / "corpus")
    shutil.rmtree(tmp_path / "corpus" / "validation")
    command = ["distill", "--corpus", str(tmp_path / "corpus"), "--output_dir", str(tmp_path / "out")]
    assert skin_r1(command) == 0
    assert "no validation split" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "out").glob("*.parquet")) == ["train.parquet"]
