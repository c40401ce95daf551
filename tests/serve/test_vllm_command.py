"""The command line of vLLM: no model needed."""

from skin_r1.serve.engines.vllm import arguments, environment


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
