"""The command line of vLLM: no model needed."""

import json
import shlex

import pytest

from skin_r1.errors import UserError
from skin_r1.serve.engines.vllm import arguments, environment, settings, shown
from skin_r1.serve.engines.weights import named_adapters, weights


def adapter(folder, rank, base="org/base"):
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "base_model_name_or_path": base}))
    return str(folder)


def value(command, flag):
    return command[command.index(flag) + 1]


def test_the_command_line_of_vllm():
    plain = arguments("folder/m", None, name="m", port=9, cpu=True, max_model_len=64, extra="--seed '3'")
    assert plain[:4] == ["-m", "vllm.entrypoints.openai.api_server", "--model", "folder/m"]
    assert "--enforce-eager" in plain and plain[-2:] == ["--seed", "3"]
    assert value(plain, "--host") == "127.0.0.1" and value(plain, "--served-model-name") == "m"
    assert json.loads(value(plain, "--limit-mm-per-prompt")) == {"image": 4, "video": 0}
    assert "--disable-uvicorn-access-log" in plain and "--no-enable-log-requests" in plain


def test_adapters_by_name(tmp_path):
    small, large = adapter(tmp_path / "a", 8), adapter(tmp_path / "b", 24)
    one = arguments(small, None, name="m", port=9, cpu=False, max_model_len=64)
    assert value(one, "--model") == "org/base" and f"m={small}" in one and "--enforce-eager" not in one
    both = arguments("base", {"x": small, "y": large}, name="m", port=9, cpu=False, max_model_len=64)
    assert value(both, "--max-lora-rank") == "32" and value(both, "--served-model-name") == "m"
    assert value(both, "--lora-modules") == f"x={small}" and f"y={large}" in both
    assert weights("m", "base", {"x": small, "y": large}).names == ("x", "y", "m")
    assert weights("m", "base", small).names == weights("m", small, None).names == ("m", "m-base")


def test_what_adapter_says():
    assert named_adapters([]) is None and named_adapters(["runs/a"]) == "runs/a"
    assert named_adapters(["x=runs/a", "y=runs/b"]) == {"x": "runs/a", "y": "runs/b"}
    for wrong in (["runs/a", "runs/b"], ["x=a", "x=b"], ["=a"], ["x="]):
        with pytest.raises(UserError, match="adapter"):
            named_adapters(wrong)


def test_the_environment_of_vllm(monkeypatch):
    monkeypatch.setenv("SKIN_R1_API_KEYS", "secret")
    env = environment("k", cpu=True)
    assert "SKIN_R1_API_KEYS" not in env and env["VLLM_SERVER_DEV_MODE"] == "0"
    assert "vllm_path" in env["PYTHONPATH"] and "vllm_path" not in environment("k", cpu=False).get("PYTHONPATH", "")


def test_the_command_is_shown_without_its_key():
    command = arguments("a b", None, name="m", port=9, cpu=True, max_model_len=64)
    text = shown(command, settings("hidden-key", cpu=True))
    assert "hidden-key" not in text and "VLLM_API_KEY=..." in text
    words = shlex.split(text)
    assert words[-len(command) :] == command and words[0] == "env"
