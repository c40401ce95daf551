"""`data resolve` and `data list`."""

import json
from pathlib import Path

import pytest

from data_prep import listing, resolve
from data_prep.adapters import ADAPTERS
from skin_r1.errors import UserError

KEYS = ["label", "diagnosis", "path", "malignancy", "match", "via", "candidates"]


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert resolve.main(arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_labels(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys, "nv", "Melanoma", "no such disease", "--dataset", "ham10000")
    assert [list(line) for line in found] == [KEYS] * 3
    assert [line["diagnosis"] for line in found] == ["melanocytic-nevus", "melanoma", None]
    assert [line["match"] for line in found] == ["code", "exact", "none"]
    assert found[1]["path"][-1] == "melanoma" and found[1]["malignancy"] == "malignant"  # type: ignore[index]


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "labels.txt"
    text.write_bytes("\ufeffmelanoma\r\n\r\nmelanoma\r\nn\u00e6vus\r\n".encode())
    assert [line["label"] for line in lines(capsys, "--file", str(text))] == ["melanoma", "melanoma", "n\u00e6vus"]
    table = tmp_path / "t.csv"
    table.write_bytes("\ufeffid;Diagnostic\r\n1;MEL\r\n2;\r\n3;MEL\r\n4;BCC\r\n".encode())
    found = lines(capsys, "--file", str(table), "--column", "diagnostic", "--dataset", "pad_ufes_20")
    assert [(line["label"], line["diagnosis"]) for line in found] == [
        ("MEL", "melanoma"),
        ("MEL", "melanoma"),
        ("BCC", "basal-cell-carcinoma"),
    ]


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve.main(["melanoma", "--format", "table"]) == 0
    assert "malignant" in capsys.readouterr().out


def test_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n")
    cases = [
        ([], "no label"),
        (["--column", "x"], "needs --file"),
        (["--file", str(tmp_path / "none.txt")], "does not exist"),
        (["--file", str(table)], "--column NAME"),
        (["--file", str(table), "--column", "c"], "column 'c'"),
    ]
    for arguments, says in cases:
        with pytest.raises(UserError, match=says):
            resolve.main(arguments)


def test_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main([]) == 0
    text = capsys.readouterr().out
    for words in ("pad_ufes_20", "isic2017", "ham10000", "fitzpatrick17k", "CC BY-NC 4.0", "metadata.csv"):
        assert words in text
    assert listing.main(["--format", "jsonl"]) == 0
    assert [json.loads(line)["dataset"] for line in capsys.readouterr().out.splitlines()] == list(ADAPTERS)
