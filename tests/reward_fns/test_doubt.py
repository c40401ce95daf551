"""What a sentence stands by: a hedge or a doubt takes back its own words, and not what is said beside it."""

import pytest

from reward_fns.doubt import doubted
from skin_r1.claims import claims

STANDS = [
    "This may be psoriasis, as there is a plaque with scale.",
    "This may be psoriasis because of the plaque with scale.",
    "Psoriasis could be considered given the plaque with scale.",
    "The lesion may be older than stated and shows a plaque with scale.",
    "The photo may have been taken in poor light, and it shows a plaque with scale.",
    "The picture shows a plaque that might have been scratched, with scale.",
    "If one looks closely, the plaque has scale.",
    "It is unclear whether it grows, and a plaque with scale is visible.",
    "The plaque has scale, and the exact margin is unclear.",
    "A plaque with scale is seen and its cause is unclear at first.",
    "A plaque with scale whose center has cleared is seen.",
    "The plaque, whose margin is unclear, has scale.",
    "A plaque made up of scale is seen.",
]
DOUBTS = [
    "There may be a plaque with scale.",
    "There may be a plaque that is thick and has scale.",
    "It may be that there is a plaque and has scale.",
    "The lesion may have crust, erythema, and a plaque is possible.",
    "The lesion may be crusted, with scale.",
    "It is unclear whether scale, erythema, and a plaque are there.",
    "It is unclear whether the lesion is red and has scale.",
    "If it is red and shows scale, this is a plaque.",
    "Suppose it grows, and a plaque with scale is seen.",
    "The plaque has cleared, and the scale and erythema have faded.",
    "There is a plaque with scale, and the presence of these is unclear.",
    "It is a plaque with scale, and the claim is made up.",
    "The scale and the plaque are made up.",
    "The plaque with scale is unclear.",
    "\u0274\u1d0f plaque and \u0274\u1d0f scale.",
]


def told(text):
    """For each finding that the text says: whether it is doubted."""
    return [doubted(text, c.start, c.end) for c in claims(text) if c.kind == "finding" and c.slug != "erythema"]


@pytest.mark.parametrize("text", STANDS)
def test_a_hedge_takes_back_its_own_words_only(text):
    assert told(text) == [False, False]


@pytest.mark.parametrize("text", DOUBTS)
def test_what_is_hedged_is_doubted(text):
    assert told(text) and all(told(text))


def test_doubt_ends_where_its_relative_clause_does():
    assert told("A plaque whose scale is unclear is seen.") == [False, True]
