"""Settle what holds for each lesion and picture whose labels differ, by the rules of `conflicts`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.conflicts import Said, Verdict, decide
from data_prep.groups import Groups
from data_prep.labels import Labels, leading
from data_prep.sources import Merged
from skin_r1.mappings import also_covers


def settle(
    merged: Merged, labels: Labels, units: Groups, rows: Sequence[int]
) -> tuple[dict[int, Verdict], list[dict[str, Any]]]:
    """What holds for the rows of each lesion or picture whose labels differ."""
    sizes = np.bincount(units.lesion)
    members: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        unit = int(units.lesion[row])
        if sizes[unit] > 1 or row in merged.twins:
            members[unit].append(row)
    verdicts: dict[int, Verdict] = {}
    conflicts: list[dict[str, Any]] = []
    for own in members.values():
        said = [s for row in own for s in _said(merged, labels, row)]
        if len({s.diagnosis for s in said}) < 2:
            continue
        verdict = decide(said)
        told = sorted({(s.case_id, s.label, s.diagnosis, s.confirmed or "") for s in said})
        conflicts.append(
            {
                "rule": verdict.rule, "diagnosis": verdict.diagnosis, "cases": [merged.case_id(row) for row in own],
                "said": [dict(zip(("case_id", "label", "diagnosis", "confirmed"), t, strict=True)) for t in told],
            }
        )  # fmt: skip
        verdicts.update((row, verdict) for row in own if leading(merged, labels, row))
    return verdicts, conflicts


def conflict_facts(conflicts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Rule -> lesions or pictures that it settled, and the cases in them."""
    units = Counter(conflict["rule"] for conflict in conflicts)
    cases: Counter[str] = Counter()
    for conflict in conflicts:
        cases[conflict["rule"]] += len(conflict["cases"])
    return {rule: {"lesions": count, "cases": cases[rule]} for rule, count in units.most_common()}


def _said(merged: Merged, labels: Labels, row: int) -> Iterator[Said]:
    for source, raw in merged.tellers(row):
        if raw.label and (slug := labels[source.adapter.NAME, raw.label].diagnosis):
            case_id = f"{source.name}/{raw.native_id}"
            yield Said(case_id, raw.label, slug, also_covers(source.adapter.NAME, raw.label), raw.confirmed)
