"""DermNet as it is found on Kaggle: photos of an atlas in `train/` and `test/` with 23 category folders each.

A category holds many diseases (`Acne and Rosacea Photos`), so the label comes from the file name,
`disease-name-<n>.jpg`; older files read `07PerioralDermEye.jpg`. The category is never the label: a name that is not
known stays a label without a diagnosis, a name without letters is no label. Names that say `histology` or `dermoscopy`
set the modality. There are no ids of patients. Some photos lie in train and in test: the build finds them by their pixels
and keeps them in one group, and the dataset's own split is not used. The photos are (c) DermNet.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.images.find import MASK_ENDINGS, SUFFIXES
from data_prep.raw import Listing, MaskKind, Raw
from skin_r1.errors import problem

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "dermnet"
TITLE = "DermNet (Kaggle)"
MODALITY: "Modality" = "clinical"
LICENSE = "(c) DermNet, no passing on"
SOURCE = "https://www.kaggle.com/datasets/shubhamgoel27/dermnet"
FILES = ("train/<category>/<disease-name-n>.jpg", "test/<category>/<disease-name-n>.jpg")
MASKS: MaskKind | None = None
PARTS = ("train", "test")
KINDS: dict[str, "Modality"] = {"histology": "histopathology", "dermoscopy": "dermoscopic"}


def read(root: Path) -> Listing:
    """List the images of `train/` and `test/`; `row` is the image's place in its category folder, from 1."""
    if not root.is_dir():
        raise problem("the dataset's folder does not exist", file=root, next_step="pass its path with --root")
    rows = []
    for folder in _categories(root):
        for number, path in enumerate((p for p in sorted(folder.iterdir()) if _is_image(p)), start=1):
            rows.append(_raw(path, path.relative_to(root).as_posix(), number))
    if not rows:
        raise problem(
            "the category folders hold no image", file=root, allowed=FILES, next_step="unpack the download again"
        )
    unnamed = sum(row.label is None for row in rows)
    notes = (f"{unnamed} file names hold no name of a disease.",) if unnamed else ()
    return Listing(rows, {}, notes=notes)


def _categories(root: Path) -> list[Path]:
    """The category folders of train and test, wherever below `root` these lie."""
    parts = sorted(p for p in root.rglob("*") if p.is_dir() and p.name.casefold() in PARTS)
    if not parts:
        raise problem(
            "the folder lacks train/ and test/", file=root, found=sorted(p.name for p in root.iterdir())[:10],
            allowed=FILES, next_step="pass the folder that holds train/ and test/ with --root",
        )  # fmt: skip
    for part in parts:
        loose = sorted(p for p in part.iterdir() if _is_image(p))
        if loose:
            raise problem(
                "the image is in no category folder", file=loose[0], found=loose[0].name, allowed=FILES,
                next_step="unpack the download again, or move the image to its category",
            )  # fmt: skip
    return [folder for part in parts for folder in sorted(part.iterdir()) if folder.is_dir()]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.name[0] != "." and not path.stem.endswith(MASK_ENDINGS)


def _raw(path: Path, image: str, number: int) -> Raw:
    words = file_words(path.stem)
    kinds = [KINDS[word.casefold()] for word in words if word.casefold() in KINDS]
    return Raw(
        native_id=image,
        file=path.parent,
        row=number,
        label=" ".join(word for word in words if word.casefold() not in KINDS) or None,
        image=image,
        modality=kinds[0] if kinds else None,
    )


def file_words(stem: str) -> list[str]:
    """`eczema-hand-12` -> eczema, hand; `07PerioralDermEye` -> Perioral, Derm, Eye; `05atopic031011` -> atopic."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem.replace("_s-", "s-"))
    return [word for part in re.split(r"[\s_-]+", spaced) if (word := part.strip("0123456789"))]
