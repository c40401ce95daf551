"""Multiple choice, benign or malignant, yes or no: committed answers, and what holds for any text."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.answers import read_letter, read_malignancy, read_yes_no
from skin_r1.reading import MALIGNANCIES

TABLE = Path(__file__).parents[1] / "chosen_options.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
OPTIONS = ["melanoma", "melanocytic nevus", "seborrheic keratosis", "basal cell carcinoma"]


def test_right_in_97_and_wrong_in_1_of_100_choices():
    read = [read_letter(row["text"], row["options"]) for row in ROWS]
    missed = [
        (row["text"][:100], row["expected"], got)
        for row, got in zip(ROWS, read, strict=True)
        if got.index != row["expected"]
    ]
    wrong = [each for each in missed if each[2].index is not None]
    print(
        f"{len(ROWS)} choices: {len(ROWS) - len(missed)} right, {len(wrong)} wrong, {len(missed) - len(wrong)} unsure"
    )
    assert len(ROWS) >= 100
    assert len(missed) <= 0.03 * len(ROWS), missed
    assert len(wrong) <= 0.01 * len(ROWS), wrong


FORMS = (
    "{}", "({})", "{}.", "{})", "[{}]", "**{}**", "**Answer: {}**", "The answer is {}.", "\\boxed{{{}}}",
    "<answer>{}</answer>", "Option {}", "Final answer: ({})", '{{"answer": "{}"}}', "<think>A? B? C? D?</think>{}",
    "I choose {}.",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("index", range(4))
def test_every_letter_in_every_form(form, index):
    for sign in ("ABCD"[index], str(index + 1), ("I", "II", "III", "IV")[index]):
        if sign == "I" and form == "I choose {}.":
            continue
        assert read_letter(form.format(sign), OPTIONS).index == index, sign
        assert read_letter(form.format(f"{sign}) {OPTIONS[index]}"), OPTIONS).index == index, sign
        other = OPTIONS[(index + 1) % 4]
        assert read_letter(form.format(f"{sign}) {other}"), OPTIONS).index is None, sign


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["A", "b)", "(C)", "answer is", "not", "melanoma", "or", "\n", "Option", "1"]), max_size=20
        ).map(" ".join),
    ),
    st.lists(st.text(max_size=20), max_size=6),
)
def test_any_text_and_any_options_are_read_without_an_error(text, options):
    choice = read_letter(text, options)
    assert choice == read_letter(text, options)
    assert choice.sure == (choice.index is not None) and choice.reason
    assert choice.index is None or 0 <= choice.index < len(options)
    assert read_malignancy(text).value in (None, *MALIGNANCIES)
    assert read_yes_no(text).value in (None, "yes", "no")


@pytest.mark.parametrize("piece", ["answer is ", "A B ", "(A) ", "option ", "the ", "*", "A\n", "not A "])
def test_long_texts_are_read_in_linear_time(piece):
    read_letter("B", OPTIONS)
    start = time.process_time()
    read_letter((piece * 100_000)[:100_000], OPTIONS)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Benign", "benign"),
        ("**Malignant**", "malignant"),
        ("The lesion is malignant.", "malignant"),
        ("This lesion appears to be benign.", "benign"),
        ("It is not malignant.", "benign"),
        ("Melanoma", "malignant"),
        ("Seborrheic keratosis", "benign"),
        ("It could be benign or malignant.", None),
        ("I cannot tell.", None),
        ("<answer>malignant</answer>", "malignant"),
        ('{"classification": "benign"}', "benign"),
        ('{"malignant": true}', "malignant"),
        ('{"malignant": false}', "benign"),
        ("Premalignant (actinic keratosis)", "premalignant"),
        ("Answer: benign. There are no signs of malignancy.", "benign"),
        ("The features are highly suspicious for malignancy.", "malignant"),
        ("Melanoma, which is benign.", None),
        ("A benign nevus with low risk of malignant transformation.", "benign"),
        ("This is a type of skin cancer known as basal cell carcinoma.", "malignant"),
        ("I think it's benign, but see a doctor to rule out cancer.", "benign"),
        ("Not benign.", "malignant"),
        ("cancerous", "malignant"),
        ("non-cancerous", "benign"),
        ("Likely malignant", "malignant"),
        ("", None),
        ("Final answer: Benign", "benign"),
        ("Psoriasis, an inflammatory disease.", "non-neoplastic"),
        ("No, this is not benign; it is malignant.", "malignant"),
        ("Rather than malignant, this is a benign lesion.", "benign"),
        ("Sorry, I can't help with that.", None),
        ("The lesion is benign, not malignant.", "benign"),
        ("<think>could be benign</think> malignant", "malignant"),
        ("Option A: benign", "benign"),
    ],
)
def test_benign_or_malignant(text, expected):
    read = read_malignancy(text)
    assert read.value == expected and read.sure == (expected is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes", "yes"),
        ("No.", "no"),
        ("**Yes**, a blue-white veil is present.", "yes"),
        ("No, there is no ulceration.", "no"),
        ("The lesion shows ulceration.", "yes"),
        ("There is no ulceration.", "no"),
        ("Ulceration is absent.", "no"),
        ("I can't tell.", None),
        ("Yes and no.", None),
        ("", None),
        ("Answer: yes", "yes"),
        ("Final answer: No", "no"),
        ('{"answer": "no"}', "no"),
        ('{"present": true}', "yes"),
        ("<answer>Yes</answer>", "yes"),
        ("Present", "yes"),
        ("Not present.", "no"),
        ("absent", "no"),
        ("Possibly, but the image is blurry.", None),
        ("True", "yes"),
        ("false", "no"),
        ("yes!", "yes"),
        ("<think>maybe yes?</think>No", "no"),
        ("No evidence of a pigment network is seen.", "no"),
        ("I can see a pigment network.", "yes"),
        ("I don't see a pigment network.", "no"),
        ("It is difficult to say.", None),
        ("Yes - there are no other features, though.", "yes"),
        ("The pigment network cannot be seen.", "no"),
        ("Maybe", None),
    ],
)
def test_yes_or_no(text, expected):
    read = read_yes_no(text)
    assert read.value == expected and read.sure == (expected is not None)
