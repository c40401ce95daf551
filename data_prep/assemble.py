"""From rows of one or many datasets to Case records: labels, groups, splits, findings."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.conflicts import Said, Verdict, decide
from data_prep.groups import Groups, group_rows
from data_prep.intake import Intake
from data_prep.raw import Raw
from data_prep.sources import Merged
from data_prep.splits import choose_share, split_groups
from skin_r1.case import Case, Split
from skin_r1.mappings import also_covers
from skin_r1.ontology import Resolution, load_ontology, resolve

BLANK = "(blank)"
Labels = Mapping[tuple[str, str], Resolution]
Findings = tuple[tuple[str, ...], tuple[str, ...], bool]


@dataclass(frozen=True)
class Assembled:
    """A corpus before it is written.

    Attributes:
        merged, intake: what it is made of.
        labels: (adapter, label) -> where it leads.
        rows: the rows that become cases, in order; those with a broken image are left out.
        groups: per row of `merged`, the unit that must not cross splits.
        splits: group -> split.
        dense: groups that keep their findings.
        verdicts: row -> what holds where labels differed.
        conflicts: every difference, as it is written to `conflicts.jsonl`.
        duplicates: every pair of the same or nearly the same picture that ids would have kept apart.
        facts: for the manifest and the report.
    """

    merged: Merged
    intake: Intake
    labels: Labels
    rows: Sequence[int]
    groups: Sequence[str]
    splits: Mapping[str, Split]
    dense: Set[str]
    verdicts: Mapping[int, Verdict]
    conflicts: Sequence[Mapping[str, Any]]
    duplicates: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]

    def cases(self) -> Iterator[Case]:
        """The cases in order; images are read as they are needed."""
        images = self.intake.images()
        order = iter(enumerate(sorted(self.merged.tasks)))
        task, with_image = next(order, (-1, -1))
        for row in self.rows:
            image = None
            while with_image != -1 and with_image <= row:  # skips the images of rows that were left out
                found = next(images)
                if with_image == row:
                    image = found | {"measured": self.intake.measured[task]}
                task, with_image = next(order, (-1, -1))
            yield self._case(row, image)

    def _case(self, row: int, image: Mapping[str, Any] | None) -> Case:
        raw, source = self.merged.rows[row], self.merged.sources[self.merged.source[row]]
        present, absent, measured = _findings(raw, image["measured"] if image else None)
        group = self.groups[row]
        known = group in self.dense and bool(present or absent)
        diagnosis, differential = self._diagnosis(row)
        return Case(
            case_id=self.merged.case_id(row),
            dataset=source.name,
            images=[{"bytes": image["encoded"], "path": image["name"]}] if image else [],
            quality=image["quality"] if image else None,
            modality=raw.modality or source.adapter.MODALITY,
            patient_id=raw.patient_id,
            lesion_id=raw.lesion_id,
            diagnosis=diagnosis,
            diagnosis_raw=raw.label,
            malignancy=load_ontology().malignancy(diagnosis) if diagnosis else None,
            differential=differential,
            concepts_present=list(present) if known else [],
            concepts_absent=list(absent) if known else [],
            # A row with both kinds says `measured`, the weaker of the two.
            concept_source=("measured" if measured else "annotated") if known else None,
            annotation="dense" if known else "sparse",
            history=raw.history,
            skin_type=raw.skin_type,
            split=self.splits[group],
            group=group,
            source=source.listing.source or source.adapter.SOURCE,
            license=raw.license or source.listing.license or source.adapter.LICENSE,
            checksum=hashlib.sha256(image["encoded"]).hexdigest() if image else None,
        )

    def _diagnosis(self, row: int) -> tuple[str | None, list[dict[str, Any]]]:
        raw = self.merged.rows[row]
        weights = _weights(raw, self.merged.sources[self.merged.source[row]].adapter.NAME, self.labels)
        if (verdict := self.verdicts.get(row)) is not None:
            decided = [{"diagnosis": slug, "weight": weight} for slug, weight in verdict.differential]
            return verdict.diagnosis, weights or decided
        return _leading(self.merged, self.labels, row), weights


def assemble(
    merged: Merged,
    intake: Intake,
    *,
    validation: float,
    test: float,
    dense_fraction: float,
    seed: int,
    held_out: Set[str] = frozenset(),
) -> Assembled:
    """Resolve labels, group, settle conflicts and split.

    Args:
        merged: the rows.
        intake: their images, in the order of `sorted(merged.tasks)`; rows of bad images are left out.
        validation, test: shares of the rows.
        dense_fraction: share of the training groups with findings that keep them; the rest carries the label only.
            Validation and test keep all, so that claims can be scored there.
        seed: of splits and of that choice.
        held_out: names of datasets whose cases are all test cases, with everything that belongs to them.
    """
    hashed = sorted(merged.tasks)
    broken = {hashed[task] for task in intake.bad}
    rows = [row for row in range(len(merged.rows)) if row not in broken]
    labels = _resolve(merged)
    units = _group(merged, intake, hashed)
    verdicts, conflicts = _settle(merged, labels, units, rows)
    groups = _names(merged, units, rows)
    diagnoses = {row: verdicts[row].diagnosis if row in verdicts else _leading(merged, labels, row) for row in rows}
    strata = {
        row: (diagnoses[row] or merged.rows[row].label or "", str(merged.rows[row].skin_type or "")) for row in rows
    }
    splits = split_groups(
        [groups[row] for row in rows], list(strata.values()), validation=validation, test=test, seed=seed,
        held_out=_held_out(merged, groups, rows, held_out),
    )  # fmt: skip
    measured = dict(zip(hashed, intake.measured, strict=True))
    candidates: dict[str, str] = {}
    for row in rows:
        present, absent, _ = _findings(merged.rows[row], measured.get(row))
        if (present or absent) and splits[groups[row]] == "train":
            candidates.setdefault(groups[row], strata[row][0])
    dense = choose_share(candidates, dense_fraction, seed) | {g for g, split in splits.items() if split != "train"}
    facts = _label_facts(merged, labels, rows) | {
        "identical_images_merged": len(units.exact),
        "near_duplicates_merged": len(units.near),
        "conflicts": _conflict_facts(conflicts),
        "groups": len(splits),
        "train_groups_with_findings": len(candidates),
        "train_groups_kept_dense": len(dense & candidates.keys()),
    }
    duplicates = [
        {"kind": kind, "cases": [merged.case_id(a), merged.case_id(b)], "diagnoses": [diagnoses[a], diagnoses[b]]}
        for kind, pairs in (("identical", units.exact), ("near", units.near))
        for a, b in pairs
        if a in diagnoses and b in diagnoses
    ]
    return Assembled(
        merged, intake, labels, rows, groups, splits, dense, verdicts, conflicts, duplicates, facts
    )  # fmt: skip


def _resolve(merged: Merged) -> Labels:
    said: set[tuple[str, str]] = set()
    for source in merged.sources:
        name = source.adapter.NAME
        for row in source.listing.rows:
            if row.label:
                said.add((name, row.label))
            for label, _ in row.differential:
                said.add((name, label))
    return {(name, label): resolve(label, dataset=name) for name, label in said}


def _leading(merged: Merged, labels: Labels, row: int) -> str | None:
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


def _group(merged: Merged, intake: Intake, hashed: Sequence[int]) -> Groups:
    spaces = [source.id_space for source in merged.sources]
    patients, lesions, pictures = [], [], []
    for number, row in zip(merged.source, merged.rows, strict=True):
        space = spaces[number]
        patients.append(f"{space}:{row.patient_id}" if row.patient_id else None)
        lesions.append(f"{space}:{row.lesion_id}" if row.lesion_id else None)
        pictures.append(f"{space}:{row.image}" if row.image else None)
    good = [task for task in range(len(hashed)) if task not in intake.bad]
    pixels = {hashed[task]: intake.pixels[task] for task in good}
    return group_rows(patients, lesions, pictures, pixels, [hashed[task] for task in good], intake.hashes[good])


def _settle(
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
        verdicts.update((row, verdict) for row in own if _leading(merged, labels, row))
    return verdicts, conflicts


def _conflict_facts(conflicts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Rule -> lesions or pictures that it settled, and the cases in them."""
    units = Counter(conflict["rule"] for conflict in conflicts)
    cases: Counter[str] = Counter()
    for conflict in conflicts:
        cases[conflict["rule"]] += len(conflict["cases"])
    return {rule: {"lesions": count, "cases": cases[rule]} for rule, count in units.most_common()}


