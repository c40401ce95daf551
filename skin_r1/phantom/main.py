"""`skin-r1 phantom`: write a corpus of procedural lesions, in the format that `skin-r1 data build` writes."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from skin_r1.case import SPLITS, Case, Split, to_dataset
from skin_r1.manifest import write_manifest
from skin_r1.ontology import load_ontology
from skin_r1.phantom.findings import (
    DEFAULT_SHARPNESS,
    DIAGNOSES,
    FINDINGS,
    PRIOR,
    ceiling,
    differential,
    draw_findings,
)
from skin_r1.phantom.render import draw
from skin_r1.whole import whole_folder
from skin_r1.wording import KNOWLEDGE

SKIN_TYPES = tuple(range(1, 7))
ABOUT = """Draw lesions with known findings. Part of the training cases are densely annotated, the rest carry the label only;
validation and test cases are all annotated, so that they can be scored.

Example: skin-r1 phantom --out runs/phantom --seed 1 --dense 400 --sparse 3000"""


@dataclass
class PhantomRecipe:
    """Keys of `recipes/*/phantom.yaml`."""

    out: str = field(default="runs/phantom", metadata={"help": "folder of the corpus"})
    seed: int = field(default=0, metadata={"help": "fixes every case"})
    dense: int = field(default=400, metadata={"help": "training cases with findings annotated"})
    sparse: int = field(default=3000, metadata={"help": "training cases with the diagnosis only"})
    validation: int = field(default=128, metadata={"help": "annotated cases"})
    test: int = field(default=256, metadata={"help": "annotated cases"})
    image_size: int = field(default=112, metadata={"help": "pixels of a side"})
    sharpness: float = field(default=DEFAULT_SHARPNESS, metadata={"help": "how far findings determine the diagnosis"})
    overwrite: bool = field(default=False, metadata={"help": "replace the folder"})


def make_case(recipe: PhantomRecipe, split: Split, index: int, dense: bool) -> Case:
    """One case; it depends on the seed, the split and the index alone."""
    rng = np.random.default_rng([recipe.seed, SPLITS.index(split), index])
    diagnosis = DIAGNOSES[int(rng.choice(len(DIAGNOSES), p=PRIOR))]
    present = draw_findings(diagnosis, rng, recipe.sharpness)
    first = index - index % 5 % 2  # some patients have two lesions
    skin_type = int(np.random.default_rng([recipe.seed, SPLITS.index(split), first, 1]).choice(SKIN_TYPES))
    phantom = draw(present, skin_type, rng, recipe.image_size)
    buffer = io.BytesIO()
    phantom.image.save(buffer, "PNG")
    name = f"phantom/{recipe.seed}-{split}-{index:05d}"
    patient = f"{recipe.seed}-{split}-p{first:05d}"
    weights = differential(present, recipe.sharpness) if dense else {}
    return Case(
        case_id=name,
        dataset="phantom",
        images=[{"bytes": buffer.getvalue(), "path": f"{name.replace('/', '-')}.png"}],
        modality="dermoscopic",
        patient_id=patient,
        lesion_id=name,
        diagnosis=diagnosis,
        diagnosis_raw=diagnosis,
        malignancy=load_ontology().malignancy(diagnosis),
        differential=[{"diagnosis": slug, "weight": weight} for slug, weight in weights.items()],
        concepts_present=[finding for finding in FINDINGS if finding in present] if dense else [],
        concepts_absent=[finding for finding in FINDINGS if finding not in present] if dense else [],
        concept_source="annotated" if dense else None,
        annotation="dense" if dense else "sparse",
        skin_type=skin_type,
        split=split,
        group=patient,
        source="drawn by skin_r1.phantom; no patient",
        license="Apache-2.0",
        checksum=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )


def cases(recipe: PhantomRecipe, split: Split) -> Iterator[Case]:
    """All cases of a split, the dense ones first."""
    if split == "train":
        dense, total = recipe.dense, recipe.dense + recipe.sparse
    else:
        dense = total = recipe.validation if split == "validation" else recipe.test
    for index in tqdm(range(total), desc=f"drawing {split}", unit="case"):
        yield make_case(recipe, split, index, index < dense)


def write_corpus(recipe: PhantomRecipe) -> Path:
    """Draw and write the corpus; the folder appears only when it is whole.

    Raises:
        UserError: the folder exists and `overwrite` is not set, or holds something else than a corpus.
    """
    out = Path(recipe.out)
    counts: dict[str, Counter[str]] = {}
    config = {**asdict(recipe), "out": None, "overwrite": None}  # where it lies does not change what it is
    outputs = {"cases": counts, "ceiling_accuracy": ceiling(recipe.sharpness)}
    tables = {"expectations": KNOWLEDGE / "expectations.tsv", "assumed": Path(__file__).with_name("assumed.tsv")}
    with whole_folder(out, kind="corpus", overwrite=recipe.overwrite) as folder:
        for split in SPLITS:
            drawn = list(cases(recipe, split))
            (folder / split).mkdir()
            to_dataset(drawn).to_parquet(str(folder / split / "part-0.parquet"))
            counts[split] = Counter(f"{case.annotation} {case.diagnosis}" for case in drawn)
        write_manifest(folder, kind="corpus", config=config, inputs=tables, outputs=outputs)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Write the corpus; returns 0."""
    from skin_r1.recipe import read_recipe

    (recipe,) = read_recipe((PhantomRecipe,), argv, prog="skin-r1 phantom", about=ABOUT)
    out = write_corpus(recipe)
    print(f"wrote {out}: {recipe.dense} dense and {recipe.sparse} sparse training cases; a reader who sees every")
    print(f"finding without error would name the diagnosis in {ceiling(recipe.sharpness):.1%} of cases")
    return 0
