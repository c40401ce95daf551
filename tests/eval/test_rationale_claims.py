"""What a rationale claims and what the annotation says of it: a table by hand, and texts that nobody wrote by hand."""

import csv
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eval.rationale.check import check_rationale
from eval.rationale.related import is_near, near
from skin_r1.concepts import concept_name, excluded_by, load_concepts

TABLE = Path(__file__).with_name("rationale_claims.tsv")


def case(present=(), absent=(), **changes):
    row = {"annotation": "dense", "concepts_present": [*present], "concepts_absent": [*absent], "differential": []}
    return {**row, "diagnosis": "psoriasis", **changes}


def rows():
    with TABLE.open(encoding="utf-8", newline="") as stream:
        lines = (line for line in stream if not line.startswith("#"))
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def shown(claim, text):
    if claim.verdict == "vague":
        return f"~{text[claim.start : claim.end]}"
    if claim.verdict == "missing":
        return f"{claim.concept} missing"
    return f"{claim.concept or '?'} {claim.polarity} {claim.verdict}"


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['text'][:40]}|{row['present']}|{row['absent']}")
def test_by_hand(row):
    text = row["text"].replace("\\n", "\n")
    findings = [None if slug == "?" else slug for slug in row["findings"].split()]
    found = check_rationale(case(row["present"].split(), row["absent"].split()), text, findings)
    assert [shown(claim, text) for claim in found.claims if claim.counts] == [
        part.strip() for part in row["claims"].split("; ") if part.strip()
    ]


def test_the_table_has_every_verdict_many_times():
    verdicts = [part.split()[-1] for row in rows() for part in row["claims"].split("; ") if part.strip()]
    vague = sum(part.strip().startswith("~") for row in rows() for part in row["claims"].split("; "))
    for verdict in ("supported", "partial", "contradicted", "unknown", "missing"):
        assert verdicts.count(verdict) >= 6, verdict
    assert vague >= 6 and len(rows()) >= 60


def test_counts_and_scores_of_one_rationale():
    text = "A papule with an ulcer is seen. No crust. Possible scale. The lesion looks suspicious. A nodule. A cyst."
    row = case(["ulcer", "papule", "plaque"], ["scale", "crust"])
    found = check_rationale(row, text, ["ulcer", "scale", None])
    assert (found.supported, found.partial, found.contradicted) == (3, 1, 1)  # ulcer, papule, no crust; nodule; scale
    assert (found.unknown, found.vague, found.missing, found.present) == (2, 1, 1, 3)  # cyst, no concept; plaque
    assert found.made == 8
    assert (found.asserted, found.hallucinated) == (3, 1)
    assert found.precision == pytest.approx(2 / 3)
    # The hedge on scale is no claim of its own beside the answer, which lists it.
    assert [c.counts for c in found.claims if c.concept == "scale"] == [False, True]


def test_invention_counts_in_prose_and_in_json_alike():
    row = case(["ulcer"], ["scale", "crust"])
    prose, listed = check_rationale(row, "Scale is seen."), check_rationale(row, "", ["scale"])
    both = check_rationale(row, "Scale is seen.", ["scale"])
    other = check_rationale(row, "Scale is seen.", ["crust"])
    assert [c.hallucinated for c in (prose, listed, both, other)] == [1, 1, 1, 2]


@pytest.mark.parametrize("place", ["prose", "answer"])
def test_a_parrot_is_exposed(place):
    slugs = list(load_concepts())
    row = case(slugs[:5], slugs[5:48])
    text = " ".join(f"{concept_name(slug).capitalize()} is seen." for slug in slugs[:48]) if place == "prose" else ""
    parrot = check_rationale(row, text, slugs[:48] if place == "answer" else ())
    honest = check_rationale(row, " ".join(f"{concept_name(slug).capitalize()} is seen." for slug in slugs[:4]))
    assert parrot.missing == 0 and parrot.contradicted / parrot.made > 0.8 and parrot.precision < 0.2
    assert honest.precision == 1 and honest.contradicted == 0 and honest.missing == 1


def test_denying_and_hedging_everything_do_not_pay():
    slugs = list(load_concepts())[:48]
    row = case(slugs[:5], slugs[5:])
    names = [concept_name(slug) for slug in slugs]
    denied = check_rationale(row, " ".join(f"No {name} is seen." for name in names))
    hedged = check_rationale(row, " ".join(f"Perhaps {name} is seen." for name in names))
    assert denied.contradicted >= 4 and denied.precision is None
    assert hedged.supported == 0 and hedged.contradicted > 35


