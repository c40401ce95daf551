"""The task folder for lmms-eval, loaded as lmms-eval loads it (0.7.2: `lmms_eval.utils.load_yaml_config`)."""

import importlib.util
import math
from pathlib import Path

import pytest
import yaml
from answered import answers, scored, write_corpus, write_predictions
from datasets import load_dataset

from eval.integrations.headline import HEADLINE
from eval.metrics import NAMES
from eval.tasks import messages

FOLDER = Path(__file__).resolve().parents[2] / "eval" / "integrations" / "lmms_eval"


def load():
    """The task's settings; `!function utils.name` is a name of the file utils.py beside the YAML, loaded by its path."""

    def function(loader, node):
        module, name = loader.construct_scalar(node).split(".")
        spec = importlib.util.spec_from_file_location(module, FOLDER / f"{module}.py")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return getattr(loaded, name)

    class Loader(yaml.FullLoader):
        pass

    Loader.add_constructor("!function", function)
    return yaml.load((FOLDER / "skin_r1.yaml").read_text(), Loader)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("lmms"))


@pytest.fixture
def task(corpus, monkeypatch):
    monkeypatch.setenv("SKIN_R1_CORPUS", str(corpus))
    return load()


def documents(task):
    return load_dataset(task["dataset_path"], **task["dataset_kwargs"])[task["test_split"]]


def test_numbers_are_those_of_eval_score(task, corpus, tmp_path):
    said = answers()
    records = [task["process_results"](doc, [said[doc["case_id"]].strip()]) for doc in documents(task)]
    assert [entry["metric"] for entry in task["metric_list"]] == list(HEADLINE)
    lines = [{"case_id": case_id, "completion": text} for case_id, text in said.items()]
    expected = scored(write_predictions(tmp_path / "p.jsonl", lines), corpus, tmp_path / "scores", "--bootstrap", "20")
    for entry in task["metric_list"]:
        name = entry["metric"]
        assert entry["aggregation"]([each[name] for each in records]) == pytest.approx(
            expected[name]["value"], abs=1e-9
        )
        assert entry["higher_is_better"] is not NAMES[name].lower_is_better
    values = [expected[name]["value"] for name in HEADLINE]
    assert all(0 < value < 1 for value in values) and len({round(value, 6) for value in values}) > 5


def test_standard_errors_rest_on_the_groups(task):
    said = answers()
    records = [task["process_results"](doc, [said[doc["case_id"]]]) for doc in documents(task)]
    scores = [each["accuracy"][task["score_key"]] for each in records]
    assert set(scores) == {0.0, 1.0} and sum(scores) / len(scores) == task["metric_list"][0]["aggregation"](
        [each["accuracy"] for each in records]
    )
    assert len({each["accuracy"][task["cluster_key"]] for each in records}) == 12
    assert not any(task["score_key"] in each["balanced_accuracy"] for each in records)


def test_the_question_is_that_of_eval_run_and_images_are_rgb(task):
    for doc in documents(task).select(range(3)):
        assert task["doc_to_text"](doc) == messages("diagnosis", doc, ())[0]["content"]
        assert [image.mode for image in task["doc_to_visual"](doc)] == ["RGB"]
        assert doc[task["doc_to_target"]]
    assert task["generation_kwargs"]["until"] == []


def test_an_undefined_metric_is_not_a_number(task):
    doc = {**documents(task)[0], "annotation": "sparse"}
    found = task["process_results"](doc, ["no idea"])
    aggregate = {entry["metric"]: entry["aggregation"] for entry in task["metric_list"]}
    assert math.isnan(aggregate["grounding_f1"]([found["grounding_f1"]]))
    assert aggregate["accuracy"]([found["accuracy"]]) == 0
