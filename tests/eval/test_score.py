"""`eval score`: from a predictions file to a folder, and every way in which the file can be wrong."""

import csv
import gzip
import json
import re
import tracemalloc
from dataclasses import fields
from itertools import count

import pytest
from squares import COLORS, case, write_split

from eval import score
from eval.cases import read_scores
from eval.groups import ATTRIBUTES
from eval.prediction_line import KEYS
from eval.predictions import LONGEST_LINE, Prediction, match, read_predictions
from eval.sample import sample
from skin_r1.case import load_corpus
from skin_r1.cli import run_main
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.reading import render

ATTACK = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def gold(corpus, **changes):
    """case_id -> prediction line that is right, but for `changes`."""
    tree = load_ontology()
    lines = {}
    for row in load_corpus(corpus, "test").remove_columns("images").to_list():
        findings = [slug.replace("-", " ") for slug in row["concepts_present"]]
        text = render(
            "It is " + ", ".join(findings) + ".", findings, [], tree.name(row["diagnosis"]), row["malignancy"]
        )
        lines[row["case_id"]] = {"case_id": row["case_id"], "completion": text, "model": "gold"}
    for case_id, completion in changes.items():
        lines[f"squares/{case_id.replace('_', '-')}"]["completion"] = completion
    return lines


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(corpus, predictions, out, *options):
    arguments = ["--predictions", str(predictions), "--corpus", str(corpus), "--out", str(out), "--bootstrap", "200"]
    return run_main(score.main, [*arguments, *options])


def test_gold_scores_one_and_the_folder_is_whole(corpus, tmp_path, capsys):
    out = tmp_path / "scores"
    assert run(corpus, write(tmp_path / "p.jsonl", gold(corpus).values()), out) == 0
    tables = {"diagnoses.csv", "findings.csv", "groups.csv", "card.md"}
    assert {path.name for path in out.iterdir()} == {
        "summary.json",
        "report.html",
        "scores.jsonl",
        "manifest.json",
        *tables,
    }
    summary = json.loads((out / "summary.json").read_text())
    metrics = summary["metrics"]
    assert set(metrics["accuracy"]) == {"value", "low", "high", "n"}
    ones = (
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "hierarchical_accuracy",
        "grounding_f1",
        "malignancy_sensitivity",
    )
    assert all(metrics[name]["value"] == 1.0 for name in ones)
    assert metrics["hallucination_rate"]["value"] == metrics["parse_failure_rate"]["value"] == 0.0
    assert metrics["accuracy"]["n"] == 6 and metrics["grounding_f1"]["n"] == 2
    assert (summary["model"], summary["cases"], summary["groups"]) == ("gold", 6, 3)
    assert json.loads((out / "manifest.json").read_text())["kind"] == "evaluation"
    diagnoses = list(csv.DictReader((out / "diagnoses.csv").open()))
    assert [(row["slug"], row["n"], row["recall"]) for row in diagnoses] == [
        (slug, "2", "1.0") for slug in sorted(COLORS)
    ]
    groups = list(csv.DictReader((out / "groups.csv").open()))
    assert {row["attribute"] for row in groups} == set(ATTRIBUTES)
    assert all(row["value"] == "1.0" for row in groups if row["metric"] == "accuracy")
    assert [s.case_id for s in read_scores(out)] == load_corpus(corpus, "test")["case_id"][:]
    assert "Accuracy (top-1)" in capsys.readouterr().out


def test_the_report_is_one_file_that_calls_nobody_and_runs_nothing(corpus, tmp_path):
    hostile = render(f"I see {ATTACK}", [ATTACK[:100]], [ATTACK[:100]], "nevus</title>", "benign")
    lines = gold(corpus, test_0=hostile, test_3=ATTACK)
    for line in lines.values():
        line["model"] = ATTACK
    out = tmp_path / "scores"
    assert run(corpus, write(tmp_path / "p.jsonl", lines.values()), out) == 0
    page = (out / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page and "nevus&lt;/title&gt;" in page
    assert not re.search(r"<script|<iframe|<link|<object|@import|\bon\w+\s*=\s*\"(?!\d)", page.replace("&#34;", ""))
    assert not re.search(r"<img(?! src=\"data:image/jpeg;base64,)", page)
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page) and "url(" not in page
    assert not re.search(r"https?://", page)
    assert "default-src 'none'" in page
    assert page.count("<img src=") == 6 and "Malignant: sensitivity" in page


