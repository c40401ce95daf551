"""The model card: what files know of the model, its training and its test, and what is still to be said."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from eval.report.checklists import SOURCES, Item
from eval.report.facts import Fact

NOTICE = "Research use only. Not a medical device; not for diagnosis."
TO_FILL = "to be filled"
# Section -> its lines: label and key of a fact, or None where only authors can say it.
SECTIONS: dict[str, dict[str, str | None]] = {
    "Model": {
        "Name": "model",
        "Checksum of the weights": "checksum",
        "Checksum of the adapter": "adapter",
        "Architecture": "architecture",
        "Contact and license of the weights": None,
    },
    "Training": {
        "Stage": "stage",
        "Rewards": "rewards",
        "Settings": "training",
        "Began from (checksum)": "base",
        "Corpus (checksum)": "corpus",
        "Rationales (checksum)": "rationales",
        "Compute": "compute",
        "Libraries": "training_versions",
    },
    "Intended use": {"Users and setting": None, "Uses out of scope": None, "Oversight": None},
    "Test data": {
        "Cases": "cases",
        "Splits of the corpus": "splits",
        "Data sets": "datasets",
        "Licenses": "licenses",
        "Modalities": "modalities",
        "Diagnoses": "diagnoses",
        "Malignancy": "malignancies",
        "Skin types": "skin_types",
        "Sex": "sexes",
        "Age": "ages",
        "Sites": "sites",
        "Annotation": "annotation",
    },
    "Test": {
        "Task": "task",
        "Engine": "engine",
        "Decoding": "decoding",
        "Reading of answers": "reader",
        "Results": "performance",
        "Statistics": "measures",
        "Groups of patients": "fairness",
        "Calibration": "calibration",
        "Without a prediction": "missing",
        "Revision of the code": "revision",
    },
    "Limits and risks": {"Known failures": None, "Populations not covered": None, "Ethics and consent": None},
}


class Line(NamedTuple):
    """A line of the card; `fact` is None where it is still to be filled."""

    label: str
    fact: Fact | None


def card_sections(facts: Mapping[str, Fact]) -> dict[str, list[Line]]:
    """Section -> its lines."""
    return {
        title: [Line(label, facts.get(key) if key else None) for label, key in lines.items()]
        for title, lines in SECTIONS.items()
    }


def write_card(
    path: Path, model: str | None, sections: Mapping[str, list[Line]], lists: Mapping[str, list[Item]]
) -> None:
    """Write the card and the checklists as Markdown.

    Args:
        path: file to write.
        model: name of the model.
        sections: see `card_sections`.
        lists: see `eval.report.checklists.checklists`.
    """
    text = [f"# Model card{': ' + _plain(model) if model else ''}", "", NOTICE, ""]
    for title, lines in sections.items():
        text += [f"## {title}", "", "| | | from |", "|---|---|---|"]
        text += [
            f"| {label} | {_plain(fact.value)} | {fact.source} |" if fact else f"| {label} | **{TO_FILL}** | |"
            for label, fact in lines
        ]
        text.append("")
    for name, items in lists.items():
        text += [f"## {name}", "", SOURCES[name], "", "| | asks for | state | known |", "|---|---|---|---|"]
        text += [
            f"| {item.number} | {item.section}: {item.asks} | **{item.state}** | {_plain(known_text(item))} |"
            for item in items
        ]
        text.append("")
    path.write_text("\n".join(text), encoding="utf-8")


def known_text(item: Item) -> str:
    """What files say to an item, and what they do not."""
    known = "; ".join(f"{name}: {fact.value}" for name, fact in item.facts.items())
    if item.state == "does not apply":
        return item.missing[0]
    return f"{known}; not known: {', '.join(item.missing)}" if known and item.missing else known


def _plain(text: str) -> str:
    """Text as it is: nothing of it is markup, in a cell of a table."""
    for mark in "\\|`*_[]#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
