"""The tiny model behind vLLM without a server: real answers about real pictures, kept in the endpoint's cache."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from skin_r1.distill.teacher.cache import AnswerCache
from skin_r1.distill.teacher.endpoint import Request
from skin_r1.distill.teacher.offline import ask, load
from skin_r1.errors import UserError

LONGEST = 40  # tokens
UNANSWERED = ("teacher: cut off: longer than max_tokens", "teacher: empty: no text")
needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")

# vLLM keeps state for the life of its process, so each run is a process of its own, as a user's is.
DRIVER = """
import io, json, sys
from dataclasses import dataclass
from pathlib import Path
from PIL import Image
from skin_r1.distill.teacher.offline import ask
from skin_r1.distill.teacher.requests import blind, data_url
from skin_r1.distill.teacher.endpoint import Request

@dataclass(frozen=True)
class Settings:
    model: str
    base_url: str = ""
    concurrency: int = 4
    temperature: float = 1.0
    max_tokens: int = 24
    seed: int = 0

def picture(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (96, 80), (shade, 120, 90)).save(buffer, "JPEG")
    return buffer.getvalue()

model, cache, batch, length = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
requests = []
for i in range(5):
    parts = [{"type": "image_url", "image_url": {"url": data_url(picture(40 * i))}}, {"type": "text", "text": "What is it?"}]
    requests.append(Request(str(i), [{"role": "user", "content": parts}]))
requests.append(Request("again", requests[0].messages))
requests.append(Request("long", [{"role": "user", "content": "spot " * 2000}]))
replies = [vars(reply) for reply in ask(requests, Settings(model, max_tokens=length), cache, batch=batch, max_model_len=1024)]
print("REPLIES " + json.dumps({"replies": replies, "loaded": "vllm" in sys.modules}))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from skin_r1.reading import messages_for
    from skin_r1.tiny import build_tiny

    texts = [messages_for({"modality": "clinical", "history": None})[0]["content"], "What is it? spot"]
    folder = tmp_path_factory.mktemp("offline") / "tiny-model"
    build_tiny(folder, texts, seed=0)
    # Random weights seldom say the one token that ends an answer: let one in twenty end it.
    size = json.loads((folder / "config.json").read_text())
    size = size.get("vocab_size") or size["text_config"]["vocab_size"]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": list(range(0, size, 20))}))
    return folder


def run(tiny, cache, batch, length):
    command = [sys.executable, "-c", DRIVER, str(tiny), str(cache), str(batch), str(length)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("REPLIES "))[8:])


@needs_vllm
def test_pictures_are_answered_once_and_cut_answers_are_counted(tiny, tmp_path):
    cache = tmp_path / "cache.sqlite"
    first = run(tiny, cache, 3, LONGEST)
    replies = {reply["id"]: reply for reply in first["replies"]}
    assert first["loaded"] and sorted(replies) == ["0", "1", "2", "3", "4", "again", "long"]
    assert replies["long"]["reason"].startswith("teacher: bad request: "), replies["long"]
    for name in "01234":  # some reach the end in time
        assert replies[name]["text"] or replies[name]["reason"] in UNANSWERED
    answered = {name for name, reply in replies.items() if reply["text"]}
    assert answered and not any(reply["cached"] for name, reply in replies.items() if name != "again")
    attempts = AnswerCache(cache).attempts()
    assert {attempt.outcome for attempt in attempts} <= {"answered", "cut off", "empty", "bad request"}
    asked = [attempt for attempt in attempts if attempt.outcome != "bad request"]
    assert all(attempt.prompt_tokens > 12 and 0 < attempt.completion_tokens <= LONGEST for attempt in asked)
    assert len({text for reply in replies.values() if (text := reply["text"])}) > 1, "it saw different pictures"

    second = {reply["id"]: reply for reply in run(tiny, cache, 8, LONGEST)["replies"]}
    assert all(second[name]["cached"] and second[name]["text"] == replies[name]["text"] for name in answered)
    later = AnswerCache(cache).attempts()[len(attempts) :]
    assert not {attempt.key for attempt in later} & {a.key for a in attempts if a.outcome == "answered"}


class Absent:
    model, base_url, concurrency, temperature, max_tokens, seed = "nowhere", "", 2, 0.0, 8, 0


def test_a_full_cache_needs_no_vllm_and_an_empty_one_says_how_to_get_it(tmp_path, monkeypatch):
    from skin_r1.distill.teacher import offline
    from skin_r1.distill.teacher.cache import Attempt, request_key
    from skin_r1.distill.teacher.question import body_of

    question = Request("a", [{"role": "user", "content": "What?"}])
    monkeypatch.setattr(offline, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"vLLM is not installed(.|\n)*make vllm"):
        list(ask([question], Absent(), tmp_path / "empty.sqlite"))
    with pytest.raises(UserError, match="make vllm"):
        load(Absent(), 512)
    cache = AnswerCache(tmp_path / "full.sqlite")
    key = request_key(body_of(question, Absent()))
    cache.record((Attempt(key, "nowhere", 0.0, 1.0, "answered", 200, 1, 1), "That."))
    cache.close()
    (reply,) = ask([question], Absent(), tmp_path / "full.sqlite")
    assert reply.text == "That." and reply.cached
