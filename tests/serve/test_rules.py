"""Triage, audit, keys and the vLLM command line: no model needed."""

import hashlib
import json

import pytest

from skin_r1.errors import UserError
from skin_r1.reading import parse, render
from skin_r1.serve.audit import Audit, verify
from skin_r1.serve.guard import load_keys
from skin_r1.serve.main import main
from skin_r1.serve.triage import LEVELS, triage
from skin_r1.serve.vllm import arguments, environment


def reading(diagnosis="melanocytic nevus", malignancy="benign", differential=()):
    return parse(render("I see a spot", ["regular border"], list(differential), diagnosis, malignancy))


@pytest.mark.parametrize(
    "history, level",
    [
        ("fever, blisters and sore mouth since a new drug", "emergency"),
        ("purple spots and high temperature", "emergency"),
        ("red leg, pain out of proportion", "emergency"),
        ("swollen tongue after a sting", "emergency"),
        ("newborn with blisters", "emergency"),
        ("rash with chills", "urgent"),
        ("kidney transplant, new wart", "urgent"),
        ("the mole is growing and bleeds", "urgent"),
        ("stable for years", "routine"),
        (None, "routine"),
    ],
)
def test_what_a_person_writes_raises_the_level(history, level):
    assert triage(history, reading()).level == level


def test_an_answer_never_lowers_a_level():
    for history in ("fever, blisters and sore mouth", "the mole bleeds"):
        for answer in (None, reading(), reading("melanoma", "malignant")):
            assert LEVELS.index(triage(history, answer).level) >= LEVELS.index("urgent")


@pytest.mark.parametrize(
    "answer, level, rule",
    [
        (reading("melanoma", "malignant"), "urgent", "malignant-answer"),
        (reading("melanoma", "benign"), "urgent", "contradiction"),
        (reading("actinic keratosis", "premalignant"), "soon", "premalignant-answer"),
        (reading(differential=["melanoma"]), "soon", "malignant-differential"),
        (reading("a name nobody knows", "benign"), "soon", "indeterminate-answer"),
        (None, "soon", "no-answer"),
    ],
)
def test_the_answer_raises_the_level(answer, level, rule):
    found = triage(None, answer)
    assert found.level == level and rule in {flag.rule for flag in found.flags}


def test_the_audit_chain_goes_on_and_shows_tampering(tmp_path):
    file = tmp_path / "audit.jsonl"
    Audit(file).append(route="/a", status=200)
    second = Audit(file)  # a restart
    second.append(route="/b", status=200)
    assert verify(file)[0] == 2
    assert second.fingerprint(b"x") == Audit(file).fingerprint(b"x") != hashlib.sha256(b"x").hexdigest()
    assert (tmp_path / "audit.jsonl.key").stat().st_mode & 0o077 == 0
    with file.open("a") as stream:
        stream.write('{"half a li')  # killed while writing
    Audit(file).append(route="/c", status=200)
    assert verify(file)[0] == 3
    lines = file.read_text().splitlines()
    changed = json.loads(lines[1]) | {"status": 500}
    file.write_text("\n".join([lines[0], json.dumps(changed), lines[2]]) + "\n")
    with pytest.raises(UserError, match="row 2"):
        verify(file)
    file.write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(UserError, match="row 2"):
        Audit(file)


def test_keys_come_from_the_environment_and_a_file(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text(hashlib.sha256(b"two").hexdigest() + "  # the ward\n\n")
    monkeypatch.setenv("SKIN_R1_API_KEYS", "one, ")
    assert load_keys("0.0.0.0", str(file)) == {hashlib.sha256(key).hexdigest() for key in (b"one", b"two")}
    file.write_text("one\n")
    with pytest.raises(UserError, match="row 1"):
        load_keys("127.0.0.1", str(file))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.4", "example.org", "::"])
def test_without_a_key_other_hosts_are_refused(host, monkeypatch):
    monkeypatch.delenv("SKIN_R1_API_KEYS", raising=False)
    with pytest.raises(UserError, match="SKIN_R1_API_KEYS"):
        load_keys(host, None)
    assert load_keys("::1", None) == frozenset()


@pytest.mark.parametrize(
    "arguments, match",
    [
        (["--model", "/nowhere/model"], "no checkpoint"),
        (["--engine", "onnx"], "no such engine"),
        (["--host", "0.0.0.0"], "without an API key"),
    ],
)
def test_mistakes_on_the_command_line(arguments, match, monkeypatch, tmp_path):
    monkeypatch.delenv("SKIN_R1_API_KEYS", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=match):
        main(arguments)


def test_the_command_line_of_vllm(tmp_path, monkeypatch):
    plain = arguments("folder/m", None, name="m", port=9, cpu=True, max_model_len=64, extra="--seed '3'")
    assert plain[:4] == ["-m", "vllm.entrypoints.openai.api_server", "--model", "folder/m"]
    assert "--enforce-eager" in plain and plain[-2:] == ["--seed", "3"]
    (tmp_path / "adapter_config.json").write_text('{"r": 24, "base_model_name_or_path": "org/base"}')
    lora = arguments(str(tmp_path), None, name="m", port=9, cpu=False, max_model_len=64)
    assert lora[3] == "org/base" and f"m={tmp_path}" in lora and "32" in lora and "--enforce-eager" not in lora
    monkeypatch.setenv("SKIN_R1_API_KEYS", "secret")
    assert "SKIN_R1_API_KEYS" not in environment("k", cpu=True)
    assert "vllm_path" in environment("k", cpu=True)["PYTHONPATH"] and "vllm_path" not in environment(
        "k", cpu=False
    ).get("PYTHONPATH", "")
