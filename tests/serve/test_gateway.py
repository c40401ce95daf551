"""The gateway with the transformers engine and a really built tiny model, through `skin-r1 serve`."""

import base64
import json

import pytest
from openai import OpenAI
from serving import served, skin_picture

from skin_r1.serve.audit.verify import segments, verify

KEY = "a-long-enough-key"
AUTH = {"Authorization": f"Bearer {KEY}"}
NAME = "tiny-model"


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    arguments = ["--model", tiny, "--max_new_tokens", "24", "--audit", folder / "audit", "--max_image_mib", "1"]
    arguments += ["--max_request_mib", "2", "--samples", "2"]
    with served(folder, *arguments, env={"SKIN_R1_API_KEYS": f"other,{KEY}"}) as (client, process):
        yield client, process, folder


@pytest.fixture
def client(server):
    return server[0]


def chat(**fields):
    url = "data:image/jpeg;base64," + base64.b64encode(skin_picture()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
    return {"model": NAME, "messages": [{"role": "user", "content": parts}], "max_tokens": 8, **fields}


def part_of(url):
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def code(response):
    return response.status_code, response.json()["error"]["code"]


def test_health_and_models(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "model": NAME}
    assert [model["id"] for model in client.get("/v1/models", headers=AUTH).json()["data"]] == [NAME]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/v1/completions", "/pause", "/../setup.cfg", "/audit.py"])
def test_everything_else_is_404(client, path):
    assert client.get(path, headers=AUTH).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}])
def test_a_key_is_asked_for(client, headers):
    assert code(client.get("/v1/models", headers=headers)) == (401, "invalid_api_key")
    assert code(client.post("/v1/chat/completions", json=chat(), headers=headers)) == (401, "invalid_api_key")
    files = {"image": skin_picture()}
    assert code(client.post("/v1/diagnose", files=files, headers=headers)) == (401, "invalid_api_key")


def test_a_strangers_page_is_refused(client):
    headers = {**AUTH, "Origin": "https://example.org"}
    assert code(client.post("/v1/diagnose", files={"image": skin_picture()}, headers=headers)) == (403, "cross_site")


def test_the_openai_client_chats_about_a_picture(client):
    api = OpenAI(base_url=f"{client.base_url}/v1", api_key=KEY, max_retries=0)
    answer = api.chat.completions.create(**chat())
    assert answer.model == NAME and answer.choices[0].message.role == "assistant"
    assert answer.usage.prompt_tokens > 16 and 0 < answer.usage.completion_tokens <= 8
    chunks = list(api.chat.completions.create(**chat(stream=True)))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert "Research use only" in chunks[-1].disclaimer


