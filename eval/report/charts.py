"""Charts as inline SVG: no script, no font, no network; they print and they scale.

Colors are CSS classes of page.html.j2, so that one sheet rules screen, dark mode and print.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from eval.cases import CaseScore
from eval.metrics import NAMES
from skin_r1.ontology import load_ontology

ROW = 26
LABEL = 290  # pixels for the names at the left
AXIS = 400  # pixels from 0 to 1
MAX_CLASSES = 14
OTHER = "other diagnosis"
NO_ANSWER = "no answer"


def forest(metrics: dict[str, dict[str, Any]]) -> str:
    """A forest plot of the metrics that are defined: a dot and its interval on an axis from 0 to 1."""
    shown = [(key, found) for key, found in metrics.items() if found["value"] is not None]
    height = ROW * len(shown) + 34
    parts = [
        f'<svg class="chart" viewBox="0 0 {LABEL + AXIS + 210} {height}" role="img" '
        'aria-label="metrics with intervals">'
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LABEL + AXIS * tick
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="6" y2="{height - 24}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{height - 8}" text-anchor="middle">{tick:g}</text>')
    for row, (key, found) in enumerate(shown):
        y = 18 + ROW * row
        kind = "bad" if NAMES[key].lower_is_better else "good"
        arrow = " (lower is better)" if NAMES[key].lower_is_better else ""
        x = LABEL + AXIS * found["value"]
        parts.append(
            f'<text class="name" x="{LABEL - 14}" y="{y + 4}" text-anchor="end">{escape(NAMES[key].title)}{arrow}</text>'
        )
        text = f"{found['value']:.3f}"
        if found["low"] is not None:
            low, high = LABEL + AXIS * found["low"], LABEL + AXIS * found["high"]
            parts.append(f'<line class="span {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
            text += f"  [{found['low']:.3f}, {found['high']:.3f}]"
        parts.append(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y}" r="4.5"/>')
        parts.append(f'<text class="value" x="{LABEL + AXIS + 16}" y="{y + 4}">{text}</text>')
    return "".join([*parts, "</svg>"])


def confusion(scores: Sequence[CaseScore]) -> str:
    """The confusion matrix: rows are true diagnoses, shades are shares of the row; rare diagnoses are folded.

    Malignant diagnoses come first, then by number of cases.
    """
    tree = load_ontology()
    known = [score for score in scores if score.diagnosis is not None]
    counts: dict[str, int] = {}
    for score in known:
        counts[str(score.diagnosis)] = counts.get(str(score.diagnosis), 0) + 1
    kept = sorted(counts, key=lambda slug: (-counts[slug], slug))[:MAX_CLASSES]
    kept.sort(key=lambda slug: (tree.malignancy(slug) != "malignant", -counts[slug], slug))
    folded = len(counts) > len(kept)
    rows = [*kept, OTHER] if folded else kept
    columns = [*kept, OTHER, NO_ANSWER]
    cells = {(r, c): 0 for r in rows for c in columns}
    for score in known:
        true = score.diagnosis if score.diagnosis in kept else OTHER
        said = NO_ANSWER if score.failure else score.predicted if score.predicted in kept else OTHER
        cells[str(true), str(said)] += 1
    return _matrix(rows, columns, cells, {slug: tree.name(slug) for slug in kept})


def _matrix(rows: list[str], columns: list[str], cells: dict[tuple[str, str], int], names: dict[str, str]) -> str:
    side, left, top = 44, 240, 190
    width, height = left + side * len(columns) + 130, top + side * len(rows) + 8
    parts = [f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="confusion matrix">']
    for j, column in enumerate(columns):
        x, y = left + side * j + side / 2, top - 10
        text = escape(_short(names.get(column, column)))
        parts.append(f'<text class="name" transform="translate({x + 4},{y}) rotate(-48)">{text}</text>')
    for i, row in enumerate(rows):
        total = sum(cells[row, column] for column in columns)
        y = top + side * i
        text = escape(_short(names.get(row, row)))
        parts.append(f'<text class="name" x="{left - 10}" y="{y + side / 2 + 4}" text-anchor="end">{text}</text>')
        for j, column in enumerate(columns):
            share = cells[row, column] / total if total else 0.0
            right = "hit" if row == column and row != OTHER else "miss"
            tip = escape(f"{names.get(row, row)} read as {names.get(column, column)}: {cells[row, column]} of {total}")
            x = left + side * j
            parts.append(
                f'<g><title>{tip}</title><rect class="cell" x="{x}" y="{y}" width="{side - 2}" height="{side - 2}"/>'
            )
            parts.append(
                f'<rect class="{right}" x="{x}" y="{y}" width="{side - 2}" height="{side - 2}" '
                f'fill-opacity="{share:.3f}"/>'
            )
            if cells[row, column]:
                ink = "on" if share > 0.55 else "off"
                parts.append(
                    f'<text class="count {ink}" x="{x + side / 2 - 1}" y="{y + side / 2 + 4}" '
                    f'text-anchor="middle">{cells[row, column]}</text>'
                )
            parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _short(name: str) -> str:
    return name if len(name) <= 30 else name[:29] + "…"