def test_a_case_that_nobody_annotated_refutes_nothing():
    row = case(["ulcer"], ["scale"], annotation="sparse")
    found = check_rationale(row, "Scale is seen. No ulcer. Perhaps crust.", ["plaque"])
    assert found.unknown == found.made == 4 and found.missing == found.present == 0 and found.precision is None


def test_near_is_mutual_and_knows_only_findings():
    for slug, others in near().items():
        assert slug not in others and others <= set(load_concepts())
        assert all(is_near(other, [slug]) for other in others)
    assert not is_near("asymmetric-shape", ["symmetric-shape"]) and excluded_by("asymmetric-shape")


def test_places_hold_where_hidden_characters_stand():
    text = "An ul\u200bcer is seen. N\u00ado scale. \u2060It looks suspi\u200bcious."
    found = check_rationale(case(["ulcer"], ["scale"]), text)
    assert [(text[c.start : c.end], c.verdict) for c in found.claims] == [
        ("ul\u200bcer", "supported"),
        ("scale", "supported"),
        ("It looks suspi\u200bcious", "vague"),
    ]


WORDS = [
    *"no without ulcer scale crust possible perhaps may be is seen not . ; ? , and but lesion suspicious looks it".split(),
    *"melanoma psoriasis suggests would because benign biopsy blue nevus veil \n - : ( ) <think> </think> {".split(),
    "blue-whitish veil", "cannot be excluded", "less likely", "\u200b", "\ud800", "\u0130", "\x00", "kein", "皮膚",
]  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join), st.text(max_size=300))
SLUGS = st.sampled_from(["ulcer", "scale", "crust", "blue", "blue-whitish-veil", "papule"])


@given(
    TEXTS,
    st.sets(SLUGS, max_size=3),
    st.sets(SLUGS, max_size=3),
    st.lists(st.one_of(SLUGS, st.none(), st.just("no-such-slug")), max_size=4),
    st.lists(st.sampled_from(["melanoma", "psoriasis", "nothing", None]), max_size=4),
    st.sampled_from(["melanoma", "psoriasis", "no such", None]),
)
@example("", set(), set(), [], [], None)
@example("\n\n\n;;;...???", {"ulcer"}, set(), [None], [None], None)
@settings(max_examples=250, deadline=None)
def test_any_text_is_read_and_every_place_lies_in_it(text, present, absent, findings, differential, diagnosis):
    row = case(present, absent - present)
    found = check_rationale(row, text, findings, differential, diagnosis)
    places = [(claim.start, claim.end) for claim in found.claims if claim.place == "reasoning"]
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    for claim in found.claims:
        if claim.place == "reasoning":
            assert 0 <= claim.start < claim.end <= len(text)
            words = check_rationale(row, text[claim.start : claim.end])
            named = {c.concept for c in words.claims if c.place == "reasoning"}
            assert claim.concept in named or claim.verdict == "vague"
        else:
            assert claim.start is claim.end is None
    counted = [(c.concept, c.polarity, c.verdict) for c in found.claims if c.counts and c.concept]
    assert len(counted) == len(set(counted))
    assert found.made + found.missing == sum(c.counts for c in found.claims)
    claimed = {c.concept for c in found.claims if c.verdict != "missing"}
    assert {c.concept for c in found.claims if c.verdict == "missing"} == present - claimed
    for score in (found.consistency, found.differential_quality, found.coverage, found.order, found.precision):
        assert score is None or 0 <= score <= 1
    assert check_rationale(row, text, findings, differential, diagnosis) == found


PIECES = [
    *("ulcer ", "no ", "scale, ", "- scale\n", "<think>", "a", "Perhaps ulcer. ", "\u200b", "it ", ".", "?! ", "('"),
    *("Psoriasis shows scale. ", "Malignant melanoma. ", "may be "),
]


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_time_in_proportion(piece):
    def seconds(length):
        spent = []
        for end in (
            "x",
            "xx",
        ):  # one of them may meet a collection of all the garbage of the tests before; none is cached
            text = (piece * length)[:length] + end
            start = time.process_time()
            check_rationale(case(["ulcer"], ["scale"]), text)
            spent.append(time.process_time() - start)
        return min(spent)

    seconds(2_000)
    short, long = seconds(12_500), seconds(100_000)
    # 8 times the length; square would be 64 times the time; a busy machine doubles it
    assert long < 25 * max(short, 0.03)
