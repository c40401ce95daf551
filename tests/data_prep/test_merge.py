"""Many datasets in one corpus: one case a picture, labels settled by the stated rule, held-out sets untouched."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from drawn_datasets import Writer, lesion, write_csv

from data_prep import build, validate
from data_prep.conflicts import Said, decide
from data_prep.corpus import parquet_files, read_parquet
from data_prep.raw import Confirmed
from data_prep.sources import isic_name
from skin_r1.errors import UserError
from skin_r1.ontology import resolve

CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


def said(label: str, confirmed: Confirmed | None = None, covers: tuple[str, ...] = ()) -> Said:
    found = resolve(label).diagnosis
    assert found
    return Said("d/x", label, found, covers, confirmed)


@pytest.mark.parametrize(
    ("labels", "diagnosis", "rule"),
    [
        ([said("nevus"), said("blue nevus")], "blue-nevus", "finer"),
        ([said("nevus", "histopathology"), said("blue nevus", "single rater")], "blue-nevus", "finer"),
        ([said("akiec", "histopathology"), said("SCC", covers=("bowen-disease",))], "bowen-disease", "overlap"),
        ([said("melanoma", "single rater"), said("nevus", "histopathology")], "melanocytic-nevus", "confirmation"),
        ([said("melanoma", "consensus"), said("nevus", "follow-up")], "melanoma", "confirmation"),
        ([said("melanoma", "follow-up"), said("nevus", "single rater")], "melanoma", "confirmation"),
        ([said("melanoma"), said("nevus", "single rater")], "melanocytic-nevus", "confirmation"),
        ([said("melanoma", "histopathology"), said("nevus"), said("blue nevus")], "melanoma", "confirmation"),
        ([said("SCC", "histopathology", ("bowen-disease",)), said("AK")], "squamous-cell-carcinoma", "confirmation"),
        ([said("melanoma"), said("nevus")], None, "undecided"),
        ([said("melanoma", "histopathology"), said("nevus", "histopathology")], None, "undecided"),
        ([said("actinic keratosis"), said("squamous cell carcinoma")], None, "undecided"),  # no common malignancy
    ],
)
def test_rules(labels: list[Said], diagnosis: str | None, rule: str) -> None:
    for order in (labels, labels[::-1]):
        verdict = decide(order)
        assert (verdict.diagnosis, verdict.rule) == (diagnosis, rule)
        assert bool(verdict.differential) == (rule in ("common", "undecided"))
        assert not verdict.differential or sum(w for _, w in verdict.differential) == pytest.approx(1)


def test_common_diagnosis_keeps_the_labels_as_differential() -> None:
    verdict = decide([said("pustular psoriasis"), said("guttate psoriasis"), said("guttate psoriasis")])
    assert verdict.rule == "common" and verdict.diagnosis == "psoriasis"
    assert verdict.differential[0] == (resolve("guttate psoriasis").diagnosis, pytest.approx(2 / 3))


def test_names_of_the_archive() -> None:
    assert isic_name("ISIC_0024306") == isic_name("ISIC_0024306.jpg") == isic_name("ISIC_0024306_downsampled")
    assert isic_name("ISIC_00243061") is None and isic_name("PAT_1_2_3.png") is None


@pytest.fixture
def isic2019(tmp_path: Path) -> Writer:
    """Write an ISIC 2019-shaped dataset from image name -> (class, lesion)."""

    def write(rows: dict[str, tuple[str, str]], images: bool = True) -> Path:
        root = tmp_path / "isic2019"
        root.mkdir()
        truth = [[name, *(int(c == label) for c in CLASSES)] for name, (label, _) in rows.items()]
        write_csv(root / "ISIC_2019_Training_GroundTruth.csv", ("image", *CLASSES), truth)
        about = [[name, 50, "torso", unit, "female"] for name, (_, unit) in rows.items()]
        header = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
        write_csv(root / "ISIC_2019_Training_Metadata.csv", header, about)
        for name in rows if images else ():
            lesion(int(name[-4:])).save(root / f"{name}.jpg", quality=95)
        return root

    return write


def corpus(out: Path, *options: str) -> dict[str, dict[str, Any]]:
    assert build.main([*options, "--out", str(out)]) == 0
    assert validate.main([str(out)]) == 0
    return {row["case_id"]: row for file in parquet_files(out) for row in read_parquet(file).to_pylist()}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_one_case_a_picture(ham: Writer, isic2019: Writer, tmp_path: Path) -> None:
    rows = [
        ["HAM_1", "ISIC_0000001", "akiec", "histo", "", "", ""],
        ["HAM_2", "ISIC_0000002", "nv", "follow_up", "45", "male", "back"],
        ["HAM_3", "ISIC_0000003", "bkl", "consensus", "45", "male", "back"],
        *([f"HAM_{i}", f"ISIC_{i:07d}", "nv", "histo", "45", "male", "back"] for i in range(10, 20)),
    ]
    first = ham(rows=rows, images=False)
    second = isic2019(
        {
            "ISIC_0000001_downsampled": ("SCC", "HAM_1"),
            "ISIC_0000002": ("MEL", "HAM_2"),
            "ISIC_0009999": ("MEL", "HAM_2"),
            "ISIC_0008888": ("BCC", ""),
        },
        images=False,
    )
    lesion(2).save(second / "ISIC_0000002.jpg", quality=95)
    out = tmp_path / "out"
    found = corpus(out, "--dataset", "ham10000", "--root", str(first), "--dataset", "isic2019", "--root", str(second))
    assert len(found) == 15 and "isic2019/ISIC_0000002" not in found
    bowen = found["ham10000/ISIC_0000001"]
    assert (bowen["diagnosis"], bowen["malignancy"], bowen["diagnosis_raw"]) == ("bowen-disease", "malignant", "akiec")
    assert "Woman aged 50 to 59" in bowen["history"]  # a blank of HAM10000, filled by its twin
    lead, sibling = found["ham10000/ISIC_0000002"], found["isic2019/ISIC_0009999"]
    # one lesion: nevus by follow-up, melanoma without a word on how
    assert lead["diagnosis"] == sibling["diagnosis"] == "melanocytic-nevus" and lead["group"] == sibling["group"]
    assert len(lead["images"]) == 1  # only the twin has the file
    told = {tuple(c["cases"]): c["rule"] for c in lines(out / "conflicts.jsonl")}
    assert told == {
        ("ham10000/ISIC_0000001",): "overlap",
        ("ham10000/ISIC_0000002", "isic2019/ISIC_0009999"): "confirmation",
    }
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    assert facts["overlaps"] == [["ham10000", "isic2019", 2]]
    assert facts["conflicts"] == {
        "overlap": {"lesions": 1, "cases": 1}, "confirmation": {"lesions": 1, "cases": 2},
    }  # fmt: skip
    assert [s["cases"] for s in facts["sources"]] == [13, 2]


def test_equal_ids_of_strangers_mean_nothing(ham: Writer, pad: Writer, tmp_path: Path) -> None:
    rows = [[f"{i}", f"ISIC_{i:07d}", "nv", "histo", "45", "male", "back"] for i in range(12)]  # PAD has lesions 0-11
    options = [
        "--dataset",
        "ham10000",
        "--root",
        str(ham(rows=rows)),
        "--dataset",
        "pad_ufes_20",
        "--root",
        str(pad()),
    ]
    found = corpus(tmp_path / "out", *options)
    assert all(row["group"].split("/")[0] == name.split("/")[0] for name, row in found.items())


def test_held_out_sets_pull_their_relatives_along(ham: Writer, isic2019: Writer, tmp_path: Path) -> None:
    first = ham()  # two images of three share a lesion
    second = isic2019({"ISIC_0000000": ("NV", ""), "ISIC_0005000": ("BCC", "HAM_0000005"), "ISIC_0005001": ("DF", "")})
    lesion(9).save(second / "ISIC_0005001.jpg", quality=95)  # the same picture as HAM10000's ISIC_0000009
    options = ["--dataset", "ham10000", "--root", str(first), "--dataset", "isic2019", "--root", str(second)]
    found = corpus(tmp_path / "out", *options, "--held_out", "isic2019")
    held = {name for name, row in found.items() if row["split"] == "test" and row["group"] in {
        found[n]["group"] for n in ("ham10000/ISIC_0000000", "isic2019/ISIC_0005000", "isic2019/ISIC_0005001")
    }}  # fmt: skip
    lesion_5 = {n for n, row in found.items() if row["lesion_id"] == "HAM_0000005"}
    lesion_0 = {n for n, row in found.items() if row["lesion_id"] == "HAM_0000000"}
    assert len(lesion_5) == 2 or len(lesion_5) == 3
    assert held >= lesion_5 | lesion_0 | {"isic2019/ISIC_0005001", "ham10000/ISIC_0000009"}
    assert all(row["split"] == "test" for name, row in found.items() if name.startswith("isic2019/"))
    with pytest.raises(UserError, match="not in the build"):
        build.main([*options, "--held_out", "ddi", "--out", str(tmp_path / "no")])
    with pytest.raises(UserError, match="nothing would be left"):
        build.main([*options, "--held_out", "isic2019", "--held_out", "ham10000", "--out", str(tmp_path / "no")])


def test_refused(ham: Writer, tmp_path: Path) -> None:
    root = str(ham())
    with pytest.raises(UserError, match="named twice"):
        build.main(["--dataset", "ham10000", "--root", root, "--dataset", "ham10000", "--root", root, "--out", "x"])
    with pytest.raises(UserError, match="needs its folder"):
        build.main(["--dataset", "ham10000", "--dataset", "isic2019", "--root", root, "--out", str(tmp_path / "o")])


def test_the_197_images_that_are_akiec_and_scc(real_data: Path, tmp_path: Path) -> None:
    labels = str(real_data / "labels")
    found = corpus(
        tmp_path / "out", "--dataset", "ham10000", "--root", labels, "--dataset", "isic2019", "--root", labels,
        "--dataset", "isic2018", "--root", labels, "--held_out", "isic2018",
    )  # fmt: skip
    assert len(found) == 25_331 + 1_512
    bowen = [row for row in found.values() if row["diagnosis"] == "bowen-disease"]
    assert len(bowen) == 197 and {row["diagnosis_raw"] for row in bowen} == {"akiec"}
    assert (
        sum(row["diagnosis_raw"] == "akiec" and row["diagnosis"] == "actinic-keratosis" for row in found.values())
        == 130
    )
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["outputs"]
    assert facts["overlaps"] == [["ham10000", "isic2019", 10_015]]
    assert facts["conflicts"]["overlap"]["cases"] == 197
    assert {row["split"] for name, row in found.items() if name.startswith("isic2018/")} == {"test"}


def archive(root: Path, rows: list[tuple[str, str, str]]) -> Path:
    """An export of the ISIC Archive: (image, lesion, leaf of the diagnosis)."""
    from data_prep.adapters.isic_archive import COLUMNS

    paths = {
        "Nevus": ("Benign", "Benign melanocytic proliferations", "Nevus"),
        "Melanoma, NOS": ("Malignant", "Malignant melanocytic proliferations (Melanoma)", "Melanoma, NOS"),
    }
    header = (*COLUMNS, *(c for c in ("lesion_id", "diagnosis_1", "diagnosis_2", "diagnosis_3") if c not in COLUMNS))
    cells = []
    for image, unit, leaf in rows:
        own = {"isic_id": image, "lesion_id": unit, "image_type": "dermoscopic"}
        own |= dict(zip(("diagnosis_1", "diagnosis_2", "diagnosis_3"), paths[leaf], strict=True))
        cells.append([own.get(column, "") for column in header])
    root.mkdir()
    write_csv(root / "metadata.csv", header, cells)
    return root


def test_a_twin_brings_its_own_lesion(ham: Writer, tmp_path: Path) -> None:
    """HAM10000 and the archive give one picture two lesion ids: both hold, whichever dataset leads."""
    rows = [[f"HAM_{i}", f"ISIC_000000{i}", "nv", "histo", "45", "male", "back"] for i in range(5)]
    first = ham(rows=rows, images=False)
    second = archive(
        tmp_path / "archive",
        [("ISIC_0000001", "IL_0000001", "Nevus"), ("ISIC_0000777", "IL_0000001", "Melanoma, NOS"),
         *((f"ISIC_000100{i}", "unknown", "Nevus") for i in range(9))],
    )  # fmt: skip
    a, b = ["--dataset", "ham10000", "--root", str(first)], ["--dataset", "isic_archive", "--root", str(second)]
    for number, options in enumerate(([*a, *b], [*b, *a])):
        found = corpus(tmp_path / f"out{number}", *options, "--held_out", "ham10000")
        sibling = found["isic_archive/ISIC_0000777"]
        assert sibling["split"] == "test" and sibling["diagnosis"] == "melanocytic-nevus"  # histopathology says so
        assert (
            len({row["group"] for name, row in found.items() if "ISIC_000100" in name}) == 9
        )  # "unknown" is no lesion


def test_bcn20000_shares_lesions_with_isic_2019(isic2019: Writer, tmp_path: Path) -> None:
    from data_prep.adapters.bcn20000 import COLUMNS

    first = isic2019({f"ISIC_000000{i}": ("NV", f"BCN_000000{i}") for i in range(6)}, images=False)
    second = tmp_path / "bcn"
    second.mkdir()
    values = {"bcn_filename": "BCN_9.jpg", "diagnosis": "NV", "lesion_id": "BCN_0000003"}
    write_csv(second / "bcn_20k_train.csv", COLUMNS, [[values.get(column, "") for column in COLUMNS]])
    options = ["--dataset", "isic2019", "--root", str(first), "--dataset", "bcn20000", "--root", str(second)]
    found = corpus(tmp_path / "out", *options, "--held_out", "bcn20000")
    assert found["isic2019/ISIC_0000003"]["split"] == "test"


def test_held_out_relatives_stay_out_when_the_picture_is_broken(ham: Writer, isic2019: Writer, tmp_path: Path) -> None:
    rows = [[f"HAM_{i}", f"ISIC_000000{i}", "nv", "histo", "45", "male", "back"] for i in range(6)]
    first, second = ham(rows=rows), isic2019({"ISIC_0000900": ("NV", "HAM_2"), "ISIC_0000901": ("NV", "")})
    (second / "ISIC_0000900.jpg").write_bytes(b"")
    options = ["--dataset", "ham10000", "--root", str(first), "--dataset", "isic2019", "--root", str(second)]
    found = corpus(tmp_path / "out", *options, "--held_out", "isic2019", "--skip_bad_images")
    assert "isic2019/ISIC_0000900" not in found and found["ham10000/ISIC_0000002"]["split"] == "test"


def test_nothing_left_to_train_on(ham: Writer, isic2019: Writer, tmp_path: Path) -> None:
    rows = [["HAM_1", "ISIC_0000001", "nv", "histo", "45", "male", "back"]]
    first, second = ham(rows=rows, images=False), isic2019({"ISIC_0000001": ("NV", "")}, images=False)
    options = ["--dataset", "isic2019", "--root", str(second), "--dataset", "ham10000", "--root", str(first)]
    with pytest.raises(UserError, match="nothing is left to train on"):
        build.main([*options, "--held_out", "ham10000", "--out", str(tmp_path / "out")])


def test_two_names_of_one_picture(isic2019: Writer, tmp_path: Path) -> None:
    names = {"ISIC_0000001": ("NV", ""), "ISIC_0000001_downsampled": ("MEL", "")}
    root = isic2019(names | {f"ISIC_000010{i}": ("BCC", "") for i in range(6)}, images=False)
    found = corpus(tmp_path / "out", "--dataset", "isic2019", "--root", str(root))
    pair = [row for name, row in found.items() if "ISIC_0000001" in name]
    assert len({row["group"] for row in pair}) == 1 and {row["diagnosis"] for row in pair} == {None}


def test_a_build_removes_nothing_that_is_not_its_own(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    for place in ("out.partial", "out.old"):
        other = tmp_path / place
        other.mkdir()
        (other / "thesis.txt").write_text("dear")
        with pytest.raises(UserError, match="not ours"):
            build.main(["--dataset", "ham10000", "--root", str(root), "--out", str(tmp_path / "out")])
        assert (other / "thesis.txt").read_text() == "dear"
        (other / "thesis.txt").unlink()
    (tmp_path / "out.intake" / "notes.txt").write_text("dear")
    backup = tmp_path / "out.old"  # a corpus that somebody put aside
    backup.rmdir()
    backup.mkdir()
    (backup / "manifest.json").write_text('{"kind": "corpus"}')
    with pytest.raises(UserError, match="not ours"):
        build.main(["--dataset", "ham10000", "--root", str(root), "--out", str(tmp_path / "out")])
    shutil.rmtree(backup)
    assert build.main(["--dataset", "ham10000", "--root", str(root), "--out", str(tmp_path / "out")]) == 0
    assert [p.name for p in (tmp_path / "out.intake").iterdir()] == ["notes.txt"]


def test_lesions_numbered_for_each_patient(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    rows = [[f"{p}_{n}.jpg", ("nevus", "melanoma")[n], f"P{p}", n] for p in range(6) for n in (0, 1)]
    write_csv(root / "t.csv", ("file", "dx", "pid", "lid"), rows)
    (root / "skin-r1.yaml").write_text(
        "name: mine\nmodality: clinical\nlicense: CC0\nsource: here\ntable: t.csv\n"
        "columns: {image: file, label: dx, patient: pid, lesion: lid}\n"
    )
    found = corpus(tmp_path / "out", "--dataset", "generic", "--root", str(root))
    assert len({row["group"] for row in found.values()}) == 6
    assert {row["diagnosis"] for row in found.values()} == {"melanocytic-nevus", "melanoma"}
