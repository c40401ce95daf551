"""Tables of the world are read; broken ones are refused with the place."""

from pathlib import Path

import pytest

from data_prep.table import find_file, read_table
from skin_r1.errors import UserError

TEXT = 'id,Diagnostic,note\na1,BCC,"one, two"\n\na2,NEV,x\n'


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace('"one, two"', "one; two").replace(",", ";").replace("one; two", '"one, two"').encode("utf-8-sig"),
        TEXT.replace('"one, two"', "one| two").replace(",", "\t").replace("one|", "one,").encode(),
    ],
    ids=["plain", "bom", "utf16", "bom-crlf", "bom-semicolon", "tab"],
)
def test_dialects(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(raw)
    rows = list(read_table(file, ("id", "diagnostic"), unique="id"))
    assert [r.values["id"] for r in rows] == ["a1", "a2"]
    assert [r.values["diagnostic"] for r in rows] == ["BCC", "NEV"]
    assert rows[0].values["note"] == "one, two"
    assert [r.number for r in rows] == [2, 4]  # the blank line counts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["empty"]),
        ("id,other\na,b\n", ["lacks a column", "row 1", "'diagnostic'", "next:"]),
        ("id,diagnostic\na1,BCC\na2\n", ["row 3", "number of cells", "next:"]),
        ("id,diagnostic\na1,BCC,extra\n", ["row 2", "number of cells"]),
        ("id,diagnostic\na1,BCC\na2,NEV\na1,MEL\na2,MEL\n", ["row 4", "'id'", "row 2", "1 more: row 5 (a2)"]),
        ("id,diagnostic\n,BCC\n", ["row 2", "'id'", "blank"]),
        ('id,diagnostic\na1,"BCC\n', ["row 2", "cannot be read"]),
    ],
)
def test_refused(tmp_path: Path, text: str, says: list[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        list(read_table(file, ("id", "diagnostic"), unique="id"))
    for words in (str(file), *says):
        assert words in str(error.value)


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"id,diagnostic\na1,na\xefvus\n")
    with pytest.raises(UserError, match="row 2"):
        list(read_table(file, ("id", "diagnostic")))


def test_cells(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("n;f\n3,5;True\n;UNK\nnan;0.0\n9;maybe\nx;1\n")
    rows = list(read_table(file, ("n", "f")))
    assert [r.number_in("n", 0, 5) for r in rows[:3]] == [3.5, None, None]
    assert [r.flag("f") for r in rows[:3]] == [True, None, False]
    with pytest.raises(UserError, match=r"out of range[\s\S]*row 5, column 'n'"):
        rows[3].number_in("n", 0, 5)
    with pytest.raises(UserError, match=r"row 5, column 'f'[\s\S]*'maybe'"):
        rows[3].flag("f")
    with pytest.raises(UserError, match="not a number"):
        rows[4].number_in("n", 0, 5)


def test_find_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "METADATA.csv").write_text("x")
    (tmp_path / "._metadata.csv").write_text("x")
    assert find_file(tmp_path, ("metadata.csv",), "metadata").parent.name == "deep"
    with pytest.raises(UserError, match="does not exist"):
        find_file(tmp_path / "none", ("metadata.csv",), "metadata")
    with pytest.raises(UserError, match="lacks labels"):
        find_file(tmp_path, ("labels.csv",), "labels")
