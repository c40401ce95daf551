"""Draws part of the differential graph as an SVG that reads on a phone and in dark mode.

An edge is as wide as its weight and carries the finding that tells its ends apart best; the arrow behind the finding points
to the diagnosis it speaks for. Labels are bodies of the layout like the diagnoses, so nothing is written over anything.
"""

from collections.abc import Sequence
from html import escape
from math import atan2, pi

import numpy as np
from numpy.typing import NDArray

from skin_r1.differentials import Edge
from skin_r1.distill.differential.graph import telling
from skin_r1.ontology import load_ontology
from skin_r1.vocabulary import concept_name

WIDTH = 760  # units across; on a phone of 380 points a unit is half a point
NODE, LABEL = 24, 20  # font sizes
GAP = 22  # least space between two boxes
STARTS, STEPS, MOVES = 24, 200, 3000
Points = NDArray[np.float64]
STYLE = """\
<style>
  svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
  .page { fill: #ffffff; } .edge { stroke: #9aa7b5; fill: none; stroke-linecap: round; }
  .node rect { fill: #ffffff; stroke: #5b6b7c; stroke-width: 2; } .node text { fill: #1b2733; }
  .own rect { fill: #d9e9f7; stroke: #2f6ea5; } .bad rect { stroke: #b3261e; stroke-width: 3; }
  .label rect { fill: #ffffff; } .label text { fill: #4a5866; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #12181f; } .edge { stroke: #56677a; }
    .node rect { fill: #1c2530; stroke: #8fa2b5; } .node text { fill: #eef3f8; }
    .own rect { fill: #17405f; stroke: #6db3e8; } .bad rect { stroke: #ff8a80; }
    .label rect { fill: #12181f; } .label text { fill: #b7c5d3; }
  }
</style>"""


def svg(edges: Sequence[Edge], own: Sequence[str] = ()) -> str:
    """The drawing of some edges.

    Args:
        edges: at least one; each pair once.
        own: slugs of the diagnoses to fill with color: those asked for, or the members of the family.
    """
    tree = load_ontology()
    nodes = sorted({slug for edge in edges for slug in (edge.a, edge.b)})
    tells = [next(iter(telling(edge.a, edge.b)), None) for edge in edges]
    # The arrow is known only once the ends are placed, so that every label keeps room for one.
    texts = [_lines(tree.name(slug), 15) for slug in nodes]
    texts += [_lines(concept_name(tell.finding), 18) if tell else [] for tell in tells]
    sizes = np.array([_size(lines, NODE if i < len(nodes) else LABEL) for i, lines in enumerate(texts)])
    ends = np.array([[nodes.index(edge.a), nodes.index(edge.b)] for edge in edges])
    place = _place(sizes, ends, np.array([edge.weight for edge in edges]), len(nodes))
    height = int((place[:, 1] + sizes[:, 1] / 2).max()) + GAP
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Look-alikes: {escape(', '.join(tree.name(slug) for slug in own or nodes))}</title>",
        STYLE,
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="12"/>',
    ]
    for k, edge in enumerate(edges):
        a, b, middle = place[ends[k, 0]], place[ends[k, 1]], place[len(nodes) + k]
        bend = 2 * middle - (a + b) / 2
        d = f"M{a[0]:.0f} {a[1]:.0f}Q{bend[0]:.0f} {bend[1]:.0f} {b[0]:.0f} {b[1]:.0f}"
        out.append(f'<path class="edge" d="{d}" stroke-width="{12 * edge.weight:.1f}"/>')
    for k, tell in enumerate(tells):
        if tell:
            at = len(nodes) + k
            step = place[nodes.index(tell.favors)] - place[at]
            arrow = "→↘↓↙←↖↑↗"[round(atan2(step[1], step[0]) / (pi / 4)) % 8]
            out.append(_box(place[at], sizes[at], [*texts[at][:-1], f"{texts[at][-1]} {arrow}"], LABEL, "label"))
    for i, slug in enumerate(nodes):
        kind = "node" + (" own" if slug in own else "") + (" bad" if tree.malignancy(slug) == "malignant" else "")
        out.append(_box(place[i], sizes[i], texts[i], NODE, kind))
    return "\n".join([*out, "</svg>\n"])


