"""The plan: caps hold, rare groups come first, nothing is done twice, and what is left out is counted."""

import time
from collections import Counter
from random import Random

import pytest

from skin_r1.distill.composer.code import SERIALS, shuffled
from skin_r1.distill.composer.plan import Columns, band, deal, plan
from skin_r1.distill.composer.trajectory import KINDS
from skin_r1.errors import UserError


def columns(count, seed=0):
    draw = Random(seed)
    return Columns(
        diagnosis=draw.choices(["psoriasis", "melanoma", "eczema", None], [80, 15, 4, 1], k=count),
        possible=draw.choices([KINDS, ("direct", "absent"), ("direct",), ()], k=count),
        skin_type=draw.choices([1, 2, 3, 4, 5, 6, None], [30, 30, 15, 10, 3, 2, 10], k=count),
        modality=draw.choices(["clinical", "dermoscopic"], [9, 1], k=count),
    )


def test_every_case_is_planned_once_or_counted():
    rows = columns(5000)
    made = plan(rows, seed=3)
    indices = [each.index for each in made.chosen]
    assert len(set(indices)) == len(indices) and len(indices) + sum(made.left_out.values()) == 5000
    able = sum(1 for kinds, diagnosis in zip(rows.possible, rows.diagnosis, strict=True) if kinds and diagnosis)
    assert len(indices) == able
    assert all(each.kind in rows.possible[each.index] for each in made.chosen)


def test_copies_of_a_case_are_of_different_kinds_with_serial_numbers_of_their_own():
    made = plan(columns(2000), copies=3, seed=1)
    pairs = Counter((each.index, each.kind) for each in made.chosen)
    assert max(pairs.values()) == 1 and max(Counter(each.index for each in made.chosen).values()) == 3
    assert len({each.serial for each in made.chosen}) == len(made.chosen)
    assert len(made.chosen) + sum(made.left_out.values()) == 6000


def test_caps_hold_and_are_reported():
    made = plan(columns(5000), per_diagnosis=300, per_kind=120, seed=2)
    rows = columns(5000)
    assert max(Counter(rows.diagnosis[each.index] for each in made.chosen).values()) <= 300
    assert max(Counter(each.kind for each in made.chosen).values()) <= 120
    assert made.left_out["cap of the diagnosis"] > 0 and made.left_out["cap of the kind"] > 0
    assert len(made.chosen) + sum(made.left_out.values()) == 5000


def test_a_cap_cuts_the_common_before_the_rare():
    rows = columns(5000)
    made = plan(rows, per_diagnosis=200, seed=5)
    kept = Counter(
        (band(rows.skin_type[each.index]), rows.modality[each.index])
        for each in made.chosen
        if rows.diagnosis[each.index] == "psoriasis"
    )
    # Eight cells share 200 in turn: 25 each, and what a rare cell lacks goes to the others.
    assert len(kept) == 8 and max(kept.values()) - min(kept.values()) <= 25, kept
    shares = Counter(
        band(skin) for skin, name in zip(rows.skin_type, rows.diagnosis, strict=True) if name == "psoriasis"
    )
    assert shares["1-2"] > 5 * shares["5-6"], "the data is skewed, the plan is not"


def test_kinds_follow_their_weights_as_far_as_cases_allow():
    rows = Columns(["psoriasis"] * 4000, [KINDS] * 4000, [None] * 4000, ["clinical"] * 4000)
    made = plan(rows, kinds={"direct": 3, "absent": 1, "uncertain": 0}, seed=0)
    counts = Counter(each.kind for each in made.chosen)
    assert counts == {"direct": 3000, "absent": 1000}


def test_the_same_seed_plans_the_same_and_another_seed_does_not():
    rows = columns(500)
    assert plan(rows, seed=1) == plan(rows, seed=1)
    assert plan(rows, seed=1).chosen != plan(rows, seed=2).chosen
    assert sorted(deal(rows, 9)) == list(range(500))


@pytest.mark.parametrize("seed", [0, 1, 2, 12, 13, 777])
def test_serial_numbers_never_meet(seed):
    sample = range(0, SERIALS, 41)
    assert len({shuffled(number, seed) for number in sample}) == len(sample)
    # Prime to 13 at every seed, so the whole range is permuted.
    assert (shuffled(1, seed) - shuffled(0, seed)) % 13


@pytest.mark.parametrize("kinds", [{"directly": 1}, {"direct": -1}, {"direct": float("nan")}])
def test_wrong_kinds_are_refused(kinds):
    with pytest.raises(UserError):
        plan(columns(5), kinds=kinds)


def test_a_hundred_thousand_cases_take_no_time():
    rows = columns(100_000)
    start = time.process_time()
    assert len(plan(rows, copies=2, per_diagnosis=50_000).chosen) > 50_000
    assert time.process_time() - start < 5
