"""`eval export` and `eval import`: a dataset with a card, and the same numbers on the way back."""

import json

import pytest
from answered import answers, scored, write_corpus, write_predictions
from datasets import load_dataset
from squares import case, write_split

from eval.integrations import collect, export
from eval.predictions import read_predictions
from eval.tasks import options_for
from eval.writing import start
from skin_r1.case import load_corpus
from skin_r1.cli import run_main
from skin_r1.errors import UserError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("export"))


@pytest.fixture
def predictions(tmp_path):
    """Lines with everything a prediction can hold."""
    path = tmp_path / "p.jsonl"
    meta = {
        "engine": "https://inside.example/v1",
        "model": "/secret/place",
        "decoding": {"temperature": 0.0, "seed": 3},
    }
    start(path, meta)
    lines = [{"case_id": case_id, "completion": text, "model": "m|1"} for case_id, text in answers().items()]
    for place, line in enumerate(lines):
        line["label_scores"] = {"melanoma": -0.1 * (place + 1), "basal-cell-carcinoma": -1 / 3}
        line["samples"] = [line["completion"], "I cannot say."]
    lines[9] |= {"completion": "<think>It", "failure": "cut off: longer than max_tokens"}
    return write_predictions(path, lines)


def rows_in(folder):
    """As anybody reads it, in a cache of its own."""
    return load_dataset(str(folder), split="test", cache_dir=str(folder.parent / "cache"))


def command(main, *arguments):
    return run_main(main.main, [str(each) for each in arguments])


def out(tmp_path, predictions, corpus, *options):
    folder = tmp_path / "dataset"
    given = ("--predictions", predictions, "--corpus", corpus, "--out", folder, *options)
    assert command(export, *given) == 0
    return folder


def test_there_and_back_gives_the_same_lines_and_numbers(corpus, predictions, tmp_path):
    folder = out(tmp_path, predictions, corpus)
    back = tmp_path / "back.jsonl"
    assert command(collect, "--source", folder, "--out", back) == 0
    assert [json.loads(json.dumps(vars(each))) for each in read_predictions(back)] == [
        json.loads(json.dumps(vars(each))) for each in read_predictions(predictions)
    ]
    metrics = [scored(each, corpus, tmp_path / each.stem) for each in (predictions, back)]
    assert metrics[0] == metrics[1] and any(name.startswith("votes_") for name in metrics[0])


def test_rows_say_how_an_answer_was_read_and_what_it_is_worth(corpus, predictions, tmp_path):
    folder = out(tmp_path, predictions, corpus)
    rows = {row["case_id"]: row for row in rows_in(folder)}
    scores = [json.loads(line) for line in _scores(predictions, corpus, tmp_path)]
    assert len(scores) == len(rows) == 24
    for score in scores:
        row = rows[score["case_id"]]
        assert row["unread"] == score["failure"]
        for name in ("predicted", "correct", "credit", "form", "differential", "supported", "missed", "said"):
            assert row[name] == score[name]
    assert "images" not in rows["squares/test-0"] and rows["squares/test-9"]["failure"].startswith("cut off")
    assert rows["squares/test-7"]["form"] and rows["squares/test-7"]["predicted"] == "basal-cell-carcinoma"


def _scores(predictions, corpus, tmp_path):
    scored(predictions, corpus, tmp_path / "scores", "--bootstrap", "20")
    return (tmp_path / "scores" / "scores.jsonl").read_text().splitlines()


def test_the_card_tells_model_corpus_terms_and_use_but_no_place(corpus, predictions, tmp_path):
    text = (out(tmp_path, predictions, corpus) / "README.md").read_text()
    accuracy = scored(predictions, corpus, tmp_path / "scores")["accuracy"]
    line = f"| Accuracy (top-1) | {accuracy['value']:.3f} | {accuracy['low']:.3f} to {accuracy['high']:.3f} | 24 |"
    assert line in text and "Research use only" in text and "| CC0-1.0 | 24 |" in text and "m\\|1" in text
    assert "an endpoint" in text and "seed 3, temperature 0.0" in text and "No image is in the dataset" in text
    assert not any(secret in text for secret in ("inside.example", "/secret", str(tmp_path)))


def test_images_of_closed_terms_stay_out(tmp_path):
    cases = [case(0, "melanoma", "test"), case(1, "melanoma", "test", license="CC-BY-NC-4.0")]
    write_split(tmp_path / "corpus", "test", cases)
    lines = [{"case_id": each.case_id, "completion": "Melanoma."} for each in cases]
    folder = out(tmp_path, write_predictions(tmp_path / "p.jsonl", lines), tmp_path / "corpus", "--images")
    first, second = rows_in(folder)
    assert first["images"][0].getpixel((0, 0)) == (40, 30, 30) and second["images"] == []
    parquet = (folder / "data" / "test.parquet").read_bytes()
    assert cases[0].images[0]["bytes"] in parquet and cases[1].images[0]["bytes"] not in parquet
    assert "for 1 cases" in (folder / "README.md").read_text()


def test_options_of_a_multiple_choice_come_back(corpus, tmp_path):
    rows = load_corpus(corpus, "test").remove_columns("images").to_list()
    lines = [
        {
            "case_id": row["case_id"],
            "completion": f"Answer: {'AB'[place % 2]}",
            "task": "choice",
            "options": options_for("choice", row, place=place),
        }
        for place, row in enumerate(rows)
    ]
    first = write_predictions(tmp_path / "p.jsonl", lines)
    back = tmp_path / "back.jsonl"
    collect.collect(str(out(tmp_path, first, corpus)), back)
    assert list(read_predictions(back)) == list(read_predictions(first))
    assert 0 < scored(back, corpus, tmp_path / "scores", "--bootstrap", "20")["accuracy"]["value"] < 1


def test_pushing_fails_plainly_and_keeps_the_folder(corpus, predictions, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    given = ("--predictions", predictions, "--corpus", corpus, "--out", tmp_path / "d")
    assert command(export, *given, "--push_to_hub", "org/name") == 2
    assert "could not be pushed" in capsys.readouterr().err and (tmp_path / "d" / "README.md").is_file()
    assert command(export, *given, "--push_to_hub", "no name") == 2
    assert command(export, *given, "--public") == 2


def test_what_is_no_dataset_of_predictions_is_refused(corpus, predictions, tmp_path):
    folder = out(tmp_path, predictions, corpus)
    with pytest.raises(UserError, match="split"):
        collect.collect(str(folder), tmp_path / "x.jsonl", split="train")
    (tmp_path / "other" / "data").mkdir(parents=True)
    (tmp_path / "other" / "data" / "test.parquet").write_bytes((corpus / "test" / "cases.parquet").read_bytes())
    with pytest.raises(UserError, match="holds no predictions"):
        collect.collect(str(tmp_path / "other"), tmp_path / "x.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        collect.collect(str(tmp_path / "nowhere"), tmp_path / "x.jsonl")
    with pytest.raises(UserError, match="there already"):
        collect.collect(str(folder), predictions)
    assert not (tmp_path / "x.jsonl").exists()
