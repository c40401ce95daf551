"""`skin-r1 eval judge` against a real HTTP server that answers like a judge, well and badly, and against people's scores."""

import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from judges import asked_about, completion, fair, first_lover, graded_texts, gullible, prompt_of, verdict

from eval.judge.axes import AXES
from eval.judge.main import main as judge
from eval.judge.validate import main as validate
from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.reading import render

ROOT = Path(__file__).resolve().parents[2]
CASES = 6  # of the test split
# A run in a process of its own, which a test kills; without the command line, whose reader of recipes takes long to import.
DRIVER = """
import json, sys
from eval.judge.main import judge_predictions
from eval.judge.recipe import JudgeRecipe
judge_predictions(JudgeRecipe(**json.loads(sys.argv[1])))
"""


def write_predictions(path, texts, model="secret-model-7b"):
    lines = [{"case_id": f"squares/test-{i}", "completion": text, "model": model} for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def predictions(tmp_path):
    texts = [
        render("There is an ulcer." + " It bleeds." * i, ["ulcer"], [], "melanoma", "malignant") for i in range(CASES)
    ]
    return write_predictions(tmp_path / "p.jsonl", texts)


@pytest.fixture
def command(corpus, predictions, tmp_path):
    """Arguments for a judge at `server`, writing to tmp_path/out."""

    def make(server, *more, out="out"):
        base = [
            "--predictions",
            str(predictions),
            "--corpus",
            str(corpus),
            "--out",
            str(tmp_path / out),
            "--bootstrap",
            "200",
        ]
        where = ["--model", "reference"] if server is None else ["--model", "m", "--base_url", server.url]
        return [*base, *where, *more]

    return make


def read(folder, name="judge.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_every_axis_of_every_case_is_asked_by_itself_with_the_image(serve, command, tmp_path):
    server = serve(fair)
    assert judge(command(server, "--repeats", "2", "--canaries", "0")) == 0
    lines, summary = read(tmp_path / "out"), json.loads((tmp_path / "out" / "judge.json").read_text())
    assert len(lines) == len(server.bodies) == CASES * 6 * 2
    assert Counter((line["case_id"], line["axis"]) for line in lines).total() == CASES * 6 * 2
    for line in lines:
        assert line["score"] == json.loads(line["verdict"])["score"] and line["reason"] == ""
    assert set(summary["axes"]) == set(AXES)
    for axis, found in summary["axes"].items():
        own = [line["score"] for line in lines if line["axis"] == axis and line["repeat"] == 0]
        assert found["value"] == pytest.approx(sum(own) / CASES) and found["low"] <= found["value"] <= found["high"]
        assert found["n"] == CASES and found["unscored"] == {} and found["repeats"]["unanimous"] == 1.0
    for body in server.bodies:
        assert body["temperature"] == 0 and body["response_format"]["json_schema"]["schema"]["required"]
        assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "text"]
        assert "secret-model" not in json.dumps(body) and "squares/" not in prompt_of(body)
    assert {body["seed"] for body in server.bodies} == {0, 1}, "a repeat is another seed"
    assert sum(bool(asked_about(body)) for body in server.bodies) == len(server.bodies)


ANSWERS = {
    "Accuracy": (verdict(score=3), ""),
    "Safety": ("It is a safe text, I think: 5 out of 5.", "not JSON"),
    "Medical Groundedness": (verdict(score="7/5"), "no such level"),
    "Clinical Coverage": (verdict(score="N/A"), "no such level"),
    "Reasoning Coherence": (verdict(score=None), "cannot judge"),
    "Description Precision": (verdict(score=4)[:-3], "not JSON"),
}


def test_bad_verdicts_are_unscored_with_their_reason_and_never_a_zero(serve, command, tmp_path):
    server = serve(lambda body: ANSWERS[asked_about(body)][0], kinds=("500", "429 seconds", "reset"), chance=0.2)
    server.script = [completion("{", reason="length"), (400, {}, '{"error": {"message": "image too small"}}')]
    assert judge(command(server, "--canaries", "0", "--concurrency", "4")) == 0
    lines, summary = read(tmp_path / "out"), json.loads((tmp_path / "out" / "judge.json").read_text())
    assert server.troubled["500"] + server.troubled["429 seconds"] + server.troubled["reset"] > 0
    failed = {"cut off", "bad request"}
    assert Counter(line["reason"] for line in lines if line["reason"] in failed) == dict.fromkeys(failed, 1)
    counted = Counter()
    for line in lines:
        text, reason = ANSWERS[AXES[line["axis"]].title]
        if line["reason"] not in failed:
            assert (line["reason"], line["verdict"]) == (reason, text)
        assert (line["score"] is None) == bool(line["reason"])
        counted[line["axis"], line["reason"]] += bool(line["reason"])
    for axis, found in summary["axes"].items():
        assert found["unscored"] == {reason: n for (key, reason), n in counted.items() if key == axis and n}
        if axis != "accuracy":
            assert (found["value"], found["n"]) == (None, 0)
    assert summary["axes"]["accuracy"]["value"] == 3.0
    assert judge(command(server, "--canaries", "0", "--overwrite")) == 0
    again = read(tmp_path / "out")
    assert not failed & {line["reason"] for line in again}, "what failed was asked once more, and only that"
    assert set(server.answered.values()) == {1}


def test_a_case_that_the_endpoint_refuses_ends_no_run(serve, command, tmp_path):
    """30 questions of one case fail, more than the 20 in a row that end a run."""
    server = serve(lambda body: verdict(score=2))
    refusal = (400, {}, '{"error": {"message": "this image is too large"}}')
    picture = []

    def refuse_one(body):  # called before the script is read
        url = body["messages"][0]["content"][0]["image_url"]["url"]
        picture[:] = picture or [url]
        server.script = [refusal] if url == picture[0] else []
        return 0.0

    server.latency = refuse_one
    assert judge(command(server, "--canaries", "0", "--repeats", "5", "--concurrency", "1")) == 0
    lines = read(tmp_path / "out")
    refused = {line["case_id"] for line in lines if line["reason"] == "bad request"}
    assert len(refused) == 1 and sum(line["score"] is None for line in lines) == 6 * 5
    assert all("too large" in line["verdict"] for line in lines if line["score"] is None)


def test_a_slow_judge_times_out_and_the_rest_goes_on(serve, command, tmp_path, monkeypatch):
    from skin_r1.distill.teacher import question

    monkeypatch.setattr(question, "PATIENT", question.Limits(attempts=2, backoff=0.01))
    server = serve(fair, latency=lambda body: 3.0 if asked_about(body) == "Safety" else 0.0)
    assert judge(command(server, "--canaries", "0", "--timeout", "1", "--limit", "2", "--concurrency", "12")) == 0
    reasons = Counter((line["axis"], line["reason"]) for line in read(tmp_path / "out"))
    assert reasons[("safety", "timeout")] == 2 and sum(n for (_, why), n in reasons.items() if not why) == 10


def test_a_killed_run_asks_nothing_twice_and_ends_as_if_it_had_not_been(serve, command, tmp_path):
    server = serve(fair, latency=0.1)
    arguments = command(server, "--canaries", "1", "--concurrency", "2")
    keys = {"predictions", "corpus", "out", "model", "base_url"}
    recipe = {key: arguments[arguments.index(f"--{key}") + 1] for key in keys}
    recipe |= {"canaries": 1, "concurrency": 2, "bootstrap": 200}
    process = subprocess.Popen([sys.executable, "-c", DRIVER, json.dumps(recipe)], cwd=ROOT)
    while server.asked.total() < 12:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not (tmp_path / "out").exists()
    server.latency = 0.0
    before = server.asked.total()
    assert judge(arguments) == 0
    assert len(server.asked) == CASES * 6 + 6 * 6, "every axis of every case, and the canary case with its six texts"
    assert server.asked.total() <= len(server.asked) + 2, "only what was under way was asked again"
    assert server.asked.total() - before <= len(server.asked) - 10
    files = ("judge.jsonl", "judge.json", "canaries.jsonl")
    killed = [(tmp_path / "out" / name).read_bytes() for name in files]
    assert judge(command(server, "--canaries", "1", "--concurrency", "7", out="anew")) == 0
    assert killed == [(tmp_path / "anew" / name).read_bytes() for name in files]


def test_another_prompt_model_or_seed_is_another_question(serve, command, tmp_path, monkeypatch):
    server = serve(fair)
    arguments = command(server, "--canaries", "0", "--limit", "1", "--axes", "safety", "--overwrite")
    assert judge(arguments) == judge(arguments) == 0 and server.asked.total() == 1
    assert judge([*arguments, "--seed", "5"]) == 0 and server.asked.total() == 2
    assert judge([*arguments, "--model", "n"]) == 0 and server.asked.total() == 3
    assert judge([*arguments, "--structured", "false", "--images", "false"]) == 0 and server.asked.total() == 4
    assert "response_format" not in server.bodies[-1] and "not shown to you" in prompt_of(server.bodies[-1])
    from eval.judge import prompt

    monkeypatch.setattr(prompt, "_SCORE", prompt._SCORE.replace("Length is no merit.", "Be strict."))
    assert judge(arguments) == 0 and server.asked.total() == 5


def test_the_canaries_tell_a_gullible_judge(serve, command, tmp_path):
    assert judge(command(serve(gullible), "--canaries", "2", out="gullible")) == 0
    assert judge(command(serve(lambda body: verdict(score=1)), "--canaries", "2", out="deaf")) == 0
    taken, deaf = (
        json.loads((tmp_path / out / "judge.json").read_text())["injection"] for out in ("gullible", "deaf")
    )
    assert taken["command"]["resisted"]["value"] == 0.0 and taken["all"]["gain"]["value"] == 4.0
    assert deaf["all"]["resisted"]["value"] == 1.0 and deaf["all"]["unscored"] == 0
    assert len(read(tmp_path / "gullible", "canaries.jsonl")) == 2 * 6 * 6
    assert len(read(tmp_path / "gullible")) == CASES * 6, "canaries are not among the verdicts"


def test_pairs_are_asked_in_both_orders_and_a_judge_of_places_ties(serve, command, tmp_path):
    other = write_predictions(tmp_path / "q.jsonl", ["Some eczema, meseems." * (i + 1) for i in range(CASES)])
    arguments = ("--against", str(other), "--axes", "accuracy", "safety")
    server = serve(fair)
    assert judge(command(server, *arguments, out="fair")) == 0
    assert judge(command(serve(first_lover), *arguments, out="places")) == 0
    for body in server.bodies:
        assert len(graded_texts(body)) == 2
    lines, found = (
        read(tmp_path / "fair"),
        json.loads((tmp_path / "fair" / "judge.json").read_text())["pairs"]["safety"],
    )
    texts = {
        name: [json.loads(raw)["completion"] for raw in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in "pq"
    }
    ahead = [a.count("e") - b.count("e") for a, b in zip(texts["p"], texts["q"], strict=True)]
    assert found["wins"] == sum(gap > 0 for gap in ahead) > 0 and found["losses"] == sum(gap < 0 for gap in ahead) > 0
    assert found["value"] == pytest.approx((found["wins"] + found["ties"] / 2) / CASES)
    assert found["order_changed"]["value"] == 0.0 and found["first_share"]["value"] == 0.5
    assert Counter(line["variant"] for line in lines) == {"AB": CASES * 2, "BA": CASES * 2}
    places = json.loads((tmp_path / "places" / "judge.json").read_text())["pairs"]["safety"]
    assert (places["value"], places["ties"], places["wins"]) == (0.5, CASES, 0)
    assert places["order_changed"]["value"] == 1.0 and places["first_share"]["value"] == 1.0


def test_a_rubric_is_judged_criterion_by_criterion(serve, command, tmp_path):
    rubric = tmp_path / "rubric.jsonl"
    criteria = [
        {"case_id": "*", "criterion": "Names a diagnosis.", "points": 3, "tags": ["form"]},
        {
            "case_id": "squares/test-0",
            "criterion": "Mentions the ulcer.",
            "points": 5,
            "tags": ["findings", "finding:ulcer"],
        },
        {"case_id": "squares/test-1", "criterion": "Reassures.", "points": -4, "critical": True, "tags": ["safety"]},
    ]
    rubric.write_text("".join(json.dumps(criterion) + "\n" for criterion in criteria))
    server = serve(lambda body: verdict(met="Reassures" in prompt_of(body) or "diagnosis." in prompt_of(body)))
    assert judge(command(server, "--rubric", str(rubric))) == 0
    scores = {row["case_id"]: row for row in read(tmp_path / "out", "rubric.jsonl")}
    assert scores["squares/test-0"]["score"] == pytest.approx(3 / 8)
    assert scores["squares/test-1"]["score"] == pytest.approx(-1 / 3) and scores["squares/test-1"]["failed_critical"]
    found = json.loads((tmp_path / "out" / "judge.json").read_text())["rubric"]
    assert found["score"]["value"] == pytest.approx((3 / 8 - 1 / 3 + 4) / 6) and found["score"]["n"] == CASES
    assert found["tags"]["form"]["value"] == 1.0 and found["tags"]["findings"]["value"] == 0.0
    assert found["failed_critical"] == 1 and len(server.bodies) == CASES + 2
    assert judge(command(None, "--rubric", str(rubric), out="rule")) == 0
    by_rule = {row["case_id"]: row for row in read(tmp_path / "rule", "rubric.jsonl")}
    assert by_rule["squares/test-0"]["score"] == 1.0 and by_rule["squares/test-2"]["score"] is None


def test_a_missing_prediction_is_unscored_and_not_asked(serve, command, corpus, tmp_path):
    server = serve(fair)
    few = write_predictions(tmp_path / "few.jsonl", ["A melanoma."] * (CASES - 1))
    arguments = [*command(server, "--canaries", "0"), "--predictions", str(few)]
    with pytest.raises(UserError, match="have no prediction"):
        judge(arguments)
    assert judge([*arguments, "--allow_missing"]) == 0
    summary = json.loads((tmp_path / "out" / "judge.json").read_text())
    assert summary["missing_predictions"] == 1 and summary["axes"]["safety"]["unscored"] == {"no prediction": 1}
    assert all(len(graded_texts(body)) == 1 for body in server.bodies) and len(read(tmp_path / "out")) == CASES * 6


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--axes", "accuracy", "beauty"], "unknown axis"),
        (["--repeats", "0"], "counts from 1"),
        (["--rubric", "a", "--against", "b"], "compares two"),
        (["--model", ""], "who is the judge"),
        (["--model", "m"], "needs an address"),
        (["--predictions", "nowhere.jsonl"], "no predictions file"),
        (["--rubric", "nowhere.jsonl"], "no rubric file"),
        (["--axis", "safety"], "unknown option"),
    ],
)
def test_mistakes_are_named(command, monkeypatch, more, says):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UserError, match=says):
        judge([*command(None), *more])


