"""The real samples, read untouched; counts are those of the files."""

import json
from pathlib import Path

import pytest

from data_prep import build, validate
from data_prep.adapters import ADAPTERS
from skin_r1.ontology import resolve


@pytest.mark.parametrize(
    ("name", "folder", "rows", "excluded"),
    [
        ("pad_ufes_20", "pad_ufes_20", 1153, 0),
        ("isic2017", "isic2017_sample", 60, 0),
        ("ham10000", "ham10000", 7999, 0),
        ("fitzpatrick17k", "labels", 16100, 477),
    ],
)
def test_every_row_is_read_and_resolves(real_data: Path, name: str, folder: str, rows: int, excluded: int) -> None:
    listing = ADAPTERS[name].read(real_data / folder)
    assert len(listing.rows) == rows and sum(listing.excluded.values()) == excluded
    assert not listing.notes
    assert [
        label for label in {r.label for r in listing.rows} if not label or not resolve(label, name).diagnosis
    ] == []
    if name == "fitzpatrick17k":
        assert sum(bool(r.present or r.absent) for r in listing.rows) == 3227


def test_isic2017_whole(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert build.main(["--dataset", "isic2017", "--root", str(real_data / "isic2017_sample"), "--out", str(out)]) == 0
    assert validate.main([str(out)]) == 0
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    assert facts["images"] == 60 and facts["annotation"] == {"dense": 60}