def _lines(text: str, most: int) -> list[str]:
    """The text, broken at the spaces so that no line is longer than `most` characters where words allow it."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _size(lines: Sequence[str], font: int) -> tuple[float, float]:
    """Width and height of a box of text; 0.6 em is more than the mean advance of sans-serif faces."""
    if not lines:
        return 1.0, 1.0
    room = 1.2 if font == NODE else 1.6  # padding, and at a label the arrow
    return max(map(len, lines)) * 0.6 * font + room * font, len(lines) * 1.2 * font + 0.5 * font


def _box(at: Points, size: Points, lines: Sequence[str], font: int, kind: str) -> str:
    if kind == "label":  # the ground behind a label is no wider than its text, so that it covers no other edge
        size = size - (font, 0)
    x, y = at - size / 2
    first = at[1] - (len(lines) - 1) * 0.6 * font + 0.35 * font
    rows = "".join(
        f'<tspan x="{at[0]:.0f}" y="{first + 1.2 * font * row:.0f}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    rect = f'<rect x="{x:.0f}" y="{y:.0f}" width="{size[0]:.0f}" height="{size[1]:.0f}" rx="10"/>'
    return f'<g class="{kind}">{rect}<text font-size="{font}" text-anchor="middle">{rows}</text></g>'


def _place(sizes: Points, ends: NDArray[np.int64], weight: Points, nodes: int) -> Points:
    """Centers of the boxes: the best of some spring layouts, then mended by moving one box at a time."""
    random = np.random.default_rng(0)
    page = np.array([WIDTH, max(300.0, 4.8 * sizes.prod(1).sum() / WIDTH)])
    tries = [_springs(sizes, ends, weight, nodes, random, page) for _ in range(STARTS)]
    best = min(tries, key=lambda place: _cost(place, sizes, ends, nodes))
    cost = _cost(best, sizes, ends, nodes)
    for move in range(MOVES):
        trial = best.copy()
        i = int(random.integers(len(trial)))
        trial[i] += random.normal(0.0, 10 + 150 * (1 - move / MOVES), 2)
        if i < nodes:  # its labels follow half the way
            for k in np.flatnonzero((ends == i).any(1)):
                trial[nodes + k] += (trial[i] - best[i]) / 2
        trial = _apart(trial, sizes, 10)
        if (now := _cost(trial, sizes, ends, nodes)) < cost:
            best, cost = trial, now
    best[:, 1] += GAP - (best[:, 1] - sizes[:, 1] / 2).min()
    return best


def _springs(
    sizes: Points, ends: NDArray[np.int64], weight: Points, nodes: int, random: np.random.Generator, page: Points
) -> Points:
    """Springs along the edges, by way of their labels; every two boxes push each other off."""
    count = len(sizes)
    place = random.uniform(0.0, 1.0, (count, 2)) * page
    place[nodes:] = (place[ends[:, 0]] + place[ends[:, 1]]) / 2
    room = (sizes[:, None] + sizes[None]) / 2 + GAP
    springs = [(ends[k, side], nodes + k, 60 + 60 * (1 - weight[k])) for k in range(len(ends)) for side in (0, 1)]
    left, right = np.array([s[0] for s in springs]), np.array([s[1] for s in springs])
    rest = np.array([s[2] for s in springs])
    for step in range(STEPS):
        away = place[:, None] - place[None]
        near = np.maximum(((away / room) ** 2).sum(-1, keepdims=True), 0.05)
        force = (40 * away / np.linalg.norm(away + 1e-9, axis=-1, keepdims=True) / near).sum(1)
        pull = place[right] - place[left]
        length = np.linalg.norm(pull, axis=1, keepdims=True) + 1e-9
        tug = 0.25 * (length - rest[:, None]) * pull / length
        np.add.at(force, left, tug)
        np.add.at(force, right, -tug)
        size = np.linalg.norm(force, axis=1, keepdims=True) + 1e-9
        place = place + force / size * np.minimum(size, 60 * (1 - step / STEPS) + 1)
        place = np.clip(place, sizes / 2 + GAP, page - sizes / 2 - GAP)
    return _apart(place, sizes)


def _apart(place: Points, sizes: Points, sweeps: int = 60) -> Points:
    """Push overlapping boxes apart along the shorter way, within the page's width."""
    room = (sizes[:, None] + sizes[None]) / 2 + GAP
    order = np.arange(len(place))
    before = np.where(order[:, None] < order[None], -1.0, 1.0)
    for _ in range(sweeps):
        away = place[:, None] - place[None]
        over = room - np.abs(away)
        hit = (over > 1e-6).all(-1)
        np.fill_diagonal(hit, False)
        if not hit.any():
            break
        side = np.where(away == 0, before[..., None], np.sign(away))
        shorter = np.stack([over[..., 0] <= over[..., 1], over[..., 0] > over[..., 1]], axis=-1)
        place = place + (0.55 * side * over * shorter * hit[..., None]).sum(1)
        place[:, 0] = np.clip(place[:, 0], sizes[:, 0] / 2 + GAP, WIDTH - sizes[:, 0] / 2 - GAP)
    return place


