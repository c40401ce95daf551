"""Mistakes on the command line of `skin-r1 serve`."""

import pytest

from skin_r1.errors import UserError
from skin_r1.serve.main import main


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
