"""`skin-r1 eval score`: predictions -> summary.json, report.html, card.md, scores.jsonl, tables, manifest.json."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.sample import sample
from skin_r1.errors import problem

if TYPE_CHECKING:
    from eval.predictions import Prediction
    from eval.said import Reader

SCHEMA_VERSION = 1
EXAMPLES = """\
Examples:
  skin-r1 eval score --predictions runs/eval/predictions.jsonl --corpus runs/corpus --split test --out runs/eval/scores
  skin-r1 eval score --predictions p.jsonl --corpus runs/corpus --out runs/eval/scores --bootstrap 10000 --overwrite

The report is DIR/report.html, one file that needs no network. Research use only.
"""


def score_predictions(
    predictions: Path,
    corpus: Path,
    out: Path,
    *,
    split: str = "test",
    seed: int = 0,
    bootstrap: int = 2000,
    limit: int | None = None,
    reader: "Reader" = "tolerant",
    validation: Path | None = None,
    allow_missing: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Score a predictions file and write the report.

    Args:
        predictions: JSON lines as `skin-r1 eval run` writes them.
        corpus, split: the truth.
        out: folder to make.
        seed, bootstrap: of the confidence intervals.
        limit: score only as many cases of the split, those of `skin-r1 eval run --limit`.
        reader: `tolerant` also reads free text, where it is sure; `strict` only the form that rewards read.
        validation: predictions of the validation split with label scores, for a temperature and conformal sets.
        allow_missing: count cases without a prediction as failures instead of refusing.
        overwrite: replace an earlier evaluation in `out`.

    Returns:
        The content of summary.json.

    Raises:
        UserError: the predictions do not fit the split, or `out` may not be written.
    """
    from eval.calibration.apply import calibration_summary
    from eval.calibration.serving import write_serving_calibration
    from eval.calibration.validation import validation_scores
    from eval.cases import score_case, write_scores
    from eval.fairness import fairness, gap_summary
    from eval.metrics import build_metrics
    from eval.predictions import check_complete, match, read_predictions
    from eval.report.page import write_report
    from eval.statistics.bootstrap import estimate
    from eval.tables import write_tables
    from eval.tasks import applies
    from eval.writing import read_meta
    from skin_r1.case import load_corpus
    from skin_r1.manifest import write_manifest
    from skin_r1.whole import whole_folder

    with whole_folder(out, kind="evaluation", overwrite=overwrite) as partial:
        table = sample(load_corpus(corpus, split), limit)
        rows = table.remove_columns("images").to_list()
        _check_truth(rows, corpus / split)
        ids = [row["case_id"] for row in rows]
        paired = match(read_predictions(predictions), ids, path=predictions, split=split, allow_missing=True)
        task = _one_task(paired, predictions)
        asked = [place for place, row in enumerate(rows) if applies(task, row) or paired[place] is not None]
        table, rows, paired = table.select(asked), [rows[at] for at in asked], [paired[at] for at in asked]
        if not allow_missing:
            check_complete(paired, [row["case_id"] for row in rows], predictions)
        scores = [score_case(row, prediction, reader) for row, prediction in zip(rows, paired, strict=True)]
        metrics = build_metrics(scores)
        estimates = estimate(metrics, [s.group for s in scores], seed=seed, resamples=bootstrap)
        by_group = fairness(metrics, scores, seed=seed, resamples=bootstrap)
        summary: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": ", ".join(sorted({p.model for p in paired if p is not None and p.model})) or None,
            "split": split,
            "task": task,
            "cases": len(rows),
            "groups": len({s.group for s in scores}),
            "missing_predictions": sum(prediction is None for prediction in paired),
            "seed": seed,
            "bootstrap": bootstrap,
            "level": 0.95,
            "decoding": read_meta(predictions).get("decoding"),
            "reader": reader,
            "metrics": {name: found._asdict() for name, found in estimates.items()},
            "fairness": gap_summary(by_group),
            "calibration": None,
        }
        if validation is not None:
            taught = validation_scores(validation, corpus, reader)
            served = write_serving_calibration(partial, taught, split="validation", model=summary["model"] or "")
            if not served or any(score.label_scores for score in taught):  # votes alone teach the server only
                summary["calibration"] = calibration_summary(
                    taught, scores, split="validation", seed=seed, resamples=bootstrap
                )
        (partial / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        write_scores(partial / "scores.jsonl", scores)
        write_tables(partial, scores, by_group)
        manifest = write_manifest(
            partial,
            kind="evaluation",
            config={
                "split": split,
                "seed": seed,
                "bootstrap": bootstrap,
                "limit": limit,
                "reader": reader,
                "allow_missing": allow_missing,
                "predictions_meta": read_meta(predictions),
            },
            inputs={"predictions": predictions, "corpus": corpus} | ({"validation": validation} if validation else {}),
            outputs={"cases": len(rows), "groups": summary["groups"]},
        )
        write_report(
            partial / "report.html",
            summary,
            scores,
            paired,
            table,
            json.loads(manifest.read_text()),
            groups=by_group,
            beside=(predictions.parent, out),
        )
    return summary


def _one_task(predictions: "Sequence[Prediction | None]", path: Path) -> str:
    """The task that all predictions answer.

    Raises:
        UserError: they answer several, or one that is not known here.
    """
    from eval.tasks import TASKS

    tasks = {prediction.task or "diagnosis" for prediction in predictions if prediction is not None} or {"diagnosis"}
    if len(tasks) > 1 or not tasks <= set(TASKS):
        raise problem(
            "the predictions of a file answer one task",
            file=path,
            column="task",
            found=sorted(tasks),
            allowed=sorted(TASKS),
            next_step="score each task's predictions by themselves",
        )
    return tasks.pop()


def _check_truth(rows: Sequence[Mapping[str, Any]], where: Path) -> None:
    """Refuse a corpus whose diagnoses are not in this ontology: nothing could ever match them."""
    from skin_r1.ontology import load_ontology

    for number, row in enumerate(rows, start=1):
        if row["diagnosis"] is not None and row["diagnosis"] not in load_ontology().nodes:
            raise problem(
                "a true diagnosis is not in the ontology",
                file=where,
                row=number,
                column="diagnosis",
                found=row["diagnosis"],
                allowed="a slug of the ontology",
                next_step="build the corpus again with this version: `skin-r1 data build`",
            )


def metric_table(summary: dict[str, Any]) -> str:
    """The metrics as aligned text."""
    from eval.metrics import NAMES

    lines = []
    for key, found in summary["metrics"].items():
        value = "undefined (no case)" if found["value"] is None else f"{found['value']:.3f}"
        span = "" if found["low"] is None else f"[{found['low']:.3f}, {found['high']:.3f}]"
        lines.append(f"  {NAMES[key].title:<44} {value:>6} {span:<16} n = {found['n']}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `skin-r1 eval score`."""
    parser = argparse.ArgumentParser(
        prog="skin-r1 eval score",
        description="Score predictions against a corpus: metrics with bootstrap 95 % intervals, and a report.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--predictions", type=Path, required=True, metavar="FILE", help="JSON lines of `eval run`")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="corpus that holds the truth")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="FILE",
        help="predictions of the validation split: label scores fit a temperature and conformal prediction sets, sampled "
        "answers the calibration.json of `skin-r1 serve`",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--bootstrap", type=int, default=2000, metavar="N", help="resamples (default: 2000)")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="score N cases of the split, those of `eval run --limit N`"
    )
    parser.add_argument(
        "--reader",
        choices=("tolerant", "strict"),
        default="tolerant",
        help="tolerant also reads free text, where it is sure (default); strict only the form that the prompt asks for",
    )
    parser.add_argument("--allow_missing", action="store_true", help="a case without a prediction is a failure")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    options = parser.parse_args(argv)
    for name in ("bootstrap", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise problem(f"--{name} counts from 1", found=value, allowed="a positive number")
    summary = score_predictions(**vars(options))
    print(f"{summary['cases']} cases of {summary['groups']} groups, 95 % intervals from {options.bootstrap} resamples")
    print(metric_table(summary))
    print(f"report: {options.out / 'report.html'}")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
