"""What skin_r1.yaml names: the question, the images, the score of a case and the metrics of lmms-eval's run.

lmms-eval loads this file by its path, once for every name; nothing of lmms-eval is imported. The corpus is the folder that
the variable SKIN_R1_CORPUS names, runs/corpus without one.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eval.integrations.headline import HEADLINE, headline, record
from eval.predictions import Prediction
from eval.tasks import messages

# Evaluated on loading: YAML cannot read variables, and `!function` takes any name of this file.
data_files = {
    "test": [
        str(path) for path in sorted(Path(os.environ.get("SKIN_R1_CORPUS", "runs/corpus")).glob("test/*.parquet"))
    ]
}


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """The question of `skin-r1 eval run`."""
    return messages("diagnosis", doc, ())[0]["content"]


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The images of a case, in RGB."""
    return [image.convert("RGB") for image in doc["images"]]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the answer is worth: one record, under the name of every metric.

    The record of accuracy also holds `score`, 0 or 1, where the diagnosis is known: lmms-eval's standard errors rest on it.
    """
    found = record(doc, Prediction(doc["case_id"], results[0]))
    correct = {} if found["diagnosis"] is None else {"score": float(found["predicted"] == found["diagnosis"])}
    return {name: found | (correct if name == "accuracy" else {}) for name in HEADLINE}


def _aggregate(name: str, records: Sequence[Mapping[str, Any]]) -> float:
    """One metric over all cases; NaN where it is undefined."""
    kept = [{key: value for key, value in each.items() if key != "score"} for each in records]
    value = headline(kept, resamples=0)[name].value
    return float("nan") if value is None else value


accuracy = partial(_aggregate, "accuracy")
top_3_accuracy = partial(_aggregate, "top_3_accuracy")
balanced_accuracy = partial(_aggregate, "balanced_accuracy")
hierarchical_f1 = partial(_aggregate, "hierarchical_f1")
malignancy_sensitivity = partial(_aggregate, "malignancy_sensitivity")
malignancy_specificity = partial(_aggregate, "malignancy_specificity")
missed_malignancy_rate = partial(_aggregate, "missed_malignancy_rate")
grounding_f1 = partial(_aggregate, "grounding_f1")
hallucination_rate = partial(_aggregate, "hallucination_rate")
parse_failure_rate = partial(_aggregate, "parse_failure_rate")
