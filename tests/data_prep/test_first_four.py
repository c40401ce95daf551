"""HAM10000, PAD-UFES-20, ISIC 2017 and Fitzpatrick17k with damaged files: what is wrong is said, with its place."""

from pathlib import Path

import pytest
from drawn_datasets import lesion, write_csv, write_ham, write_pad

from data_prep.adapters import fitzpatrick17k, isic2017
from skin_r1.cli import main as cli

HAM, PAD = "HAM10000_metadata.csv", "metadata.csv"
TRUTH, PEOPLE = "ISIC-2017_Training_Part3_GroundTruth.csv", "ISIC-2017_Training_Data_metadata.csv"
FITZ, SKINCON = "fitzpatrick17k.csv", "annotations_fitzpatrick17k.csv"
CORRUPTIONS = {
    "ham10000": [
        (HAM, "", "", "the folder lacks its metadata|HAM10000_metadata.csv"),
        (HAM, "", "\n", "the table is empty"),
        (HAM, "dx,", "diagnosis,", "lacks a column: dx|row 1"),
        (HAM, "lesion_id,image_id", "image_id,image_id", "row 1|column 'image_id'|this column twice"),
        (HAM, "ISIC_0000001", "ISIC_0000000", "row 3|column 'image_id'|already used in row 2"),
        (HAM, "ISIC_0000001,", ",", "row 3|column 'image_id'|blank"),
        (HAM, "nv,histo", "nv,guess", "row 2|column 'dx_type'|'guess'|histo, confocal"),
        (HAM, "45.0", "forty", "row 2|column 'age'|not a number"),
        (HAM, "45.0", "450", "row 2|column 'age'|out of range"),
        (HAM, "back\n", "back,left\n", "row 2|8 cells|7 cells"),
        (HAM, "back\n", '"back\n', "cannot be read"),
    ],
    "pad_ufes_20": [
        (PAD, "", "", "the folder lacks its metadata|metadata.csv"),
        (PAD, "", " \n", "the table is empty"),
        (PAD, "diagnostic", "diagnosis", "lacks a column: diagnostic|row 1"),
        (PAD, "fitspatrick", "fitzpatrick", "lacks a column: fitspatrick|row 1"),
        (PAD, "PAT_0_1_1.png", "PAT_0_0_0.png", "row 3|column 'img_id'|already used in row 2"),
        (PAD, "PAT_0_1_1.png", "", "row 3|column 'img_id'|blank"),
        (PAD, "2.0", "7.0", "row 3|column 'fitspatrick'|out of range"),
        (PAD, "True,False,UNK", "True,no idea,UNK", "row 2|column 'grew'|'no idea'|not a yes or no"),
        (PAD, "FACE", "FACE,left", "row 2|cells"),
    ],
    "isic2017": [
        (TRUTH, "", "", "the folder lacks its part 3 ground truth"),
        (TRUTH, "", "\n", "the table is empty"),
        (TRUTH, "melanoma", "mel", "lacks a column: melanoma|row 1"),
        (TRUTH, "ISIC_0000002", "ISIC_0000001", "row 3|column 'image_id'|already used in row 2"),
        (TRUTH, "ISIC_0000002", "", "row 3|column 'image_id'|blank"),
        (TRUTH, "1.0,0.0", "1.0,1.0", "row 2|column 'seborrheic_keratosis'"),
        (TRUTH, "1.0,0.0", "maybe,0.0", "row 2|column 'melanoma'"),
        (TRUTH, "1.0,0.0", "1.0", "row 2|2 cells|3 cells"),
        (PEOPLE, "85", "elderly", "row 3|column 'age_approximate'|not a number"),
        (PEOPLE, "age_approximate", "age", "lacks a column: age_approximate"),
    ],
    "fitzpatrick17k": [
        (FITZ, "", "", "the folder lacks its labels|fitzpatrick17k.csv"),
        (FITZ, "", "\n\n", "the table is empty"),
        (FITZ, "md5hash", "hash", "lacks a column: md5hash|row 1"),
        (FITZ, "fitzpatrick_scale", "scale", "lacks a column: fitzpatrick_scale|row 1"),
        (FITZ, "h1,", "h0,", "row 3|column 'md5hash'|already used in row 2"),
        (FITZ, "h0,1", "h0,9", "row 2|column 'fitzpatrick_scale'|out of range"),
        (FITZ, "h0,1", "h0,light", "row 2|column 'fitzpatrick_scale'|not a number"),
        (SKINCON, "h0.jpg,1", "h0.jpg,2", "row 2|column 'Scale'|'2'|not a yes or no"),
        (SKINCON, "h1.jpg", "h0.jpg", "row 3|column 'ImageID'|already used in row 2"),
        (SKINCON, "Do not consider this image", "Skip", "lacks a column: Do not consider this image"),
    ],
}


def write_roots(folder: Path) -> dict[str, Path]:
    """Small datasets in the shape of the four."""
    isic, fitz = folder / "isic", folder / "fitz"
    for root in (isic, fitz):
        root.mkdir()
    names = [f"ISIC_000000{i}" for i in range(1, 7)]
    classes = (("1.0", "0.0"), ("0.0", "1.0"), ("0.0", "0.0"))
    write_csv(isic / TRUTH, isic2017.COLUMNS, [[name, *classes[i % 3]] for i, name in enumerate(names)])
    ages = [[name, ("45", "85")[i % 2], "male"] for i, name in enumerate(names)]
    write_csv(isic / PEOPLE, ("image_id", "age_approximate", "sex"), ages)
    for i, name in enumerate(names):
        lesion(i).save(isic / f"{name}.jpg")
    write_csv(fitz / FITZ, fitzpatrick17k.COLUMNS, [[f"h{i}", i % 6 + 1, "psoriasis", ""] for i in range(6)])
    header = ("", "ImageID", "Scale", "Do not consider this image")
    write_csv(fitz / SKINCON, header, [[i, f"h{i}.jpg", 1, 0] for i in (0, 1)])
    return {
        "ham10000": write_ham(folder, images=False), "pad_ufes_20": write_pad(folder), "isic2017": isic,
        "fitzpatrick17k": fitz,
    }  # fmt: skip


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    return write_roots(tmp_path)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damaged_files_are_refused(
    name: str, roots: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(CORRUPTIONS[name]) >= 8
    out = tmp_path / "out"
    command = ["data", "build", "--dataset", name, "--root", str(roots[name]), "--out", str(out)]
    for file, old, new, says in CORRUPTIONS[name]:
        path = roots[name] / file
        good = path.read_text()
        if new == old == "":
            path.unlink()
        else:
            assert old in good, (file, old)
            path.write_text(good.replace(old, new, 1) if old else new)
        assert cli(command) == 2, (file, old, new)
        message = capsys.readouterr().err
        for words in [*says.split("|"), "next:"]:
            assert words in message, message
        assert not out.exists() and not out.with_name("out.partial").exists()
        path.write_text(good)
    assert cli(command) == 0  # as it was, it builds
