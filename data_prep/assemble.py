"""From an adapter's rows and the images taken in to Case records: labels, groups, splits, findings."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_prep.groups import group_rows
from data_prep.images import Prepared
from data_prep.raw import Adapter, Raw
from data_prep.splits import choose_share, split_groups
from skin_r1.case import Case
from skin_r1.ontology import Resolution, resolve

BLANK = "(blank)"


@dataclass(frozen=True)
class Assembled:
    """A corpus before it is written; `facts` goes into the manifest and the report."""

    cases: list[Case]
    facts: dict[str, Any] = field(default_factory=dict)


def assemble(
    adapter: Adapter,
    rows: Sequence[Raw],
    images: Mapping[str, Prepared],
    *,
    validation: float,
    test: float,
    dense_fraction: float,
    seed: int,
) -> Assembled:
    """Turn rows into cases.

    Args:
        adapter: the dataset.
        rows: its rows.
        images: native id -> image; rows without one become records without images.
        validation, test: shares of the rows.
        dense_fraction: share of the training groups with findings that keep them; the rest carries the label only.
            Validation and test keep all, so that claims can be scored there.
        seed: of splits and of that choice.
    """
    said = {row.label for row in rows} | {label for row in rows for label, _ in row.differential}
    labels = {label: resolve(label, dataset=adapter.NAME) for label in said if label}
    diagnoses = [(labels[row.label].diagnosis or row.label) if row.label else "" for row in rows]
    found = [images.get(row.native_id) for row in rows]
    merged = group_rows(
        [_ids(row) for row in rows], [p.pixels if p else None for p in found], [p.phash if p else None for p in found]
    )
    first: dict[int, str] = {}
    for number, row in zip(merged.index.tolist(), rows, strict=True):
        first[number] = min(first.get(number, row.native_id), row.native_id)
    groups = [f"{adapter.NAME}/{first[number]}" for number in merged.index.tolist()]
    strata = [(d, str(row.skin_type or "")) for d, row in zip(diagnoses, rows, strict=True)]
    splits = split_groups(groups, strata, validation=validation, test=test, seed=seed)
    seen = [_findings(row, image) for row, image in zip(rows, found, strict=True)]
    candidates: dict[str, str] = {}
    for group, diagnosis, (present, absent, _) in zip(groups, diagnoses, seen, strict=True):
        if (present or absent) and splits[group] == "train":
            candidates.setdefault(group, diagnosis)
    dense = choose_share(candidates, dense_fraction, seed) | {g for g, s in splits.items() if s != "train"}
    cases = [
        _case(adapter, row, image, labels, group, splits[group], findings, group in dense)
        for row, image, group, findings in zip(rows, found, groups, seen, strict=True)
    ]
    conflicts = [
        [rows[a].native_id, rows[b].native_id, rows[a].label, rows[b].label]
        for a, b in [*merged.exact, *merged.near]
        if rows[a].label != rows[b].label
    ]
    return Assembled(cases, _label_facts(rows, labels) | {
        "identical_images_merged": len(merged.exact),
        "near_duplicates_merged": len(merged.near),
        "duplicates_with_other_label": conflicts,
        "groups": len(splits),
        "train_groups_with_findings": len(candidates),
        "train_groups_kept_dense": len(dense & set(candidates)),
    })  # fmt: skip


def _ids(row: Raw) -> list[str]:
    ids = (("patient", row.patient_id), ("lesion", row.lesion_id))
    return [f"{kind}:{value}" for kind, value in ids if value]


def _findings(row: Raw, image: Prepared | None) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Findings present and absent, and whether some were measured."""
    if image is None or image.measured is None:
        return row.present, row.absent, False
    from skin_r1.lesion.measure import findings

    present, absent = findings(image.measured)
    return row.present + present, row.absent + absent, True


def _case(
    adapter: Adapter,
    row: Raw,
    image: Prepared | None,
    labels: Mapping[str, Resolution],
    group: str,
    split: Any,
    findings: tuple[tuple[str, ...], tuple[str, ...], bool],
    dense: bool,
) -> Case:
    present, absent, measured = findings
    resolution = labels.get(row.label or "")
    known = dense and bool(present or absent)
    return Case(
        case_id=f"{adapter.NAME}/{row.native_id}",
        dataset=adapter.NAME,
        images=[{"bytes": image.encoded, "path": image.name}] if image else [],
        modality=row.modality or adapter.MODALITY,
        patient_id=row.patient_id,
        lesion_id=row.lesion_id,
        diagnosis=resolution.diagnosis if resolution else None,
        diagnosis_raw=row.label,
        malignancy=resolution.malignancy if resolution else None,
        differential=_weights(row, labels),
        concepts_present=list(present) if known else [],
        concepts_absent=list(absent) if known else [],
        # A row with both kinds says `measured`, the weaker of the two.
        concept_source=("measured" if measured else "annotated") if known else None,
        annotation="dense" if known else "sparse",
        history=row.history,
        skin_type=row.skin_type,
        split=split,
        group=group,
        source=adapter.SOURCE,
        license=adapter.LICENSE,
        checksum=hashlib.sha256(image.encoded).hexdigest() if image else None,
    )


def _weights(row: Raw, labels: Mapping[str, Resolution]) -> list[dict[str, Any]]:
    """The graded label over diagnoses, weights summing to 1; empty when any of its labels leads nowhere."""
    weights: dict[str, float] = defaultdict(float)
    for label, weight in row.differential:
        slug = labels[label].diagnosis
        if slug is None:
            return []  # what is left would be more certain than the raters were
        weights[slug] += weight
    total = math.fsum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return [{"diagnosis": slug, "weight": weight / total} for slug, weight in ranked]


def _label_facts(rows: Sequence[Raw], labels: Mapping[str, Resolution]) -> dict[str, Any]:
    """Each raw label with its count and where it led; the unresolved apart, with what the ontology would propose."""
    counts = Counter(row.label or BLANK for row in rows)
    resolved: list[dict[str, Any]] = []
    unresolved: dict[str, dict[str, Any]] = defaultdict(dict)
    for label, count in counts.most_common():
        found = labels.get(label)
        if found and found.diagnosis:
            resolved.append({"label": label, "count": count, "diagnosis": found.diagnosis, "match": found.match})
        else:
            unresolved[label] = {"count": count, "candidates": list(found.candidates) if found else []}
    return {"labels": resolved, "unresolved_labels": dict(unresolved)}
