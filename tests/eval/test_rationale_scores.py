"""Consistency, differential, argument and readability, against hand-made cases and reference implementations."""

import math
import random

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import ndcg_score

from eval.rationale.argument import STEPS, coverage, order, steps
from eval.rationale.check import check_rationale
from eval.rationale.fit import consistency, differential_quality
from skin_r1.claims import claims
from skin_r1.differentials import neighbors
from skin_r1.gold import reasoning
from skin_r1.ontology import load_ontology
from skin_r1.readability import readability, syllables
from skin_r1.rules import load_rules


def taken(text, diagnosis=None):
    return steps(text, claims(text), diagnosis)


def soft(weights, diagnosis="psoriasis"):
    return {"differential": [{"diagnosis": d, "weight": w} for d, w in weights.items()], "diagnosis": diagnosis}


# Findings and diagnosis


@pytest.mark.parametrize(
    ("asserted", "denied", "diagnosis", "value"),
    [
        (["scale", "plaque"], [], "psoriasis", 1.0),  # both typical by a rule
        (["vesicle"], [], "psoriasis", 0.0),  # rare by a rule
        (["scale", "vesicle"], [], "psoriasis", 0.5),
        (["pustule"], [], "psoriasis", 0.5),  # no rule; 4 to 15 % of the images: neither usual nor implausible
        (["bulla"], [], "psoriasis", 0.0),  # no rule; at most 3.3 % of the images
        (["scale"], ["plaque"], "psoriasis", 0.5),  # a typical finding is denied
        (["scale"], ["bulla"], "psoriasis", 1.0),  # to deny what is not expected adds nothing
        (["scale"], [], None, None),
        (["scale"], [], "no-such-diagnosis", None),
        ([], [], "psoriasis", None),
        (["scale", "pigment-through-cuticle"], [], "psoriasis", 0.75),  # nothing is known of the second
        (["burrow", "papule", "erythema"], [], "arthropod-bite", 0.0),  # an excluding finding makes it untenable
    ],
)
def test_findings_carry_the_diagnosis(asserted, denied, diagnosis, value):
    assert consistency(asserted, denied, diagnosis) == value


def test_typical_findings_fit_their_own_diagnosis_better_than_another():
    typical: dict[str, set[str]] = {}
    for rule in load_rules():
        if rule.role == "typical":
            typical.setdefault(rule.diagnosis, set()).add(rule.finding)
    rng = random.Random(0)
    slugs = sorted(slug for slug, findings in typical.items() if len(findings) > 2)
    own = [consistency(typical[slug], (), slug) for slug in slugs]
    other = [consistency(typical[slug], (), rng.choice(slugs)) for slug in slugs]
    assert len(slugs) > 100 and min(own) > 0.5 and sum(own) / len(own) > 0.98
    assert sum(other) / len(other) < 0.65


def test_the_truth_is_not_looked_at():
    row = {"annotation": "dense", "concepts_present": [], "concepts_absent": ["scale"], "differential": []}
    values = {
        check_rationale({**row, "diagnosis": truth}, "Scale is seen.", ["plaque"], [], "psoriasis").consistency
        for truth in ("psoriasis", "melanoma", None)
    }
    assert values == {1.0}


# Differential


def test_differential_equals_scikit_learn():
    rng = random.Random(1)
    slugs = sorted(load_ontology().nodes)
    for _ in range(200):
        named = rng.sample(slugs, rng.randint(3, 9))
        weights = {slug: rng.choice([0.1, 0.2, 0.2, 0.5]) for slug in named[: rng.randint(2, len(named))]}
        answer = rng.choice([*weights, "no-such-diagnosis", None])
        left = [slug for slug in named if slug != answer]
        told = rng.sample(left, len(left))
        if not (kept := {slug: weight for slug, weight in weights.items() if slug != answer}):
            continue
        if len(told) < 2:
            continue
        gains = [[kept.get(slug, 0.0) for slug in told]]
        expected = ndcg_score(gains, [[-rank for rank in range(len(told))]], k=len(kept), ignore_ties=True)
        assert differential_quality(soft(weights), told, answer) == pytest.approx(expected, abs=1e-9)


