"""The teacher's client against a real server that misbehaves: every question gets one answer, and none is paid twice."""

import base64
import email.utils
import io
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import pandas as pd
import pytest
from endpoint import KINDS, completion, obedient, prompt_of
from PIL import Image

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.concepts import concept_name, load_concepts
from skin_r1.distill.recipe import DistillRecipe
from skin_r1.distill.teacher.attempt import seconds_to_wait
from skin_r1.distill.teacher.cache import AnswerCache, request_key
from skin_r1.distill.teacher.endpoint import Limits, Request, ask
from skin_r1.distill.teacher.ledger import ledger
from skin_r1.distill.teacher.question import body_of
from skin_r1.distill.teacher.requests import Taught, blind, hinted, teach
from skin_r1.distill.verify import fault
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse

ROOT = Path(__file__).resolve().parents[2]
QUICK = Limits(timeout=20.0, deadline=60.0, attempts=60, backoff=0.005, longest_backoff=0.05)


@dataclass(frozen=True)
class Plain:
    model: str = "m"
    base_url: str = ""
    concurrency: int = 8
    temperature: float = 0.7
    max_tokens: int = 100
    seed: int = 3


def questions(count, prefix="q"):
    return [Request(str(i), [{"role": "user", "content": f"{prefix}{i}"}]) for i in range(count)]


def expect_each_answered_once(replies, server, count):
    assert sorted(int(reply.id) for reply in replies) == list(range(count))
    for reply in replies:
        assert reply.text == f"answer to q{reply.id} with seed 3" and reply.reason == ""
    assert len(server.answered) == count and set(server.answered.values()) == {1}


OUTCOME = {
    "429 seconds": "rate limited", "429": "rate limited", "500": "server error", "hang": "timeout", "trickle": "timeout",
    "cut body": "connection", "reset": "connection", "half json": "malformed", "schema": "malformed", "empty": "empty",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_trouble_at_thirty_percent(serve, tmp_path, kind):
    server = serve(kinds=(kind,), chance=0.3, seed=kind)
    # a good answer takes milliseconds; the limit leaves room for a busy machine, and hangs cost it in full
    limits = replace(QUICK, timeout=1.0 if OUTCOME[kind] == "timeout" else 20.0)
    replies = list(ask(questions(40), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=limits))
    expect_each_answered_once(replies, server, 40)
    counts = ledger(tmp_path / "a.sqlite").attempts
    assert counts == {"answered": 40, OUTCOME[kind]: server.troubled[kind]} and server.troubled[kind] >= 5


@pytest.mark.parametrize(("independent", "count", "timeout"), [(False, 60, 1.0), (True, 5, 0.5)])
def test_all_troubles_mixed(serve, tmp_path, independent, count, timeout):
    """One trouble at most with 30 % in all; then each kind by itself with 30 %, so that 97 % of the attempts fail."""
    server = serve(kinds=KINDS, chance=0.3, independent=independent)
    limits = replace(QUICK, timeout=timeout, attempts=500)
    replies = list(ask(questions(count), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=limits))
    expect_each_answered_once(replies, server, count)
    assert len(server.troubled) == len(KINDS) + 1, "each kind occurred"


def test_the_window_is_full_and_a_straggler_delays_nobody(serve, tmp_path):
    server = serve(latency=lambda body: 2.0 if prompt_of(body) == "q0" else 0.1)
    replies = list(ask(questions(100), Plain(base_url=server.url), tmp_path / "a.sqlite"))
    assert server.peak == 8
    assert [reply.id for reply in replies].index("0") > 60, "the others went on while the first took its time"


def test_building_goes_on_while_the_slots_are_full_but_not_far_ahead(serve, tmp_path):
    server = serve(latency=0.2)
    built = 0
    ahead = []

    def slow():
        nonlocal built
        for request in questions(60):
            time.sleep(0.02)
            built += 1
            yield request

    for done, _ in enumerate(ask(slow(), Plain(base_url=server.url, concurrency=4), tmp_path / "a.sqlite")):
        ahead.append(built - done)
    assert 4 < max(ahead) <= 2 * 4 + 1
    assert server.peak == 4 and ledger(tmp_path / "a.sqlite").mean_in_flight > 3.2


def test_a_429_slows_everybody_down_as_long_as_it_asks(serve, tmp_path):
    server = serve(latency=0.05)
    server.script = [(429, {"Retry-After": "1"}, "{}")]
    replies = list(ask(questions(30), Plain(base_url=server.url, concurrency=4), tmp_path / "a.sqlite", limits=QUICK))
    expect_each_answered_once(replies, server, 30)
    gaps = [later - sooner for sooner, later in zip(server.arrivals, server.arrivals[1:], strict=False)]
    assert max(gaps) > 0.9, "nobody was sent while the endpoint wanted a pause"
    assert sum(gap > 0.5 for gap in gaps) == 1


def test_retry_after_is_read_as_seconds_and_as_a_date():
    assert seconds_to_wait({"retry-after": "7"}) == 7.0
    assert seconds_to_wait({"retry-after": "0.5"}) == 0.5
    assert 88 < seconds_to_wait({"retry-after": email.utils.formatdate(time.time() + 90, usegmt=True)}) <= 90
    assert seconds_to_wait({"retry-after": email.utils.formatdate(time.time() - 90, usegmt=True)}) == 0.0
    assert seconds_to_wait({"retry-after": "soon"}) is None and seconds_to_wait({}) is None


def test_a_waiting_retry_holds_no_slot(serve, tmp_path):
    server = serve(latency=0.02)
    server.script = [(503, {"Retry-After": "1.5"}, "{}")]
    settings = Plain(base_url=server.url, concurrency=1)
    replies = list(ask(questions(6), settings, tmp_path / "a.sqlite", limits=QUICK))
    assert replies[-1].id == "0" and {reply.id for reply in replies[:-1]} == set("12345")
    assert server.peak == 1


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (
            (400, {}, '{"error": {"message": "image too small"}}'),
            "teacher: bad request: status 400: .*image too small",
        ),
        ((422, {}, '{"detail": "no seed"}'), "teacher: bad request: status 422: .*no seed"),
        ((413, {}, "<html>too large</html>"), "teacher: too large: status 413"),
        ((418, {}, "{}"), "teacher: http 418: "),
        ((400, {}, '{"error": {"code": "content_filter", "message": "no"}}'), "teacher: refused: "),
        (completion("I think", reason="length"), "teacher: cut off: longer than max_tokens"),
        (completion(None, reason="content_filter"), "teacher: refused: "),
        (completion(None, refusal="I cannot help"), "teacher: refused: I cannot help"),
    ],
)
def test_what_will_not_pass_is_counted_and_not_retried(serve, tmp_path, step, says):
    server = serve()
    server.script = [step]
    settings = Plain(base_url=server.url, concurrency=1)
    replies = list(ask(questions(3), settings, tmp_path / "a.sqlite", limits=QUICK))
    assert re.match(says, replies[0].reason), replies[0].reason
    assert [reply.text is None for reply in replies] == [True, False, False] and server.asked.total() == 3
    again = list(ask(questions(3), settings, tmp_path / "a.sqlite", limits=QUICK))
    assert all(reply.text for reply in again) and server.asked.total() == 4, "a failure is no answer: asked again"