def test_requests_are_clamped(client):
    answer = client.post("/v1/chat/completions", json=chat(max_tokens=10**6, temperature=50), headers=AUTH)
    assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] <= 32


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"logit_bias": {"1": 5}}, (400, "invalid_request")),
        ({"structured_outputs": {"regex": "(a+)+b"}}, (400, "invalid_request")),
        ({"media_io_kwargs": {}}, (400, "invalid_request")),
        ({"n": 4}, (400, "invalid_request")),
        ({"messages": []}, (400, "invalid_request")),
        ({"temperature": -1}, (400, "invalid_request")),
        ({"model": "gpt"}, (404, "model_not_found")),
        ({"messages": [{"role": "tool", "content": "x"}]}, (400, "invalid_request")),
        ({"messages": [{"role": "user", "content": "<|image_pad|>"}]}, (400, "special_token")),
        ({"messages": [{"role": "user", "content": "x" * 20_001}]}, (400, "text_too_long")),
        ({"messages": part_of("http://127.0.0.1:1/a.png")}, (400, "remote_media_disabled")),
        ({"messages": part_of("file:///etc/passwd")}, (400, "remote_media_disabled")),
        ({"messages": part_of("data:image/png;base64,AAAA")}, (415, "not_an_image")),
        ({"messages": part_of("data:image/png;base64,AAAA") * 5}, (400, "too_many_images")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_chat_requests_that_are_refused(client, fields, expected):
    assert code(client.post("/v1/chat/completions", json=chat(**fields), headers=AUTH)) == expected


def test_a_body_that_is_not_json(client):
    answer = client.post("/v1/chat/completions", content=b"{" * 1000, headers=AUTH)
    assert code(answer) == (400, "too_complex")


def test_an_endless_body_is_cut_off_while_it_arrives(client):
    sent = 0

    def endless():
        nonlocal sent
        while sent < 200 * 2**20:
            sent += 2**16
            yield b"x" * 2**16

    headers = {**AUTH, "Content-Type": "multipart/form-data; boundary=b"}
    assert code(client.post("/v1/diagnose", content=endless(), headers=headers)) == (413, "body_too_large")
    assert sent < 50 * 2**20
    assert code(client.post("/v1/diagnose", files={"image": b"x" * 3 * 2**20}, headers=AUTH)) == (
        413,
        "body_too_large",
    )


@pytest.mark.parametrize(
    "request_, expected",
    [
        ({"files": {"image": b""}}, (422, "empty_image")),
        ({"files": {"image": b"GIF89a"}}, (415, "not_an_image")),
        ({"files": {"image": skin_picture()[:700]}}, (422, "damaged_image")),
        ({"files": {"other": skin_picture()}}, (400, "invalid_request")),
        ({"files": [("image", skin_picture())] * 5}, (400, "invalid_form")),
        ({"files": {"image": skin_picture()}, "data": {"modality": "x-ray"}}, (400, "invalid_request")),
        ({"files": {"image": skin_picture()}, "data": {"url": "http://a"}}, (400, "invalid_request")),
        ({"files": {"image": skin_picture()}, "data": {"history": "x" * 3000}}, (400, "invalid_request")),
        ({"data": {"image": "text"}}, (415, "not_a_form")),
    ],
    ids=["empty", "gif", "cut", "field", "five", "modality", "url", "history", "urlencoded"],
)
def test_forms_that_are_refused(client, request_, expected):
    assert code(client.post("/v1/diagnose", headers=AUTH, **request_)) == expected


def test_what_does_not_parse_abstains_and_still_warns(client):
    form = {"modality": "dermoscopic", "history": "the mole is growing and bleeds"}
    response = client.post("/v1/diagnose", files={"image": skin_picture()}, data=form, headers=AUTH)
    answer = response.json()
    assert response.status_code == 200
    assert answer["abstained"] is True and answer["attempts"] == 2
    assert "no readable answer" in answer["reason"]
    assert answer["findings"] == answer["differential"] == [] and answer["diagnosis"] is None
    assert answer["triage"]["level"] == "urgent"
    assert {flag["rule"] for flag in answer["triage"]["flags"]} >= {"changing-lesion", "no-answer"}
    assert "Research use only" in answer["disclaimer"]
    assert {"model", "ontology", "prompt", "torch", "skin-r1"} <= set(answer["versions"])


def test_the_page_and_its_headers(client):
    page = client.get("/")
    assert page.status_code == 200 and "Research use only" in page.text
    for path in ("/", "/app.js", "/style.css", "/v1/models", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert "<style" not in page.text and "style=" not in page.text and "onclick" not in page.text
    assert "http://" not in page.text and "https://" not in page.text


def test_the_audit_has_no_content_and_is_whole(client, server):
    form = {"history": "secret words"}
    answer = client.post("/v1/diagnose", files={"image": skin_picture()}, data=form, headers=AUTH)
    folder = server[2] / "audit"
    (file,) = segments(folder)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert verify(folder).lines == len(lines)
    begun, ended = (next(line for line in reversed(lines) if line["event"] == event) for event in ("begin", "end"))
    assert begun["route"] == "/v1/diagnose" and begun["request"] == ended["request"] == answer.json()["id"]
    assert ended["status"] == 200 and ended["abstained"] and len(ended["pictures"]) == 1
    assert "secret" not in file.read_text() and KEY not in file.read_text()


def test_the_figures_count_requests_and_hold_no_content(client):
    client.post("/v1/diagnose", files={"image": b"GIF89a"}, headers=AUTH)
    assert code(client.get("/metrics")) == (401, "invalid_api_key")
    text = client.get("/metrics", headers=AUTH).text
    assert 'skin_r1_requests_total{route="/v1/diagnose",status="415"}' in text
    assert 'skin_r1_refused_total{code="not_an_image"}' in text and KEY not in text


def test_an_answer_can_be_followed_as_it_is_made(client):
    data = {"stream": "true", "history": "it bleeds"}
    with client.stream("POST", "/v1/diagnose", files={"image": skin_picture()}, data=data, headers=AUTH) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "quality" and kinds[-1] == "answer" and {"token", "restart"} <= set(kinds)
    assert events[-1]["answer"]["reason_code"] == "unreadable"
    assert events[-1]["answer"]["triage"]["level"] == "urgent"


def test_another_keys_case_is_not_found(client):
    for key in (KEY, "other"):
        form = {"case": "0" * 32, "question": "what is it?"}
        answer = client.post("/v1/diagnose", files={"x": b""}, data=form, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code in (400, 404)


def test_without_a_key_only_localhost_is_answered(tiny, tmp_path):
    arguments = ["--model", tiny, "--max_new_tokens", "4", "--audit", "none"]
    with served(tmp_path, *arguments, env={"SKIN_R1_API_KEYS": ""}) as (client, process):
        assert client.get("/v1/models").status_code == 200
        answer = client.get("/v1/models", headers={"Host": "rebound.example.org"})
        assert code(answer) == (403, "host_not_allowed")
        process.terminate()
        assert process.wait(timeout=30) == 0
