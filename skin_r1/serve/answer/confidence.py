"""From shares of votes to a confidence: one outcome more for "something else", a temperature, a conformal set.

Sources: Wang et al., Self-Consistency Improves Chain of Thought Reasoning in Language Models, ICLR 2023 (votes); Guo et al.,
On Calibration of Modern Neural Networks, ICML 2017, section 4.2 (temperature); Sadinle, Lei & Wasserman, JASA 114 (2019)
223-234 (sets of all diagnoses whose 1 - p is at most a limit).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skin_r1.errors import problem

_KEYS = ("method", "model", "samples", "temperature", "conformal_threshold", "alpha", "n")


@dataclass(frozen=True)
class Calibration:
    """What the validation split taught about one model.

    Attributes:
        method: `agreement`, the one that the server uses.
        model: the id that the predictions were made with.
        samples: answers a case, the first one included.
        temperature: above 0; above 1 softens.
        conformal_threshold: largest 1 - p of a diagnosis that is in the set, below 1; None where the truth had no vote in
            more cases than may miss it, or there are too few cases: every diagnosis would be in the set.
        alpha: share of sets that may miss the truth, in (0, 1).
        n: validation cases.
    """

    method: str
    model: str
    samples: int
    temperature: float
    conformal_threshold: float | None
    alpha: float
    n: int


def read_calibration(path: Path, model: str) -> Calibration:
    """Read the file that `skin-r1 eval score --validation` writes.

    Args:
        path: the JSON file; its keys are the attributes of `Calibration`.
        model: the id that is served; what was learnt of another model says nothing about it.

    Raises:
        UserError: no such file, not JSON, a key missing or unknown, a value out of range, or another model.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise problem("the calibration cannot be read", file=path, found=str(error)) from error
    if not isinstance(found, dict) or set(found) != set(_KEYS):
        keys = sorted(found) if isinstance(found, dict) else type(found).__name__
        raise problem("these are not the keys of a calibration", file=path, found=keys, allowed=_KEYS)
    limit = found["conformal_threshold"]
    checks = {
        "method": (found["method"] == "agreement", "agreement"),
        "model": (found["model"] == model, model),
        "samples": (_whole(found["samples"]) and found["samples"] >= 2, "2 or more"),
        "temperature": (_number(found["temperature"]) and found["temperature"] > 0, "a number above 0"),
        "conformal_threshold": (limit is None or (_number(limit) and 0 <= limit < 1), "0 to below 1, or null"),
        "alpha": (_number(found["alpha"]) and 0 < found["alpha"] < 1, "above 0 and below 1"),
        "n": (_whole(found["n"]) and found["n"] >= 1, "1 or more"),
    }
    for key, (right, allowed) in checks.items():
        if not right:
            raise problem(
                "a value of the calibration is wrong", file=path, column=key, found=found[key], allowed=allowed
            )
    return Calibration(**found)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def probabilities(votes: Mapping[str, int], asked: int, calibration: Calibration | None) -> dict[str, float]:
    """Probability of each name that was voted for.

    One vote is added for "something else" (Laplace's rule with a single further outcome), so that p = v / (k + 1) and five
    of five equal answers give 0.83, never certainty. Answers that cannot be read count in k and for no name. With a
    calibration, p becomes p^(1/T) and all outcomes, "something else" among them, are divided by their sum.

    Args:
        votes: name -> answers that give it, 1 or more.
        asked: k, the answers asked for; at least the sum of the votes.

    Returns:
        name -> probability; what they lack to 1 is "something else".
    """
    shares = {name: count / (asked + 1) for name, count in votes.items()}
    if calibration is None:
        return shares
    rest = 1 - sum(shares.values())
    powers = {name: math.log(p) / calibration.temperature for name, p in shares.items()}
    others = math.log(rest) / calibration.temperature
    top = max(others, *powers.values()) if powers else others  # taken off before exp, or small temperatures overflow
    weights = {name: math.exp(power - top) for name, power in powers.items()}
    total = sum(weights.values()) + math.exp(others - top)
    return {name: weight / total for name, weight in weights.items()}


def prediction_set(found: Mapping[str, float], calibration: Calibration | None) -> list[str] | None:
    """The names that hold the truth in all but `alpha` of cases like the validation's, likeliest first; may be empty.

    None without a calibration or where it has no threshold.
    """
    if calibration is None or calibration.conformal_threshold is None:
        return None
    limit = calibration.conformal_threshold + 1e-12  # the threshold is itself some case's 1 - p
    return sorted((name for name, p in found.items() if 1 - p <= limit), key=lambda name: (-found[name], name))


def note(asked: int, calibration: Calibration | None) -> str:
    """What the confidence is, in words."""
    if asked < 2:
        return "fewer than two answers: there is no confidence"
    votes = f"share of {asked} answers that agree, with one more counted for something else"
    if calibration is None:
        return f"{votes}; not calibrated: do not read it as the chance of being right"
    return f"{votes}; calibrated on {calibration.n} validation cases: true for cases like those only"