WEIGHTS = {"psoriasis": 0.5, "eczema": 0.3, "tinea": 0.2}


def test_differential_by_hand():
    row = soft(WEIGHTS)
    assert differential_quality(row, ["eczema", "tinea"], "psoriasis") == 1.0
    swapped = (0.2 + 0.3 / math.log2(3)) / (0.3 + 0.2 / math.log2(3))
    assert differential_quality(row, ["tinea", "eczema"], "psoriasis") == pytest.approx(swapped)
    assert differential_quality(row, [], "psoriasis") == 0.0
    assert differential_quality(row, ["melanoma", None], "psoriasis") == 0.0
    # A wrong answer is mended best by the right one in the first place.
    mended = differential_quality(row, ["psoriasis", "eczema", "tinea"], "melanoma")
    assert mended == 1.0 > differential_quality(row, ["eczema", "tinea", "psoriasis"], "melanoma") > 0
    assert differential_quality(soft({}, None), ["eczema"], "psoriasis") is None
    assert differential_quality(soft({}, "not-in-the-tree"), ["eczema"], None) is None
    assert differential_quality(soft({"psoriasis": 1.0}), ["eczema"], "psoriasis") is None  # nothing is left to name
    near = [edge.b for edge in neighbors("psoriasis")[:4]]
    assert differential_quality(soft({}), near, "psoriasis") == 1.0
    assert differential_quality(soft({}), ["psoriasis", *near], None) == 1.0


def test_no_trick_pays_more_than_the_plain_list():
    rng = random.Random(2)
    row, slugs = soft(WEIGHTS), sorted(load_ontology().nodes)
    for _ in range(300):
        plain = rng.sample([*WEIGHTS, *rng.sample(slugs, 3)], rng.randint(1, 4))
        answer = rng.choice([*WEIGHTS, "melanoma"])
        paid = differential_quality(row, plain, answer)
        for trick in (
            [*plain, *plain],
            [slug for slug in plain for _ in range(3)],
            [answer, *plain],
            [*plain, answer],
            [None, *plain],
        ):
            assert differential_quality(row, trick, answer) <= paid
    # Everything at once is paid like the best places it happens to begin with, never for its length.
    everything = [*slugs, *WEIGHTS]
    assert differential_quality(row, everything, "psoriasis") == differential_quality(row, everything[:2], "psoriasis")
    assert differential_quality(row, everything, "psoriasis") == 0.0


# Argument

WHOLE = (
    "An ulcer and a blue-whitish veil are seen.",
    "They suggest a melanocytic process.",
    "This is melanoma.",
    "Psoriasis was weighed.",
    "Psoriasis is less likely because scale is absent.",
    "A biopsy is advised.",
)


def test_a_whole_argument_in_order():
    found = taken(" ".join(WHOLE), "melanoma")
    assert tuple(found) == STEPS and coverage(found) == 1.0 and order(found) == 1.0
    assert list(found.values()) == sorted(found.values())


@pytest.mark.parametrize("left_out", range(6))
def test_each_step_is_found_by_its_own_sentence(left_out):
    found = taken(" ".join(part for at, part in enumerate(WHOLE) if at != left_out), "melanoma")
    gone = {STEPS[left_out]} - ({"differential"} if left_out == 3 else set())  # the reason names Psoriasis too
    assert set(found) == set(STEPS) - gone and order(found) == 1.0


def test_backwards_is_out_of_order():
    found = taken(" ".join(WHOLE[::-1]), "melanoma")
    assert coverage(found) == 1.0 and order(found) < 0.2


