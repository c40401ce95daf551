"""Which findings a phantom shows: drawn from class-conditional probabilities estimated on real annotations.

P(finding | diagnosis) comes from the counts of `knowledge/expectations.tsv` (SkinCon on Fitzpatrick17k: Daneshjou et al.
2022, Groh et al. 2021; Derm7pt: Kawahara et al. 2019). The ABCD findings, which neither set annotates, and the pairs that a
set does not cover come from `assumed.tsv`, each with its reason. Estimates are `Expectation.rate`.
"""

import csv
import math
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from skin_r1.concepts import excluded_by, expectations
from skin_r1.errors import problem

DIAGNOSES = (
    "melanoma",
    "melanocytic-nevus",
    "basal-cell-carcinoma",
    "squamous-cell-carcinoma",
    "seborrheic-keratosis",
    "dermatofibroma",
    "psoriasis",
    "vascular-lesion",
)
FINDINGS = (
    "asymmetric-shape",
    "irregular-border",
    "multiple-colors",
    "typical-pigment-network",
    "atypical-pigment-network",
    "regular-dots-and-globules",
    "irregular-dots-and-globules",
    "irregular-streaks",
    "blue-whitish-veil",
    "arborizing-vessels",
    "brown-hyperpigmentation",
    "erythema",
    "scale",
    "crust",
    "ulcer",
)
PRIOR = (0.17, 0.19, 0.13, 0.12, 0.12, 0.09, 0.1, 0.08)  # of DIAGNOSES, in order; sums to 1
DEFAULT_SHARPNESS = 2.0


@cache
def _assumed() -> Mapping[tuple[str, str], float]:
    path = Path(__file__).with_name("assumed.tsv")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t")
        return {(row["diagnosis"], row["finding"]): float(row["probability"]) for row in rows}


def estimated(diagnosis: str, finding: str) -> float:
    """P(finding | diagnosis) before sharpening, in (0, 1): counted where annotated, else assumed."""
    counted = expectations().get((diagnosis, finding))
    if counted is not None and counted.total > 0:
        return counted.rate
    assumed = _assumed()
    return assumed.get((diagnosis, finding), assumed[("*", finding)])


@cache
def probabilities(sharpness: float = DEFAULT_SHARPNESS) -> np.ndarray:  # type: ignore[type-arg]
    """The table that phantoms are drawn from, [diagnoses, findings].

    Args:
        sharpness: s > 0; p becomes p^s / (p^s + (1-p)^s). 1 keeps the estimates, under which findings hardly determine
            the diagnosis (annotated photographs of all stages and body sites); larger values make typical findings
            more typical and rare ones rarer, so that a small model can learn the task.
    """
    if not sharpness > 0:
        raise problem("sharpness must be above 0", column="sharpness", found=sharpness, allowed="for example 1 or 2")
    table = np.array([[estimated(diagnosis, finding) for finding in FINDINGS] for diagnosis in DIAGNOSES])
    odds = (table / (1 - table)) ** sharpness
    return np.asarray(odds / (1 + odds))


def draw_findings(diagnosis: str, rng: np.random.Generator, sharpness: float = DEFAULT_SHARPNESS) -> frozenset[str]:
    """Findings of one phantom: independent draws, and of two that exclude each other the likelier stays."""
    row = probabilities(sharpness)[DIAGNOSES.index(diagnosis)]
    present = {finding for finding, p in zip(FINDINGS, row, strict=True) if rng.random() < p}
    for finding in sorted(present, key=lambda f: row[FINDINGS.index(f)]):
        if excluded_by(finding) & (present - {finding}):
            present.discard(finding)
    return frozenset(present)


def posterior(present: frozenset[str], sharpness: float = DEFAULT_SHARPNESS) -> dict[str, float]:
    """P(diagnosis | exactly these findings) by Bayes' rule over independent findings, exclusions left aside."""
    mask = np.array([finding in present for finding in FINDINGS])
    table = probabilities(sharpness)
    log_likelihood = np.where(mask, np.log(table), np.log1p(-table)).sum(axis=1) + np.log(PRIOR)
    weight = np.exp(log_likelihood - log_likelihood.max())
    return {diagnosis: float(w) for diagnosis, w in zip(DIAGNOSES, weight / weight.sum(), strict=True)}


def ceiling(sharpness: float = DEFAULT_SHARPNESS, cases: int = 4000, seed: int = 0) -> float:
    """Accuracy of the best reader who sees every finding without error, estimated on drawn cases."""
    rng = np.random.default_rng([seed, 99])
    right = 0
    for diagnosis in rng.choice(DIAGNOSES, size=cases, p=PRIOR):
        chances = posterior(draw_findings(str(diagnosis), rng, sharpness), sharpness)
        right += max(chances, key=chances.__getitem__) == diagnosis
    return right / cases


def differential(present: frozenset[str], sharpness: float = DEFAULT_SHARPNESS, top: int = 3) -> dict[str, float]:
    """The likeliest diagnoses given the findings, weights summing to 1; at least two, at most `top`."""
    chances = sorted(posterior(present, sharpness).items(), key=lambda pair: -pair[1])[:top]
    kept = [(d, p) for i, (d, p) in enumerate(chances) if i < 2 or p >= 0.05]
    total = math.fsum(p for _, p in kept)
    return {diagnosis: p / total for diagnosis, p in kept}


assert len(PRIOR) == len(DIAGNOSES) and abs(sum(PRIOR) - 1) < 1e-9
assert len(set(product(DIAGNOSES, FINDINGS))) == len(DIAGNOSES) * len(FINDINGS)
