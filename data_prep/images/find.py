"""Where the images and masks of a dataset lie: found once, then asked by the name that a listing gives."""

import filecmp
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from skin_r1.errors import problem

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MASK_ENDINGS = ("_segmentation", "_superpixels")


@dataclass(frozen=True, slots=True)
class Index:
    """The image files under a folder.

    Attributes:
        root: the folder.
        stems: file name without its suffix -> paths relative to `root`, with slashes, in order.
        masks: the stem of an image -> its lesion mask, the first in order.
    """

    root: Path
    stems: Mapping[str, Sequence[str]]
    masks: Mapping[str, Path]

    def find(self, name: str) -> Path | None:
        """The file that a listing means, or None.

        Args:
            name: a file name or its stem, with or without folders. Folders must agree as far as both the name and the
                file have them (`nevus/1.jpg` is never `melanoma/1.jpg`); a suffix decides only between files.

        Raises:
            UserError: several files fit, and they are not copies of each other.
        """
        asked = PurePosixPath(name.replace("\\", "/"))
        stem = asked.stem if asked.suffix.lower() in SUFFIXES else asked.name
        near = [(file, PurePosixPath(file)) for file in self.stems.get(stem, ())]
        fit = [(file, path) for file, path in near if _agree(asked.parts[:-1], path.parts[:-1])]
        for better in (
            [file for file, path in fit if path == asked],
            [file for file, path in fit if path.name == asked.name],
            [file for file, _ in fit],
        ):
            if better:
                return self._only(name, better)
        return None

    def _only(self, name: str, files: Sequence[str]) -> Path:
        first = self.root / files[0]
        for other in files[1:]:
            if not filecmp.cmp(first, self.root / other, shallow=False):
                raise problem(
                    "the name of an image fits several files, and they differ",
                    file=first,
                    found=f"{name}: {files[0]} and {other}",
                    allowed="one file, or copies of one",
                    next_step="name the image with its folder in the listing, or leave one of the files out of the root",
                )
        return first


def index_images(root: Path) -> Index:
    """Look through a folder and all below it; hidden files and folders are passed over, links to folders are followed.

    One million files take some seconds (`python -m benchmarks.intake --files 1000000`).
    """
    stems: dict[str, list[str]] = {}
    masks: dict[str, str] = {}
    seen = {os.path.realpath(root)}
    folders = [""]
    while folders:
        folder = folders.pop()
        below = []
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                if entry.is_dir():
                    if _is_new(entry, seen):
                        below.append(f"{folder}{name}/")
                    continue
                stem, dot, suffix = name.rpartition(".")
                if not dot or f".{suffix.lower()}" not in SUFFIXES:
                    continue
                file = folder + name
                if not stem.endswith(MASK_ENDINGS):
                    stems.setdefault(stem, []).append(file)
                elif stem.endswith(MASK_ENDINGS[0]):
                    stem = stem.removesuffix(MASK_ENDINGS[0])
                    masks[stem] = min(masks.get(stem, file), file, key=_in_order)
        folders += below
    for files in stems.values():
        if len(files) > 1:
            files.sort(key=_in_order)
    return Index(root, dict(sorted(stems.items())), {stem: root / masks[stem] for stem in sorted(masks)})


def _agree(asked: Sequence[str], there: Sequence[str]) -> bool:
    """True when one list of folders is the end of the other."""
    shared = min(len(asked), len(there))
    return list(asked[len(asked) - shared :]) == list(there[len(there) - shared :])


def _in_order(file: str) -> list[str]:
    return file.split("/")


def _is_new(folder: os.DirEntry[str], seen: set[str]) -> bool:
    """False for a folder that a link has led to before: links may run in circles."""
    if folder.is_symlink():
        real = os.path.realpath(folder.path)
        if real in seen:
            return False
        seen.add(real)
    return True
