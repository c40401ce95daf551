"""The demo's report: one self-contained page with the table, a plot of the intervals and the way on."""

from pathlib import Path
from typing import Any

from jinja2 import Environment

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Skin-R1 demo</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --muted: #5c6776; --line: #d9dee6; --page: #fff; --mark: #0b6e6e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf2; --muted: #9aa6b6; --line: #333c49; --page: #12161c; --mark: #5cc8c0; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 70rem; padding: 0 1rem; }
h1 { margin-bottom: 0; } .muted { color: var(--muted); } figure { margin: 1.5rem 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: right; } td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td small { color: var(--muted); }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg line { stroke: var(--line); }
svg .range { stroke: var(--mark); stroke-width: 2; } svg circle { fill: var(--mark); }
a { color: var(--mark); } .note { border-left: 4px solid #b3261e; padding: .2rem 1rem; }
</style></head><body>
<h1>Skin-R1 demo</h1>
<p class="muted">Procedural lesions, seed {{ summary.seed }}; {{ "%.0f"|format(summary.seconds.total / 60) }} minutes,
peak memory {{ summary.peak_memory_gib }} GiB. Values are on the held-out split with bootstrap 95 % intervals.</p>
<p class="note"><strong>Research use only.</strong> These are drawings, not patients; the model knows nothing of skin.</p>
{% for mode in ("greedy", "sampled") %}
<h2>{{ "Greedy answers" if mode == "greedy" else "Sampled answers, temperature 1" }}</h2>
<figure><table><thead><tr><th>model</th>{% for c in columns %}<th>{{ c.replace("_", " ") }}</th>{% endfor %}</tr></thead>
<tbody>{% for name, model in summary.models.items() %}<tr>
<td><a href="eval/{{ name }}-{{ mode }}/report.html">{{ name.replace("_", " + ") if name == "sft_grpo" else
name.replace("_", " ") }}</a><br><small>{{ model.about }}</small></td>
{% for c in columns %}{% set m = model[mode][c] %}<td>{% if m and m.value is not none %}{{ "%.3f"|format(m.value) }}<br>
<small>{{ "%.3f"|format(m.low) }} – {{ "%.3f"|format(m.high) }}</small>{% else %}<small>not defined</small>{% endif %}
</td>{% endfor %}</tr>{% endfor %}</tbody></table></figure>
{% endfor %}
<h2>Diagnosis and grounding, greedy</h2>
{% for c in ("accuracy", "grounding_f1") %}<figure><svg role="img" width="720" height="{{ 40 + 26 * summary.models|length }}"
aria-label="{{ c.replace('_', ' ') }} of each model with its interval">
<text x="0" y="14" font-weight="bold">{{ c.replace("_", " ") }}</text>
{% for tick in (0, 0.25, 0.5, 0.75, 1) %}<line x1="{{ 160 + 520 * tick }}" x2="{{ 160 + 520 * tick }}" y1="22"
y2="{{ 24 + 26 * summary.models|length }}"/><text x="{{ 160 + 520 * tick }}" y="{{ 38 + 26 * summary.models|length }}"
text-anchor="middle">{{ tick }}</text>{% endfor %}
{% for name, model in summary.models.items() %}{% set m = model.greedy[c] %}{% set y = 36 + 26 * loop.index0 %}
<text x="0" y="{{ y + 4 }}">{{ name.replace("_", " ") }}</text>{% if m and m.value is not none %}
<line class="range" x1="{{ 160 + 520 * m.low }}" x2="{{ 160 + 520 * m.high }}" y1="{{ y }}" y2="{{ y }}"/>
<circle cx="{{ 160 + 520 * m.value }}" cy="{{ y }}" r="4"><title>{{ m.value }}</title></circle>{% endif %}
{% endfor %}</svg></figure>{% endfor %}
<h2>Next</h2>
<p>Each model's name above opens its own report. To talk to the trained model:
<code>skin-r1 serve --model {{ out }}/grpo --port 8000</code>, then open <code>http://127.0.0.1:8000</code>.</p>
</body></html>
"""
COLUMNS = (
    "accuracy",
    "balanced_accuracy",
    "hierarchical_accuracy",
    "grounding_f1",
    "hallucination_rate",
    "parse_failure_rate",
)


def write_report(out: Path, summary: dict[str, Any]) -> Path:
    """Write `out/report.html` from the demo's summary; returns its path."""
    page = Environment(autoescape=True).from_string(PAGE).render(summary=summary, columns=COLUMNS, out=out)
    target = out / "report.html"
    target.write_text(page)
    return target
