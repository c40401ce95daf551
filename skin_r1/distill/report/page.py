"""The report of a run of distillation: one self-contained HTML page.

The page runs one script and one style sheet, both its own, and its Content-Security-Policy names them by their hashes: what
a teacher wrote cannot run, and nothing is ever loaded.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skin_r1.distill.report.figures import (
    KINDS,
    REASONS,
    balance,
    cut,
    diagnosis_name,
    gaps,
    malignancy_of,
    number,
    ordered,
    public_name,
    share,
    spending,
)
from skin_r1.distill.report.provenance import finding_name, reference
from skin_r1.distill.report.rejects import example
from skin_r1.distill.report.samples import FILES, Said, kept_rows, read_samples

DIAGNOSES, SOURCES, EXAMPLES, ROWS = 30, 25, 5, 60
"""What the page shows at most: diagnoses, sources, rejected texts of a reason, and rows of other lists."""
SECTIONS = (
    ("teachers", "Teachers"), ("rejected", "Rejections"), ("kinds", "Trajectories"), ("balance", "Balance"),
    ("samples", "Samples"), ("sources", "Sources"), ("cost", "Cost"), ("alike", "Variety"),
)  # fmt: skip
HERE = Path(__file__).parent


def write_report(folder: Path, facts: Mapping[str, Any]) -> Path:
    """Write `folder/report.html`.

    Args:
        folder: holds `train.parquet` and `validation.parquet`; one that kept nothing may be missing.
        facts: counts of the run, as in `facts.json`.

    Returns:
        The page.
    """
    target = folder / "report.html"
    # A text that no UTF-8 can hold (half of a surrogate pair out of a JSON file) must not cost the run its report.
    target.write_text(_page(folder, facts), encoding="utf-8", errors="replace")
    return target


def _page(folder: Path, facts: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    # Completions, reasons and ids are texts of others: everything is escaped.
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "n": number, "share": share, "cut": cut, "diagnosis": diagnosis_name, "finding": finding_name,
        "malignancy": malignancy_of, "tone": _tone, "tip": _tip, "public": public_name,
    }  # fmt: skip
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    samples = read_samples(folder)
    rows = kept_rows(folder, ["license"])
    licenses = Counter(row.get("license") or "unknown license" for split in FILES for row in rows[split])
    splits = facts["splits"]
    asked, kept = (sum(count[key] for count in splits.values()) for key in ("asked", "kept"))
    sources = sorted(facts["rules"]["sources"].items(), key=lambda item: (-item[1], item[0]))
    spent = spending(facts.get("ledger"))
    absent = {"sources": not sources, "cost": not spent, "samples": not samples}
    absent["alike"] = not (facts.get("overlap") or facts.get("reading_level"))
    return environment.get_template("page.html.j2").render(
        facts=facts, asked=asked, kept=kept, samples=samples, spent=spent, kinds=KINDS, reasons=_reasons(facts),
        sections=[each for each in SECTIONS if not absent.get(each[0])],
        by_kind=ordered(facts["kinds"], list(KINDS)), by_teacher=ordered(facts["teachers"], []),
        diagnoses=balance(facts["diagnoses"]), malignancies=_met(map(malignancy_of, facts["diagnoses"])),
        most=DIAGNOSES, rows=ROWS, gaps=gaps(facts),
        skin_types=ordered(facts["skin_types"], ["1-2", "3-4", "5-6", "unknown"]),
        modalities=ordered(facts["modalities"], []), hinted=sum(t["hinted"] for t in facts["teachers"].values()),
        typed=sum(count["kept"] for name, count in facts["skin_types"].items() if name != "unknown"),
        sources=[(reference(key), count) for key, count in sources], most_sources=SOURCES,
        licenses=licenses.most_common(), pictured=sum(sample.picture is not None for sample in samples),
        sample_kinds=_met(sample.row.get("kind") or "" for sample in samples),
        sample_diagnoses=_met(sample.row.get("diagnosis") or "" for sample in samples),
        differing=[(s, splits.get(s, {}).get("kept", 0), len(rows[s])) for s in FILES
                   if splits.get(s, {}).get("kept", 0) != len(rows[s])],
        style=Markup(style), script=Markup(script), style_hash=_hash(style), script_hash=_hash(script),
    )  # fmt: skip


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style (CSP Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _reasons(facts: Mapping[str, Any]) -> list[tuple[str, str, int, list[Any]]]:
    """(kind, what it means, rejected, examples), the most first."""
    shown = facts.get("examples") or {}
    ranked = sorted(facts["reasons"].items(), key=lambda item: (-item[1], item[0]))
    return [(k, REASONS.get(k, ""), n, [example(e) for e in shown.get(k, ())[:EXAMPLES]]) for k, n in ranked]


def _met(values: Iterable[str]) -> list[str]:
    """The different values, in order."""
    return sorted(set(values))


def _tone(said: Said) -> str:
    """What a sentence mainly rests on: `rule`, `counts`, `case`, `seen` (findings alone), or empty."""
    kinds = [note.kind for note in said.notes]
    return next((kind for kind in ("rule", "counts", "case") if kind in kinds), "seen" if said.findings else "")


def _tip(said: Said) -> str:
    """What a sentence rests on, in two or three lines."""
    lines = [f"{each.text} ({each.reference.key})" if each.reference else each.text for each in said.notes[:2]]
    if len(said.notes) + said.more > 2:
        lines.append(f"and {len(said.notes) + said.more - 2} more")
    return cut("\n".join(lines) or "annotated: " + ", ".join(said.findings), 300)