def _said(merged: Merged, labels: Labels, row: int) -> Iterator[Said]:
    tellers = [(merged.source[row], merged.rows[row]), *merged.twins.get(row, ())]
    for number, raw in tellers:
        source = merged.sources[number]
        if raw.label and (slug := labels[source.adapter.NAME, raw.label].diagnosis):
            case_id = f"{source.name}/{raw.native_id}"
            yield Said(case_id, raw.label, slug, also_covers(source.adapter.NAME, raw.label), raw.confirmed)


def _names(merged: Merged, units: Groups, rows: Sequence[int]) -> list[str]:
    """Per row, its group: the least case id in it, so that names do not depend on the order of the rows."""
    first: dict[int, str] = {}
    index = units.index.tolist()
    for row in rows:
        name = merged.case_id(row)
        first[index[row]] = min(first.get(index[row], name), name)
    return [first.get(number, "") for number in index]


def _held_out(merged: Merged, groups: Sequence[str], rows: Sequence[int], names: Set[str]) -> set[str]:
    """Groups that hold a picture of a held-out dataset."""
    if not names:
        return set()
    out = {number for number, source in enumerate(merged.sources) if source.name in names}
    return {
        groups[row]
        for row in rows
        if merged.source[row] in out or any(source in out for source, _ in merged.twins.get(row, ()))
    }


def _findings(row: Raw, measured: tuple[tuple[str, ...], tuple[str, ...]] | None) -> Findings:
    """Findings present and absent, and whether some were measured."""
    if measured is None:
        return row.present, row.absent, False
    return row.present + measured[0], row.absent + measured[1], True


def _weights(row: Raw, adapter: str, labels: Labels) -> list[dict[str, Any]]:
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


def _label_facts(merged: Merged, labels: Labels, rows: Sequence[int]) -> dict[str, Any]:
    """Each raw label with its count and where it led; the unresolved apart, with what the ontology would propose."""
    counts: Counter[tuple[int, str]] = Counter()
    for row in rows:
        counts[merged.source[row], merged.rows[row].label or BLANK] += 1
        for number, twin in merged.twins.get(row, ()):
            counts[number, twin.label or BLANK] += 1
    resolved: list[dict[str, Any]] = []
    unresolved: dict[str, dict[str, Any]] = {}
    for (number, label), count in counts.most_common():
        source = merged.sources[number]
        found = labels.get((source.adapter.NAME, label))
        if found and found.diagnosis:
            resolved.append(
                {"dataset": source.name, "label": label, "count": count, "diagnosis": found.diagnosis, "match": found.match}
            )  # fmt: skip
        else:
            name = label if len(merged.sources) == 1 else f"{source.name}: {label}"
            unresolved[name] = {"count": count, "candidates": list(found.candidates) if found else []}
    return {"labels": resolved, "unresolved_labels": unresolved}
