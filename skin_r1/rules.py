"""Diagnostic rules: which finding speaks for or against which diagnosis, and where that is written.

The open rule base (`knowledge/rules/*.tsv`) was written for this project, each rule with a source that can be looked up
in `knowledge/references.tsv`. `skin-r1 distill rules` reads further rules out of a user's own books, in the same format.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.vocabulary import load_concepts
from skin_r1.wording import KNOWLEDGE, read_tsv

OWN = "SKIN_R1_RULES"
Role = Literal["typical", "supports", "rare", "excludes"]
ROLES: tuple[Role, ...] = get_args(Role)
COLUMNS = ("diagnosis", "finding", "role", "modality", "quote", "source", "page")
MODALITIES = ("", "clinical", "dermoscopic")


@dataclass(frozen=True)
class Rule:
    """One statement about a finding and a diagnosis.

    Attributes:
        diagnosis: ontology slug.
        finding: concept slug.
        role: `typical`: most cases show it. `supports`: not all show it, but seeing it favors the diagnosis over its
            neighbors. `rare`: seldom seen, so that seeing it makes the diagnosis less likely. `excludes`: seeing it
            makes the diagnosis untenable unless something else explains it.
        modality: `clinical`, `dermoscopic`, or empty where it holds for both.
        quote: the sentence that says so: verbatim of a user's source, in our own words in the open rule base.
        source: key of `knowledge/references.tsv`, or the name of the user's file.
        page: page of the source, from 1; None where it has no pages or the page was not looked up.
    """

    diagnosis: str
    finding: str
    role: Role
    modality: str
    quote: str
    source: str
    page: int | None

    @property
    def id(self) -> str:
        """Names the rule in provenance: `<diagnosis>/<finding>/<source>`."""
        return f"{self.diagnosis}/{self.finding}/{self.source}"

    @property
    def favors(self) -> bool:
        """True when seeing the finding speaks for the diagnosis."""
        return self.role in ("typical", "supports")


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Rules of one TSV file.

    Raises:
        UserError: the file is missing, or lacks a column, or a value names nothing of our vocabularies.
    """
    if not path.is_file():
        raise problem("there is no such file of rules", file=path, next_step="skin-r1 distill rules --source PATH")
    with path.open(encoding="utf-8") as stream:
        numbers = [number for number, line in enumerate(stream, start=1) if not line.startswith("#")][1:]
    return tuple(_rule(row, path, number) for row, number in zip(read_tsv(path), numbers, strict=False))


def _rule(row: Mapping[str, str], path: Path, number: int) -> Rule:
    if missing := [column for column in COLUMNS if row.get(column) is None]:
        raise problem(
            "rules lack a column",
            file=path,
            row=number,
            column=missing[0],
            found=sorted(filter(None, row)),
            allowed=COLUMNS,
        )
    for column, allowed in (
        ("diagnosis", load_ontology().nodes),
        ("finding", load_concepts()),
        ("role", ROLES),
        ("modality", MODALITIES),
    ):
        if row[column] not in allowed:
            choices = allowed if len(allowed) < 10 else f"a slug of the {column} vocabulary"
            raise problem(
                "a rule names what we do not know",
                file=path,
                row=number,
                column=column,
                found=row[column],
                allowed=choices,
            )
    page = int(row["page"]) if row["page"].isdecimal() else None
    own = {column: row[column] for column in ("diagnosis", "finding", "modality", "quote", "source")}
    return Rule(role=cast(Role, row["role"]), page=page, **own)


def own_files() -> list[Path]:
    """The files that the environment variable `OWN` names."""
    return [Path(name) for name in os.environ.get(OWN, "").split(os.pathsep) if name]


@cache
def load_rules() -> tuple[Rule, ...]:
    """The open rule base, and after it the rules of the files that the environment variable `OWN` names; read once.

    The variable holds paths joined as in PATH. `skin-r1 distill` sets it from the recipe's `rules`.
    """
    files = (*sorted((KNOWLEDGE / "rules").glob("*.tsv")), *own_files())
    return tuple(rule for file in files for rule in read_rules(file))


def rules_of(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    """Diagnosis -> its rules, in their order."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        found[rule.diagnosis] = (*found.get(rule.diagnosis, ()), rule)
    return found
