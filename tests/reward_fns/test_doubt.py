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
    "As the referring doctor notes, a plaque with scale is seen.",
    "The referring doctor rightly mentions a plaque with scale.",
    "The letter mentions a rash, and there is a plaque with scale.",
    "A colleague thought of eczema, but a plaque with scale is seen.",
    "The patient presents with a plaque with scale.",
    "As in most patients, there is a plaque with scale.",
    "His brother has it too, and this plaque has scale.",
    "When stretched, the plaque shows scale.",
    "It began years ago, and now a plaque with scale is seen.",
    "The coin-shaped plaque has scale.",
    "I doubt that this is eczema, as there is a plaque with scale.",
    "The plaque with scale does not show pits.",
    "A plaque en cocarde with scale is seen.",
    "A plaque with scale is seen and will need treatment.",
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
    "The referring doctor mentions a plaque with scale.",
    "According to the letter there is a plaque with scale.",
    "Guidelines describe a plaque with scale.",
    "My book shows a plaque with scale.",
    "A plaque with scale is reported in the literature.",
    "Most patients have a plaque with scale.",
    "Plaques with scale are the usual signs of this disease.",
    "When a plaque and scale coexist, think of psoriasis.",
    "On his brother there is a plaque with scale.",
    "Two years ago there was a plaque with scale.",
    "Soon a plaque with scale will appear.",
    "I heard that there is a plaque with scale.",
    "I doubt that there is a plaque with scale.",
    "There is a 5% chance of a plaque with scale.",
    "The plaque and the scale elude me.",
    "A plaque with scale must be there.",
    "A plaque with scale, maybe.",
    "A plaque with scale is seen. All of that is absent.",
    "Weder plaque noch scale.",
    "A plaque, scale: n o t seen.",
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


def test_symptoms_are_the_patients_to_tell():
    text = "The patient reports itching on a plaque."
    itch, plaque = claims(text)
    assert not doubted(text, itch.start, itch.end, symptom=True) and doubted(text, plaque.start, plaque.end)


def test_doubt_ends_where_its_relative_clause_does():
    assert told("A plaque whose scale is unclear is seen.") == [False, True]
