"""The OpenAPI document and the server agree on generated requests; `python -m benchmarks.fuzz --cases 5000` sends more."""

import json
import subprocess
import sys

import pytest
from serving import served

from skin_r1.serve.guard.keys import new_key

pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")


def test_what_the_server_answers_is_what_the_document_says(tiny, tmp_path):
    from benchmarks.fuzz import fuzz

    key, line = new_key("fuzz", requests_per_minute=10**6)
    (tmp_path / "keys").write_text(line + "\n")
    arguments = ["--model", str(tiny), "--max_new_tokens", "4", "--samples", "1"]
    command = [sys.executable, "-m", "skin_r1.cli", "serve", *arguments, "--openapi"]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    with served(tmp_path, *arguments, "--api_keys_file", tmp_path / "keys", "--audit", "none") as (client, _):
        tally = fuzz(str(client.base_url).rstrip("/"), key, document, cases=120)
    assert tally.breaches == {} and tally.server_errors == 0 and tally.cases >= 120
    for operation in ("POST /v1/chat/completions", "POST /v1/diagnose"):
        assert {200, 400} <= {status for name, status in tally.statuses if name == operation}
