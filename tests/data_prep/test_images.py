"""Intake: every pixel decodes, or the file is named with the reason."""

import io
from pathlib import Path

import pytest
from drawn_datasets import lesion, lesion_mask
from PIL import Image

from data_prep.groups import near_pairs
from data_prep.images import Bad, Prepared, Task, find_images, prepare


def take_in(path: Path, mask: object = None, max_side: int = 256) -> Prepared | Bad:
    return prepare(Task("x", path, mask), max_side)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: b"", "zero bytes"),
        (lambda raw: raw[: len(raw) // 2], "truncated"),
        (lambda raw: b"\0" * len(raw), "not an image"),
        (lambda raw: b"<html>not found</html>", "not an image"),
    ],
    ids=["zero", "truncated", "corrupt", "html"],
)
def test_broken(tmp_path: Path, suffix: str, damage: object, reason: str) -> None:
    file = tmp_path / f"a{suffix}"
    lesion(1).save(file)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    done = take_in(file)
    assert isinstance(done, Bad) and done.file == file and reason in done.reason


def test_png_with_a_flipped_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    lesion(1).save(file)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    file.write_bytes(raw)
    assert isinstance(take_in(file), Bad)


def test_encoded_small_upright_and_without_metadata(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "name of the patient"  # turned by 90 degrees; a description
    lesion(2).resize((300, 200)).save(file, exif=exif)
    done = take_in(file, max_side=128)
    assert isinstance(done, Prepared) and done.name == "a.jpg"
    with Image.open(io.BytesIO(done.encoded)) as image:
        assert image.size == (85, 128)
        assert not image.getexif()
    assert b"patient" not in done.encoded


def test_hashes_find_copies(tmp_path: Path) -> None:
    big = lesion(3, 200)
    big.save(tmp_path / "a.png")
    big.save(tmp_path / "b.bmp")
    big.resize((150, 150)).save(tmp_path / "c.jpg", quality=80)
    lesion(4, 200).save(tmp_path / "d.png")
    done = [take_in(tmp_path / name) for name in ("a.png", "b.bmp", "c.jpg", "d.png")]
    a, b, c, d = (p for p in done if isinstance(p, Prepared))
    assert a.pixels == b.pixels and a.pixels != c.pixels
    assert near_pairs([p.phash for p in (a, b, c, d)]) == [(0, 1), (0, 2), (1, 2)]


def test_mask(tmp_path: Path) -> None:
    lesion(1).save(tmp_path / "a.jpg")
    lesion_mask(1, 128).save(tmp_path / "a_segmentation.png")  # another size, the same shape
    done = take_in(tmp_path / "a.jpg", tmp_path / "a_segmentation.png")
    assert isinstance(done, Prepared) and done.measured is not None
    lesion_mask(1).resize((64, 32)).save(tmp_path / "a_segmentation.png")
    bad = take_in(tmp_path / "a.jpg", tmp_path / "a_segmentation.png")
    assert isinstance(bad, Bad) and bad.file.name == "a_segmentation.png" and "another shape" in bad.reason


def test_black_background_is_a_mask_only_where_there_is_one(tmp_path: Path) -> None:
    lesion(1, background=None).save(tmp_path / "crop.png")
    lesion(1).save(tmp_path / "photo.png")
    crop, photo = (take_in(tmp_path / name, "black") for name in ("crop.png", "photo.png"))
    assert isinstance(crop, Prepared) and crop.measured is not None
    assert isinstance(photo, Prepared) and photo.measured is None


def test_find_images(tmp_path: Path) -> None:
    for name in (
        "part_1/A.JPG",
        "part_2/A.JPG",
        "masks/A_segmentation.png",
        "A_superpixels.png",
        "._B.jpg",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    images, masks = find_images(tmp_path)
    assert images == {"A.JPG": tmp_path / "part_1/A.JPG", "A": tmp_path / "part_1/A.JPG"}
    assert masks == {"A": tmp_path / "masks/A_segmentation.png"}
