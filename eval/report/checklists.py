"""Reporting checklists, filled from the facts that files hold; what only authors can say stays visible as a gap.

checklists.tsv has the items in our own words. Its columns: guideline, item, section, asks (what the item asks for), facts
(keys of `eval.report.facts.gather_facts`) and covers: `full` or `part` of the item where all of these facts are known,
`none`, or `n/a: reason`.

Sources: TRIPOD-LLM, Gallifant et al., Nat. Med. 31 (2025) 60-69, doi 10.1038/s41591-024-03425-5, its 19 main items; CLEAR
Derm, Daneshjou et al., JAMA Dermatol. 158 (2022) 90-96, 25 items in 4 domains.
"""

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from eval.report.facts import Fact

State = Literal["filled", "in part", "to be filled", "does not apply"]
SOURCES = {
    "TRIPOD-LLM": "Gallifant et al., Nat. Med. 31 (2025) 60-69: the 19 main items, in our words.",
    "CLEAR Derm": "Daneshjou et al., JAMA Dermatol. 158 (2022) 90-96: the 25 items, in our words and from memory. "
    "Compare with the published list before submission.",
}


class Item(NamedTuple):
    """An item of a checklist.

    Attributes:
        number, section, asks: what the guideline wants.
        state: how far files answer it.
        facts: the facts that do, by name.
        missing: keys of the facts that are not known, or the reason why the item does not apply.
    """

    number: str
    section: str
    asks: str
    state: State
    facts: dict[str, Fact]
    missing: list[str]


@lru_cache(maxsize=1)
def _rows() -> tuple[dict[str, str], ...]:
    with (Path(__file__).parent / "checklists.tsv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def checklists(facts: Mapping[str, Fact]) -> dict[str, list[Item]]:
    """Guideline -> its items, filled from the facts."""
    found: dict[str, list[Item]] = {name: [] for name in SOURCES}
    for row in _rows():
        wanted = row["facts"].split()
        known = {key.replace("_", " "): facts[key] for key in wanted if key in facts}
        missing = [key.replace("_", " ") for key in wanted if key not in facts]
        state: State = "to be filled"
        if row["covers"].startswith("n/a: "):
            state, missing = "does not apply", [row["covers"].removeprefix("n/a: ")]
        elif known:
            state = "filled" if row["covers"] == "full" and not missing else "in part"
        found[row["guideline"]].append(Item(row["item"], row["section"], row["asks"], state, known, missing))
    return found
