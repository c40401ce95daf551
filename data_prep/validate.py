"""`skin-r1 data validate`: check a corpus against the Case contract, row by row."""

import argparse
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from data_prep.corpus import parquet_files, read_parquet
from data_prep.images.quality import FLAGS
from skin_r1.errors import UserError, problem

SHOWN = 20


def check_corpus(corpus: Path) -> tuple[int, list[UserError]]:
    """Check a corpus.

    Returns:
        The number of rows, and every violation found.

    Raises:
        UserError: the folder holds no corpus, or a file cannot be read.
    """
    from skin_r1.case import FEATURES

    wrong: list[UserError] = []
    ids: dict[str, str] = {}
    groups: dict[str, tuple[str, str]] = {}
    count = 0
    for file in tqdm(parquet_files(corpus), desc="files", unit="file"):
        table = read_parquet(file)
        missing = [name for name in FEATURES if name not in table.column_names]
        extra = [name for name in table.column_names if name not in FEATURES]
        if missing or extra:
            column = (missing + extra)[0]
            wrong.append(
                problem(
                    "a column is missing" if missing else "a column is not part of a Case",
                    file=file, column=column, found=table.column_names, allowed=FEATURES,
                    next_step="rebuild the corpus with `skin-r1 data build`",
                )
            )  # fmt: skip
            continue
        # by batches: the images of a whole file as Python objects would take several times its size
        number = 0
        for batch in table.to_batches(max_chunksize=256):
            for row in batch.to_pylist():
                number += 1
                at = {"file": file, "row": number}
                wrong.extend(_check_row(row, file.parent.name, at))
                wrong.extend(_check_across(row, at, ids, groups))
        count += number
    return count, wrong


def _check_across(
    row: Mapping[str, Any], at: Mapping[str, Any], ids: dict[str, str], groups: dict[str, tuple[str, str]]
) -> Iterator[UserError]:
    """Ids are unique; a group stays in one split."""
    place = f"{at['file'].parent.name}/{at['file'].name} row {at['row']}"
    if (case := row["case_id"]) in ids:
        yield problem(f"the id is already used: {ids[case]}", column="case_id", found=case, **at)
    ids.setdefault(case, place)
    split, first = groups.setdefault(row["group"], (row["split"], place))
    if split != row["split"]:
        yield problem(f"the group is in two splits; also {first}", column="group", found=row["group"], **at)


def _check_row(row: Mapping[str, Any], folder: str, at: Mapping[str, Any]) -> Iterator[UserError]:
    from skin_r1 import case
    from skin_r1.concepts import excluded_by, load_concepts
    from skin_r1.ontology import MALIGNANCIES, load_ontology

    diagnoses, concepts = load_ontology().nodes, load_concepts()
    present, absent = row["concepts_present"] or [], row["concepts_absent"] or []
    choices: dict[str, tuple[Any, ...]] = {
        "modality": get_args(case.Modality),
        "malignancy": (*MALIGNANCIES, None),
        "concept_source": (*get_args(case.ConceptSource), None),
        "annotation": get_args(case.Annotation),
        "skin_type": (1, 2, 3, 4, 5, 6, None),
        "split": (folder,),
    }
    for column, allowed in choices.items():
        if row[column] not in allowed:
            yield problem("the value is not allowed", column=column, found=row[column], allowed=allowed, **at)
    for column in ("case_id", "dataset", "group", "source", "license"):
        if not row[column]:
            yield problem("the value is missing", column=column, **at)
    ranked = [d["diagnosis"] for d in row["differential"] or []]
    for column, slugs in (("diagnosis", [row["diagnosis"]] if row["diagnosis"] else []), ("differential", ranked)):
        for slug in slugs:
            if slug not in diagnoses:
                yield problem("no such diagnosis", column=column, found=slug, allowed="slugs of the ontology", **at)
    for column, slugs in (("concepts_present", present), ("concepts_absent", absent)):
        for slug in slugs:
            if slug not in concepts:
                yield problem("no such concept", column=column, found=slug, allowed="slugs of the vocabulary", **at)
    if both := sorted(set(present) & set(absent)):
        yield problem("a concept is present and absent", column="concepts_present", found=both, **at)
    for slug in present:
        if clash := sorted(excluded_by(slug) & set(present)) if slug in concepts else []:
            yield problem(f"{slug!r} excludes another concept", column="concepts_present", found=clash, **at)
    known = bool(present or absent)
    if known != (row["concept_source"] is not None) or known != (row["annotation"] == "dense"):
        found = {"concepts": known, "concept_source": row["concept_source"], "annotation": row["annotation"]}
        yield problem("the findings and their annotation disagree", column="annotation", found=found, **at)
    if bool(row["images"]) < bool(row["quality"]):
        yield problem("a case without an image has a quality", column="quality", found=row["quality"], **at)
    for flag in (row["quality"] or {}).get("flags") or ():
        if flag not in FLAGS:
            yield problem("no such flag", column="quality", found=flag, allowed=FLAGS, **at)
    yield from _check_images(row["images"] or [], at)


def _check_images(images: Sequence[Mapping[str, Any]], at: Mapping[str, Any]) -> Iterator[UserError]:
    from PIL import Image

    for image in images:
        try:
            with Image.open(io.BytesIO(image["bytes"])) as picture:
                picture.load()
        except (OSError, SyntaxError, ValueError, TypeError) as error:
            yield problem(f"the image does not decode: {error}", column="images", found=image["path"], **at)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data validate`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data validate",
        description="Check a corpus (columns, ids, groups and splits, slugs, findings, images) or a table of mappings.",
        epilog="Examples:\n  skin-r1 data validate corpora/ham10000\n"
        "  skin-r1 data validate --mappings skin_r1/knowledge/mappings/ham10000.sssom.tsv\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("corpus", type=Path, metavar="CORPUS", nargs="?")
    p.add_argument("--mappings", type=Path, metavar="TSV", help="a curated SSSOM table, to be committed")
    options = p.parse_args(argv)
    if (options.corpus is None) == (options.mappings is None):
        raise problem("nothing to check, or two things", next_step="give CORPUS or --mappings TSV")
    if options.mappings is not None:
        from data_prep.mappings import check

        count, wrong = check(options.mappings)
        _refuse(wrong, f"{count} mappings")
        print(f"{count} mappings: each leads to a diagnosis, and a person signed it")
        return 0
    count, wrong = check_corpus(options.corpus)
    _refuse(wrong, f"{count} cases")
    print(f"{count} cases: the corpus keeps the contract")
    return 0


def _refuse(wrong: Sequence[UserError], where: str) -> None:
    if wrong:
        shown = "\n".join(str(w) for w in wrong[:SHOWN])
        more = f"\n... and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UserError(f"{len(wrong)} violations in {where}:\n{shown}{more}")