@pytest.mark.parametrize(
    ("text", "diagnosis", "expected"),
    [
        ("", None, set()),
        ("皮膚", "melanoma", set()),
        ("This is melanoma.", "melanoma", {"diagnosis"}),
        ("This suggests melanoma.", "melanoma", {"diagnosis", "interpretation"}),
        ("This is superficial spreading melanoma, a melanoma.", "melanoma", {"diagnosis"}),  # a kind of it is no rival
        ("Is it melanoma?", "psoriasis", {"differential"}),
        ("Psoriasis would show scale.", "melanoma", {"differential", "why less likely"}),
        ("Psoriasis is less likely.", "melanoma", {"differential"}),  # no reason
        ("Psoriasis is unlikely since the border is sharp.", "melanoma", {"differential", "why less likely"}),
        ("No ulcer is seen.", None, {"description"}),
        ("Perhaps an ulcer would be typical.", None, set()),
        ("It is benign.", None, {"outlook"}),
        ("This is malignant melanoma.", "melanoma", {"diagnosis"}),  # part of a name
        ("Eczema or psoriasis? On balance: psoriasis.", "psoriasis", {"diagnosis", "differential"}),
        ("Psoriasis or eczema.", "psoriasis", {"differential"}),  # both are weighed
        ("Please monitor it.", None, {"outlook"}),
    ],
)
def test_steps_by_hand(text, diagnosis, expected):
    assert set(taken(text, diagnosis)) == expected


def test_order_is_kendall_and_the_diagnosis_may_come_before_or_after_its_rivals():
    rng = random.Random(3)
    ranked = [step for step in STEPS if step != "diagnosis"]
    for _ in range(100):
        chosen = [step for step in ranked if rng.random() < 0.8]
        places = dict(zip(chosen, rng.sample(range(100), len(chosen)), strict=True))
        if len(chosen) < 2:
            assert order(places) is None
            continue
        tau = kendalltau(range(len(chosen)), list(places.values())).statistic
        assert order(places) == pytest.approx((1 + tau) / 2, abs=1e-9)
    assert order({"diagnosis": 5, "differential": 1}) is None
    assert order({"description": 0, "diagnosis": 5, "differential": 1, "why less likely": 3}) == 1.0
    assert order({"description": 0, "diagnosis": 1, "differential": 5, "why less likely": 7}) == 1.0


def test_the_gold_reasoning_describes_concludes_and_sets_aside_in_order():
    found = taken(reasoning(["ulcer", "papule"], "melanoma", ["melanocytic-nevus"]), "melanoma")
    assert list(found) == ["description", "diagnosis", "differential"] and order(found) == 1.0


# Readability


def test_published_figures():
    """'The cat sat on the mat' has a reading ease of 116 and a grade of -1.45 in the literature."""
    figures = readability("The cat sat on the mat.")
    assert figures.reading_ease == pytest.approx(206.835 - 1.015 * 6 - 84.6, abs=1e-9)
    assert round(figures.reading_ease) == 116 and round(figures.grade, 2) == -1.45
    assert figures.sentences == 1 and figures.words == 6 and figures.repeated == 0.0


COUNTS = {
    "scale": 1, "raised": 1, "plaque": 1, "plaques": 1, "ulcer": 2, "vesicle": 3, "vesicles": 3, "melanoma": 4,
    "pigment": 2, "network": 2, "crusted": 2, "ulcerated": 4, "border": 2, "edges": 2, "lesion": 2, "the": 1, "papule": 2,
    "papules": 2, "nodule": 2, "likely": 2, "typical": 3, "eczema": 3, "blue": 1, "veil": 1, "irregular": 4, "streaks": 1,
    "globules": 2, "white": 1, "areas": 3, "psoriasis": 4, "patches": 2, "scratched": 1, "cause": 1, "causes": 2,
    "surface": 2, "benign": 2, "malignant": 3, "asymmetry": 4, "dermatitis": 4, "vessels": 2,
}  # fmt: skip


def test_syllables_are_nearly_those_of_a_dictionary():
    right = sum(syllables(word) == count for word, count in COUNTS.items())
    assert right / len(COUNTS) >= 0.9
    assert all(abs(syllables(word) - count) <= 1 for word, count in COUNTS.items())


def test_figures_of_odd_texts():
    assert readability("") == readability("... 12 皮"[:6]) == (0, 0, 0.0, None, None, 0.0)
    assert readability("no full stop").sentences == 1
    assert readability("1.5 mm. Red!\nFlat?").sentences == 3
    assert readability("a b c d " * 10).repeated == pytest.approx(1 - 4 / 37)
    assert readability("皮膚").words == 1
    long = readability("word " * 20_000)
    assert long.words == 20_000 and math.isfinite(long.grade) and np.isclose(long.repeated, 1 - 1 / 19_997)
