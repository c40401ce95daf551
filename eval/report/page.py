"""The report of an evaluation: one HTML file that shows without a network and without a script."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from eval.cases import CaseScore
from eval.findings import per_finding
from eval.metrics import NAMES
from eval.predictions import Prediction
from eval.report.charts import confusion, forest
from eval.tables import check_of, diagnosis_name, per_class
from skin_r1.concepts import load_concepts
from skin_r1.reading import ParseFailure, parse

WORST = 12
UNREAD_IN_WORST = 3  # failed parses look all alike: a few are enough
THUMBNAIL = 260  # pixels, longest side
HEADLINES = (
    "accuracy",
    "balanced_accuracy",
    "malignancy_sensitivity",
    "grounding_f1",
    "hallucination_rate",
    "parse_failure_rate",
)


def write_report(
    path: Path,
    summary: dict[str, Any],
    scores: Sequence[CaseScore],
    predictions: Sequence[Prediction | None],
    table: Any,
    manifest: dict[str, Any],
) -> None:
    """Write report.html.

    Args:
        path: file to write.
        summary: content of summary.json.
        scores: scored cases.
        predictions: their predictions, in the same order.
        table: the split, in the same order; images of the worst cases are read from it.
        manifest: content of manifest.json.
    """
    here = Path(__file__).parent
    # Completions are text of a model: everything is escaped, but for the SVG that charts.py makes and escapes itself.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    dense = [score for score in scores if score.dense]
    page = environment.get_template("page.html.j2").render(
        summary=summary,
        manifest=json.dumps(manifest, indent=2, ensure_ascii=False),
        names=NAMES,
        headlines=HEADLINES,
        forest=Markup(forest(summary["metrics"])),
        confusion=Markup(confusion(scores)) if any(score.diagnosis for score in scores) else None,
        classes=per_class(scores),
        findings=[
            row._asdict() | {"name": _concept(row.slug)}
            for row in per_finding([(check_of(s), s.absent) for s in dense])
        ],
        dense=len(dense),
        unlabelled=sum(score.diagnosis is None for score in scores),
        failures=_failures(scores),
        worst=[_card(scores[i], predictions[i], table, i) for i in worst(scores)],
    )
    path.write_text(page, encoding="utf-8")


def severity(score: CaseScore) -> float:
    """How bad an answer is: a malignancy not called, then a far diagnosis, then invented and missed findings."""
    called = score.predicted_malignancy == "malignant"
    passed_over = 3.0 if score.malignancy == "malignant" and not called else 0.0
    far = 2.0 * (1 - score.credit) if score.credit is not None else 0.0
    return passed_over + far + min(1.0, 0.25 * len(score.contradicted)) + min(0.5, 0.1 * len(score.missed))


def worst(scores: Sequence[CaseScore]) -> list[int]:
    """Indices of the worst cases, worst first; only a few of those that could not be read at all."""
    order = sorted(
        (i for i, s in enumerate(scores) if severity(s) >= 1), key=lambda i: (-severity(scores[i]), scores[i].case_id)
    )
    unread = [i for i in order if scores[i].failure is not None]
    skipped = set(unread[UNREAD_IN_WORST:])
    return [i for i in order if i not in skipped][:WORST]


def _concept(slug: str) -> str:
    found = load_concepts().get(slug)
    return found.name if found else slug


def _failures(scores: Sequence[CaseScore]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for score in scores:
        if score.failure:
            reason = score.failure.split(":")[0]  # what follows a colon differs from case to case
            counts[reason] = counts.get(reason, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _card(score: CaseScore, prediction: Prediction | None, table: Any, index: int) -> dict[str, Any]:
    completion = prediction.completion if prediction else ""
    reading = parse(completion) if prediction else ParseFailure("", "")
    return {
        "score": score,
        "thumbnail": _thumbnail(table[index]["images"]),
        "truth": diagnosis_name(score.diagnosis),
        "raw": table[index]["diagnosis_raw"],
        "think": None if isinstance(reading, ParseFailure) else reading.think,
        "completion": completion[:4000],
        "differential": () if isinstance(reading, ParseFailure) else reading.differential,
        **{name: [_concept(slug) for slug in slugs] for name, slugs in check_of(score)._asdict().items()},
    }


def _thumbnail(images: Sequence[Any]) -> str | None:
    """The first image as a small JPEG data URI, or None without an image that can be read."""
    if not images:
        return None
    try:
        small = images[0].convert("RGB")
    except OSError:
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
