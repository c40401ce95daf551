"""How alike: against worked examples."""

from skin_r1.distill.variety import variety


def test_the_two_most_alike_are_found():
    one = "a b c d e f g h i j k l m n o"
    facts = variety([one, one.upper(), "quite another text with other words in every place of it here"])
    assert facts["overlap"] == {"largest": 1.0, "bound": 0.5, "pairs": 3}
    assert facts["reading_level"]["low"] <= facts["reading_level"]["median"] <= facts["reading_level"]["high"]
    assert variety(["one"]) == {"overlap": None, "reading_level": None}
