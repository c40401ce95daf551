"""The ISIC challenges, the ISIC Archive and BCN20000: native files drawn by code, one build each, and every refusal."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from drawn_datasets import HAM_COLUMNS, Writer, lesion, lesion_mask, write_csv

from data_prep import validate
from data_prep.adapters import ADAPTERS
from data_prep.raw import CONFIRMED, Raw
from skin_r1.case import load_corpus
from skin_r1.cli import main as cli
from skin_r1.errors import UserError
from skin_r1.ontology import resolve

Table = list[dict[str, str]]
Mutation = Callable[[Path], None]
COUNT = 12
TRUTH_18, LESIONS_18 = "ISIC2018_Task3_Training_GroundTruth.csv", "ISIC2018_Task3_Training_LesionGroupings.csv"
TRUTH_19, PEOPLE_19 = "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"
TRUTH_20, PAIRS_20 = "ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_Duplicates.csv"
NEVUS = "Benign::Benign melanocytic proliferations::Nevus"
KERATOSIS = "Indeterminate::Indeterminate epidermal proliferations::Solar or actinic keratosis"
NODULAR = (
    "Malignant::Malignant adnexal epithelial proliferations - Follicular"
    "::Basal cell carcinoma::Basal cell carcinoma, Nodular"
)
LEAKS = {"mel_mitotic_index": "<1/mm^2", "mel_thick_mm": "7.77", "tbp_lv_dnn_lesion_confidence": "97.531"}


def _hot(chosen: str, classes: tuple[str, ...]) -> dict[str, str]:
    return {name: "1.0" if name == chosen else "0.0" for name in classes}


def isic2018() -> dict[str, Table]:
    classes = ("VASC", "MEL", "NV", "DF", "BCC", "AKIEC", "BKL")  # not the official order
    types = (
        "histopathology",
        "serial imaging showing no change",
        "single image expert consensus",
        "confocal microscopy with consensus dermoscopy",
    )
    images = [f"ISIC_{i:07d}" for i in range(COUNT)]
    return {
        TRUTH_18: [{"image": n, **_hot(classes[i % 7], classes), "score_weight": "0.5"} for i, n in enumerate(images)],
        LESIONS_18: [
            {"image": n, "lesion_id": f"HAM_{i // 2:07d}", "diagnosis_confirm_type": types[i % 4]}
            for i, n in enumerate(images)
        ],
    }


def isic2019() -> dict[str, Table]:
    classes = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
    images = [f"ISIC_{i:07d}" for i in range(COUNT)]
    sites = ("anterior torso", "head/neck", "")
    return {
        TRUTH_19: [{"image": n, **_hot(classes[i % 9], classes)} for i, n in enumerate(images)],
        PEOPLE_19: [
            {
                "image": n, "age_approx": ("55.0", "85", "")[i % 3], "anatom_site_general": sites[i % 3],
                "lesion_id": f"BCN_{i // 3:07d}" if i % 2 else "", "sex": ("female", "male", "")[i % 3],
                "diagnosis": "a column that some copies add",
            }
            for i, n in enumerate(images)
        ],
    }  # fmt: skip


def isic2020() -> dict[str, Table]:
    labels = (
        "unknown",
        "nevus",
        "melanoma",
        "lentigo NOS",
        "cafe-au-lait macule",
        "atypical melanocytic proliferation",
    )
    rows = []
    for i in range(COUNT):
        label = labels[i % 6]
        rows.append({
            "image_name": f"ISIC_{i:07d}", "patient_id": f"IP_{i:07d}", "sex": "male", "age_approx": "45.0",
            "anatom_site_general_challenge": "torso", "diagnosis": label,
            "benign_malignant": "malignant" if label == "melanoma" else "benign",
            "target": str(int(label == "melanoma")), "lesion_id": f"IL_{i:07d}" if i < 8 else "",
        })  # fmt: skip
    pairs = [("ISIC_0000000", "ISIC_0000007"), ("ISIC_0000009", "ISIC_0000010"), ("ISIC_0000001", "ISIC_9999999")]
    return {TRUTH_20: rows, PAIRS_20: [{"image_name_1": a, "image_name_2": b} for a, b in pairs]}


def isic2024() -> dict[str, Table]:
    paths = ("Benign", NODULAR, NEVUS, "Benign", KERATOSIS, "Benign")
    rows = []
    for i in range(COUNT):
        levels = paths[i % 6].split("::")
        rows.append({
            "isic_id": f"ISIC_{i:07d}", "target": str(int(levels[0] == "Malignant")), "patient_id": f"IP_{i // 2:07d}",
            "age_approx": "60.0", "sex": ("male", "female", "NA")[i % 3], "anatom_site_general": "lower extremity",
            "clin_size_long_diam_mm": "3.04", "image_type": "TBP tile: close-up", "tbp_tile_type": "3D: white",
            "tbp_lv_A": "20.24", "tbp_lv_norm_border": "8.1", "attribution": "University Hospital of Basel",
            "copyright_license": ("CC-BY", "CC-0")[i % 2], "lesion_id": f"IL_{i:07d}", "iddx_full": paths[i % 6],
            **{f"iddx_{n}": levels[n - 1] if n <= len(levels) else "" for n in range(1, 6)}, **LEAKS,
        })  # fmt: skip
    return {"train-metadata.csv": rows}


def isic_archive() -> dict[str, Table]:
    nevus = ("Benign", "Benign melanocytic proliferations", "Nevus", "", "")
    melanoma = ("Malignant", "Malignant melanocytic proliferations (Melanoma)", "Melanoma in situ", "", "")
    confirmed = (
        "histopathology",
        "serial imaging showing no change",
        "single image expert consensus",
        "confocal microscopy with consensus dermoscopy",
        "single contributor clinical assessment",
        "",
    )
    kinds = ("dermoscopic", "clinical: close-up", "TBP tile: close-up", "clinical: overview", "dermoscopic", "")
    rows = []
    for i in range(COUNT + 3):
        levels = melanoma if i % 3 == 1 else nevus
        rows.append({
            "isic_id": f"ISIC_{i:07d}", "attribution": ("Anonymous", "ViDIR Group, Vienna")[i % 2],
            "copyright_license": ("CC-0", "CC-BY-NC")[i % 2], "acquisition_day": "12", "age_approx": "85",
            "anatom_site_1": "Trunk", "anatom_site_2": "Posterior trunk" if i % 2 else "", "anatom_site_3": "",
            "concomitant_biopsy": "True", "diagnosis_confirm_type": confirmed[i % 6],
            **{f"diagnosis_{n}": level for n, level in enumerate(levels, 1)},
            "family_hx_mm": "False", "fitzpatrick_skin_type": ("I", "II", "III", "IV", "V", "VI", "")[i % 7],
            "image_manipulation": "synthetic" if i == 12 else "altered" if i == 1 else "",
            "image_type": ("RCM: mosaic" if i > 12 else kinds[i % 6]), "lesion_id": f"IL_{i:07d}",
            "mel_thick_mm": "7.77", "melanocytic": "True", "patient_id": f"IP_{i // 2:07d}",
            "personal_hx_mm": "True" if i == 0 else "", "sex": "female",
        })  # fmt: skip
    return {"metadata.csv": rows}


def bcn20000() -> dict[str, Table]:
    labels = (
        "nevus",
        "melanoma",
        "seborrheic keratosis",
        "other",
        "melanoma metastasis",
        "scar",
        "MEL",
        "SCC",
        "VASC",
    )
    return {
        "bcn_20k_train.csv": [
            {
                "bcn_filename": f"BCN_{i:010d}.jpg", "age_approx": "55.0", "anatom_site_general": "anterior torso",
                "diagnosis": labels[i % 9], "lesion_id": f"BCN_{i // 2:07d}", "capture_date": "2012-05-16",
                "sex": "male", "split": "train",
            }
            for i in range(COUNT)
        ]
    }  # fmt: skip


NATIVE: dict[str, Callable[[], dict[str, Table]]] = {
    f.__name__: f for f in (isic2018, isic2019, isic2020, isic2024, isic_archive, bcn20000)
}
IMAGE = {"isic2018": "image", "isic2019": "image", "isic2020": "image_name", "bcn20000": "bcn_filename"}


def write(name: str, root: Path) -> Path:
    """The native tables of a dataset, the first in a folder of its own."""
    for number, (file, rows) in enumerate(NATIVE[name]().items()):
        folder = root / ("" if number else "tables")
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / file, list(rows[0]), [list(row.values()) for row in rows])
    return root


def raws(name: str, root: Path) -> dict[str, Raw]:
    return {raw.native_id: raw for raw in ADAPTERS[name].read(root).rows}


def edit(file: str, change: Callable[[Table], Table | None]) -> Mutation:
    """Change a table as rows of cells."""

    def mutate(root: Path) -> None:
        path = next(root.rglob(file))
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        header = list(rows[0])
        rows = change(rows) or rows
        write_csv(path, header, [[row[column] for column in header] for row in rows])

    return mutate


def cell(file: str, number: int, column: str, value: str) -> Mutation:
    """Set one cell; `number` is the line of the file."""
    return edit(file, lambda rows: rows[number - 2].update({column: value}))


def text(file: str, change: Callable[[bytes], bytes]) -> Mutation:
    def mutate(root: Path) -> None:
        path = next(root.rglob(file))
        path.write_bytes(change(path.read_bytes()))

    return mutate


def remove(file: str) -> Mutation:
    return lambda root: next(root.rglob(file)).unlink()


def _common(name: str, file: str, column: str, extra: str) -> Iterator[tuple[str, str, Mutation, tuple[str, ...]]]:
    """The mistakes that any table can have; `column` is its id, `extra` another required column."""
    quoted = f"column {column!r}"
    first = file.replace("_v2", "")
    yield name, "missing column", text(file, lambda b: b.replace(extra.encode(), b"zz", 1)), (file, "row 1", extra)
    yield name, "blank id", cell(file, 4, column, ""), (file, "row 4", quoted, "blank")
    yield name, "repeated id", edit(file, lambda rows: [*rows, rows[2]]), (file, quoted, "already used in row 4")
    yield name, "ragged row", text(file, lambda b: _line(b, 5, lambda line: line + b",1")), (file, "row 5", "cells")
    yield name, "empty file", text(file, lambda b: b""), (file, "empty")
    yield name, "no rows", text(file, lambda b: b.splitlines()[0] + b"\n"), (file, "no rows")
    yield (
        name,
        "not UTF-8",
        text(file, lambda b: _line(b, 3, lambda line: b"\xff\xe9" + line)),
        (file, "row 3", "UTF-8"),
    )
    yield name, "missing file", remove(file), ("the folder lacks", first.split("_Training")[0])
    yield name, "open quote", text(file, lambda b: _line(b, 6, lambda line: b'"' + line)), (file, "row 6", "read")


def _line(content: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    lines = content.splitlines()
    lines[number - 1] = change(lines[number - 1])
    return b"\n".join(lines) + b"\n"


def _corruptions() -> Iterator[tuple[str, str, Mutation, tuple[str, ...]]]:
    yield from _common("isic2018", TRUTH_18, "image", "AKIEC")
    yield from _one_hot("isic2018", TRUTH_18)
    yield "isic2018", "confirm type", cell(LESIONS_18, 2, "diagnosis_confirm_type", "guess"), (
        LESIONS_18, "row 2", "'guess'", "histopathology",
    )  # fmt: skip
    yield "isic2018", "lesion column", text(LESIONS_18, lambda b: b.replace(b"lesion_id", b"l")), (LESIONS_18, "row 1")
    yield "isic2018", "lesion repeated", edit(LESIONS_18, lambda rows: [*rows, rows[0]]), (LESIONS_18, "row 14")
    yield "isic2018", "two files", lambda root: _copy(root, TRUTH_18, "ISIC2018_Task3_Test_GroundTruth.csv"), (
        "already used", "row 2",
    )  # fmt: skip

    yield from _common("isic2019", TRUTH_19, "image", "UNK")
    yield from _one_hot("isic2019", TRUTH_19)
    yield from _person("isic2019", PEOPLE_19)
    yield "isic2019", "no metadata", remove(PEOPLE_19), ("the folder lacks its metadata", "ISIC_2019_*Metadata.csv")
    yield (
        "isic2019",
        "no lesion ids",
        text(PEOPLE_19, lambda b: b.replace(b"lesion_id", b"l")),
        (PEOPLE_19, "lesion_id"),
    )
    yield "isic2019", "person repeated", edit(PEOPLE_19, lambda rows: [*rows, rows[0]]), (PEOPLE_19, "row 14", "image")

    yield from _common("isic2020", TRUTH_20, "image_name", "benign_malignant")
    yield from _person("isic2020", TRUTH_20)
    yield "isic2020", "not benign or malignant", cell(TRUTH_20, 3, "benign_malignant", "maybe"), (
        TRUTH_20, "row 3", "'maybe'", "benign, malignant",
    )  # fmt: skip
    yield "isic2020", "target no flag", cell(TRUTH_20, 3, "target", "2"), (TRUTH_20, "row 3", "column 'target'")
    yield "isic2020", "target at odds", cell(TRUTH_20, 3, "target", "1"), (TRUTH_20, "row 3", "at odds", "'1'")
    yield "isic2020", "half a pair", cell(PAIRS_20, 3, "image_name_2", ""), (PAIRS_20, "row 3", "'image_name_2'")
    yield "isic2020", "pair column", text(PAIRS_20, lambda b: b.replace(b"image_name_2", b"b")), (PAIRS_20, "row 1")

    tiles = "train-metadata.csv"
    yield from _common("isic2024", tiles, "isic_id", "patient_id")
    yield from _person("isic2024", tiles)
    yield "isic2024", "target at odds", cell(tiles, 3, "target", "0"), (tiles, "row 3", "at odds", "1 for Malignant")
    yield "isic2024", "target no flag", cell(tiles, 3, "target", "x"), (tiles, "row 3", "column 'target'")
    yield "isic2024", "image type", cell(tiles, 4, "image_type", "X-ray"), (tiles, "row 4", "'X-ray'", "TBP tile")
    yield "isic2024", "no diagnosis column", text(tiles, lambda b: b.replace(b"iddx_full", b"x")), (tiles, "iddx_full")
    yield "isic2024", "gap in the path", edit(
        tiles, lambda rows: rows[3].update(iddx_full="", iddx_1="Benign", iddx_2="", iddx_3="Nevus")
    ), (tiles, "row 5", "column 'iddx_2'", "finer")  # fmt: skip

    export = "metadata.csv"
    yield from _common("isic_archive", export, "isic_id", "copyright_license")
    yield from _person("isic_archive", export)
    for column, value in (
        ("fitzpatrick_skin_type", "VII"), ("image_type", "ultrasound"), ("image_manipulation", "painted"),
        ("diagnosis_confirm_type", "coin"), ("personal_hx_mm", "perhaps"),
    ):  # fmt: skip
        yield "isic_archive", column, cell(export, 6, column, value), (export, "row 6", repr(column), repr(value))
    yield "isic_archive", "gap in the path", cell(export, 2, "diagnosis_1", ""), (
        export, "row 2", "column 'diagnosis_1'", "finer",
    )  # fmt: skip

    labels = "bcn_20k_train.csv"
    yield from _common("bcn20000", labels, "bcn_filename", "diagnosis")
    yield from _person("bcn20000", labels)


def _one_hot(name: str, file: str) -> Iterator[tuple[str, str, Mutation, tuple[str, ...]]]:
    """The second row is MEL in both challenges (2018 counts from VASC, 2019 from MEL)."""
    row = 3 if name == "isic2018" else 2
    yield name, "two ones", cell(file, row, "DF", "1"), (file, f"row {row}", "'DF'", "although MEL is 1", "MEL, DF")
    yield (
        name,
        "no ones",
        cell(file, row, "MEL", "0"),
        (file, f"row {row}", "'MEL'", "0 like all", "exactly one class"),
    )
    yield name, "not a number", cell(file, row, "NV", "no"), (file, f"row {row}", "column 'NV'", "not a number")
    yield name, "a share", cell(file, row, "NV", "0.4"), (file, f"row {row}", "column 'NV'", "neither 0 nor 1")
    yield name, "above 1", cell(file, row, "NV", "2"), (file, f"row {row}", "column 'NV'", "out of range")
    yield name, "blank class", cell(file, row, "BCC", ""), (file, f"row {row}", "column 'BCC'", "blank")


def _person(name: str, file: str) -> Iterator[tuple[str, str, Mutation, tuple[str, ...]]]:
    yield name, "age too high", cell(file, 5, "age_approx", "200"), (file, "row 5", "'age_approx'", "out of range")
    yield name, "age below 0", cell(file, 5, "age_approx", "-1"), (file, "row 5", "'age_approx'", "out of range")
    yield name, "age no number", cell(file, 5, "age_approx", "old"), (file, "row 5", "'age_approx'", "not a number")
    yield name, "unknown sex", cell(file, 5, "sex", "F?"), (file, "row 5", "column 'sex'", "'F?'", "female, male")


def _copy(root: Path, file: str, name: str) -> None:
    (root / name).write_bytes(next(root.rglob(file)).read_bytes())


CORRUPTIONS = list(_corruptions())


@pytest.mark.parametrize(
    ("name", "mutate", "says"), [pytest.param(n, m, s, id=f"{n}-{what}") for n, what, m, s in CORRUPTIONS]
)
def test_refused(
    name: str, mutate: Mutation, says: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(name, tmp_path / "in")
    ADAPTERS[name].read(root)  # good as written
    mutate(root)
    before = sorted(tmp_path.rglob("*"))
    assert cli(["data", "build", "--dataset", name, "--root", str(root), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert [words for words in (*says, "next:") if words not in message] == [], message
    assert sorted(tmp_path.rglob("*")) == before


def test_enough_corruptions() -> None:
    assert all(sum(name == each for each, *_ in CORRUPTIONS) >= 8 for name in NATIVE)


@pytest.mark.parametrize("name", NATIVE)
def test_build(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write(name, tmp_path / "in"), tmp_path / "out"
    listing = ADAPTERS[name].read(root)
    (root / "images").mkdir()
    for number, raw in enumerate(listing.rows[:-1]):  # the last has no image
        lesion(number).save(root / "images" / f"{Path(raw.image).stem}.jpg", quality=95)
    lesion_mask(0).save(root / "images" / f"{Path(listing.rows[0].image).stem}_segmentation.png")
    assert cli(["data", "build", "--dataset", name, "--root", str(root), "--out", str(out), "--seed", "3"]) == 0
    assert validate.main([str(out)]) == 0
    printed = capsys.readouterr().out
    rows = [row for split in ("train", "validation", "test") for row in load_corpus(out, split)]
    assert len(rows) == COUNT and sum(not row["images"] for row in rows) == 1
    by_id = {row["case_id"]: row for row in rows}
    for raw in listing.rows:
        row = by_id[f"{name}/{raw.native_id}"]
        assert (row["diagnosis_raw"], row["history"], row["skin_type"]) == (raw.label, raw.history, raw.skin_type)
        assert row["modality"] == (raw.modality or ADAPTERS[name].MODALITY)
        assert row["license"] and row["source"].startswith("https://")
    splits = {row["group"]: row["split"] for row in rows}
    assert all(splits[row["group"]] == row["split"] for row in rows)
    for shared in ("patient_id", "lesion_id"):
        groups: dict[str, set[str]] = {}
        for row in rows:
            if row[shared]:
                groups.setdefault(row[shared], set()).add(row["group"])
        assert all(len(group) == 1 for group in groups.values())
    dense = [row["case_id"] for row in rows if row["annotation"] == "dense"]
    assert dense == ([] if name == "isic2024" else [f"{name}/{listing.rows[0].native_id}"])
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    assert all(note in facts["notes"] and note in printed for note in listing.notes)
    assert facts["excluded"] == dict(listing.excluded)


def test_isic2018_rows(tmp_path: Path) -> None:
    found = raws("isic2018", write("isic2018", tmp_path))
    assert [raw.label for raw in found.values()][:7] == ["VASC", "MEL", "NV", "DF", "BCC", "AKIEC", "BKL"]
    assert [raw.confirmed for raw in found.values()][:4] == ["histopathology", "follow-up", "consensus", "confocal"]
    assert found["ISIC_0000003"].lesion_id == "HAM_0000001" and found["ISIC_0000003"].row == 5
    assert not ADAPTERS["isic2018"].read(tmp_path).notes


def test_isic2018_groupings_are_optional_and_compared(tmp_path: Path) -> None:
    root = write("isic2018", tmp_path)
    edit(LESIONS_18, lambda rows: [*rows[1:], rows[0] | {"image": "ISIC_9999999"}])(root)
    listing = ADAPTERS["isic2018"].read(root)
    assert listing.rows[0].lesion_id is None and listing.rows[0].confirmed is None
    assert [note[:42] for note in listing.notes] == [
        "1 images of the lesion groupings are not i", "1 images of the ground truth are not in th",
    ]  # fmt: skip
    assert "ISIC_9999999" in listing.notes[0] and "ISIC_0000000" in listing.notes[1]
    remove(LESIONS_18)(root)
    assert ADAPTERS["isic2018"].read(root).notes == (
        "No LesionGroupings.csv: images of one lesion are told only by their likeness.",
    )


def test_isic2018_reads_all_parts(tmp_path: Path) -> None:
    root = write("isic2018", tmp_path)
    part = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_0034321,0,1,0,0,0,0,0\n"
    (root / "ISIC2018_Task3_Validation_GroundTruth.csv").write_text(part)
    listing = ADAPTERS["isic2018"].read(root)
    assert len(listing.rows) == COUNT + 1 and len(listing.inputs) == 3
    assert {raw.label for raw in listing.rows if raw.native_id == "ISIC_0034321"} == {"NV"}


def test_isic2019_rows(tmp_path: Path) -> None:
    root = write("isic2019", tmp_path)
    found = raws("isic2019", root)
    labels = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", None]
    assert [raw.label for raw in found.values()][:9] == labels
    assert found["ISIC_0000000"].history == "Woman aged 50 to 59, site: anterior torso."
    assert found["ISIC_0000001"].history == "Man aged 80 or older, site: head/neck."
    assert found["ISIC_0000002"].history is None and found["ISIC_0000002"].lesion_id is None
    assert found["ISIC_0000005"].lesion_id == "BCN_0000001"
    assert ADAPTERS["isic2019"].read(root).notes == ("1 images are UNK (none of the classes): their label is blank.",)


def test_isic2019_tables_that_do_not_match(tmp_path: Path) -> None:
    root = write("isic2019", tmp_path)
    edit(PEOPLE_19, lambda rows: [*rows[2:], rows[0] | {"image": "ISIC_0000099"}])(root)
    listing = ADAPTERS["isic2019"].read(root)
    assert listing.rows[0].history is None and len(listing.rows) == COUNT
    assert listing.notes[:2] == (
        "1 images of the metadata are not in the ground truth, left out (first: ISIC_0000099).",
        "2 images of the ground truth are not in the metadata (first: ISIC_0000000).",
    )


def test_isic2019_test_metadata_has_no_lesion_ids(tmp_path: Path) -> None:
    root = write("isic2019", tmp_path)
    (root / "ISIC_2019_Test_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK,score_weight\nISIC_0034321,0,0,0,0,0,0,0,0,1,0\n"
    )
    (root / "ISIC_2019_Test_Metadata.csv").write_text(
        "image,age_approx,anatom_site_general,sex\nISIC_0034321,75,palms/soles,female\n"
    )
    raw = raws("isic2019", root)["ISIC_0034321"]
    assert raw.label is None and raw.history == "Woman aged 70 to 79, site: palms/soles."


def test_isic2020_rows(tmp_path: Path) -> None:
    root = write("isic2020", tmp_path)
    found = raws("isic2020", root)
    assert found["ISIC_0000002"].label == "melanoma" and found["ISIC_0000002"].confirmed == "histopathology"
    assert found["ISIC_0000001"].confirmed is None and found["ISIC_0000001"].patient_id == "IP_0000001"
    assert found["ISIC_0000000"].label == "unknown" and resolve("unknown", "isic2020").diagnosis is None
    assert found["ISIC_0000000"].history == "Man aged 40 to 49, site: torso."
    assert {found[f"ISIC_{i:07d}"].lesion_id for i in (0, 7)} == {"IL_0000000"}
    assert {found[f"ISIC_{i:07d}"].lesion_id for i in (9, 10)} == {"ISIC_0000009"}
    assert found["ISIC_0000001"].lesion_id == "IL_0000001" and found["ISIC_0000011"].lesion_id is None
    assert ADAPTERS["isic2020"].read(root).notes == (
        "2 listed pairs of duplicates share a lesion id.",
        "1 listed pairs name an image that the ground truth lacks.",
        "2 images are labelled `unknown`: benign, without a subtype.",
    )


def test_isic2020_pairs_take_whole_lesions_along(tmp_path: Path) -> None:
    root = write("isic2020", tmp_path)
    edit(TRUTH_20, lambda rows: rows[1].update(lesion_id="IL_0000000"))(root)
    chain = [(3, 9), (9, 1), (10, 11), (11, 10), (4, 4)]
    write_csv(root / PAIRS_20, ("image_name_1", "image_name_2"), [[f"ISIC_{i:07d}" for i in pair] for pair in chain])
    lesions = [raw.lesion_id for raw in raws("isic2020", root).values()]
    assert len({lesions[i] for i in (0, 1, 3, 9)}) == 1 and lesions[10] == lesions[11] is not None
    assert lesions[4] == "IL_0000004" and lesions[8] is None and len(set(lesions)) == 8


def test_isic2020_version_1_without_lesions_and_pairs(tmp_path: Path) -> None:
    root = write("isic2020", tmp_path)
    remove(PAIRS_20)(root)
    path = next(root.rglob(TRUTH_20))
    path.write_text(path.read_text().replace("lesion_id", "other"))
    path.rename(root / "train.csv")
    assert {raw.lesion_id for raw in raws("isic2020", root).values()} == {None}


def test_isic2024_rows_and_leaks(tmp_path: Path) -> None:
    found = raws("isic2024", write("isic2024", tmp_path))
    assert [raw.label for raw in found.values()][:3] == [
        "Benign",
        NODULAR.replace("::", ":"),
        NEVUS.replace("::", ":"),
    ]
    names = [resolve(raw.label or "", "isic2024").diagnosis for raw in found.values()]
    assert names[:5] == [
        "benign-neoplasm", "nodular-basal-cell-carcinoma", "melanocytic-nevus", "benign-neoplasm", "actinic-keratosis",
    ]  # fmt: skip
    confirmed = [raw.confirmed for raw in found.values()]
    assert confirmed[:5] == [None, "histopathology", None, None, "histopathology"]
    for number, raw in enumerate(found.values()):
        assert raw.history == f"{('Man', 'Woman', 'Patient')[number % 3]} aged 60 to 69, site: lower extremity."
        assert raw.modality == "clinical" and raw.patient_id == f"IP_{number // 2:07d}"
        assert raw.lesion_id is None and not raw.present and not raw.absent and not raw.differential
        told = " ".join(str(value) for key, value in asdict(raw).items() if key != "label")
        assert not any(word in told for word in (*LEAKS.values(), "IL_", "Nevus", "carcinoma", "keratosis"))


def test_isic2024_labels_without_a_full_path(tmp_path: Path) -> None:
    root = write("isic2024", tmp_path)
    edit("train-metadata.csv", lambda rows: [row | {"iddx_full": ""} for row in rows])(root)
    assert raws("isic2024", root)["ISIC_0000001"].label == NODULAR.replace("::", ":")
    edit("train-metadata.csv", lambda rows: [row | {f"iddx_{n}": "" for n in range(1, 6)} for row in rows])(root)
    labels = [raw.label for raw in raws("isic2024", root).values()]
    assert labels[:3] == [None, "Malignant", None] and resolve("Malignant").malignancy == "malignant"


@pytest.mark.parametrize(
    "path",
    [
        "Benign::Cysts",
        "Benign::Benign melanocytic proliferations::Nevus::Nevus, Atypical, Dysplastic, or Clark",
        "Benign::Benign soft tissue proliferations - Vascular::Hemangioma::Hemangioma, Cherry",
        "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma Invasive::Melanoma Invasive, Nodular",
        "Malignant::Malignant epidermal proliferations::Squamous cell carcinoma, NOS",
        "Indeterminate::Indeterminate melanocytic proliferations::Atypical intraepithelial melanocytic proliferation",
    ],
)
def test_isic2024_paths_resolve(path: str, tmp_path: Path) -> None:
    root = write("isic2024", tmp_path)
    target = str(int(path.startswith("Malignant")))
    edit("train-metadata.csv", lambda rows: rows[0].update(iddx_full=path, target=target))(root)
    assert resolve(raws("isic2024", root)["ISIC_0000000"].label or "", "isic2024").diagnosis


def test_isic_archive_rows(tmp_path: Path) -> None:
    listing = ADAPTERS["isic_archive"].read(write("isic_archive", tmp_path))
    assert listing.excluded == {"synthetic image": 1, "confocal microscopy (image_type RCM)": 2}
    rows = listing.rows
    assert len(rows) == COUNT and [raw.skin_type for raw in rows[:7]] == [1, 2, 3, 4, 5, 6, None]
    assert {raw.confirmed for raw in rows[:6]} == {*CONFIRMED, None} and rows[1].confirmed == "follow-up"
    assert [raw.modality for raw in rows[:6]] == ["dermoscopic", *["clinical"] * 3, "dermoscopic", None]
    assert rows[0].label == "Benign:Benign melanocytic proliferations:Nevus"
    assert [resolve(raw.label or "").diagnosis for raw in rows[:2]] == ["melanocytic-nevus", "melanoma-in-situ"]
    assert rows[0].history == "Woman aged 80 or older, site: trunk. Background: melanoma before."
    assert rows[1].history == "Woman aged 80 or older, site: posterior trunk."
    assert (rows[3].patient_id, rows[3].lesion_id) == ("IP_0000001", "IL_0000003")
    assert listing.notes == (
        "Licenses of the images: CC-0 (6); CC-BY-NC (6).",
        "Images to be credited to: Anonymous (6); ViDIR Group, Vienna (6).",
        "2 images have no image_type: they are taken as dermoscopic.",
    )


def test_isic_archive_with_the_columns_that_every_export_has(tmp_path: Path) -> None:
    (tmp_path / "collection_metadata.csv").write_text(
        "isic_id,attribution,copyright_license,diagnosis_1\nISIC_1,Anonymous,CC-0,Benign\nISIC_2,,,\n"
    )
    listing = ADAPTERS["isic_archive"].read(tmp_path)
    assert [(raw.label, raw.history, raw.skin_type, raw.confirmed) for raw in listing.rows] == [
        ("Benign", None, None, None), (None, None, None, None),
    ]  # fmt: skip
    assert listing.notes[0] == "Licenses of the images: CC-0 (1); not stated (1)."


def test_isic_archive_collections_that_share_an_image(tmp_path: Path) -> None:
    row = "isic_id,attribution,copyright_license,diagnosis_1\nISIC_1,Anonymous,CC-0,Benign\n"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.csv").write_text(row.replace("ISIC_1", "ISIC_2") if name == "two" else row)
    listing = ADAPTERS["isic_archive"].read(tmp_path)
    assert len(listing.rows) == 2 and set(listing.inputs) == {"one/metadata.csv", "two/metadata.csv"}
    (tmp_path / "two" / "metadata.csv").write_text(row)
    with pytest.raises(UserError, match="already used in row 2 of metadata.csv"):
        ADAPTERS["isic_archive"].read(tmp_path)


def test_bcn20000_rows(tmp_path: Path) -> None:
    found = raws("bcn20000", write("bcn20000", tmp_path))
    raw = found["BCN_0000000003.jpg"]
    assert (raw.label, raw.lesion_id) == ("other", "BCN_0000001")
    assert raw.history == "Man aged 50 to 59, site: anterior torso." and "2012" not in str(asdict(raw))
    names = {raw.label: resolve(raw.label or "", "bcn20000").diagnosis for raw in found.values()}
    assert names == {
        "nevus": "melanocytic-nevus", "melanoma": "melanoma", "seborrheic keratosis": "seborrheic-keratosis",
        "other": None, "melanoma metastasis": "metastatic-melanoma", "scar": "scar", "MEL": "melanoma",
        "SCC": "squamous-cell-carcinoma", "VASC": "vascular-lesion",
    }  # fmt: skip


def test_ham10000_says_how_the_label_was_confirmed(ham: Writer) -> None:
    kinds = ("histo", "follow_up", "consensus", "confocal", "")
    root = ham(rows=[["L", f"I{i}", "nv", kind, "", "", ""] for i, kind in enumerate(kinds)], images=False)
    want = ["histopathology", "follow-up", "consensus", "confocal", None]
    assert [raw.confirmed for raw in raws("ham10000", root).values()] == want
    columns = [column for column in HAM_COLUMNS if column != "dx_type"]
    write_csv(root / "HAM10000_metadata.csv", columns, [["L", "I0", "nv", "", "", ""]])
    assert raws("ham10000", root)["I0"].confirmed is None
    write_csv(root / "HAM10000_metadata.csv", HAM_COLUMNS, [["L", "I0", "nv", "guess", "", "", ""]])
    with pytest.raises(UserError, match="row 2, column 'dx_type'"):
        raws("ham10000", root)


def test_pad_ufes_20_says_which_lesions_were_biopsied(pad: Writer) -> None:
    root = pad()
    assert {raw.confirmed for raw in raws("pad_ufes_20", root).values()} == {None}
    path = root / "metadata.csv"
    flags = ["biopsed", *["True", "False", ""] * 4]
    lines = [f"{line},{flag}" for line, flag in zip(path.read_text().splitlines(), flags, strict=True)]
    path.write_text("\n".join(lines))
    assert [raw.confirmed for raw in raws("pad_ufes_20", root).values()] == ["histopathology", None, None] * 4


def _labels(real_data: Path, *files: str) -> Path:
    folder = real_data / "labels"
    for file in files:
        if not (folder / file).is_file():
            pytest.skip(f"real file is not here: {folder / file}")
    return folder


def test_real_isic2019(real_data: Path) -> None:
    listing = ADAPTERS["isic2019"].read(_labels(real_data, TRUTH_19, PEOPLE_19))
    counts: dict[Any, int] = Counter(raw.label for raw in listing.rows)
    assert counts == {
        "MEL": 4522, "NV": 12875, "BCC": 3323, "AK": 867, "BKL": 2624, "DF": 239, "VASC": 253, "SCC": 628,
    }  # fmt: skip
    assert all(resolve(label, "isic2019").diagnosis for label in counts)
    assert len({raw.lesion_id for raw in listing.rows} - {None}) == 11847
    assert listing.notes == () and not listing.excluded
    assert sum("site: anterior torso" in (raw.history or "").lower() for raw in listing.rows) == 6915


def test_real_isic2018_test_part(real_data: Path) -> None:
    listing = ADAPTERS["isic2018"].read(_labels(real_data, "ISIC2018_Task3_Test_GroundTruth.csv"))
    counts: dict[Any, int] = Counter(raw.label for raw in listing.rows)
    assert sum(counts.values()) == 1512 and len(counts) == 7
    assert all(resolve(label, "isic2018").diagnosis for label in counts)
    assert len(listing.notes) == 1


def test_real_confirmation(real_data: Path) -> None:
    for name, want in (
        ("ham10000", {"histopathology": 4277, "follow-up": 2968, "consensus": 706, "confocal": 48}),
        ("pad_ufes_20", {"histopathology": 615, None: 538}),
    ):
        if not (real_data / name).is_dir():
            pytest.skip(f"real folder is not here: {real_data / name}")
        assert Counter(raw.confirmed for raw in ADAPTERS[name].read(real_data / name).rows) == want