def test_a_model_that_knows_the_limit_by_its_newer_name_only_is_asked_by_it(serve, tmp_path):
    server = serve()
    wrong = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.script = [(400, {}, json.dumps({"error": {"message": wrong}}))]
    (reply,) = ask(questions(1), Plain(base_url=server.url, concurrency=1), tmp_path / "a.sqlite", limits=QUICK)
    first, second = server.bodies
    assert reply.text and "max_completion_tokens" not in first
    assert second == {
        **{k: v for k, v in first.items() if k != "max_tokens"},
        "max_completion_tokens": first["max_tokens"],
    }


NO_ANSWERS = (
    '{"error": {"message": "busy"}}',
    '{"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": []}',
    "<html>Bad gateway</html>",
    '{"id": "1", "choi',
    "[" * 100_000,
    completion(None),
    completion(7),
    completion("  "),
)


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_a_reply_without_an_answer_is_asked_again_and_then_counted(serve, tmp_path, body):
    server = serve()
    limits = replace(QUICK, attempts=2)
    server.script = [body]
    (reply,) = ask(questions(1), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=limits)
    assert reply.text and server.asked.total() == 2
    server.script = [body, body]
    (reply,) = ask(questions(1), Plain(base_url=server.url), tmp_path / "b.sqlite", limits=limits)
    assert reply.text is None and reply.reason.startswith(("teacher: malformed: ", "teacher: empty: "))


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (401, r"refuses the key(.|\n)*OPENAI_API_KEY"),
        (403, "refuses the key"),
        (404, r"does not know the model(.|\n)*base_url"),
        ((429, {}, '{"error": {"code": "insufficient_quota"}}'), "quota is used up"),
        ((429, {"Retry-After": "86400"}, "{}"), "quota is used up"),
    ],
)
def test_a_hopeless_endpoint_ends_the_run(serve, tmp_path, step, says):
    server = serve()
    server.script = [step] * 20
    with pytest.raises(UserError, match=says):
        list(ask(questions(100), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=QUICK))
    assert server.asked.total() <= 16, "what was under way, not all hundred"
    assert "teacher" not in {thread.name for thread in threading.enumerate()}


