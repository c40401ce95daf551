"""`data build` end to end: whole corpora from good input, a readable refusal and nothing left from bad input."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from drawn_datasets import HAM_COLUMNS, Writer, lesion, lesion_mask, write_csv

from data_prep import build, validate
from data_prep.corpus import read_parquet
from data_prep.report import page as report
from skin_r1.case import Case, load_corpus
from skin_r1.cli import main as cli
from skin_r1.errors import UserError
from skin_r1.whole import MARK


def run(dataset: str, root: Path, out: Path, *options: str) -> list[dict[str, object]]:
    assert build.main(["--dataset", dataset, "--root", str(root), "--out", str(out), *options]) == 0
    assert validate.main([str(out)]) == 0
    return [row for split in ("train", "validation", "test") for row in load_corpus(out, split)]


def there(out: Path) -> list[Path]:
    return [p for p in sorted(out.parent.rglob("*")) if f"{out.name}.intake" not in p.parts]


def refused(dataset: str, root: Path, out: Path, *options: str) -> str:
    """The message of a refused build; only images taken in may be left, and the command line exits with 2."""
    arguments = ["--dataset", dataset, "--root", str(root), "--out", str(out), *options]
    before = there(out)
    with pytest.raises(UserError) as error:
        build.main(arguments)
    assert cli(["data", "build", *arguments]) == 2
    assert there(out) == before
    assert "next:" in str(error.value)
    return str(error.value)


def test_ham10000(ham: Writer, tmp_path: Path) -> None:
    root, out = ham(), tmp_path / "out"
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    rows = run("ham10000", root, out)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before  # untouched
    assert len(rows) == 24 and {r["split"] for r in rows} == {"train", "validation", "test"}
    row = next(r for r in rows if r["case_id"] == "ham10000/ISIC_0000001")
    assert row["lesion_id"] == "HAM_0000000" and row["group"] == "ham10000/ISIC_0000000"
    assert row["diagnosis"] == "melanocytic-nevus" and row["malignancy"] == "benign" and row["diagnosis_raw"] == "nv"
    assert row["history"] == "Man aged 40 to 49, site: back."
    assert row["annotation"] == "dense" and row["concept_source"] == "measured"
    assert "asymmetric-shape" in row["concepts_present"] and "symmetric-shape" in row["concepts_absent"]
    assert row["images"][0].size == (64, 64)
    groups = {r["group"]: r["split"] for r in rows}
    assert all(groups[r["group"]] == r["split"] for r in rows) and len(groups) == 16
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["kind"] == "corpus" and manifest["inputs"]["metadata"]["sha256"]
    html = (out / "report.html").read_text()
    assert "data:image/jpeg;base64," in html and "<script" not in html and 'src="http' not in html
    assert not list(tmp_path.glob("out.*"))


def test_dense_fraction_thins_training_only(ham: Writer, tmp_path: Path) -> None:
    rows = run("ham10000", ham(count=60), tmp_path / "out", "--dense_fraction", "0.25")
    dense = {r["group"] for r in rows if r["split"] == "train" and r["annotation"] == "dense"}
    train = {r["group"] for r in rows if r["split"] == "train"}
    assert len(dense) == len(train) // 4
    assert all(r["annotation"] == "dense" for r in rows if r["split"] != "train")
    sparse = [r for r in rows if r["annotation"] == "sparse"]
    assert all(not r["concepts_present"] and not r["concepts_absent"] and r["concept_source"] is None for r in sparse)


def test_same_seed_same_bytes(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    for name in ("one", "two"):
        run("ham10000", root, tmp_path / name, "--seed", "5")
    for file in sorted((tmp_path / "one").rglob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_pad_ufes_20(pad: Writer, tmp_path: Path) -> None:
    rows = run("pad_ufes_20", pad(delimiter=";", encoding="utf-8-sig", lineterminator="\r\n"), tmp_path / "out")
    row = next(r for r in rows if r["case_id"] == "pad_ufes_20/PAT_0_0_0.png")
    assert row["history"] == (
        "Patient aged under 10, site: face. Reported: itch. Not reported: recent growth, bleeding. "
        "Background: skin cancer before."
    )
    assert row["skin_type"] is None and row["lesion_id"] == "PAT_0_0" and row["diagnosis"] == "basal-cell-carcinoma"
    assert "elevation" in row["concepts_present"] and "itch" not in row["concepts_present"]
    assert next(r for r in rows if r["case_id"].endswith("PAT_0_1_1.png"))["skin_type"] == 2
    assert len({r["group"] for r in rows}) == 6  # patients


def test_isic2017(tmp_path: Path) -> None:
    root = tmp_path / "isic"
    root.mkdir()
    truth = [[f"ISIC_{i}", f"{float(i % 3 == 1)}", f"{float(i % 3 == 2)}"] for i in range(6)]
    header = ("image_id", "melanoma", "seborrheic_keratosis")
    write_csv(root / "ISIC-2017_Training_Part3_GroundTruth.csv", header, truth[:4])
    write_csv(root / "ISIC-2017_Test_v2_Part3_GroundTruth.csv", header, truth[4:])
    write_csv(
        root / "ISIC-2017_Test_v2_Data_metadata.csv",
        ("image_id", "age_approximate", "sex"),
        [["ISIC_5", 85, "female"]],
    )
    rows = run("isic2017", root, tmp_path / "out")
    names = {r["case_id"]: r["diagnosis"] for r in rows}
    assert names["isic2017/ISIC_0"] == "melanocytic-nevus" and names["isic2017/ISIC_1"] == "melanoma"
    assert names["isic2017/ISIC_5"] == "seborrheic-keratosis"
    assert next(r for r in rows if r["case_id"].endswith("_5"))["history"] == "Woman aged 80 or older."
    write_csv(root / "ISIC-2017_Test_v2_Part3_GroundTruth.csv", header, [["ISIC_9", "1.0", "1.0"]])
    assert "row 2, column 'seborrheic_keratosis'" in refused("isic2017", root, tmp_path / "bad")


def test_fitzpatrick17k_with_skincon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "fitz"
    root.mkdir()
    labels = ["psoriasis", "melanoma", "no such disease"]
    write_csv(
        root / "fitzpatrick17k.csv",
        ("md5hash", "fitzpatrick_scale", "label", "qc"),
        [[f"h{i}", i % 7 or -1, labels[i % 3], "3 Wrongly labelled" if i == 4 else ""] for i in range(9)],
    )
    write_csv(
        root / "annotations_fitzpatrick17k.csv",
        ("", "ImageID", "Scale", "Brown(Hyperpigmentation)", "No such concept", "Do not consider this image"),
        [[0, "h0.jpg", 1, 0, 1, 0], [1, "h1.jpg", 1, 1, 0, 1], [2, "gone.jpg", 0, 0, 0, 0]],
    )
    rows = run("fitzpatrick17k", root, tmp_path / "out")
    printed = capsys.readouterr().out
    assert "left out: 1 rows, quality check says '3 Wrongly labelled'" in printed
    assert "left out: 1 rows, SkinCon says 'Do not consider this image'" in printed
    assert "No such concept" in printed and "No image was found" in printed and "1 SkinCon rows have no row" in printed
    assert "3  no such disease" in printed
    assert len(rows) == 7 and all(r["images"] == [] and r["checksum"] is None for r in rows)
    annotated = next(r for r in rows if r["case_id"] == "fitzpatrick17k/h0")
    assert annotated["concepts_present"] == ["scale"] and annotated["concept_source"] == "annotated"
    assert annotated["skin_type"] is None and annotated["annotation"] == "dense"
    assert sum(r["diagnosis"] is None for r in rows) == 3
    assert "no such disease" in (tmp_path / "out" / "report.html").read_text()


def test_unknown_labels_are_kept_and_counted(ham: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"L{i}", f"I{i}", ("nv", "mel", "zzz", "")[i % 4], "", "", "", "unknown"] for i in range(16)]
    found = run("ham10000", ham(rows=rows), tmp_path / "out")
    unknown = [r for r in found if r["diagnosis"] is None]
    assert Counter(r["diagnosis_raw"] for r in unknown) == {"zzz": 4, None: 4}
    assert all(r["malignancy"] is None and r["history"] is None for r in unknown)
    printed = capsys.readouterr().out
    assert "4  zzz" in printed and "4  (blank)" in printed
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["outputs"]
    assert {k: v["count"] for k, v in facts["unresolved_labels"].items()} == {"zzz": 4, "(blank)": 4}


def test_duplicates_of_other_ids_share_a_group(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    shutil.copy(root / "part_1/ISIC_0000000.jpg", root / "part_1/ISIC_0000022.jpg")
    rows = {r["case_id"]: r for r in run("ham10000", root, tmp_path / "out")}
    assert rows["ham10000/ISIC_0000000"]["group"] == rows["ham10000/ISIC_0000022"]["group"]
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["outputs"]
    assert facts["identical_images_merged"] == 1 and facts["conflicts"] == {"common": {"lesions": 1, "cases": 4}}
    assert rows["ham10000/ISIC_0000000"]["diagnosis"] == "benign-neoplasm"  # histopathology says nevus and keratosis
    assert [d["weight"] for d in rows["ham10000/ISIC_0000000"]["differential"]] == [0.5, 0.5]


def test_labels_only_and_partly_absent(ham: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert all(r["images"] == [] for r in run("ham10000", ham(images=False), tmp_path / "none"))
    assert "labels only" in capsys.readouterr().out
    root = ham("part")
    (root / "part_1/ISIC_0000003.jpg").unlink()
    rows = run("ham10000", root, tmp_path / "some")
    assert "1 rows have no image file" in capsys.readouterr().out
    assert [r["case_id"] for r in rows if not r["images"]] == ["ham10000/ISIC_0000003"]


def test_all_broken_images_are_listed_at_once(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    (root / "part_1/ISIC_0000002.jpg").write_bytes(b"")
    whole = (root / "part_1/ISIC_0000005.jpg").read_bytes()
    (root / "part_1/ISIC_0000005.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "masks/ISIC_0000007_segmentation.png").write_bytes(b"garbage")
    message = refused("ham10000", root, tmp_path / "out")
    for words in (
        "3 of the",
        "ISIC_0000002.jpg: zero bytes (row 4)",
        "ISIC_0000005.jpg: corrupt or truncated",
        "ISIC_0000007_segmentation.png: not an image",
        "row 4",
        "column 'image'",
        "--skip_bad_images",
    ):
        assert words in message
    assert len(run("ham10000", root, tmp_path / "out", "--skip_bad_images")) == 21
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["outputs"]
    assert sum(facts["excluded"].values()) == 3 and len(facts["bad_images"]) == 3
    assert "ISIC_0000005.jpg" in (tmp_path / "out" / "report.html").read_text()


def test_bad_tables_are_refused(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    table = root / "HAM10000_metadata.csv"
    good = table.read_text()
    table.write_text(good.replace("lesion_id,image_id,dx,", "lesion_id,image_id,diagnosis,"))
    assert "row 1, column 'dx'" in refused("ham10000", root, tmp_path / "out")
    table.write_text(good + good.splitlines()[3] + "\n")
    assert "row 26, column 'image_id'" in refused("ham10000", root, tmp_path / "out")
    table.write_text(good.replace("45.0", "forty", 1))
    assert "row 2, column 'age'" in refused("ham10000", root, tmp_path / "out")
    table.write_text(",".join(HAM_COLUMNS) + "\n")
    assert "no rows" in refused("ham10000", root, tmp_path / "out")


def test_existing_output(ham: Writer, tmp_path: Path) -> None:
    root, out = ham(), tmp_path / "out"
    run("ham10000", root, out)
    assert "--overwrite" in refused("ham10000", root, out)
    run("ham10000", root, out, "--overwrite", "--seed", "1")
    assert "replace its own input" in refused("ham10000", root, tmp_path, "--overwrite")
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("dear")
    assert "holds something else" in refused("ham10000", root, other, "--overwrite")
    assert (other / "chapter.txt").read_text() == "dear"


def test_leftovers_of_a_killed_build_are_replaced(ham: Writer, tmp_path: Path) -> None:
    (tmp_path / "out.partial" / "train").mkdir(parents=True)
    (tmp_path / "out.partial" / "train" / "part-00000.parquet").write_bytes(b"half")
    (tmp_path / "out.partial" / MARK).touch()
    run("ham10000", ham(), tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize(
    "options",
    [["--test", "1.5"], ["--validation", "0.5", "--test", "0.5"], ["--dense_fraction", "-1"], ["--max_side", "2"]],
)
def test_options_out_of_range(ham: Writer, tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(UserError, match=options[0]):
        build.main(["--dataset", "ham10000", "--root", str(tmp_path), "--out", str(tmp_path / "out"), *options])


def test_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean: ham10000"):
        build.main(["--dataset", "ham1000", "--root", str(tmp_path), "--out", str(tmp_path / "out")])


def test_report_again(ham: Writer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("ham10000", ham(), out)
    first = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert report.main([str(out)]) == 0
    assert (out / "report.html").read_text() == first
    with pytest.raises(UserError, match="no corpus"):
        report.main([str(tmp_path / "nowhere")])


def _rewrite(file: Path, **changes: object) -> None:
    """Change cells of the first row of a parquet file."""
    from skin_r1.case import to_dataset

    rows = read_parquet(file).to_pylist()
    rows[0] |= changes
    to_dataset([Case(**row) for row in rows]).to_parquet(str(file))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"diagnosis": "nevvus"}, "no such diagnosis"),
        ({"concepts_present": ["blue veil"]}, "no such concept"),
        ({"concepts_present": ["scale"], "concepts_absent": ["scale"]}, "present and absent"),
        ({"concepts_present": ["regular-border", "irregular-border"]}, "excludes another"),
        ({"annotation": "sparse"}, "disagree"),
        ({"skin_type": 9}, "column 'skin_type'"),
        ({"split": "test"}, "column 'split'"),
        ({"malignancy": "bad"}, "column 'malignancy'"),
        ({"license": ""}, "column 'license'"),
        ({"images": [{"bytes": b"xx", "path": "a.jpg"}]}, "does not decode"),
        ({"case_id": "ham10000/ISIC_0000001"}, "already used"),
        ({"images": []}, "has a quality"),
        ({"quality": {"width": 64, "height": 64, "flags": ["pretty"]}}, "no such flag"),
    ],
)
def test_validate_refuses(
    whole: Path, tmp_path: Path, changes: dict[str, object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "copy"
    shutil.copytree(whole, corpus)
    file = corpus / "train" / "part-00000.parquet"
    if "case_id" in changes:
        changes = {"case_id": read_parquet(file)["case_id"][1].as_py()}
    _rewrite(file, **changes)
    with pytest.raises(UserError) as error:
        validate.main([str(corpus)])
    assert says in str(error.value) and "row 1" in str(error.value)
    assert cli(["data", "validate", str(corpus)]) == 2
    capsys.readouterr()


def test_validate_group_in_two_splits_and_damaged_file(whole: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "copy"
    shutil.copytree(whole, corpus)
    train, test = (corpus / split / "part-00000.parquet" for split in ("train", "test"))
    _rewrite(test, group=read_parquet(train)["group"][0].as_py())
    with pytest.raises(UserError, match="in two splits"):
        validate.main([str(corpus)])
    test.write_bytes(test.read_bytes()[:500])
    with pytest.raises(UserError, match="cannot be read"):
        validate.main([str(corpus)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good corpus for all the tests that damage a copy."""
    root = tmp_path_factory.mktemp("whole")
    rows = [[f"L{i}", f"ISIC_{i:07d}", ("nv", "mel")[i % 2], "", "50", "female", "back"] for i in range(12)]
    write_csv(root / "HAM10000_metadata.csv", HAM_COLUMNS, rows)
    for i in range(12):
        lesion(i).save(root / f"ISIC_{i:07d}.jpg")
        lesion_mask(i).save(root / f"ISIC_{i:07d}_segmentation.png")
    build.main(["--dataset", "ham10000", "--root", str(root), "--out", str(root / "out")])
    return root / "out"
