"""The Case: one row of the corpus, and the only record that travels between the rooms.

Unknown is null, never a guess: a concept in neither `concepts_present` nor `concepts_absent` is unknown.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import datasets
import pyarrow.parquet as pq
from datasets import Dataset, Features, Image, List, Value

from skin_r1.errors import problem

Modality = Literal["dermoscopic", "clinical", "histopathology"]
Split = Literal["train", "validation", "test"]
Annotation = Literal["dense", "sparse"]
ConceptSource = Literal["annotated", "measured"]
SPLITS: tuple[Split, ...] = get_args(Split)

FEATURES = Features(
    {
        "case_id": Value("string"),
        "dataset": Value("string"),
        "images": List(Image()),
        "quality": {
            "width": Value("int32"),
            "height": Value("int32"),
            "sharpness": Value("float32"),
            "brightness": Value("float32"),
            "contrast": Value("float32"),
            "hair": Value("float32"),
            "ruler": Value("float32"),
            "marker": Value("float32"),
            "vignette": Value("float32"),
            "flags": List(Value("string")),
        },
        "modality": Value("string"),
        "patient_id": Value("string"),
        "lesion_id": Value("string"),
        "diagnosis": Value("string"),
        "diagnosis_raw": Value("string"),
        "malignancy": Value("string"),
        "differential": List({"diagnosis": Value("string"), "weight": Value("float64")}),
        "concepts_present": List(Value("string")),
        "concepts_absent": List(Value("string")),
        "concept_source": Value("string"),
        "annotation": Value("string"),
        "history": Value("string"),
        "skin_type": Value("int64"),
        "split": Value("string"),
        "group": Value("string"),
        "source": Value("string"),
        "license": Value("string"),
        "checksum": Value("string"),
    }
)


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        case_id: unique within a corpus, `<dataset>/<native id>`.
        images: encoded images as `{"bytes": ..., "path": name}`; empty where the dataset ships labels only.
        quality: of the image as it came (`data_prep.images.quality`), with `flags` to look out for; None without one.
        patient_id, lesion_id: native ids, or None where the dataset has none.
        diagnosis: ontology slug, or None where the raw label does not resolve.
        differential: `{"diagnosis": slug, "weight": w}` rows, weights in (0, 1] summing to 1; empty when unknown.
        concepts_present, concepts_absent: concept slugs, disjoint.
        concept_source: where the two lists come from; None exactly when both are empty.
        annotation: `dense` if concepts are known for this case, else `sparse`.
        history: one or two sentences of non-identifying history, or None.
        skin_type: Fitzpatrick type 1-6, or None.
        group: the unit that must not cross splits: patient, lesion and duplicates merged.
        source, license: where the case comes from and under which terms.
        checksum: SHA-256 over the encoded images' bytes, or None without images.
    """

    case_id: str
    dataset: str
    modality: Modality
    diagnosis_raw: str | None
    group: str
    source: str
    license: str
    images: list[dict[str, Any]] = field(default_factory=list)
    quality: dict[str, Any] | None = None
    patient_id: str | None = None
    lesion_id: str | None = None
    diagnosis: str | None = None
    malignancy: str | None = None
    differential: list[dict[str, Any]] = field(default_factory=list)
    concepts_present: list[str] = field(default_factory=list)
    concepts_absent: list[str] = field(default_factory=list)
    concept_source: ConceptSource | None = None
    annotation: Annotation = "sparse"
    history: str | None = None
    skin_type: int | None = None
    split: Split = "train"
    checksum: str | None = None


assert {f.name for f in fields(Case)} == set(FEATURES), "Case and FEATURES must name the same columns"


def to_dataset(cases: Iterable[Case]) -> Dataset:
    """Cases as a `datasets.Dataset` with `FEATURES`."""
    return Dataset.from_list([asdict(case) for case in cases], features=FEATURES)


def load_corpus(corpus: Path, split: str) -> Dataset:
    """Read one split of a corpus that `skin-r1 data build` or the phantom wrote.

    Raises:
        UserError: the folder, the split or a column of contract 2 is missing.
    """
    if split not in SPLITS:
        raise problem("unknown split", found=split, allowed=SPLITS)
    files = sorted((corpus / split).glob("*.parquet"))
    if not files:
        raise problem(
            f"the corpus has no {split} split",
            file=corpus / split,
            allowed="a folder of *.parquet files",
            next_step=f"skin-r1 data build --dataset NAME --root DIR --out {corpus}",
        )
    if not any(pq.read_metadata(file).num_rows for file in files):
        return Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)  # the library refuses no rows
    table = datasets.load_dataset("parquet", data_files=[str(f) for f in files], split="train")
    missing = sorted(set(FEATURES) - set(table.column_names))
    if missing:
        raise problem(
            "the corpus lacks columns of the Case record",
            file=files[0],
            column=missing[0],
            found=sorted(table.column_names),
            next_step="rebuild it with `skin-r1 data build`",
        )
    return table.select_columns(list(FEATURES)).cast(FEATURES)