def test_an_endpoint_that_answers_nothing_is_given_up(serve, tmp_path):
    server = serve()
    server.script = [400] * 60
    with pytest.raises(UserError, match=r"last 20 requests failed(.|\n)*trouble(.|\n)*not asked twice"):
        list(ask(questions(60), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=QUICK))
    assert 20 <= server.asked.total() < 40


def test_nobody_listens(tmp_path):
    limits = replace(QUICK, attempts=2)
    with pytest.raises(UserError, match=r"failed(.|\n)*connection"):
        list(ask(questions(40), Plain(base_url="http://127.0.0.1:9/v1"), tmp_path / "a.sqlite", limits=limits))


def test_the_deadline_ends_a_request_that_is_always_refused(serve, tmp_path):
    server = serve(kinds=("429",), chance=1.0)
    limits = replace(QUICK, deadline=0.5)
    (reply,) = ask(questions(1), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=limits)
    assert reply.reason.startswith("teacher: rate limited: ") and server.asked.total() > 5


def test_equal_questions_are_asked_once_and_the_rest_comes_from_the_cache(serve, tmp_path):
    server = serve(latency=0.1)
    same = [replace(request, id=f"{request.id} {copy}") for copy in range(3) for request in questions(4)]
    replies = list(ask(same, Plain(base_url=server.url), tmp_path / "a.sqlite"))
    assert len(replies) == 12 and sum(not reply.cached for reply in replies) == 4 and server.asked.total() == 4
    again = list(ask(same, Plain(base_url=server.url), tmp_path / "a.sqlite"))
    assert len(again) == 12 and all(reply.cached and reply.text for reply in again) and server.asked.total() == 4


def test_a_reader_that_stops_stops_the_asking(serve, tmp_path):
    server = serve(latency=0.05)
    replies = ask(questions(500), Plain(base_url=server.url, concurrency=4), tmp_path / "a.sqlite")
    next(replies)
    replies.close()
    asked = server.asked.total()
    time.sleep(0.3)
    assert server.asked.total() == asked < 50
    assert "teacher" not in {thread.name for thread in threading.enumerate()}


def test_a_question_that_cannot_be_built_is_raised_where_the_replies_are_read(serve, tmp_path):
    def broken():
        yield from questions(3)
        raise OSError("truncated image")

    with pytest.raises(OSError, match="truncated image"):
        list(ask(broken(), Plain(base_url=serve().url), tmp_path / "a.sqlite"))


def picture(shade, **save):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 90, 90)).save(buffer, "PNG", **save)
    return buffer.getvalue()


def test_the_key_is_of_the_bytes_and_of_everything_that_is_sent():
    def about(url, text="What?"):
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
        return Request("a", [{"role": "user", "content": parts}])

    first = "data:image/png;base64," + base64.b64encode(picture(1)).decode()
    other = "data:image/png;base64," + base64.b64encode(picture(2)).decode()
    request = about(first)
    bodies = [
        body_of(request, Plain()),
        body_of(about(other), Plain()),
        body_of(about(first, "Why?"), Plain()),
        body_of(about("http://x/a.png"), Plain()),
        body_of(replace(request, seed=4), Plain()),
        *(body_of(request, replace(Plain(), **change)) for change in (
            {"model": "n"}, {"temperature": 0.1}, {"max_tokens": 9}, {"seed": 9})),
    ]  # fmt: skip
    assert len({request_key(body) for body in bodies}) == len(bodies)
    same = [
        body_of(replace(request, id="b"), replace(Plain(), concurrency=2, base_url="http://elsewhere")),
        body_of(about(first.replace("image/png", "image/x-png")), Plain()),
        body_of(replace(request, seed=3), Plain()),
    ]
    assert {request_key(body) for body in same} == {request_key(bodies[0])}


