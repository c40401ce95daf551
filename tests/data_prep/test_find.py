"""Finding images: a name means one file, or the user is told."""

import os
from pathlib import Path

import pytest

from data_prep.images.find import index_images
from skin_r1.errors import UserError


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_masks_and_hidden_files(tmp_path: Path) -> None:
    write(
        tmp_path, "part_1/A.JPG", "part_2/A.JPG", "masks/A_segmentation.png", "A_superpixels.png", "._B.jpg",
        ".hidden/C.png", "notes.txt",
    )  # fmt: skip
    index = index_images(tmp_path)
    assert index.stems == {"A": ["part_1/A.JPG", "part_2/A.JPG"]}
    assert index.masks == {"A": tmp_path / "masks/A_segmentation.png"}


def test_class_folders_with_equal_names(tmp_path: Path) -> None:
    write(tmp_path, "nevus/1.jpg", "melanoma/1.jpg", "melanoma/2.jpg")
    index = index_images(tmp_path)
    assert index.find("nevus/1.jpg") == tmp_path / "nevus/1.jpg"
    assert index.find("melanoma\\1") == tmp_path / "melanoma/1.jpg"
    assert index.find("nevus/2.jpg") is None, "never the melanoma of that name"
    assert index.find("train/nevus/1.jpg") == tmp_path / "nevus/1.jpg", "the root may be a folder of the listing"
    assert index.find("2") == index.find("2.png") == tmp_path / "melanoma/2.jpg"
    for name in ("1", "1.jpg"):
        with pytest.raises(UserError, match=r"melanoma/1\.jpg and nevus/1\.jpg"):
            index.find(name)
    assert index.find("3.jpg") is None


def test_copies_are_not_ambiguous(tmp_path: Path) -> None:
    write(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "b/1.jpg").write_bytes((tmp_path / "a/1.jpg").read_bytes())
    assert index_images(tmp_path).find("1.jpg") == tmp_path / "a/1.jpg"


def test_a_suffix_decides_between_files_only(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "1.png", "v1.2.jpg")
    index = index_images(tmp_path)
    assert index.find("1.png") == tmp_path / "1.png"
    assert index.find("v1.2") == tmp_path / "v1.2.jpg"
    with pytest.raises(UserError):
        index.find("1")


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, "root/1.jpg", "elsewhere/2.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root/link")
    os.symlink(tmp_path / "root", tmp_path / "elsewhere/back")
    assert sorted(index_images(tmp_path / "root").stems) == ["1", "2"]
