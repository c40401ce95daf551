"""`skin-r1 data report`: what is in a corpus, as one self-contained HTML page and as a dataset card."""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

from data_prep.corpus import parquet_files
from data_prep.report.card import write_card
from data_prep.report.facts import CorpusFacts, Line, corpus_facts
from data_prep.report.figures import cut, diagnosis_name, links, number, share
from data_prep.report.thumbnails import thumbnails
from skin_r1.case import SPLITS
from skin_r1.ontology import MALIGNANCIES

DIAGNOSES, LABELS, UNRESOLVED, FINDINGS, BAD_IMAGES = 40, 1000, 100, 200, 50
"""What the page shows at most: diagnoses with examples, labels of all datasets together, and rows of other lists."""
SECTIONS = (
    ("sources", "Sources"), ("splits", "Splits"), ("diagnoses", "Diagnoses"), ("labels", "Labels"),
    ("findings", "Findings"), ("skin", "Skin type"), ("quality", "Images"), ("duplicates", "Duplicates"),
    ("conflicts", "Conflicts"), ("left-out", "Left out"), ("rebuild", "Build again"),
)  # fmt: skip


def write_report(corpus: Path) -> Path:
    """Write `corpus/report.html` and `corpus/DATASET_CARD.md` from what lies in the corpus alone.

    Returns:
        The page.

    Raises:
        UserError: there is no corpus, or a file of it is damaged.
    """
    facts = corpus_facts(corpus)
    target = corpus / "report.html"
    target.write_text(_page(facts, thumbnails(parquet_files(corpus), _wanted(facts))), encoding="utf-8")
    write_card(facts, corpus / "DATASET_CARD.md")
    return target


def _wanted(facts: CorpusFacts) -> list[str]:
    """Cases to show, the most telling first."""
    pairs = [case for pair in facts.duplicates.shown for case in pair.cases]
    settled = [conflict.cases[0] for rule in facts.conflicts for conflict in rule.shown if conflict.cases]
    flagged = [case for flag, _ in facts.flags for case in facts.examples.get(("flag", flag), ())]
    typical = [facts.examples["diagnosis", line.name] for line in _pictured(facts)[:DIAGNOSES]]
    return [*pairs, *settled, *flagged, *(case for cases in typical for case in cases)]


def _pictured(facts: CorpusFacts) -> list[Line]:
    """Diagnoses that have a case with an image, most cases first."""
    return [line for line in facts.diagnoses if ("diagnosis", line.name) in facts.examples]


def _page(facts: CorpusFacts, thumbs: dict[str, str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Labels, ids and notes are texts of others: everything is escaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "n": number, "share": share, "cut": cut, "links": links, "diagnosis": diagnosis_name,
        "file_name": lambda file: PurePath(file).name,
    }  # fmt: skip
    pictured = _pictured(facts)
    shown = [(line, _pictures(facts.examples["diagnosis", line.name], thumbs)) for line in pictured]
    examples = [(line, pictures) for line, pictures in shown if pictures]
    flagged = [(flag, n, _pictures(facts.examples.get(("flag", flag), ()), thumbs)) for flag, n in facts.flags]
    return environment.get_template("page.html.j2").render(
        facts=facts, thumbs=thumbs, splits=SPLITS, sections=SECTIONS, malignancies=MALIGNANCIES, examples=examples,
        more_examples=len(pictured) - len(examples), flagged=[row for row in flagged if row[2]],
        leaking=sum(unit.crossing for unit in facts.units.values()),
        widest=max((node.total for node in facts.tree), default=1),
        label_cap=LABELS // max(1, len(facts.labels)), unresolved_cap=UNRESOLVED, concept_cap=FINDINGS,
        concept_cap_in=max(20, 2 * FINDINGS // max(1, len(facts.concepts_in))), bad_cap=BAD_IMAGES,
        pictured_conflicts=any(c.cases[0] in thumbs for s in facts.conflicts for c in s.shown if c.cases),
        licenses=sorted({terms for source in facts.sources for terms, _ in source.licenses}),
        settings=json.dumps(_without_folders(facts.config), indent=2, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip


def _pictures(cases: Iterable[str], thumbs: dict[str, str]) -> list[tuple[str, str]]:
    return [(case, thumbs[case]) for case in cases if case in thumbs]


def _without_folders(settings: Any) -> Any:
    """The settings without the user's own folders, which are nobody else's business."""
    if isinstance(settings, dict):
        return {key: _without_folders(value) for key, value in settings.items() if key != "root"}
    return [_without_folders(each) for each in settings] if isinstance(settings, list) else settings


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 data report`."""
    p = argparse.ArgumentParser(
        prog="skin-r1 data report",
        description="Write a corpus's report.html and DATASET_CARD.md again from its own files.",
        epilog="Examples:\n  skin-r1 data report corpora/ham10000\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("corpus", type=Path, metavar="CORPUS")
    print(f"report: {write_report(p.parse_args(argv).corpus)}")
    return 0