# A run as a user starts it: a process of its own, which the tests kill.
DRIVER = """
import sys
from dataclasses import dataclass
from pathlib import Path
from skin_r1.distill.teacher.endpoint import Request, ask

@dataclass(frozen=True)
class Settings:
    base_url: str
    model: str = "m"
    concurrency: int = 4
    temperature: float = 0.7
    max_tokens: int = 100
    seed: int = 3

requests = (Request(str(i), [{"role": "user", "content": f"q{i}"}]) for i in range(int(sys.argv[3])))
replies = list(ask(requests, Settings(sys.argv[1]), Path(sys.argv[2])))
assert len(replies) == int(sys.argv[3]) and all(r.text == f"answer to q{r.id} with seed 3" for r in replies)
"""


def driver(server, cache, count):
    return subprocess.Popen([sys.executable, "-c", DRIVER, server.url, str(cache), str(count)], cwd=ROOT)


def kept(cache):
    """Keys of the answers that are on disk."""
    if not cache.exists():
        return set()
    with sqlite3.connect(cache) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM answers")}


def test_a_run_killed_ten_times_pays_for_no_answer_twice(serve, tmp_path):
    server = serve(latency=0.05)
    cache, count, kills, concurrency = tmp_path / "a.sqlite", 600, 10, 4
    draw = random.Random(5)
    sent_again = 0
    for _ in range(kills):
        before, disk = server.asked.copy(), kept(cache)
        process = driver(server, cache, count)
        while server.asked.total() == before.total():
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(draw.uniform(0.0, 0.6))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was killed at work"
        sent_again += sum(server.asked[key] - before[key] for key in disk)
    disk, before = kept(cache), server.asked.copy()
    assert 10 < len(disk) < count
    assert driver(server, cache, count).wait(timeout=120) == 0
    assert sent_again + sum(server.asked[key] - before[key] for key in disk) == 0
    assert len(kept(cache)) == count == len(server.asked)
    assert count < server.asked.total() <= count + kills * concurrency, "only what was under way was sent again"


def test_two_processes_share_a_cache(serve, tmp_path):
    server = serve(latency=0.02)
    cache = tmp_path / "a.sqlite"
    both = [driver(server, cache, 150) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert len(kept(cache)) == 150 and server.asked.total() <= 300
    with sqlite3.connect(cache) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_ledger_adds_up(serve, tmp_path):
    server = serve(latency=0.1)
    server.script = [500, completion("thinking", reason="length")]
    list(ask(questions(10), Plain(base_url=server.url), tmp_path / "a.sqlite", limits=QUICK))
    sums = ledger(tmp_path / "a.sqlite", price_prompt=2.0, price_completion=10.0)
    assert (sums.requests, sums.answered) == (10, 9)
    assert sums.attempts == {"answered": 9, "cut off": 1, "server error": 1}
    assert (sums.prompt_tokens, sums.completion_tokens) == (100, 50), "what was cut off is paid too"
    assert sums.cost == pytest.approx((100 * 2 + 50 * 10) / 1e6) and sums.last_status == {200: 1}
    assert 0.2 <= sums.busy_seconds < 10 and 1 < sums.mean_in_flight <= 8
    assert sums.answers_per_second == pytest.approx(9 / sums.busy_seconds)
    assert "9 of 10 requests answered in 11 attempts (1 cut off, 1 server error)" in sums.text()
    assert ledger(tmp_path / "a.sqlite", model="other").requests == 0
    with pytest.raises(UserError, match="no cache"):
        ledger(tmp_path / "b.sqlite")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "corpus"
    sizes = ["--dense", "30", "--sparse", "4", "--validation", "6", "--test", "4", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(folder), "--seed", "4", *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(corpus):
    table = load_corpus(corpus, "train").cast_column("images", datasets.List(datasets.Image(decode=False)))
    return [row for row in table if row["annotation"] == "dense"]


def test_a_blind_question_gives_nothing_away(rows):
    texts = {prompt_of(vars(blind(row)) | {"model": ""}) for row in rows if not row["history"]}
    assert len(texts) <= len({row["modality"] for row in rows}), "it depends on the modality alone"
    row = {**rows[0], "history": None}
    (message,) = blind(row).messages
    text = message["content"][-1]["text"]
    assert load_ontology().name(row["diagnosis"]).casefold() not in text.casefold()
    for concept in load_concepts().values():
        if row["modality"] in concept.modality:
            assert concept.name in text
    sent = json.dumps(blind(row, id=row["case_id"]).messages) + json.dumps(hinted(row, id=row["case_id"]).messages)
    for private in ("case_id", "patient_id", "lesion_id", "group", "dataset"):
        assert not row[private] or str(row[private]) not in sent
    hint = hinted(row, 5)
    assert hint.seed == 5 and load_ontology().name(row["diagnosis"]) in str(hint.messages)
    assert all(concept_name(slug) in str(hint.messages) for slug in row["concepts_present"])


def test_the_image_leaves_without_its_metadata(rows):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Mrs. Doe, 1961", 6  # ImageDescription, and lying on its side
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 150, 120)).save(buffer, "JPEG", exif=exif, comment=b"ward 7")
    row = {**rows[0], "images": [{"bytes": buffer.getvalue(), "path": "doe.jpg"}]}
    url = blind(row).messages[0]["content"][0]["image_url"]["url"]
    png = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (20, 30) and not image.info and not image.getexif()
    assert b"Doe" not in png and b"ward" not in png


