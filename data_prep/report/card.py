"""The dataset card: the numbers of the report as Markdown, with the front matter that the Hugging Face Hub reads.

Fields: https://huggingface.co/docs/hub/datasets-cards.
"""

import re
from pathlib import Path
from typing import Any

from data_prep.report.facts import CorpusFacts
from data_prep.report.figures import cut, diagnosis_name, share
from skin_r1.case import SPLITS

LABELS = 30
"""Diagnoses that the card lists."""
FINDINGS = 60
SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"),
)  # fmt: skip
"""Upper bounds of the Hub's size categories."""
SPECIAL = re.compile(r"([\\`*<>|\[\]])")


class _Plain(str):
    """Text that goes into the card as it is."""


def write_card(facts: CorpusFacts, file: Path) -> None:
    """Write the card."""
    file.write_text(card(facts), encoding="utf-8")


def card(facts: CorpusFacts) -> str:
    """The card's text; labels and notes cannot become Markdown or HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=False, finalize=_shown, trim_blocks=True,
        lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"share": share, "cut": cut, "diagnosis": diagnosis_name, "code": _code}
    text = environment.get_template("card.md.j2").render(
        facts=facts, splits=SPLITS, labels=LABELS, findings=FINDINGS,
        known=[line for line in facts.diagnoses if line.name is not None],
        unresolved=sum(count for _, count, _ in facts.unresolved),
    )  # fmt: skip
    return front_matter(facts) + re.sub(r"\n{3,}", "\n\n", text)


def front_matter(facts: CorpusFacts) -> str:
    """YAML between two lines of dashes."""
    import yaml

    bound = next((name for top, name in SIZES if facts.cases < top), "n>1T")
    fields: dict[str, Any] = {
        "pretty_name": facts.title, "license": "other", "license_name": "licenses-of-the-sources",
        "task_categories": ["image-classification", "image-text-to-text"], "language": ["en"],
        "tags": ["dermatology", "medical", "skin", "research-only"], "size_categories": [bound],
        "configs": [{
            "config_name": "default", "data_files": [{"split": s, "path": f"{s}/*.parquet"} for s in SPLITS]
        }],
    }  # fmt: skip
    return "---\n" + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=1000) + "---\n\n"


def _shown(value: Any) -> Any:
    """What `{{ }}` writes: counts with commas, texts without meaning in Markdown."""
    if isinstance(value, _Plain):
        return value
    if isinstance(value, str):
        return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", value))
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else value


def _code(text: str) -> _Plain:
    """Text for a fenced block, which it cannot close."""
    return _Plain(text.replace("`", "'"))
