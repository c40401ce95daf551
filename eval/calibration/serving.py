"""What `skin-r1 serve --calibration` reads: how sure the agreement of several answers may make, taught by validation."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.calibration.conformal import fit_conformal
from eval.calibration.consistency import consistency_table
from eval.calibration.temperature import fit_temperature, scale
from eval.cases import CaseScore
from skin_r1.errors import problem


def write_serving_calibration(folder: Path, validation: Sequence[CaseScore], *, split: str, model: str) -> bool:
    """Write `calibration.json` into `folder`; False, and no file, where no case was answered more than once."""
    found = serving_calibration(validation, split=split, model=model)
    if found is not None:
        (folder / "calibration.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found is not None


def serving_calibration(
    validation: Sequence[CaseScore], *, split: str, model: str, alpha: float = 0.1
) -> dict[str, Any] | None:
    """What `skin-r1 serve --calibration` reads: temperature and LAC threshold of votes; None without sampled answers.

    The first answer votes too, and one more vote goes to "something else", as `skin_r1.serve.answer.confidence` counts them.
    A truth without votes is "something else" to the temperature: left out, the cases that the model never gets right would
    make it look sure. To the sets it is what they miss.

    Raises:
        UserError: cases with different numbers of samples, or as `fit_temperature`.
    """
    voted = [score for score in validation if score.votes and score.diagnosis]
    sizes = sorted({1 + len(score.votes or ()) for score in voted})
    if not sizes:
        return None
    if len(sizes) > 1:
        raise problem("the cases have different numbers of samples", column="samples", found=sizes)
    answers = [(score.predicted, *(score.votes or ()), None) for score in voted]
    table = consistency_table(answers, [s.diagnosis for s in voted], [s.malignancy for s in voted])
    rest = len(table.classes)
    with np.errstate(divide="ignore"):
        others = np.log(1 - table.p.sum(axis=1, keepdims=True))
    truth = np.where(np.isfinite(table.log_p_true()), table.truth, rest)
    whole = replace(
        table, classes=(*table.classes, "something else"), log_p=np.append(table.log_p, others, axis=1), truth=truth
    )
    temperature = fit_temperature(whole, split=split)
    limit = fit_conformal(scale(table, temperature.value), split=split, method="lac", alpha=alpha).limit
    return {
        "method": "agreement",
        "model": model,
        "samples": sizes[0],
        "temperature": temperature.value,
        "conformal_threshold": limit if limit < 1 else None,
        "alpha": alpha,
        "n": len(voted),
    }
