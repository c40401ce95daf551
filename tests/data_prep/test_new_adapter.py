"""The docs' page on writing an adapter is code that works."""

import importlib.util
import re
from pathlib import Path

from drawn_datasets import lesion, write_csv

from data_prep import validate
from data_prep.adapters import ADAPTERS
from data_prep.build import build
from skin_r1.case import load_corpus

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_adapter_of_the_docs_builds_a_corpus(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "def read(" in block)
    file = tmp_path / "our_clinic.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("our_clinic", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(ADAPTERS, module.NAME, module)
    root = tmp_path / "root"
    root.mkdir()
    rows = [
        [f"v{i}", f"{i}.jpg", f"p{i // 2}", ("SK", "melanoma, excised")[i % 2], 40 + i, "female", "yes"]
        for i in range(6)
    ]
    write_csv(root / "visits.csv", ("visit", "photo", "patient", "dx", "age", "sex", "biopsy"), rows, delimiter=";")
    for i in range(6):
        lesion(i).save(root / f"{i}.jpg")
    build(datasets=[(module.NAME, root)], out=tmp_path / "out")
    assert validate.main([str(tmp_path / "out")]) == 0
    cases = [case for split in ("train", "validation", "test") for case in load_corpus(tmp_path / "out", split)]
    assert len(cases) == 6 and all(case["images"] for case in cases)
    assert {case["history"] for case in cases} == {"Woman aged 40 to 49."}
    assert "seborrheic-keratosis" in {case["diagnosis"] for case in cases}
