"""Duplicates and conflicts, from the files that the build wrote: all are counted, the first ones are kept to be shown."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.conflicts import RULES
from skin_r1.errors import problem

PAIRS = 24
"""Pairs of duplicates that are shown; those with different diagnoses first."""
CONFLICTS = 50
"""Conflicts that are shown, shared out among the rules."""


@dataclass(frozen=True)
class Pair:
    """Two cases with the same or nearly the same picture, and their diagnoses."""

    kind: str
    cases: tuple[str, str]
    diagnoses: tuple[str | None, str | None]

    @property
    def differs(self) -> bool:
        """The two diagnoses are not the same."""
        return self.diagnoses[0] != self.diagnoses[1]


@dataclass(frozen=True)
class Duplicates:
    """Pairs by kind (`identical`, `near`), how many have different diagnoses, and the first ones."""

    kinds: Mapping[str, int]
    differing: int
    shown: tuple[Pair, ...]

    @property
    def total(self) -> int:
        """All pairs."""
        return sum(self.kinds.values())


@dataclass(frozen=True)
class Conflict:
    """One lesion or picture whose labels differ: what was decided, its cases and who said what."""

    diagnosis: str | None
    cases: tuple[str, ...]
    said: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Settled:
    """The conflicts that one rule settled: lesions or pictures, the cases in them, and the first ones."""

    rule: str
    sentence: str
    lesions: int
    cases: int
    shown: tuple[Conflict, ...]


def read_duplicates(corpus: Path) -> Duplicates:
    """Read `corpus/duplicates.jsonl`; a corpus without the file has none.

    Raises:
        UserError: a line is damaged.
    """
    kinds: Counter[str] = Counter()
    first: dict[bool, list[Pair]] = {True: [], False: []}
    differing = 0
    for row in _lines(corpus / "duplicates.jsonl", ("kind", "cases", "diagnoses")):
        pair = Pair(str(row["kind"]), tuple(row["cases"]), tuple(row["diagnoses"]))
        kinds[pair.kind] += 1
        differing += pair.differs
        if len(first[pair.differs]) < PAIRS:
            first[pair.differs].append(pair)
    return Duplicates(dict(sorted(kinds.items())), differing, tuple((first[True] + first[False])[:PAIRS]))


def read_conflicts(corpus: Path) -> tuple[Settled, ...]:
    """Read `corpus/conflicts.jsonl`, by rule; a corpus without the file has none.

    Raises:
        UserError: a line is damaged.
    """
    lesions: Counter[str] = Counter()
    cases: Counter[str] = Counter()
    first: dict[str, list[Conflict]] = {}
    for row in _lines(corpus / "conflicts.jsonl", ("rule", "diagnosis", "cases", "said")):
        rule = str(row["rule"])
        lesions[rule] += 1
        cases[rule] += len(row["cases"])
        kept = first.setdefault(rule, [])
        if len(kept) < CONFLICTS:
            kept.append(Conflict(row["diagnosis"], tuple(row["cases"]), tuple(row["said"])))
    order = sorted(lesions, key=lambda rule: (list(RULES).index(rule) if rule in RULES else len(RULES), rule))
    # rules with fewer conflicts leave their share to the others
    shares: dict[str, int] = {}
    left = CONFLICTS
    for done, rule in enumerate(sorted(order, key=lambda rule: lesions[rule])):
        shares[rule] = min(lesions[rule], left // (len(order) - done))
        left -= shares[rule]
    return tuple(
        Settled(rule, RULES.get(rule, ""), lesions[rule], cases[rule], tuple(first[rule][: shares[rule]]))
        for rule in order
    )


def _lines(file: Path, keys: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with file.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict) or not all(key in row for key in keys):
                raise problem(
                    "the line is damaged",
                    file=file,
                    row=number,
                    found=line.strip()[:80],
                    allowed=f"a JSON object with {', '.join(keys)}",
                    next_step="build the corpus again",
                )
            yield row
