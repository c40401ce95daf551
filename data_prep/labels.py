"""Labels of all rows: where each leads, and what a row's own words, weights and twins say."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
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
    for source, raw in merged.tellers(row):
        if raw.label and (slug := labels[source.adapter.NAME, raw.label].diagnosis):
            return slug
    return None


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
    adapters = {source.name: source.adapter.NAME for source in merged.sources}
    counts: Counter[tuple[str, str]] = Counter()
    open_counts: Counter[tuple[str, str]] = Counter()
    for row, diagnosis in diagnoses.items():
        for source, raw in merged.tellers(row):
            counts[source.name, raw.label or BLANK] += 1
            open_counts[source.name, raw.label or BLANK] += diagnosis is None
    resolved: list[dict[str, Any]] = []
    unresolved: dict[str, dict[str, Any]] = {}
    for (dataset, label), count in counts.most_common():
        found = labels.get((adapters[dataset], label))
        if found and found.diagnosis:
            resolved.append(
                {"dataset": dataset, "label": label, "count": count, "diagnosis": found.diagnosis, "match": found.match}
            )  # fmt: skip
        elif count := open_counts[dataset, label]:
            name = label if len(merged.sources) == 1 else f"{dataset}: {label}"
            unresolved[name] = {"count": count, "candidates": list(found.candidates) if found else []}
    return {"labels": resolved, "unresolved_labels": unresolved}
