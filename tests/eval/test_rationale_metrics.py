"""The metrics over many rationales, against a plain loop over their checks."""

import math
import random

import numpy as np
import pytest

from eval.metrics.rationale import NAMES, rationale
from eval.metrics.sums import Described
from eval.rationale.check import check_rationale
from eval.statistics.bootstrap import estimate, weights
from skin_r1.concepts import concept_name, load_concepts
from skin_r1.gold import reasoning

VERDICTS = ("supported", "partial", "contradicted", "unknown", "vague")
MEANS = {
    "finding_diagnosis_consistency": lambda c: c.consistency,
    "differential_quality": lambda c: c.differential_quality,
    "argument_coverage": lambda c: c.coverage,
    "argument_order": lambda c: c.order,
    "rationale_words": lambda c: c.readability.words or None,
    "rationale_grade": lambda c: c.readability.grade,
    "rationale_repetition": lambda c: c.readability.repeated if c.readability.words else None,
}


def plain(checks, dense):
    """Each metric by a loop, claim by claim; None where undefined."""
    verdicts = dict.fromkeys((*VERDICTS, "missing"), 0)
    present = known = invented = 0
    values = {name: [] for name in MEANS}
    for check, is_dense in zip(checks, dense, strict=True):
        if check is None:
            continue
        for name, of in MEANS.items():
            if of(check) is not None:
                values[name].append(of(check))
        if not is_dense:
            continue
        present += check.present
        for claim in check.claims:
            if claim.counts:
                verdicts[claim.verdict] += 1
                if claim.polarity == "asserted" and claim.verdict in ("supported", "contradicted"):
                    known, invented = known + 1, invented + (claim.verdict == "contradicted")
    claims = sum(verdicts[name] for name in VERDICTS)
    found = {f"{name}_claim_rate": verdicts[name] / claims if claims else None for name in VERDICTS}
    found["missing_finding_rate"] = verdicts["missing"] / present if present else None
    found["hallucinated_finding_rate"] = invented / known if known else None
    return found | {name: math.fsum(each) / len(each) if each else None for name, each in values.items()}


def random_checks(seed, cases=60):
    rng = random.Random(seed)
    slugs, dx = list(load_concepts())[:40], ["psoriasis", "melanoma", "eczema", "melanocytic-nevus", None]
    checks, dense = [], []
    for _ in range(cases):
        dense.append(rng.random() < 0.6)
        present = rng.sample(slugs, rng.randint(0, 4))
        row = {
            "annotation": "dense" if dense[-1] else "sparse",
            "concepts_present": present,
            "concepts_absent": [slug for slug in slugs if slug not in present and rng.random() < 0.7],
            "differential": [],
            "diagnosis": rng.choice(dx),
        }
        said, answer = rng.sample(slugs, rng.randint(0, 5)) + present[:2], rng.choice(dx)
        parts = [
            rng.choice(["{} is seen.", "No {} is seen.", "Possible {}.", "The lesion looks suspicious."]).format(name)
            for name in map(concept_name, said)
        ]
        if answer and rng.random() < 0.7:
            parts.append(reasoning([], answer, rng.sample(["tinea", "rosacea"], rng.randint(0, 2))))
        check = check_rationale(row, " ".join(parts), rng.sample(slugs, rng.randint(0, 3)), ["eczema", None], answer)
        checks.append(None if rng.random() < 0.1 else check)
    return checks, dense


def assert_equal(metrics, expected):
    assert [metric.name for metric in metrics] == list(NAMES) == list(expected)
    for metric in metrics:
        wanted = expected[metric.name]
        assert metric.value() == pytest.approx(float("nan") if wanted is None else wanted, abs=1e-9, nan_ok=True), (
            metric.name
        )


@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_a_plain_loop(seed):
    checks, dense = random_checks(seed)
    expected = plain(checks, dense)
    assert None not in expected.values()
    assert_equal(rationale(checks, dense), expected)


