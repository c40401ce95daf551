"""Red flags only ever raise the level. `python tests/serve/test_triage.py` prints what the words miss."""

import csv
import itertools
import random
import re
import time
from pathlib import Path

import pytest

from skin_r1.ontology import load_ontology
from skin_r1.reading import parse, render
from skin_r1.serve.answer.red_flags import dangerous, rules
from skin_r1.serve.answer.triage import LEVELS, triage

FILE = Path(__file__).with_name("red_flag_sentences.tsv")


def table():
    with FILE.open(encoding="utf-8") as lines:
        return [
            (row["text"], row["level"]) for row in csv.DictReader((x for x in lines if x[0] != "#"), delimiter="\t")
        ]


def level(text, *readings, **fields):
    return triage([text] if text else [], readings, **fields).level


def higher(text, expected):
    return LEVELS.index(level(text)) - LEVELS.index(expected)


def reading(diagnosis="melanocytic nevus", malignancy="benign", differential=(), findings=("regular border",)):
    return parse(render("I see a spot", list(findings), list(differential), diagnosis, malignancy))


# Over-cautious, and known: a denial that a rule would have to guess.
TOO_HIGH = {"my hair is growing back", "fever and rash as a baby, nothing now"}


def test_there_are_enough_sentences():
    assert len(table()) >= 250 and {expected for _, expected in table()} == set(LEVELS)


@pytest.mark.parametrize("text, expected", table())
def test_what_a_person_writes_raises_the_level(text, expected):
    if text in TOO_HIGH:
        assert higher(text, expected) > 0
    else:
        assert level(text) == expected


def test_a_second_sentence_never_lowers_a_level():
    rows = table()
    random.Random(0).shuffle(rows)
    harmless = [
        "No fever.",
        "It is stable.",
        "Ignore the red flags.",
        "He denies everything.",
        "The answer is benign.",
    ]
    for text, expected in rows[:120]:
        if re.search(r"last year|ago|as a child|2012|as a baby", text):
            continue  # what says when, and whether it is back, stands in the same text
        for more in harmless:
            assert LEVELS.index(level(f"{text}. {more}")) >= LEVELS.index(expected), (text, more)
            assert LEVELS.index(level(f"{more} {text}")) >= LEVELS.index(expected), (text, more)


def test_the_model_cannot_lower_a_level():
    answers = [(), (reading(),), (reading("melanoma", "malignant"),), (reading("normal skin", "non-neoplastic"),)]
    for (text, expected), answer in itertools.product(table()[:100], answers):
        for abstained in (False, True):
            assert LEVELS.index(level(text, *answer, abstained=abstained)) >= LEVELS.index(expected)


def test_a_case_never_falls_below_its_floor():
    for floor in LEVELS:
        assert level("It is stable.", reading(), floor=floor) == floor


@pytest.mark.parametrize(
    "answers, expected, rule",
    [
        ([reading("melanoma", "malignant")], "urgent", "malignant-answer"),
        ([reading("melanoma", "benign")], "urgent", "contradiction"),
        ([reading("melanocytic nevus", "malignant")], "urgent", "malignant-answer"),
        ([reading("actinic keratosis", "premalignant")], "soon", "premalignant-answer"),
        ([reading(differential=["melanoma"])], "soon", "malignant-differential"),
        ([reading("a name nobody knows", "benign")], "soon", "indeterminate-answer"),
        ([reading()] * 4 + [reading("melanoma", "malignant")], "urgent", "malignant-answer"),
        ([reading()] * 15 + [reading("melanoma", "malignant")], "soon", "malignant-answer"),
        ([reading("Stevens-Johnson syndrome", "non-neoplastic")], "emergency", "danger-stevens-johnson-syndrome"),
        ([reading(), reading("pemphigus vulgaris", "non-neoplastic")], "urgent", "danger-pemphigus"),
    ],
)
def test_the_answers_raise_the_level(answers, expected, rule):
    found = triage([], answers)
    assert found.level == expected and rule in {flag.rule for flag in found.flags}


def test_an_abstention_is_soon_and_routine_is_not_harmless():
    assert level("", abstained=True) == "soon"
    found = triage([], [reading()])
    assert found.level == "routine" and "does not mean" in found.advice and not found.flags


def test_what_the_model_sees_completes_what_the_person_tells():
    assert level("fever since Monday", reading(findings=["vesicle"])) == "emergency"
    assert level("itch", reading(findings=["vesicle"])) == "routine"
    assert level("no fever", reading(findings=["vesicle"])) == "routine"


def test_fields_of_the_form_count():
    assert level("blisters", age=0) == "urgent" and level("blisters", age=40) == "routine"
    assert level("fever, red eyes", age=3) == "emergency"
    assert level("dark stripe", site="nail") == "urgent" and level("dark stripe", site="arm") == "routine"


def test_free_text_of_the_model_counts():
    assert level("", spoken="This is most likely a melanoma.") == "urgent"
    assert level("", spoken="Melanoma is less likely. This is a melanocytic nevus.") == "routine"


def test_the_tables_are_whole():
    names = [rule.name for rule in rules()]
    assert len(set(names)) == len(names) and all(rule.level in LEVELS[1:] and rule.signs for rule in rules())
    assert all(rule.reason and rule.source for rule in rules())
    assert set(dangerous()) <= set(load_ontology().nodes) and {each[0] for each in dangerous().values()} <= set(LEVELS)


def test_every_rule_over_words_is_reached_by_a_sentence():
    fired = {flag.rule for text, _ in table() for flag in triage([text], []).flags}
    assert {rule.name for rule in rules()} <= fired


def test_the_rules_are_fast_on_any_text():
    for text in (
        "no " * 600,
        "fever, " * 280,
        "a" * 2000,
        "not not " * 250,
        "(((((" * 400,
        "9 " * 1000,
        "or nor " * 280,
    ):
        began = time.process_time()
        triage([text], [reading()])
        assert time.process_time() - began < 1.0, text[:20]


if __name__ == "__main__":
    off = {text: (expected, higher(text, expected)) for text, expected in table()}
    raised = sum(expected != "routine" for expected, _ in off.values())
    print(f"{len(off)} sentences, {raised} of them above routine")
    print(f"too low: {sum(by < 0 for _, by in off.values())}; too high: {sum(by > 0 for _, by in off.values())}")
    for text, (expected, by) in off.items():
        if by:
            print(f"  {expected} -> {level(text)}: {text}")
