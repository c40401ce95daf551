"""Which findings the cases of a corpus speak of. Unknown is not absent."""

from dataclasses import dataclass

from data_prep.report.counts import Counts
from skin_r1.concepts import load_concepts


@dataclass(frozen=True)
class Coverage:
    """Cases in which a concept is present, absent or unknown, and where that comes from."""

    slug: str
    name: str
    present: int
    absent: int
    unknown: int
    sources: tuple[str, ...]


def concept_coverage(counts: Counts, dataset: str | None, cases: int) -> tuple[Coverage, ...]:
    """Concepts that anyone spoke of, in one dataset or in all (None), most often present first.

    Args:
        counts: of the corpus.
        dataset: its name.
        cases: how many cases it has.
    """
    names = load_concepts()
    found: dict[str, list[int]] = {}
    sources: dict[str, set[str]] = {}
    for at, tally in enumerate((counts.present, counts.absent)):
        for (slug, of, source), count in tally.items():
            if dataset in (None, of):
                found.setdefault(slug, [0, 0])[at] += count
                sources.setdefault(slug, set()).add(source or "not stated")
    return tuple(
        Coverage(
            slug, names[slug].name if slug in names else slug, present, absent, cases - present - absent,
            tuple(sorted(sources[slug])),
        )
        for slug, (present, absent) in sorted(found.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
    )  # fmt: skip