@pytest.mark.parametrize("kind", ["none", "all missing", "all sparse", "empty texts", "one case", "nothing annotated"])
def test_edges_equal_a_plain_loop(kind):
    checks, dense = random_checks(7)
    row = {
        "annotation": "dense",
        "concepts_present": ["ulcer"],
        "concepts_absent": [],
        "differential": [],
        "diagnosis": None,
    }
    if kind == "none":
        checks, dense = [], []
    elif kind == "all missing":
        checks = [None] * len(checks)
    elif kind == "all sparse":
        dense = [False] * len(checks)
    elif kind == "empty texts":
        checks, dense = [check_rationale(row, "") for _ in range(3)], [True] * 3
    elif kind == "one case":
        checks, dense = [check_rationale(row, "An ulcer is seen.")], [True]
    else:
        checks, dense = [check_rationale({**row, "concepts_present": []}, "An ulcer is seen.")], [True]
    assert_equal(rationale(checks, dense), plain(checks, dense))


def test_resampled_groups_equal_a_plain_loop_over_the_drawn_cases():
    checks, dense = random_checks(11)
    groups = [f"g{i % 9}" for i in range(len(checks))]
    names = sorted(set(groups))
    found = estimate(rationale(checks, dense), groups, seed=3, resamples=40)
    drawn = np.concatenate(list(weights(len(names), seed=3, resamples=40)))
    values = {name: [] for name in NAMES}
    for counts in drawn:
        chosen = [
            i
            for g, n in zip(names, counts, strict=True)
            for i in range(len(groups))
            if groups[i] == g
            for _ in range(int(n))
        ]
        for name, value in plain([checks[i] for i in chosen], [dense[i] for i in chosen]).items():
            if value is not None:
                values[name].append(value)
    for name, each in values.items():
        assert [found[name].low, found[name].high] == pytest.approx(list(np.quantile(each, [0.025, 0.975])), abs=1e-9)


def test_shares_add_up_and_everything_is_described():
    checks, dense = random_checks(5)
    found = {metric.name: metric.value() for metric in rationale(checks, dense)}
    assert sum(found[f"{name}_claim_rate"] for name in VERDICTS) == pytest.approx(1, abs=1e-12)
    assert all(isinstance(described, Described) and described.meaning for described in NAMES.values())


def test_an_unread_answer_misses_everything_and_argues_nothing():
    row = {
        "annotation": "dense", "concepts_present": ["ulcer", "papule"], "concepts_absent": ["scale"],
        "differential": [], "diagnosis": "psoriasis",
    }  # fmt: skip
    found = {metric.name: metric.value() for metric in rationale([check_rationale(row, "")], [True])}
    assert found["missing_finding_rate"] == 1.0
    assert found["argument_coverage"] == found["differential_quality"] == 0.0
    assert all(math.isnan(found[f"{name}_claim_rate"]) for name in VERDICTS)
    assert math.isnan(found["rationale_words"]) and math.isnan(found["finding_diagnosis_consistency"])


def test_a_parrot_stands_out_among_models():
    rng = random.Random(9)
    slugs = list(load_concepts())[:48]
    every = " ".join(f"{concept_name(slug).capitalize()} is seen." for slug in slugs)
    honest, parrot = [], []
    for _ in range(20):
        present = rng.sample(slugs, 4)
        row = {
            "annotation": "dense", "concepts_present": present, "differential": [], "diagnosis": "psoriasis",
            "concepts_absent": [slug for slug in slugs if slug not in present],
        }  # fmt: skip
        own = " ".join(f"{concept_name(slug).capitalize()} is seen." for slug in present[:3])
        honest.append(check_rationale(row, own, present[:3], [], "psoriasis"))
        parrot.append(check_rationale(row, every, slugs, [], "psoriasis"))
    of = [{m.name: m.value() for m in rationale(checks, [True] * 20)} for checks in (honest, parrot)]
    assert of[0]["hallucinated_finding_rate"] == 0.0 and of[1]["hallucinated_finding_rate"] > 0.8
    assert of[0]["supported_claim_rate"] > 0.9 > 0.15 > of[1]["supported_claim_rate"]
    assert of[1]["contradicted_claim_rate"] > 0.8 and of[1]["missing_finding_rate"] == 0.0