def test_the_hint_is_given_only_where_the_judge_rejects(serve, tmp_path, rows):
    server = serve(
        lambda body: f"hinted {body['seed']}" if "confirmed" in prompt_of(body) else f"blind {body['seed']}"
    )
    server.script = [completion("x", reason="length")]
    settings = Plain(base_url=server.url, concurrency=1)
    good = {rows[i]["case_id"] for i in (3, 4)}

    def judge(row, text):
        if text == "blind 4" and row["case_id"] == rows[5]["case_id"]:
            return None
        return None if row["case_id"] in good or text == "hinted 3" else "finding: wrong"

    taught = sorted(teach(rows[:7], settings, tmp_path / "a.sqlite", judge, samples=2), key=lambda one: one.row_index)
    assert [one.text for one in taught] == ["hinted 3"] * 3 + ["blind 3", "blind 3", "blind 4", "hinted 3"]
    assert [one.hinted for one in taught] == [True] * 3 + [False] * 3 + [True]
    assert all(one.reason == "" for one in taught)
    asked = server.asked.total()
    assert asked == 7 + 5 + 4
    again = list(teach(rows[:7], settings, tmp_path / "a.sqlite", judge, samples=2))
    assert len(again) == 7 and server.asked.total() == asked + 1, "only the one that was cut off"


def test_a_row_without_an_answer_is_not_hinted_and_rejected_hints_say_why(serve, tmp_path, rows):
    server = serve()
    server.script = [completion("x", reason="length")]
    settings = Plain(base_url=server.url, concurrency=1)
    first, second = teach(rows[:2], settings, tmp_path / "a.sqlite", lambda row, text: "parse: no answer")
    assert first == Taught(0, None, "teacher: cut off: longer than max_tokens", hinted=False)
    assert (second.row_index, second.reason, second.hinted) == (1, "parse: no answer", True) and second.text


def test_the_command_asks_once_and_checks(corpus, serve, tmp_path):
    server = serve(obedient)
    server.script = [(code, {"Retry-After": "0.05"}, "{}") for code in (429, 500, 503)]
    server.thoughts = "The user gave me the diagnosis."
    out = tmp_path / "taught"
    command = ["distill", "--corpus", str(corpus), "--output_dir", str(out), "--teacher", "openai", "--limit", "20"]
    command += ["--model", "m", "--base_url", server.url]
    assert skin_r1(command) == 0
    kept = pd.read_parquet(out / "train.parquet")
    assert 10 <= len(kept) <= 20 and "The user" not in str(list(kept["completion"]))
    rejected = [json.loads(line)["reason"] for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert rejected and all(reason.startswith("diagnosis") for reason in rejected), "psoriasis was taken for melanoma"
    # 20 training and 6 validation cases: blind, where it knows nothing, and then with the hint; and three retries
    assert server.asked.total() == 2 * 26 + 3 and set(server.answered.values()) == {1}
    assert "phantom/" not in json.dumps(server.bodies), "no case id leaves the house"
    assert skin_r1([*command, "--overwrite", "true"]) == 0
    assert server.asked.total() == 2 * 26 + 3, "the second run is answered from the cache"


def test_private_thoughts_are_no_rationale(serve, tmp_path, rows):
    server = serve(obedient)
    server.thoughts = "The user gave me the diagnosis."
    recipe = DistillRecipe(teacher="openai", model="m", base_url=server.url)
    row = next(row for row in rows if row["diagnosis"] != "psoriasis")
    (reply,) = ask([hinted(row)], recipe, tmp_path / "a.sqlite")
    assert isinstance(parse(reply.text), Reading) and fault(reply.text, row) is None
    assert "The user" not in reply.text and AnswerCache(tmp_path / "a.sqlite").attempts()[0].status == 200