def _cost(place: Points, sizes: Points, ends: NDArray[np.int64], nodes: int) -> float:
    """What is ugly: overlaps, edges behind foreign boxes, crossings, bends; then length and height."""
    a, b, middle = place[ends[:, 0]], place[ends[:, 1]], place[nodes:]
    bend = 2 * middle - (a + b) / 2
    t = np.linspace(0.0, 1.0, 17)[:, None, None]
    curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * bend + t**2 * b  # [17, edges, 2]
    foreign = np.ones((len(ends), len(place)), dtype=bool)
    rows = np.arange(len(ends))
    foreign[rows, ends[:, 0]] = foreign[rows, ends[:, 1]] = foreign[rows, nodes + rows] = False
    inside = (np.abs(curve[:, :, None] - place) < sizes / 2 + 4).all(-1).any(0) & foreign  # [edges, boxes]
    room = (sizes[:, None] + sizes[None]) / 2 + GAP - 1
    overlaps = ((np.abs(place[:, None] - place[None]) < room).all(-1)).sum() - len(place)
    overlaps += (np.abs(place[:, 0] - WIDTH / 2) + sizes[:, 0] / 2 > WIDTH / 2).sum()
    start, step = curve[:-1:4].reshape(-1, 2), (curve[4::4] - curve[:-1:4]).reshape(-1, 2)
    owner = np.tile(np.arange(len(ends)), 4)
    cross = step[:, None, 0] * step[None, :, 1] - step[:, None, 1] * step[None, :, 0]
    gap = start[None] - start[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (gap[..., 0] * step[None, :, 1] - gap[..., 1] * step[None, :, 0]) / cross
        v = (gap[..., 0] * step[:, None, 1] - gap[..., 1] * step[:, None, 0]) / cross
    met = (u > 0) & (u < 1) & (v > 0) & (v < 1) & (owner[:, None] < owner[None])
    ways = ends[owner]
    apart = (ways[:, None, :, None] != ways[None, :, None, :]).all((-1, -2))
    length = float(np.linalg.norm(np.diff(curve, axis=0), axis=-1).sum())
    height = float(np.ptp(place[:, 1]))
    off = np.linalg.norm(middle - (a + b) / 2, axis=1) / (60 + np.linalg.norm(a - b, axis=1))
    ugly = 100.0 * overlaps + 20.0 * inside.sum() + 4.0 * (met & apart).sum() + 30.0 * (off**2).sum()
    return float(ugly) + length / 500 + height / 80
