"""The report of an evaluation: one HTML file that shows without a network and without a script."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from eval.cases import CaseScore
from eval.fairness import Gap
from eval.findings import per_finding
from eval.predictions import Prediction
from eval.report.card import NOTICE, TO_FILL, card_sections, write_card
from eval.report.charts import confusion
from eval.report.checklists import SOURCES, checklists
from eval.report.curves import curves, mended
from eval.report.extras import extras
from eval.report.facts import gather_facts
from eval.report.forest import families, headlines
from eval.report.gallery import VERDICTS, best, card, concept_name, shelf_families, worst
from eval.report.groups import attributes
from eval.tables import check_of, per_class


def write_report(
    path: Path,
    summary: dict[str, Any],
    scores: Sequence[CaseScore],
    predictions: Sequence[Prediction | None],
    table: Any,
    manifest: dict[str, Any],
    groups: Mapping[str, Mapping[str, Gap]] | None = None,
    beside: Sequence[Path] = (),
) -> None:
    """Write report.html, and the model card as card.md beside it.

    Args:
        path: file to write.
        summary: content of summary.json.
        scores: scored cases.
        predictions: their predictions, in the same order.
        table: the split, in the same order; images of the cases of the gallery are read from it.
        manifest: content of manifest.json.
        groups: attribute -> metric -> its groups, as `eval.fairness.fairness` finds them.
        beside: folders that may hold probes.json and judge.json of the same model.
    """
    here = Path(__file__).parent
    # Completions are text of a model: everything is escaped, but for the SVG that charts.py and curves.py make themselves.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    dense = [score for score in scores if score.dense]
    named = any(score.diagnosis for score in scores)
    facts = gather_facts(summary, manifest, scores, table["license"][:])
    sections, lists = card_sections(facts), checklists(facts)
    chosen = [(i, "worst") for i in worst(scores)] + [(i, "best") for i in best(scores)]
    cards = [card(scores[i], predictions[i], table[i], shelf) for i, shelf in chosen]
    tables, left_out = extras(beside, summary["model"], summary["split"])
    drawn = curves(scores, seed=summary["seed"], resamples=summary["bootstrap"])
    page = environment.get_template("page.html.j2").render(
        style=Markup((here / "style.css").read_text(encoding="utf-8")),
        notice=NOTICE,
        summary=summary,
        manifest=json.dumps(manifest, indent=2, ensure_ascii=False),
        headlines=headlines(summary["metrics"]),
        families=families(summary["metrics"]),
        attributes=attributes(groups or {}, scores),
        curves=drawn and drawn._replace(reliability=Markup(drawn.reliability), risk=Markup(drawn.risk)),
        mended=mended(summary),
        confusion=Markup(confusion(scores)) if named else None,
        family_confusion=Markup(confusion(scores, families=True)) if named else None,
        classes=per_class(scores),
        findings=[
            row._asdict() | {"name": concept_name(row.slug)}
            for row in per_finding([(check_of(s), s.absent) for s in dense])
        ],
        dense=len(dense),
        unlabelled=sum(score.diagnosis is None for score in scores),
        failures=_failures(scores),
        cards=cards,
        shelves=shelf_families(cards),
        verdicts=VERDICTS,
        tables=tables,
        left_out=left_out,
        sections=sections,
        checklists=lists,
        sources=SOURCES,
        to_fill=TO_FILL,
    )
    path.write_text(page, encoding="utf-8")
    write_card(path.with_name("card.md"), summary["model"], sections, lists)


def _failures(scores: Sequence[CaseScore]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for score in scores:
        if score.failure:
            reason = score.failure.split(":")[0]  # what follows a colon differs from case to case
            counts[reason] = counts.get(reason, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
