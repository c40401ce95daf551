"""How alike and how hard to read: against worked examples."""

import pytest

from skin_r1.distill.variety import grade, variety


def test_the_school_grade_of_a_worked_example():
    # 6 words, 1 sentence, 6 syllables: 0.39 * 6 + 11.8 * 1 - 15.59
    assert grade("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    # 4 words, 1 sentence, 6 + 4 + 1 + 4 syllables
    assert grade("Erythematosus carcinoma is histology.") == pytest.approx(0.39 * 4 + 11.8 * 15 / 4 - 15.59)
    assert grade("") == 0.0


def test_the_two_most_alike_are_found():
    one = "a b c d e f g h i j k l m n o"
    facts = variety([one, one.upper(), "quite another text with other words in every place of it here"])
    assert facts["overlap"] == {"largest": 1.0, "bound": 0.5, "pairs": 3}
    assert facts["reading_level"]["low"] <= facts["reading_level"]["median"] <= facts["reading_level"]["high"]
    assert variety(["one"]) == {"overlap": None, "reading_level": None}
