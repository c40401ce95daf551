"""Confusion matrices as inline SVG: no script, no font, no network; they print and they scale.

Colors are CSS classes of style.css, so that one sheet rules screen, dark mode and print.
"""

from collections.abc import Sequence
from functools import lru_cache
from html import escape

from eval.cases import CaseScore
from skin_r1.ontology import load_ontology

MAX_CLASSES = 14
OTHER = "other diagnosis"
NO_ANSWER = "no answer"


@lru_cache(maxsize=1 << 12)
def family(slug: str) -> str:
    """The family of a diagnosis (`melanoma-in-situ` -> `melanocytic-malignancy`); itself above families or without one."""
    tree = load_ontology()
    path = tree.path(slug) if slug in tree.nodes else ()
    return next((node for node in path if tree.nodes[node].level == "family"), slug)


def confusion(scores: Sequence[CaseScore], *, families: bool = False) -> str:
    """The confusion matrix: rows are true diagnoses, shades are shares of the row; rare ones are folded.

    Malignant diagnoses come first, then by number of cases.

    Args:
        scores: the cases; those without a true diagnosis are left out.
        families: count families of the ontology in place of diagnoses.
    """
    tree = load_ontology()
    pairs = [(s.diagnosis, NO_ANSWER if s.failure else s.predicted) for s in scores if s.diagnosis is not None]
    if families:
        pairs = [(family(true), family(said) if said else said) for true, said in pairs]
    counts: dict[str, int] = {}
    for true, _ in pairs:
        counts[true] = counts.get(true, 0) + 1
    kept = sorted(counts, key=lambda slug: (-counts[slug], slug))[:MAX_CLASSES]
    kept.sort(key=lambda slug: (tree.malignancy(slug) != "malignant", -counts[slug], slug))
    rows = [*kept, OTHER] if len(counts) > len(kept) else kept
    columns = [*kept, OTHER, NO_ANSWER]
    cells = {(r, c): 0 for r in rows for c in columns}
    for true, said in pairs:
        cells[true if true in kept else OTHER, said if said in columns else OTHER] += 1
    return _matrix(rows, columns, cells, {slug: tree.name(slug) for slug in kept})


def _matrix(rows: list[str], columns: list[str], cells: dict[tuple[str, str], int], names: dict[str, str]) -> str:
    side, left, top = 44, 240, 190
    width, height = left + side * len(columns) + 130, top + side * len(rows) + 8
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        'aria-label="confusion matrix">'
    ]
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
    return name if len(name) <= 34 else name[:33] + "…"
