"""What counts as a conclusion, as a contradiction and as grounds; and what is one template for several answers."""

import pytest

from reward_fns import consistency_reward, novelty_reward
from skin_r1.reading import render
from tests.reward_fns.hacked import CASES

PLAQUE = "A plaque with scale and erythema is seen. "
NETWORK = "An atypical pigment network and irregular streaks are seen. "
MELANOMA = NETWORK + "This is melanoma."


def paid(case, **changes):
    return consistency_reward(completions=[render(**{**CASES[case][1], **changes})])[0]


@pytest.mark.parametrize(
    ("case", "think"),
    [
        ("bcc", "A solitary, numerously branched ulcer is seen. This is basal cell carcinoma."),
        ("bcc", "A solitary ulcer with numerous dark lines is seen. This is basal cell carcinoma."),
        ("psoriasis", "A raised plaque with a completely flat center, scale and erythema is seen. This is psoriasis."),
        ("psoriasis", PLAQUE + "They lie on the left elbow and the right knee. This is psoriasis."),
        ("psoriasis", PLAQUE + "The left elbow, the right knee and the scalp are affected. This is psoriasis."),
        ("psoriasis", PLAQUE + "This is psoriasis. A malignant lesion is unlikely."),
        ("psoriasis", PLAQUE + "This is psoriasis. A malignant process is not suspected."),
        ("psoriasis", PLAQUE + "This is psoriasis. Is it malignant? I see no sign of that."),
        ("psoriasis", PLAQUE + "Nothing suggests that there is a sign of a malignancy. This is psoriasis."),
        ("melanoma", "A benign lesion is unlikely. " + MELANOMA),
        ("melanoma", "It seems benign at a glance. " + MELANOMA),
        ("melanoma", "At first glance, it looks benign. " + MELANOMA),
        ("melanoma", MELANOMA + " Malignancy: malignant."),
        ("psoriasis", PLAQUE + "The scale suggests tinea. The silvery color of it favors psoriasis."),
        ("psoriasis", PLAQUE + "Eczema is likely. Psoriasis is more likely."),
        ("psoriasis", PLAQUE + "The scale is consistent with eczema. Psoriasis is most likely."),
        ("psoriasis", PLAQUE + "This is psoriasis, an inflammatory disease."),
        ("bcc", "An ulcer is seen. This is basal cell carcinoma, a malignant neoplasm."),
        ("psoriasis", PLAQUE + "This is psoriasis, eczema being second."),
        ("psoriasis", PLAQUE + "The smooth nails speak against psoriasis. However, this is psoriasis."),
        ("psoriasis", PLAQUE + "Nothing speaks against psoriasis. This is psoriasis."),
        ("psoriasis", PLAQUE + "A doubt about its age is left, and this is psoriasis."),
        ("psoriasis", PLAQUE + "I am 90% sure that this is psoriasis."),
        ("psoriasis", PLAQUE + "It covers 10% of the skin and this is psoriasis."),
        ("psoriasis", PLAQUE + "Eczema would be less sharply bordered. So psoriasis."),
        ("psoriasis", PLAQUE + "Eczema comes to mind. So psoriasis."),
        ("psoriasis", PLAQUE + "Psoriasis."),
        ("psoriasis", PLAQUE + "The sharp border argues for psoriasis and against eczema."),
        ("psoriasis", PLAQUE + "This speaks against eczema and for psoriasis."),
        ("psoriasis", PLAQUE + "It could be eczema, but the sharp border suggests psoriasis."),
        ("psoriasis", PLAQUE + "I doubt that this is eczema. This is psoriasis."),
    ],
)
def test_honest_phrases_are_no_contradiction(case, think):
    assert paid(case, think=think) == 1.0


@pytest.mark.parametrize(
    ("case", "think", "most"),
    [
        ("bcc", "A solitary papule with an ulcer. The numerous papules are red. This is basal cell carcinoma.", 0),
        ("psoriasis", PLAQUE + "It is completely flat. The plaque is raised. This is psoriasis.", 0),
        ("psoriasis", PLAQUE + "It lies on the left elbow. The right elbow has it. This is psoriasis.", 0),
        ("psoriasis", PLAQUE + "This is psoriasis. A malignant lesion is likely.", 0),
        ("psoriasis", PLAQUE + "This is psoriasis. It is malignant and cannot be left alone.", 0),
        ("psoriasis", PLAQUE + "This is a malignancy. This is psoriasis.", 0),
        ("psoriasis", PLAQUE + "Malignancy: malignant. This is psoriasis.", 0),
        ("melanoma", "A benign lesion is likely. " + MELANOMA, 0),
        ("melanoma", "It seems benign. " + MELANOMA, 0),
        ("melanoma", "It is malignant at first glance, but it is benign. " + MELANOMA, 0),
        ("psoriasis", PLAQUE + "The scale favors tinea. The color favors psoriasis.", 0),
        ("psoriasis", PLAQUE + "Psoriasis is likely. Eczema is more likely.", 0),
        ("psoriasis", PLAQUE + "All findings are those of eczema. So psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "The patient has eczema. So psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "Eczema. Psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "My final answer would be eczema. Psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "The findings speak against psoriasis and for eczema. This is psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis. The findings speak against psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "I am 10% sure that this is psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "The border argues for eczema and against psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis (50%) or eczema (50%).", 0.5),
        ("psoriasis", PLAQUE + "I flip a coin: psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "The referring doctor suspects psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "The answer would be psoriasis if one had to guess.", 0.5),
        ("psoriasis", PLAQUE + "Psoriasis is out of the question.", 0.5),
        ("psoriasis", PLAQUE + "I doubt that this is psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "It is hard to believe that this is psoriasis.", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis, alternatively eczema.", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis (or eczema).", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis plus eczema.", 0.5),
        ("psoriasis", PLAQUE + "This is psoriasis, an inflammatory disease, or eczema.", 0.5),
    ],
)
def test_real_contradictions_rivals_and_doubts_are_seen(case, think, most):
    assert paid(case, think=think) <= most


