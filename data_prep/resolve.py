"""`skin-r1 data resolve`: where labels lead in the ontology."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from data_prep.table import read_table
from skin_r1.errors import problem

EXAMPLES = """\
Examples:
  skin-r1 data resolve "Naevus sebaceus" akiec --dataset ham10000 --format table
  skin-r1 data resolve --file labels.txt
  skin-r1 data resolve --file metadata.csv --column diagnostic --dataset pad_ufes_20
  skin-r1 data resolve --file labels.txt --propose proposals.sssom.tsv      (then a person decides)
  skin-r1 data resolve --export skin-r1.sssom.tsv

A line per label, in order. From a CSV each filled cell of the column; blanks are skipped.
"""


def read_labels(file: Path, column: str | None) -> list[str]:
    """Labels of a text file (one a line) or of a CSV's column, in order; blanks are skipped.

    Raises:
        UserError: the file is missing, or a CSV is given without a column.
    """
    if not file.is_file():
        raise problem("the file does not exist", file=file, next_step="check the path after --file")
    if column is not None:
        cells = (row.values[column] for row in read_table(file, (column,)))
        return [cell for cell in cells if cell]
    if file.suffix.lower() in (".csv", ".tsv"):
        raise problem("a table needs the name of its label column", file=file, next_step="add --column NAME")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise problem("the file is not UTF-8 text", file=file, next_step="save it as UTF-8") from None
    return [line.strip() for line in lines if line.strip()]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data resolve`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data resolve",
        description="Resolve labels to diagnoses: exact names, synonyms and dataset codes; likeness only proposes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("labels", nargs="*", metavar="LABEL")
    p.add_argument("--file", type=Path, help="text file with a label a line, or a CSV (then with --column)")
    p.add_argument("--column", help="the CSV's column that holds the labels")
    p.add_argument("--dataset", help="whose codes apply, such as ham10000")
    p.add_argument("--propose", type=Path, metavar="TSV", help="write what unresolved labels could mean, for a person")
    p.add_argument("--export", type=Path, metavar="TSV", help="write every committed name and code as one SSSOM table")
    p.add_argument("--format", choices=("jsonl", "table"), default="jsonl")
    options = p.parse_args(argv)
    if options.column and not options.file:
        raise problem("--column needs --file", next_step="add --file CSV")
    if options.export:
        from data_prep.mappings import export

        print(f"wrote {options.export}: {export(options.export)} mappings")
        return 0
    labels = options.labels + (read_labels(options.file, options.column) if options.file else [])
    if not labels:
        raise problem("there is no label to resolve", next_step="give LABELs, or --file with a label a line")
    if options.propose:
        from data_prep.mappings import CURATED, propose

        unresolved, rows = propose(labels, options.propose, options.dataset)
        print(f"{unresolved} of {len(set(labels))} labels do not resolve; wrote {rows} proposals to {options.propose}")
        print(f"keep one row a label, write {CURATED} in it, then: skin-r1 data validate --mappings {options.propose}")
        return 0
    from skin_r1.ontology import resolve

    for label in labels:
        found = resolve(label, dataset=options.dataset)
        if options.format == "jsonl":
            line = {
                "label": label,
                "diagnosis": found.diagnosis,
                "path": list(found.path),
                "malignancy": found.malignancy,
                "match": found.match,
                "via": found.via,
                "candidates": list(found.candidates),
            }
            print(json.dumps(line, ensure_ascii=False))
        else:
            cells = (
                f"{label:<40}",
                f"{found.match:<8}",
                f"{found.diagnosis or '-':<40}",
                f"{found.malignancy or '-':<14}",
            )
            guess = f"near: {', '.join(found.candidates)}" if found.candidates else ""
            print(" ".join((*cells, guess)).rstrip())
    return 0
