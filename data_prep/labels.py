"""Labels of all rows: where each leads, and what a row's own words, weights and twins say."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from data_prep.raw import Raw
from data_prep.sources import Merged
from skin_r1.ontology import Resolution, resolve

Labels = Mapping[tuple[str, str], Resolution]
"""(adapter, label as written) -> where it leads."""
BLANK = "(blank)"


def resolve_labels(merged: Merged) -> Labels:
    """Resolve each distinct label once, with its dataset's codes."""
    said: set[tuple[str, str]] = set()
    for source in merged.sources:
        name = source.adapter.NAME
        for row in source.listing.rows:
            if row.label:
                said.add((name, row.label))
            for label, _ in row.differential:
                said.add((name, label))
    return {(name, label): resolve(label, dataset=name) for name, label in said}


def leading(merged: Merged, labels: Labels, row: int) -> str | None:
    """The diagnosis of the row's own label, or of the first twin's that leads somewhere."""
    for adapter, raw in _tellers(merged, row):
        if raw.label and (slug := labels[adapter, raw.label].diagnosis):
            return slug
    return None


def _tellers(merged: Merged, row: int) -> Iterator[tuple[str, Raw]]:
    """(adapter, row) of everyone who describes this picture."""
    yield merged.sources[merged.source[row]].adapter.NAME, merged.rows[row]
    for source, raw in merged.twins.get(row, ()):
        yield merged.sources[source].adapter.NAME, raw


def weighted(row: Raw, adapter: str, labels: Labels) -> list[dict[str, Any]]:
    """The graded label over diagnoses, weights summing to 1; empty when any of its labels leads nowhere."""
    if not row.differential:
        return []
    weights: dict[str, float] = defaultdict(float)
    for label, weight in row.differential:
        found = labels.get((adapter, label))
        if found is None or found.diagnosis is None:
            return []  # what is left would be more certain than the raters were
        weights[found.diagnosis] += weight
    total = math.fsum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return [{"diagnosis": slug, "weight": weight / total} for slug, weight in ranked]


def label_facts(merged: Merged, labels: Labels, diagnoses: Mapping[int, str | None]) -> dict[str, Any]:
    """Each raw label with its count and where it led; apart, those of cases that no label gives a diagnosis.

    Args:
        diagnoses: row -> what its case says in the end, for every row that becomes a case.
    """
    counts: Counter[tuple[int, str]] = Counter()
    open_counts: Counter[tuple[int, str]] = Counter()
    for row, diagnosis in diagnoses.items():
        for number, raw in ((merged.source[row], merged.rows[row]), *merged.twins.get(row, ())):
            counts[number, raw.label or BLANK] += 1
            open_counts[number, raw.label or BLANK] += diagnosis is None
    resolved: list[dict[str, Any]] = []
    unresolved: dict[str, dict[str, Any]] = {}
    for (number, label), count in counts.most_common():
        source = merged.sources[number]
        found = labels.get((source.adapter.NAME, label))
        if found and found.diagnosis:
            resolved.append(
                {"dataset": source.name, "label": label, "count": count, "diagnosis": found.diagnosis, "match": found.match}
            )  # fmt: skip
        elif count := open_counts[number, label]:
            name = label if len(merged.sources) == 1 else f"{source.name}: {label}"
            unresolved[name] = {"count": count, "candidates": list(found.candidates) if found else []}
    return {"labels": resolved, "unresolved_labels": unresolved}