@pytest.mark.parametrize(
    ("case", "findings", "think", "right"),
    [
        ("clean", [], "No ulcer and no scale are seen.", 2 / 3),
        ("clean", ["itch", "pain"], "Itch and pain are reported.", 2 / 3),  # no count knows them for a nevus
        ("clean", ["typical pigment network"], "A typical pigment network is seen.", 1.0),
        ("clean", ["typical pigment network", "itch"], "A typical pigment network and itch are seen.", 1.0),
        ("clean", [], "Itch and pain are reported.", 1 / 3),  # the JSON object does not say so
    ],
)
def test_to_invent_a_finding_pays_no_more_than_to_be_silent(case, findings, think, right):
    said = paid(case, findings=findings, think=f"{think} This is a melanocytic nevus.")
    assert said == pytest.approx(right)


def test_what_noise_asserts_is_not_paid_and_counts_against_the_answer():
    noise = "the skin around it is warm and the light is even and the arm lies still " * 10
    assert paid("psoriasis", think=f"{PLAQUE}{noise} and an ulcer is seen. This is psoriasis.") < 1.0
    hidden = f"{noise} and a plaque with scale and erythema is seen. This is psoriasis."
    assert paid("psoriasis", think=hidden) == pytest.approx(2 / 3)


def test_where_nothing_is_counted_silence_is_agreement():
    think = "No marked finding is seen. This is varicella."
    assert paid("psoriasis", think=think, findings=[], diagnosis="varicella", malignancy="non-neoplastic") == 1.0


def test_a_kind_is_known_by_what_it_is_a_kind_of():
    changes = {"diagnosis": "superficial spreading melanoma", "think": MELANOMA}
    assert paid("melanoma", **changes) == 1.0


TEMPLATE = (
    "The picture shows a border that is sharp. Its surface is rough. The course was slow. The look of the whole speaks for "
    "one disease. Other causes would appear different. So the answer follows at once."
)
NAMES = ("psoriasis", "eczema", "melanoma", "lipoma", "scabies", "rosacea", "vitiligo", "scar")
FILLERS = "quite rather indeed here well then thus also".split()


def strewn(at):
    words = TEMPLATE.split()
    for place in range(len(words) - len(words) % 4, 0, -4):
        words.insert(place, FILLERS[(at + place) % len(FILLERS)])
    return " ".join(words)


def shuffled(at):
    sentences = TEMPLATE.split(". ")
    return ". ".join([*sentences[at % len(sentences) :], *sentences[: at % len(sentences)]][:: -1 if at % 2 else 1])


def misspelt(at):
    letter = "bcdfghjk"[at]
    return (
        TEMPLATE.replace("border", f"border{letter}")
        .replace("course", f"course{letter}")
        .replace("answer", f"answer{letter}")
    )


@pytest.mark.parametrize("spoil", [strewn, shuffled, misspelt])
def test_a_template_stays_one_with_fillers_in_another_order_or_misspelt(spoil):
    group = [render(spoil(at), [], [], name, "benign") for at, name in enumerate(NAMES)]
    assert max(novelty_reward(completions=group, case_id=["one"] * len(group))) <= 0.2


def test_terse_answers_of_one_case_may_share_most_words():
    seen = [["scale", "plaque"], ["scale", "plaque", "erythema"], ["crust", "papule", "erythema"]]
    ends = ["This fits psoriasis best.", "Psoriasis is most likely.", "I would call it eczema, given the edge."]
    group = [
        render(
            f"{', '.join(findings)} seen. {end}", findings, [], "eczema" if "eczema" in end else "psoriasis", "benign"
        )
        for findings, end in zip(seen, ends, strict=True)
    ]
    assert novelty_reward(completions=group, case_id=["one"] * 3) == [1.0] * 3


def test_another_name_for_the_disease_makes_no_new_reasoning():
    said = "The skin on the knee shows scale over a raised plaque, which fits {} best of all."
    swapped = [
        render(said.format(name), ["scale"], [], name, "benign") for name in ("psoriasis", "basal cell carcinoma")
    ]
    assert max(novelty_reward(completions=swapped, case_id=["one"] * 2)) <= 0.2
    repeated = render(f"Scale. {'Psoriasis. ' * 40}", ["scale"], [], "psoriasis", "benign")
    assert novelty_reward(completions=[repeated])[0] < 0.1
