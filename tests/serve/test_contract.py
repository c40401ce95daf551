"""The OpenAPI document and the server agree on generated requests; `python -m benchmarks.fuzz --cases 5000` sends more."""

import pytest
from serving import served

from skin_r1 import __version__
from skin_r1.serve.guard.keys import new_key
from skin_r1.serve.openapi import document

pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")


def test_what_the_server_answers_is_what_the_document_says(tiny, tmp_path):
    from benchmarks.fuzz import fuzz

    key, line = new_key("fuzz", requests_per_minute=10**6)
    (tmp_path / "keys").write_text(line + "\n")
    arguments = ["--model", tiny, "--max_new_tokens", "4", "--samples", "1", "--audit", "none"]
    with served(tmp_path, *arguments, "--api_keys_file", tmp_path / "keys") as (client, _):
        tally = fuzz(str(client.base_url).rstrip("/"), key, document(__version__, [tiny.name]), cases=60)
    assert tally.breaches == {} and tally.server_errors == 0 and tally.cases >= 60
    for operation in ("POST /v1/chat/completions", "POST /v1/diagnose"):
        assert {200, 400} <= {status for name, status in tally.statuses if name == operation}
