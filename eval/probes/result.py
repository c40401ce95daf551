"""From predictions under the probes to probes.json, probes.jsonl and a table."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.predictions import read_predictions
from eval.probes.faithfulness import NAMES, REFERENCE, Case, faithfulness
from eval.probes.gather import gather
from eval.probes.verdict import judge
from eval.statistics.bootstrap import estimate
from skin_r1.case import load_corpus
from skin_r1.whole import write_whole

SCHEMA_VERSION = 1
SHOWN = ("flip_rate", "accuracy_drop", "finding_jaccard", "confidence_drop", "unread_rate")


def probe_predictions(
    base: Path,
    probes: Mapping[str, Path],
    corpus: Path,
    out: Path,
    *,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    bootstrap: int = 2000,
) -> dict[str, Any]:
    """Judge what the probes did to the answers; writes probes.json and probes.jsonl to `out`.

    Args:
        base: predictions on the cases as they are.
        probes: name -> predictions under the probe.
        corpus, split, limit: the cases.
        out: folder; made where it is not there.
        seed, bootstrap: of the intervals.

    Returns:
        The content of probes.json.

    Raises:
        UserError: the files do not fit the split or one another.
    """
    found = gather(load_corpus(corpus, split), split, base, probes, limit)
    scores = [case.base for case in next(iter(found.values())).cases]
    groups = [score.group for score in scores]
    judged: dict[str, Any] = {}
    for name, probed in found.items():
        other = found.get(REFERENCE.get(name, ""))
        metrics = faithfulness(name, probed.cases, None if other is None else other.cases)
        estimates = estimate(metrics, groups, seed=seed, resamples=bootstrap)
        held = {metric.name: len({g for g, a in zip(groups, metric.applies, strict=True) if a}) for metric in metrics}
        verdict = judge(name, estimates, held)
        judged[name] = {
            "cases": len(probed.cases) - len(probed.skipped),
            "skipped": dict(Counter(probed.skipped.values())),
            "metrics": {key: value._asdict() for key, value in estimates.items() if value.value is not None},
            "verdict": {**asdict(verdict), "line": verdict.line()},
        }
    result = {
        "schema_version": SCHEMA_VERSION,
        "model": ", ".join(sorted({p.model for p in read_predictions(base) if p.model})) or None,
        "split": split,
        "cases": len(scores),
        "groups": len(set(groups)),
        "seed": seed,
        "bootstrap": bootstrap,
        "level": 0.95,
        "probes": judged,
    }
    lines = [_line(name, case, probed.skipped) for name, probed in found.items() for case in probed.cases]
    write_whole(out / "probes.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    write_whole(out / "probes.json", json.dumps(result, indent=2) + "\n")
    return result


def _line(name: str, case: Case, skipped: Mapping[str, str]) -> dict[str, Any]:
    base, under = case.base, case.under
    return {
        "case_id": base.case_id,
        "probe": name,
        "skipped": skipped.get(base.case_id),
        "truth": base.diagnosis,
        "before": base.predicted,
        "under": None if under is None else under.predicted,
        "flipped": case.flipped,
        "findings_before": base.asserted,
        "findings_under": None if under is None else under.asserted,
        "donor": None if case.donor is None else case.donor["case_id"],
        "donor_diagnosis": None if case.donor is None else case.donor["diagnosis"],
        "hinted": case.hinted,
    }


def probe_table(result: Mapping[str, Any]) -> str:
    """The statistics and the verdicts as aligned text."""

    def number(value: float) -> str:
        return f"{round(value, 2) + 0.0:.2f}"  # no "-0.00"

    def cell(found: Mapping[str, Any] | None) -> str:
        if found is None:
            return "-"
        ends = "" if found["low"] is None else f" [{number(found['low'])}, {number(found['high'])}]"
        return number(found["value"]) + ends

    lines = [f"  {'':<18}{'n':>5}  " + "".join(f"{NAMES[key].title:<21}" for key in SHOWN).rstrip()]
    for name, probe in result["probes"].items():
        cells = "".join(f"{cell(probe['metrics'].get(key)):<21}" for key in SHOWN)
        lines.append(f"  {name:<18}{probe['cases']:>5}  {cells}".rstrip())
    lines.append("")
    for name, probe in result["probes"].items():
        lines.append(f"  {name:<18}{probe['verdict']['line']}")
        more = [key for key in probe["metrics"] if key not in (*SHOWN, probe["verdict"]["statistic"])]
        lines += [f"  {'':<18}  {NAMES[key].title.lower()} {cell(probe['metrics'][key])}" for key in more]
        lines += [f"  {'':<18}  {count} cases left out: {why}" for why, count in probe["skipped"].items()]
    return "\n".join(lines)
