"""From rows of one or many datasets to Case records: labels, groups, splits, findings."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from data_prep.conflicts import Verdict
from data_prep.groups import Groups, group_rows
from data_prep.images.intake import Intake
from data_prep.labels import Labels, label_facts, leading, resolve_labels, weighted
from data_prep.raw import Raw
from data_prep.settle import conflict_facts, settle
from data_prep.sources import Merged, isic_name
from data_prep.splits import choose_share, split_groups
from skin_r1.case import Case, Split
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology

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
        weights = weighted(raw, self.merged.sources[self.merged.source[row]].adapter.NAME, self.labels)
        if (verdict := self.verdicts.get(row)) is not None:
            decided = [{"diagnosis": slug, "weight": weight} for slug, weight in verdict.differential]
            return verdict.diagnosis, weights or decided
        return leading(self.merged, self.labels, row), weights


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
    labels = resolve_labels(merged)
    units = _group(merged, intake, hashed)
    verdicts, conflicts = settle(merged, labels, units, rows)
    groups = _names(merged, units, range(len(merged.rows)))
    diagnoses = {row: verdicts[row].diagnosis if row in verdicts else leading(merged, labels, row) for row in rows}
    strata = {
        row: (diagnoses[row] or merged.rows[row].label or "", str(merged.rows[row].skin_type or "")) for row in rows
    }
    splits = split_groups(
        [groups[row] for row in rows], list(strata.values()), validation=validation, test=test, seed=seed,
        held_out=_held_out(merged, groups, held_out) & {groups[row] for row in rows},
    )  # fmt: skip
    if "train" not in splits.values():
        raise problem(
            "nothing is left to train on: every case is held out, or there are too few groups for the shares",
            column="--held_out, --validation, --test",
            found=", ".join(sorted(held_out)) or f"{len(splits)} groups",
            next_step="hold out less, or lower the shares",
        )
    measured = dict(zip(hashed, intake.measured, strict=True))
    candidates: dict[str, str] = {}
    for row in rows:
        present, absent, _ = _findings(merged.rows[row], measured.get(row))
        if (present or absent) and splits[groups[row]] == "train":
            candidates.setdefault(groups[row], strata[row][0])
    dense = choose_share(candidates, dense_fraction, seed) | {g for g, split in splits.items() if split != "train"}
    facts = label_facts(merged, labels, diagnoses) | {
        "identical_images_merged": len(units.exact),
        "near_duplicates_merged": len(units.near),
        "conflicts": conflict_facts(conflicts),
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


def _group(merged: Merged, intake: Intake, hashed: Sequence[int]) -> Groups:
    patients: list[tuple[int, str]] = []
    lesions: list[tuple[int, str]] = []
    pictures: list[tuple[int, str]] = []
    for place in range(len(merged.rows)):
        for source, row in merged.tellers(place):
            space = source.id_space
            if row.patient_id:
                patients.append((place, f"{space}:{row.patient_id}"))
            if row.lesion_id:
                lesions.append((place, f"{space}:{row.lesion_id}"))
            if row.image:
                pictures.append((place, f"{space}:{isic_name(row.image) or row.image}"))
    good = [task for task in range(len(hashed)) if task not in intake.bad]
    pixels = {hashed[task]: intake.pixels[task] for task in good}
    hashes = intake.hashes[good]
    return group_rows(len(merged.rows), patients, lesions, pictures, pixels, [hashed[task] for task in good], hashes)


def _names(merged: Merged, units: Groups, rows: Sequence[int]) -> list[str]:
    """Per row, its group: the least case id in it, so that names do not depend on the order of the rows."""
    first: dict[int, str] = {}
    index = units.index.tolist()
    for row in rows:
        name = merged.case_id(row)
        first[index[row]] = min(first.get(index[row], name), name)
    return [first.get(number, "") for number in index]


def _held_out(merged: Merged, groups: Sequence[str], names: Set[str]) -> set[str]:
    """Groups that hold a picture of a held-out dataset, also one that is left out because its image is broken."""
    if not names:
        return set()
    return {
        group for row, group in enumerate(groups) if any(source.name in names for source, _ in merged.tellers(row))
    }


def _findings(row: Raw, measured: tuple[tuple[str, ...], tuple[str, ...]] | None) -> Findings:
    """Findings present and absent, and whether some were measured."""
    if measured is None:
        return row.present, row.absent, False
    return row.present + measured[0], row.absent + measured[1], True
