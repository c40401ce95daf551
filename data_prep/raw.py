"""What an adapter hands over: a dataset's rows in one shape, before images, groups and splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

if TYPE_CHECKING:  # it brings in the datasets library, which `--help` and `data list` can do without
    from skin_r1.case import Modality

MaskKind = Literal["file", "black"]
Confirmed = Literal["histopathology", "confocal", "consensus", "follow-up", "single rater"]
CONFIRMED: tuple[Confirmed, ...] = get_args(Confirmed)


@dataclass(frozen=True, slots=True)
class Raw:
    """One image of a dataset, as its own files describe it.

    Attributes:
        native_id: unique in the dataset.
        file, row: where it was read, for error messages.
        label: the diagnosis as the dataset writes it; None where the cell is blank.
        image: file name or stem of the image.
        present, absent: slugs of findings that people annotated.
        skin_type: Fitzpatrick 1-6, or None.
        modality: of this image, where it is not the dataset's.
        differential: (label as written, weight) pairs of a graded label, weights above 0 in any unit; else empty.
        confirmed: how the label was made sure, strongest first in `CONFIRMED`; None where the dataset does not say.
        license: of this image, where it is not the dataset's.
    """

    native_id: str
    file: Path
    row: int
    label: str | None
    image: str
    patient_id: str | None = None
    lesion_id: str | None = None
    history: str | None = None
    skin_type: int | None = None
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    modality: "Modality | None" = None
    differential: tuple[tuple[str, float], ...] = ()
    confirmed: "Confirmed | None" = None
    license: str | None = None


@dataclass(frozen=True)
class Listing:
    """A dataset, read.

    Attributes:
        rows: in the order of the files.
        inputs: name -> file read, for the manifest.
        excluded: reason -> how many rows were left out.
        notes: what a reader of the report should know.
        name, title, license, source: of the dataset, where they are not the adapter's (it reads many datasets).
    """

    rows: list[Raw]
    inputs: Mapping[str, Path]
    excluded: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    name: str | None = None
    title: str | None = None
    license: str | None = None
    source: str | None = None


class Adapter(Protocol):
    """What each dataset's module offers."""

    NAME: str
    TITLE: str
    MODALITY: "Modality"
    LICENSE: str
    SOURCE: str
    FILES: tuple[str, ...]
    MASKS: MaskKind | None
    """Where lesion masks come from: `*_segmentation.png` files, the black background of a crop, or nowhere."""

    def read(self, root: Path) -> Listing:
        """Read the dataset's own files under `root`."""
        ...
