"""How long do all metrics with clustered intervals take, and how much longer does a plain loop over scikit-learn?

Made-up answers of 10,000 cases of about 4,900 patients over 30 diagnoses, with findings, rationales and label scores. One
run measures

- reading and checking every answer (`read_line`, `score_case`), once;
- every metric on 2,000 clustered resamples (`estimate`), and the same within every group of patients (`fairness`);
- a loop that draws the same cases and calls scikit-learn for ten of the metrics, on a few resamples, scaled up.

Seconds are those of one core (CPU time of this process), so that a busy machine changes them little.

Example: OMP_NUM_THREADS=1 python -m benchmarks.scoring --cases 10000 --resamples 2000
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sklearn import metrics as sk
from sklearn.preprocessing import label_binarize

from eval.cases import CaseScore, score_case
from eval.fairness import fairness
from eval.label_scores import label_table
from eval.metrics import build_metrics
from eval.prediction_line import read_line
from eval.predictions import Prediction
from eval.statistics.bootstrap import estimate, numbered, weights
from skin_r1.concepts import load_concepts
from skin_r1.ontology import load_ontology
from skin_r1.reading import render


def made_up(count: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Case rows and lines of predictions; half of the diagnoses and two thirds of the findings are right."""
    rng, tree = Random(seed), load_ontology()
    diagnoses = [slug for slug, node in tree.nodes.items() if node.level == "diagnosis"]
    classes = diagnoses[:: len(diagnoses) // 30][:30]  # from all over the tree: some are malignant
    concepts = list(load_concepts().values())
    rows, lines = [], []
    for number in range(count):
        truth = rng.choice(classes)
        said = truth if rng.random() < 0.5 else rng.choice(classes)
        known = rng.sample(concepts, 8)
        named = [concept for index, concept in enumerate(known) if rng.random() < (0.7 if index < 4 else 0.3)]
        row: dict[str, Any] = {
            **{"case_id": str(number), "group": str(rng.randrange(int(count * 0.6))), "dataset": "made up"},
            **{"modality": rng.choice(["clinical", "dermoscopic"]), "skin_type": rng.choice([None, 1, 2, 3, 4, 5, 6])},
            **{"history": f"{rng.choice(['Woman', 'Man'])} aged {rng.randrange(1, 8)}0 to 79, site: arm."},
            **{"diagnosis": truth, "malignancy": tree.malignancy(truth), "differential": [], "annotation": "dense"},
            "concepts_present": [concept.slug for concept in known[:4]],
            "concepts_absent": [concept.slug for concept in known[4:]],
        }
        names = [concept.name for concept in named]
        think = (
            f"The lesion shows {', '.join(names)}. This suggests {tree.name(said)}. Less likely is {tree.name(truth)}."
        )
        text = render(
            think, names, [tree.name(rng.choice(classes))], tree.name(said), tree.malignancy(said) or "benign"
        )
        logits = np.array([rng.gauss(1.5 if slug == truth else 0.0, 1.0) for slug in classes])
        log_p = logits - np.logaddexp.reduce(logits)
        scores = dict(zip(classes, log_p.tolist(), strict=True))
        rows.append(row)
        lines.append(json.dumps({"case_id": str(number), "completion": text, "label_scores": scores}).encode())
    return rows, lines


def read_all(rows: list[dict[str, Any]], lines: list[bytes]) -> list[CaseScore]:
    """What `skin-r1 eval score` does with a file: every line read, every answer scored and its rationale checked."""
    said = [Prediction(**read_line(line, Path("made-up.jsonl"), number)) for number, line in enumerate(lines, start=1)]
    return [score_case(row, prediction) for row, prediction in zip(rows, said, strict=True)]


def plain(scores: list[CaseScore], resamples: int, seed: int = 0) -> None:
    """Ten metrics by scikit-learn on drawn cases, one resample after another."""
    member, count = numbered([score.group for score in scores])
    rows_of = [np.flatnonzero(member == group) for group in range(count)]
    truth = np.array([score.diagnosis for score in scores])
    said = np.array([score.predicted for score in scores])
    table = label_table(
        [s.label_scores for s in scores], [s.diagnosis for s in scores], [s.malignancy for s in scores]
    )
    p, sick = table.p, np.array([score.malignancy == "malignant" for score in scores])
    risk = p[:, [load_ontology().malignancy(slug) == "malignant" for slug in table.classes]].sum(axis=1)
    for drawn in weights(count, seed=seed, resamples=resamples):
        for times in drawn.astype(int):
            at = np.concatenate([rows_of[group] for group, n in enumerate(times) for _ in range(n)])
            t, s = truth[at], said[at]
            labels = np.unique(t)
            sk.accuracy_score(t, s)
            sk.balanced_accuracy_score(t, s)
            sk.f1_score(t, s, labels=labels, average="macro")
            sk.f1_score(t, s, labels=labels, average="weighted")
            sk.roc_auc_score(t, p[at], multi_class="ovr", labels=table.classes)
            sk.average_precision_score(label_binarize(t, classes=table.classes), p[at])
            sk.roc_auc_score(sick[at], risk[at])
            sk.average_precision_score(sick[at], risk[at])
            sk.log_loss(t, p[at], labels=table.classes)
            sk.recall_score(sick[at], risk[at] > 0.5)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work returns, and its CPU seconds."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def main() -> None:
    """Print the seconds and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--plain", type=int, default=10, help="resamples of the plain loop, before and after ours")
    options = parser.parse_args()
    made = made_up(options.cases)
    scores, read = timed(lambda: read_all(*made))
    metrics, built = timed(lambda: build_metrics(scores))
    groups = [score.group for score in scores]
    _, before = timed(lambda: plain(scores, options.plain))
    _, ours = timed(lambda: estimate(metrics, groups, seed=0, resamples=options.resamples))
    _, after = timed(lambda: plain(scores, options.plain))
    _, within = timed(lambda: fairness(metrics, scores, seed=0, resamples=options.resamples))
    loop = (before + after) / (2 * options.plain) * options.resamples
    print(f"{options.cases} cases in {len(set(groups))} groups, {options.resamples} resamples")
    print(f"reading and checking the answers, once: {read:.1f} s ({options.cases / read:.0f}/s)")
    print(
        f"{len(metrics)} metrics: built in {built:.1f} s, resampled in {ours:.1f} s; with reading {read + built + ours:.1f} s"
    )
    print(f"10 of them by a plain loop over scikit-learn: {loop:.0f} s, {loop / (built + ours):.0f} times as long")
    print(f"all metrics within every group of patients: {within:.1f} s")


if __name__ == "__main__":
    main()
