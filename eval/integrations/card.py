"""README.md of a dataset of predictions: what made them, what they are worth, and whose terms hold."""

from collections.abc import Mapping
from typing import Any

from eval.metrics import NAMES
from eval.statistics.bootstrap import Estimate

_CARD = """\
---
license: other
language: en
tags: [dermatology, evaluation, predictions]
configs:
- config_name: default
  data_files:
  - split: {split}
    path: data/{split}.parquet
---
# Answers of a model that reads skin images

Research use only: not a medical device, and nothing to act on for a patient.

| what | |
|---|---|
{facts}

## Figures

95 % intervals by the bootstrap over groups of cases (patients, lesions, duplicates).

| metric | value | interval | cases |
|---|---|---|---|
{figures}

## License

The answers describe images of other datasets, and the terms of those hold for what is derived from them.
{images}

| terms of the images | cases |
|---|---|
{licenses}

## Score them again

The truth is not here. Build the corpus that has the checksum above, then

    skin-r1 eval import --source THIS --split {split} --out predictions.jsonl
    skin-r1 eval score --predictions predictions.jsonl --corpus CORPUS --split {split} --out DIR
"""


def card(
    split: str,
    facts: Mapping[str, Any],
    estimates: Mapping[str, Estimate],
    licenses: Mapping[str, int],
    images: int | None,
) -> str:
    """The text of README.md.

    Args:
        split: of the corpus, and the name of the only split of the dataset.
        facts: what to say of model and corpus, in this order; None is left out.
        estimates: metric -> value and interval; one that is undefined is left out.
        licenses: terms of the source images -> cases.
        images: cases whose images are in the dataset; None where none were asked for.
    """
    shown = {name: each for name, each in estimates.items() if each.value is not None}
    return _CARD.format(
        split=split,
        facts="\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items() if value is not None),
        figures="\n".join(
            f"| {NAMES[name].title} | {each.value:.3f} | {_span(each)} | {each.n} |" for name, each in shown.items()
        ),
        licenses="\n".join(f"| {_cell(name)} | {count} |" for name, count in sorted(licenses.items())),
        images="No image is in the dataset."
        if images is None
        else f"Images are in the dataset for {images} cases: those whose terms let anybody pass them on.",
    )


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _span(each: Estimate) -> str:
    return "" if each.low is None else f"{each.low:.3f} to {each.high:.3f}"
