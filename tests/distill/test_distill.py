"""Rationales: composed ones pass their own check, wrong ones do not, and a real endpoint is asked once."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.concepts import concept_name
from skin_r1.distill import teacher
from skin_r1.distill.compose import answer_only, compose, differential_of
from skin_r1.distill.run import DistillRecipe
from skin_r1.distill.verify import fault
from skin_r1.errors import UserError
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


@pytest.mark.parametrize("length", ["short", "full"])
@pytest.mark.parametrize("order", ["canonical", "shuffled"])
def test_every_composed_rationale_passes_verification(rows, length, order):
    for row in rows:
        text = compose(row, seed=1, length=length, order=order)
        assert fault(text, row) is None, text
        reading = parse(text)
        assert isinstance(reading, Reading) and set(reading.finding_slugs) == set(row["concepts_present"])
        if length == "short":
            assert len(reading.think.split()) <= 60


def test_wording_varies_with_the_seed_when_full_and_never_when_run_twice(rows):
    row = max(rows, key=lambda r: len(r["concepts_present"]))
    full = {compose(row, seed=seed, length="full") for seed in range(20)}
    assert len(full) > 5
    assert compose(row, seed=3, length="full") == compose(row, seed=3, length="full")


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
    assert fault(compose(row, seed=0), row, answer_only=True) is not None


def test_the_command_writes_whole_folders_and_refuses_to_overwrite(corpus, tmp_path, capsys):
    out = tmp_path / "rationales"
    command = ["distill", "--config", str(TINY / "distill.yaml"), "--corpus", str(corpus), "--output_dir", str(out)]
    assert skin_r1(command) == 0
    table = pd.read_parquet(out / "train.parquet")
    assert len(table) == 60 and {"case_id", "prompt", "completion", "images"} <= set(table.columns)
    assert json.loads((out / "manifest.json").read_text())["outputs"]["train"] == {"kept": 60}
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


class Endpoint:
    """A real HTTP server of the OpenAI shape that misbehaves on purpose."""

    def __init__(self):
        self.asked = 0
        self.trouble = []  # status codes, or whole bodies of status 200, to answer first
        self.thoughts = None  # what a reasoning model thinks aside
        self.app = FastAPI()
        self.app.post("/v1/chat/completions")(self.answer)
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_level="error")
        self.server = uvicorn.Server(config)
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def answer(self, request: Request):
        self.asked += 1
        body = await request.json()
        if self.trouble:
            code = self.trouble.pop(0)
            if isinstance(code, str):
                kind = "text/html" if code.startswith("<") else "application/json"
                return Response(code, media_type=kind)
            return JSONResponse({"error": {"message": "trouble"}}, code, headers={"retry-after": "0.05"})
        parts = body["messages"][0]["content"]
        assert parts[0]["image_url"]["url"].startswith("data:image/png;base64,")
        text = parts[-1]["text"]
        assert "phantom/" not in text  # no case id leaves the house
        findings = text.split("annotated on this image are: ")[1].split(". ")[0]
        names = [] if findings == "none" else findings.split(", ")
        diagnosis, malignancy = text.split("confirmed diagnosis is ")[1].split("). ")[0].rsplit(" (", 1)
        if diagnosis == "psoriasis":
            diagnosis = "melanoma"  # a teacher that errs
        answer = render(f"There is {', '.join(names) or 'nothing'}.", names, [], diagnosis, malignancy)
        message = {"role": "assistant", "content": answer, "reasoning_content": self.thoughts}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.server.should_exit = True


def test_an_endpoint_is_asked_once_retried_and_checked(corpus, endpoint, tmp_path):
    endpoint.trouble = [429, 500, 503]
    out = tmp_path / "taught"
    command = ["distill", "--corpus", str(corpus), "--output_dir", str(out), "--teacher", "openai", "--limit", "20"]
    command += ["--model", "m", "--base_url", endpoint.url]
    assert skin_r1(command) == 0
    outputs = json.loads((out / "manifest.json").read_text())["outputs"]
    assert sum(outputs["train"].values()) == 20 and outputs["train"]["kept"] >= 10
    rejected = [json.loads(line)["reason"] for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert all(reason.startswith("diagnosis:") for reason in rejected)
    assert endpoint.asked == 26 + 3  # 20 training and 6 validation cases, three retries
    assert skin_r1([*command, "--overwrite", "true"]) == 0
    assert endpoint.asked == 29, "the second run is answered from the cache"


def test_an_endpoint_that_stays_down_costs_the_case_not_the_run(rows, corpus, endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher, "ATTEMPTS", 2)
    recipe = DistillRecipe(corpus=str(corpus), teacher="openai", model="m", base_url=endpoint.url, concurrency=1)
    import datasets

    table = load_corpus(corpus, "train").cast_column("images", datasets.List(datasets.Image(decode=False)))
    endpoint.trouble = [500, 500]
    first, second = list(teacher.ask_all(table.select([0, 1]), recipe, tmp_path / "cache.sqlite"))
    assert first[1] is None and first[2].startswith("teacher: InternalServerError") and second[1]
    again = list(teacher.ask_all(table.select([0, 1]), recipe, tmp_path / "cache.sqlite"))
    assert again[0][1] and again[1][1] == second[1] and endpoint.asked == 4


def asked(corpus, endpoint, cache, count=1, **changes):
    import datasets

    recipe = DistillRecipe(corpus=str(corpus), teacher="openai", model="m", base_url=endpoint.url, **changes)
    table = load_corpus(corpus, "train").cast_column("images", datasets.List(datasets.Image(decode=False)))
    return list(teacher.ask_all(table.select(range(count)), recipe, cache))


NO_ANSWERS = (
    '{"error": {"message": "busy"}}',
    '{"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": []}',
    "<html>Bad gateway</html>",
    '{"id": "1", "choi',
    '{"id":"1","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    '"message":{"role":"assistant","content":null}}]}',
)


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_a_reply_without_an_answer_is_asked_again_and_then_counted(corpus, endpoint, tmp_path, monkeypatch, body):
    monkeypatch.setattr(teacher, "ATTEMPTS", 2)
    endpoint.trouble = [body]
    ((_, text, _),) = asked(corpus, endpoint, tmp_path / "a.sqlite")
    assert text and endpoint.asked == 2
    endpoint.trouble = [body, body]
    ((_, text, reason),) = asked(corpus, endpoint, tmp_path / "b.sqlite")
    assert text is None and reason.startswith("teacher: MalformedReply: ")


def test_private_thoughts_are_no_rationale(corpus, endpoint, tmp_path):
    endpoint.thoughts = "The user gave me the diagnosis."
    ((row, text, _),) = asked(corpus, endpoint, tmp_path / "a.sqlite")
    assert "The user" not in text and isinstance(parse(text), Reading)


def test_an_endpoint_that_answers_nothing_is_given_up(corpus, endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher, "ATTEMPTS", 1)
    endpoint.trouble = [400] * 60
    with pytest.raises(UserError, match=r"last 20 requests failed(.|\n)*trouble"):
        asked(corpus, endpoint, tmp_path / "a.sqlite", count=40)
    assert endpoint.asked < 40


@pytest.mark.parametrize(("code", "says"), [(401, "refuses the key"), (404, "does not know the model")])
def test_a_hopeless_endpoint_ends_the_run(corpus, endpoint, tmp_path, code, says):
    import datasets

    recipe = DistillRecipe(corpus=str(corpus), teacher="openai", model="m", base_url=endpoint.url)
    table = load_corpus(corpus, "train").cast_column("images", datasets.List(datasets.Image(decode=False)))
    endpoint.trouble = [code] * 5
    with pytest.raises(UserError, match=says):
        list(teacher.ask_all(table.select([0]), recipe, tmp_path / "cache.sqlite"))


def test_requests_that_differ_anywhere_are_cached_apart(corpus):
    import datasets

    table = load_corpus(corpus, "train").cast_column("images", datasets.List(datasets.Image(decode=False)))
    recipe = DistillRecipe(corpus=str(corpus), teacher="openai", model="m")
    row, other = table[0], table[1]
    keys = {
        teacher.request_key(teacher.request_for(r, s))
        for r, s in [
            (row, recipe),
            (other, recipe),
            ({**row, "images": other["images"]}, recipe),
            (row, replace(recipe, model="n")),
            (row, replace(recipe, temperature=0.1)),
        ]
    }
    assert len(keys) == 5
    assert concept_name(row["concepts_present"][0]) in str(teacher.request_for(row, recipe))
