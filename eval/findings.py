"""Findings against the annotation: what was seen rightly, what was invented, what was missed.

Unknown stays unknown: a finding in neither list of the case is neither paid nor punished.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from skin_r1.concepts import mentions


class FindingCheck(NamedTuple):
    """Asserted findings of one case, sorted into four; concept slugs, each once.

    Attributes:
        supported: asserted and annotated present.
        contradicted: asserted and annotated absent: hallucinated.
        unknown: asserted, and the annotation does not say.
        missed: annotated present and not asserted.
    """

    supported: tuple[str, ...]
    contradicted: tuple[str, ...]
    unknown: tuple[str, ...]
    missed: tuple[str, ...]


def check_findings(asserted: Iterable[str], present: Collection[str], absent: Collection[str]) -> FindingCheck:
    """Sort asserted concept slugs by what the annotation says of them. A repeated finding counts once."""
    said = dict.fromkeys(asserted)
    return FindingCheck(
        supported=tuple(slug for slug in said if slug in present),
        contradicted=tuple(slug for slug in said if slug in absent and slug not in present),
        unknown=tuple(slug for slug in said if slug not in present and slug not in absent),
        missed=tuple(slug for slug in present if slug not in said),
    )


def think_findings(think: str) -> tuple[str, ...]:
    """Concept slugs that the reasoning asserts (negated mentions left out), in order, each once."""
    return tuple(dict.fromkeys(mention.slug for mention in mentions(think) if not mention.negated))


class FindingRow(NamedTuple):
    """One concept over all densely annotated cases; counts of cases.

    Attributes:
        slug: the concept.
        present, absent: cases annotated so.
        supported, contradicted, unknown: cases in which it was asserted, by what the annotation says.
        precision: supported / (supported + contradicted), or None.
        recall: supported / present, or None.
    """

    slug: str
    present: int
    absent: int
    supported: int
    contradicted: int
    unknown: int
    precision: float | None
    recall: float | None


def per_finding(checks: Iterable[tuple[FindingCheck, Collection[str]]]) -> list[FindingRow]:
    """A row per concept that is annotated or asserted, most often present first.

    Args:
        checks: for each densely annotated case its check and its absent concepts.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*FindingCheck._fields, "absent")}
    for check, absent in checks:
        for name, slugs in zip(FindingCheck._fields, check, strict=True):
            counts[name].update(slugs)
        counts["absent"].update(set(absent))
    rows = []
    for slug in {slug for counter in counts.values() for slug in counter}:
        supported, contradicted = counts["supported"][slug], counts["contradicted"][slug]
        present = supported + counts["missed"][slug]
        rows.append(
            FindingRow(
                slug=slug,
                present=present,
                absent=counts["absent"][slug],
                supported=supported,
                contradicted=contradicted,
                unknown=counts["unknown"][slug],
                precision=supported / (supported + contradicted) if supported + contradicted else None,
                recall=supported / present if present else None,
            )
        )
    return sorted(rows, key=lambda row: (-row.present, -row.contradicted, row.slug))
