"""The tables behind the report, as CSV for whoever plots or pools them: diagnoses, findings, groups of patients."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.cases import CaseScore
from eval.fairness import Gap
from eval.findings import FindingCheck, FindingRow, per_finding
from skin_r1.ontology import load_ontology


def write_tables(folder: Path, scores: Sequence[CaseScore], groups: Mapping[str, Mapping[str, Gap]]) -> None:
    """Write diagnoses.csv, findings.csv and groups.csv; an undefined number is an empty cell.

    Args:
        folder: where.
        scores: scored cases.
        groups: attribute -> metric -> its groups, as `eval.fairness.fairness` finds them.
    """
    rows = per_class(scores)
    _write(folder / "diagnoses.csv", ("slug", "name", "malignancy", "n", "precision", "recall", "f1"), rows)
    findings = per_finding([(check_of(score), score.absent) for score in scores if score.dense])
    _write(folder / "findings.csv", FindingRow._fields, (row._asdict() for row in findings))
    cells = [
        {"attribute": attribute, "metric": metric, "group": group, **found._asdict()}
        for attribute, metrics in groups.items()
        for metric, gap in metrics.items()
        for group, found in gap.groups.items()
    ]
    _write(folder / "groups.csv", ("attribute", "metric", "group", "value", "low", "high", "n"), cells)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def check_of(score: CaseScore) -> FindingCheck:
    """The findings of a scored case against its annotation."""
    return FindingCheck(score.supported, score.contradicted, score.unknown, score.missed)


def diagnosis_name(slug: str | None) -> str | None:
    """The preferred name of a slug; the slug itself where it is not in the ontology."""
    tree = load_ontology()
    return tree.name(slug) if slug is not None and slug in tree.nodes else slug


def per_class(scores: Sequence[CaseScore]) -> list[dict[str, Any]]:
    """A row per true diagnosis, most frequent first: slug, name, malignancy, n, precision, recall, f1 (None: undefined)."""
    from sklearn.metrics import precision_recall_fscore_support

    tree = load_ontology()
    known = [score for score in scores if score.diagnosis is not None]
    classes = sorted({str(score.diagnosis) for score in known})
    if not classes:
        return []
    precision, recall, f1, support = precision_recall_fscore_support(
        [score.diagnosis for score in known],
        [score.predicted or "" for score in known],
        labels=classes,
        zero_division=float("nan"),
    )
    rows = [
        {
            "slug": slug,
            "name": diagnosis_name(slug),
            "malignancy": tree.malignancy(slug) if slug in tree.nodes else None,
            "n": int(support[i]),
            # A diagnosis never given has no precision (NaN), which is not a precision of 0.
            "precision": None if precision[i] != precision[i] else float(precision[i]),
            "recall": float(recall[i]),
            "f1": None if f1[i] != f1[i] else float(f1[i]),
        }
        for i, slug in enumerate(classes)
    ]
    return sorted(rows, key=lambda row: (-row["n"], row["name"]))