def test_a_corpus_without_labels_gives_null_not_zero(tmp_path):
    write_split(tmp_path / "bare", "test", [case(0, None, "test", images=[])])
    line = {"case_id": "squares/test-0", "completion": render("brown", [], [], "melanocytic nevus", "benign")}
    assert run(tmp_path / "bare", write(tmp_path / "p.jsonl", [line]), tmp_path / "out") == 0
    metrics = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]
    assert metrics["accuracy"] == metrics["grounding_f1"] == {"value": None, "low": None, "high": None, "n": 0}


def broken(name, lines):
    keys = list(lines)
    if name == "duplicate":
        return [*map(json.dumps, lines.values()), json.dumps(lines[keys[0]])]
    if name == "unknown":
        lines[keys[1]]["case_id"] = "squares/test-77"
    if name == "missing":
        del lines[keys[2]]
    if name == "no id":
        del lines[keys[1]]["case_id"]
    if name == "no completion":
        del lines[keys[1]]["completion"]
    if name == "null completion":
        lines[keys[1]]["completion"] = None
    if name == "stray key":
        lines[keys[1]]["completions"] = ["x"]
    if name == "samples that are no list":
        lines[keys[1]]["samples"] = "melanoma"
    if name == "bad scores":
        lines[keys[1]]["label_scores"] = {"melanoma": 0.7}
    if name == "a number that is too large":
        lines[keys[1]]["label_scores"] = {"melanoma": -(10**400)}
    if name == "scores of a stranger":
        lines[keys[1]]["label_scores"] = {"melanoma": -1.0, "wart-of-old": -1.0}
    if name == "options of strangers":
        lines[keys[1]] |= {"task": "choice", "options": ["melanoma", "Nevus"]}
    if name == "no options":
        lines[keys[1]] |= {"task": "choice"}
    if name == "a long wrong value":
        lines[keys[1]]["completion"] = ["z" * 100_000]
    texts = [json.dumps(line) for line in lines.values()]
    if name == "a key twice":
        texts[1] = texts[1][:-1] + ', "completion": "melanoma"}'
    if name == "bad json":
        texts[1] = texts[1][:-5]
    if name == "not an object":
        texts[1] = "[1]"
    return [] if name == "empty" else texts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("duplicate", ["two predictions for one case", "row 7", "row 1", "squares/test-0"]),
        ("unknown", ["does not hold", "squares/test-77", "6 cases"]),
        ("missing", ["1 of 6 cases have no prediction", "squares/test-2", "--allow_missing"]),
        ("no id", ["without case_id", "row 2"]),
        ("no completion", ["without completion", "row 2"]),
        ("null completion", ["completion is a string", "row 2"]),
        ("stray key", ["unknown key", "row 2", "did you mean: completion"]),
        ("bad scores", ["log-probabilities", "row 2"]),
        ("a number that is too large", ["log-probabilities", "row 2"]),
        ("scores of a stranger", ["no slug", "row 2", "wart-of-old"]),
        ("options of strangers", ["no slug", "row 2", "Nevus", "options"]),
        ("no options", ["choice without options", "row 2"]),
        ("a long wrong value", ["completion is a string", "row 2", "zzz..."]),
        ("a key twice", ["a key stands twice", "row 2"]),
        ("samples that are no list", ["list of strings", "row 2"]),
        ("bad json", ["not a line of JSON", "row 2", "resumes"]),
        ("not an object", ["JSON object", "row 2"]),
        ("empty", ["empty", "eval run"]),
    ],
)
def test_bad_predictions_are_refused_and_nothing_is_left(name, words, corpus, tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    path.write_text("".join(text + "\n" for text in broken(name, gold(corpus))))
    assert run(corpus, path, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert str(path) in said and all(word in said for word in words) and len(said) < 1500, said
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.jsonl"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda raw: raw.decode().encode("utf-16"), ["UTF-16", "save it as UTF-8"]),
        (gzip.compress, ["gzip", "unpack it"]),
        (lambda raw: raw + '{"case_id": "naïve"}\n'.encode("latin-1"), ["not UTF-8", "row 7", "byte 0xef after"]),
        (lambda raw: raw + b"[" * 100_000 + b"\n", ["not a line of JSON", "row 7"]),
        (lambda raw: raw + b"x" * (LONGEST_LINE + 5), ["more than 16,000,000 bytes", "row 7"]),
        (lambda raw: b"\n\n \n", ["empty"]),
    ],
)
def test_a_file_that_is_no_text_of_lines_is_refused(spoil, words, corpus, tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", gold(corpus).values())
    path.write_bytes(spoil(path.read_bytes()))
    assert run(corpus, path, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert str(path) in said and all(word in said for word in words), said


def test_a_large_file_of_another_set_is_refused_in_little_memory(corpus, tmp_path):
    path, line = tmp_path / "p.jsonl", '{"case_id": "other/%d", "completion": "' + "x" * 2000 + '"}\n'
    with path.open("w") as stream:
        stream.writelines(line % number for number in range(30_000))  # 60 MB
    tracemalloc.start()
    with pytest.raises(UserError, match="30000 predictions are for cases that the test split does not hold"):
        match(read_predictions(path), ["squares/test-0"], path=path, split="test")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_file_of_another_set_is_not_read_to_its_end(tmp_path):
    endless = (Prediction(f"other/{number}", "") for number in count())
    with pytest.raises(UserError, match="100000 or more predictions are for cases"):
        match(endless, ["squares/test-0"], path=tmp_path / "p.jsonl", split="test")


def test_every_attribute_of_a_prediction_is_a_key():
    assert KEYS == tuple(field.name for field in fields(Prediction))


def test_missing_predictions_count_as_failures_when_allowed(corpus, tmp_path):
    lines = gold(corpus)
    del lines["squares/test-2"]
    out = tmp_path / "out"
    assert run(corpus, write(tmp_path / "p.jsonl", lines.values()), out, "--allow_missing") == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["missing_predictions"] == 1
    assert summary["metrics"]["accuracy"]["value"] == pytest.approx(5 / 6)
    assert summary["metrics"]["parse_failure_rate"]["value"] == pytest.approx(1 / 6)


def test_a_lone_surrogate_and_a_byte_order_mark_do_no_harm(corpus, tmp_path):
    path = write(tmp_path / "p.jsonl", gold(corpus, test_0="\ud800 is half a character").values())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert run(corpus, path, tmp_path / "out") == 0
    assert "? is half a character" in (tmp_path / "out" / "report.html").read_text()


def test_a_limit_draws_cases_from_the_whole_split(corpus, tmp_path):
    split = load_corpus(corpus, "test")
    drawn = {limit: sample(split, limit)["case_id"] for limit in range(1, len(split) + 1)}
    assert all(set(drawn[few]) < set(drawn[few + 1]) for few in range(1, len(split)))
    assert any(ids != split["case_id"][: len(ids)] for ids in drawn.values())
    assert drawn[len(split)] == split["case_id"] == sample(split, None)["case_id"]
    path = write(tmp_path / "p.jsonl", [line for line in gold(corpus).values() if line["case_id"] in drawn[2]])
    assert run(corpus, path, tmp_path / "out", "--limit", "2") == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["cases"] == 2


def test_an_existing_output_is_kept_unless_it_may_be_replaced(corpus, tmp_path, capsys):
    path, out = write(tmp_path / "p.jsonl", gold(corpus).values()), tmp_path / "out"
    assert run(corpus, path, out) == 0
    assert run(corpus, path, out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(corpus, path, out, "--overwrite") == 0
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("mine")
    assert run(corpus, path, precious, "--overwrite") == 2
    assert (precious / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "tests"], ["unknown split", "did you mean: test"]),
        (["--bootstrap", "0"], ["--bootstrap", "positive"]),
    ],
)
def test_bad_options(options, words, corpus, tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", gold(corpus).values())
    assert run(corpus, path, tmp_path / "out", *options) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_no_predictions_file_and_no_corpus(corpus, tmp_path, capsys):
    assert run(corpus, tmp_path / "none.jsonl", tmp_path / "out") == 2
    path = write(tmp_path / "p.jsonl", gold(corpus).values())
    assert run(tmp_path / "nowhere", path, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "no predictions file" in said and "no test split" in said
    assert not (tmp_path / "out").exists()