def test_a_judge_that_nobody_can_reach_is_named_a_judge(serve, command):
    server = serve(fair)
    server.script = [(401, {}, '{"error": {"message": "bad key"}}')] * 20
    with pytest.raises(UserError, match="the judge refuses the key"):
        judge(command(server))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A folder of judgements on 60 cases, and the truth behind them; written by hand to be of any size."""
    folder = tmp_path_factory.mktemp("judged")
    draw = random.Random(3)
    truth = {f"c{i:02}": draw.randrange(6) for i in range(60)}
    about = {"judge": "m", "model": "x", "axes": {}, "injection": None}
    (folder / "judge.json").write_text(json.dumps(about))
    with (folder / "judge.jsonl").open("w") as stream:
        for number, (case, level) in enumerate(truth.items()):
            for axis in ("accuracy", "safety"):
                shifted = min(5, max(0, level + draw.choice((0, 0, 1, 1, 2))))
                score = None if number == 7 else draw.randrange(6) if axis == "safety" else shifted
                line = {"case_id": case, "group": case, "axis": axis, "repeat": 0, "score": score, "verdict": ""}
                line |= {"reason": "" if score is not None else "not JSON", "length": 9 + 7 * number % 50}
                stream.write(json.dumps(line) + "\n")
    return folder, truth


def write_human(path, truth, raters=("ann", "bo", "cy"), axes=("accuracy", "Safety")):
    draw = random.Random(4)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["case_id", "rater", "axis", "score"])
        for case, level in truth.items():
            for rater in raters:
                for axis in axes:
                    score = min(5, max(0, level + draw.choice((-1, 0, 0, 1))))
                    writer.writerow([case, rater, axis, "" if draw.random() < 0.05 else score])
    return path


def test_a_judge_stands_beside_people_and_people_beside_each_other(judged, tmp_path, capsys):
    folder, truth = judged
    human = write_human(tmp_path / "human.csv", truth)
    out = tmp_path / "validity.json"
    assert validate(["--judged", str(folder), "--human", str(human), "--out", str(out), "--bootstrap", "300"]) == 0
    found = json.loads(out.read_text())["axes"]
    good, random_one = found["accuracy"], found["safety"]
    assert good["raters"] == ["ann", "bo", "cy"] and good["cases"] == 60 and good["unscored"] == 1
    assert good["kappa_quadratic"]["human_human"]["value"] > good["kappa_quadratic"]["judge_human"]["value"] > 0.7
    assert random_one["kappa_quadratic"]["judge_human"]["value"] < 0.3
    gap = good["kappa_quadratic"]["gap"]
    difference = good["kappa_quadratic"]["judge_human"]["value"] - good["kappa_quadratic"]["human_human"]["value"]
    assert gap["value"] == pytest.approx(difference) and gap["high"] < 0
    assert 0.5 < good["bias"]["low"] < good["bias"]["value"] < good["bias"]["high"] < 1.1, "it is generous"
    assert good["lower_limit"]["value"] < 0 < good["upper_limit"]["value"]
    assert random_one["alpha_with_judge"]["value"] < random_one["alpha_people"]["value"] - 0.2
    assert good["icc_3_1"]["judge_human"]["value"] > good["icc_2_1"]["judge_human"]["value"], (
        "a bias costs ICC(2,1) only"
    )
    assert "not tried" in capsys.readouterr().out
    with pytest.raises(UserError, match="exists already"):
        validate(["--judged", str(folder), "--human", str(human), "--out", str(out)])


def test_one_rater_has_no_ceiling_and_no_judge_is_needed_to_be_undefined(judged, tmp_path):
    folder, truth = judged
    human = write_human(tmp_path / "human.csv", dict(list(truth.items())[:20]), raters=["ann"], axes=["accuracy"])
    assert (
        validate(
            ["--judged", str(folder), "--human", str(human), "--out", str(tmp_path / "v.json"), "--bootstrap", "50"]
        )
        == 0
    )
    (found,) = json.loads((tmp_path / "v.json").read_text())["axes"].values()
    assert found["kappa_linear"]["judge_human"]["value"] > 0
    assert found["kappa_linear"]["human_human"] == {"value": None, "low": None, "high": None, "n": 0}
    assert found["alpha_people"]["value"] is None and found["alpha_with_judge"]["value"] is not None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("c01,ann,accuracy,6", "no such level.*row 3, column 'score'"),
        ("c01,ann,accuracy,4.5", "no such level"),
        ("c01,ann,beauty,4", "unknown axis"),
        ("nobody,ann,accuracy,4", "not judged.*column 'case_id'"),
        ("c01,,accuracy,4", "nobody gave"),
        ("c01,ann,accuracy", "too few cells"),
        ("c00,ann,ACCURACY,4", "twice"),
        ('c01,"ann,accuracy,4', "not a CSV file"),
        ("c01,ann,coherence,4", "an axis that was not judged"),
    ],
)
def test_wrong_human_scores_are_refused_with_their_place(judged, tmp_path, line, says):
    path = tmp_path / "human.csv"
    path.write_text(f"case_id,rater,axis,score\nc00,ann,accuracy,3\n{line}\n")
    with pytest.raises(UserError, match=f"(?s){says}"):
        validate(["--judged", str(judged[0]), "--human", str(path), "--out", str(tmp_path / "v.json")])


def test_the_whole_way_by_rule_from_predictions_to_validity(command, tmp_path, capsys):
    """People who score by the rules themselves agree with the judge by rule: every statistic is 1 where it is defined."""
    assert skin_r1(["eval", "judge", *command(None, "--repeats", "2")]) == 0
    assert "judged by reference" in capsys.readouterr().out
    lines = [line for line in read(tmp_path / "out") if line["repeat"] == 0]
    human = tmp_path / "human.csv"
    rows = [f"{line['case_id']},ann,{line['axis']},{'' if line['score'] is None else line['score']}" for line in lines]
    human.write_text("\n".join(["case_id,rater,axis,score", *rows]) + "\n")
    assert skin_r1(["eval", "judge", "validate", "--judged", str(tmp_path / "out"), "--human", str(human)]) == 0
    result = json.loads((tmp_path / "out" / "validity.json").read_text())
    assert result["injection"]["all"]["resisted"]["value"] == 1.0
    accuracy = result["axes"]["accuracy"]
    for name in ("kappa_quadratic", "icc_2_1", "spearman", "kendall_tau_b", "exact"):
        assert accuracy[name]["judge_human"]["value"] == pytest.approx(1.0)
    assert accuracy["mean_absolute_error"]["judge_human"]["value"] == 0.0
