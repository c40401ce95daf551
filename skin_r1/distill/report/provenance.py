"""What a sentence of a rationale rests on, in words: rules with quote and citation, counts, the tree of diagnoses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from skin_r1.concepts import concept_name
from skin_r1.distill.report.figures import diagnosis_name
from skin_r1.rules import Rule, load_rules
from skin_r1.vocabulary import load_concepts
from skin_r1.wording import KNOWLEDGE, read_tsv

PLAIN: Mapping[str, str] = {
    "taxonomy": "the tree of diagnoses",
    "differential": "the case's differential, or the graph of look-alikes",
    "annotation": "the case's annotated findings",
    "history": "the case's history",
}
ROLES: Mapping[str, str] = {
    "typical": "is typical of", "supports": "speaks for", "rare": "is rare in", "excludes": "speaks against",
}  # fmt: skip
_COUNTED = re.compile(r"counts:(?P<node>\S+) (?P<positives>\d+)/(?P<total>\d+)")


@dataclass(frozen=True)
class Reference:
    """A line of `knowledge/references.tsv`.

    Attributes:
        citation: empty for a source that the table lacks, as a user's own book.
        link: address on the web, or empty.
        read: `read` or `recalled`, or empty.
    """

    key: str
    citation: str = ""
    link: str = ""
    read: str = ""


@dataclass(frozen=True)
class Note:
    """One thing that a sentence rests on.

    Attributes:
        kind: `rule`, `counts`, or `case` for what the case or our vocabularies give.
        text: what it says.
        quote: of a rule; else empty.
        reference: of a rule; else None.
    """

    kind: str
    text: str
    quote: str = ""
    reference: Reference | None = None


@cache
def references() -> Mapping[str, Reference]:
    """Key -> reference, of the open rule base."""
    rows = read_tsv(KNOWLEDGE / "references.tsv")
    return {row["key"]: Reference(row["key"], row["citation"], _web(row["link"]), row["read"]) for row in rows}


def reference(key: str) -> Reference:
    """The reference of a key; one with the key alone where the table lacks it."""
    return references().get(key) or Reference(key)


def rules_by_id() -> dict[str, Rule]:
    """Id -> rule of the open rule base and of the user's own; the first where two have one id."""
    return {rule.id: rule for rule in reversed(load_rules())}


def note(basis: str, rules: Mapping[str, Rule]) -> Note:
    """What one basis of a sentence means.

    Args:
        basis: id of a rule, `counts:<diagnosis> <positives>/<total>`, or a key of `PLAIN`.
        rules: of `rules_by_id`.
    """
    if rule := rules.get(basis):
        said = f"{finding_name(rule.finding)} {ROLES[rule.role]} {diagnosis_name(rule.diagnosis)}"
        where = "" if rule.page is None else f", page {rule.page}"
        return Note("rule", said + where, rule.quote, reference(rule.source))
    if counted := _COUNTED.fullmatch(basis):
        node = "all diagnoses" if counted["node"] == "all" else diagnosis_name(counted["node"])
        positives, total = int(counted["positives"]), int(counted["total"])
        return Note("counts", f"marked in {positives:,} of {total:,} annotated images of {node}")
    parts = basis.split("/", 2)
    if len(parts) == 3:  # a rule that no table at hand holds
        return Note("rule", f"{finding_name(parts[1])} and {diagnosis_name(parts[0])}", "", reference(parts[2]))
    return Note("case", PLAIN.get(basis, basis))


def finding_name(slug: str) -> str:
    """Preferred name of a finding; the slug itself where this version of the vocabulary lacks it."""
    return concept_name(slug) if slug in load_concepts() else slug


def _web(link: str) -> str:
    return link if re.match(r"https?://\w", link) else ""
