"""Where a denial ends, checklists, texts without an end, and colors of what is no lesion."""

import time

import pytest

from skin_r1.claims import claims
from skin_r1.concepts import mentions

ASSERTED = [
    ("Without vesicles or crust, the plaque with scale and erythema is thick.", "-vesicle -crust +plaque +scale +erythema"),
    ("Without vesicles, scale and erythema are seen.", "-vesicle +scale +erythema"),
    ("In the absence of vesicles, the plaque with scale points to psoriasis.", "-vesicle +plaque +scale"),
    ("There is no ulcer or vesicle, only a plaque with scale.", "-ulcer -vesicle +plaque +scale"),
    ("No vesicles, no crust, just a plaque.", "-vesicle -crust +plaque"),
    ("The plaque does not bleed, its scale is thick, its erythema bright.", "+plaque -bleeding +scale +erythema"),
    ("The red, scaly plaque has not healed.", "+erythema +scale +plaque"),
    ("The plaque has not ulcerated.", "+plaque -ulcer"),
    ("The lack of vesicles, the scale, the erythema and the plaque point to psoriasis.",
     "-vesicle +scale +erythema +plaque"),
    ("Without a blue-whitish veil, the atypical pigment network and irregular streaks still point to melanoma.",
     "-blue-whitish-veil +atypical-pigment-network +irregular-streaks"),
    ("While there is no scale, an ulcer is seen.", "-scale +ulcer"),
    ("Without the blue-whitish veil, the irregular streaks point to melanoma.", "-blue-whitish-veil +irregular-streaks"),
    ("There are no comma vessels, an atypical pigment network and irregular streaks are seen.",
     "-comma-vessels +atypical-pigment-network +irregular-streaks"),
    ("The lesion is not benign: it has an atypical pigment network and irregular streaks.",
     "+atypical-pigment-network +irregular-streaks"),
    ("It does not show scale: the plaque is smooth.", "-scale +plaque"),
    ("No fever, a plaque with scale.", "-fever +plaque +scale"),
    ("The border is not blurred, the plaque has scale.", "+plaque +scale"),
    ("The border is not blurred and the plaque has scale.", "+plaque +scale"),
    ("There are no other lesions besides a plaque with scale.", "+plaque +scale"),
    ("There is nothing other than a plaque with scale.", "+plaque +scale"),
    ("I find no scale and an ulcer.", "-scale +ulcer"),
    ("Plaques, none of them ulcerated.", "+plaque -ulcer"),
    ("One cannot miss the scale.", "+scale"),
    ("One must not forget the scale beside the plaque.", "+scale +plaque"),
]  # fmt: skip
DENIED = [
    ("No scale, crust, or ulcer.", "-scale -crust -ulcer"),
    ("Scale and crust are invisible.", "-scale -crust"),
    ("The scale is nonexistent, the plaque is not.", "-scale -plaque"),
    ("No scale, no crust, no ulcer are seen.", "-scale -crust -ulcer"),
    ("No crust, vesicle or ulcer is seen.", "-crust -vesicle -ulcer"),
    ("I see no crust, a vesicle or an ulcer.", "-crust -vesicle -ulcer"),
    ("No evidence of a crust, an ulcer, or a vesicle is seen.", "-crust -ulcer -vesicle"),
    ("Not a plaque, a scale, an ulcer.", "-plaque -scale -ulcer"),
    ("I cannot see the scale, the plaque, the erythema.", "-scale -plaque -erythema"),
    ("It lacks a scale and an ulcer.", "-scale -ulcer"),
    ("It lacks the scale, the plaque and the erythema of psoriasis.", "-scale -plaque -erythema"),
    ("Without the scale, the plaque and the erythema, psoriasis is unlikely.", "-scale -plaque -erythema"),
    ("Without scale, plaque and erythema, psoriasis is unlikely.", "-scale -plaque -erythema"),
    ("In the absence of scale, crust and vesicles, eczema is unlikely.", "-scale -crust -vesicle"),
    ("The nodule without crust, ulcer and scale is smooth.", "+nodule -crust -ulcer -scale"),
    ("The lesion without crust, ulcer and scale is smooth.", "-crust -ulcer -scale"),
    ("The absence of the scale, the crust and the ulcer argues against eczema.", "-scale -crust -ulcer"),
    ("None of the scale, the crust and the ulcer is seen.", "-scale -crust -ulcer"),
    ("No signs of melanoma: atypical pigment network, irregular streaks.",
     "-atypical-pigment-network -irregular-streaks"),
    ("Not seen: ulcer, crust, vesicle.", "-ulcer -crust -vesicle"),
    ("Absent: a plaque, a scale.", "-plaque -scale"),
    ("I do not believe the plaque, the scale and the erythema are there.", "-plaque -scale -erythema"),
    ("I do not believe that a plaque, a scale and an ulcer are seen.", "-plaque -scale -ulcer"),
    ("The crust and the vesicles have not formed.", "-crust -vesicle"),
    ("Scale has not been seen.", "-scale"),
    ("No scale, and the ulcer is missing.", "-scale -ulcer"),
    ("Without scale, the ulcer is absent too.", "-scale -ulcer"),
    ("Without scale, the plaque or an ulcer, this is no psoriasis.", "-scale -plaque -ulcer"),
]  # fmt: skip
CHECKLISTS = [
    ("Plaque: yes, scale: yes, erythema: yes, ulcer: no.", "+plaque +scale +erythema -ulcer"),
    ("Ulcer: no, plaque: yes, scale: yes, erythema: yes.", "-ulcer +plaque +scale +erythema"),
    ("Scale: no, ulcer: yes.", "-scale +ulcer"),
    ("Scale: absent, ulcer: present.", "-scale +ulcer"),
    ("Crust: none, scale: yes.", "-crust +scale"),
    ("Plaque (yes), scale (yes), ulcer (no), crust (absent).", "+plaque +scale -ulcer -crust"),
    ("Plaque +, scale ++, ulcer -, crust (-).", "+plaque +scale -ulcer -crust"),
    ("Plaque yes, ulcer no, scale yes.", "+plaque -ulcer +scale"),
    ("Ulcer = no, plaque = yes", "-ulcer +plaque"),
    ("**Ulcer:** no, **plaque:** yes", "-ulcer +plaque"),
    ("- Ulcer: no\n- Plaque: yes", "-ulcer +plaque"),
    ("Fever: no, scale: yes, itch: no.", "-fever +scale -itch"),
    ("No fever, scale: yes.", "-fever +scale"),
    ("A plaque with scale is seen, ulcer: no.", "+plaque +scale -ulcer"),
    ("Plaque -, no crust, scale +.", "-plaque -crust +scale"),
    # All of these deny.
    ("Scale: no, plaque: no, erythema: no.", "-scale -plaque -erythema"),
    ("Scale - no, plaque - no, erythema - no.", "-scale -plaque -erythema"),
    ("Plaque, scale and erythema: no.", "-plaque -scale -erythema"),
    ("Plaque, scale, erythema: none, ulcer: yes.", "-plaque -scale -erythema +ulcer"),
    ("A plaque covered by scale: no.", "-plaque -scale"),
    ("No scale: yes.", "-scale"),
    ("Surface: no scale, crust or ulcer.", "-scale -crust -ulcer"),
    ("Scale: no crust, vesicle.", "+scale -crust -vesicle"),
    ("Asymmetry of the outline: no", "-asymmetric-shape"),
]
SURROUNDINGS = [
    ("Black hairs cross it.", ""),
    ("It is on dark brown skin.", ""),
    ("White glare of the flash is seen.", ""),
    ("A blue pen mark is beside it.", ""),
    ("A ruler with a scale is visible.", ""),
    ("The vignette is black and the surrounding skin is brown.", ""),
    ("The picture has black corners and a white background.", ""),
    ("The image was taken at a scale of 1 to 1 with a blue marker.", ""),
    # All of these are of the lesion.
    ("It is black, hairs cross it.", "+black"),
    ("A dark brown skin lesion.", "+brown-hyperpigmentation"),
    ("Dotted vessels on a red background.", "+dotted-vessels +erythema"),
    ("The surrounding skin is red.", "+erythema"),
    ("The corners of the mouth are red.", "+erythema"),
    ("White scale beside the ruler.", "+white-hypopigmentation +scale"),
    ("The lesion is blue.", "+blue"),
    ("Brown with gray areas and a hair.", "+brown-hyperpigmentation +gray"),
    ("Psoriasis tends to scale over the plaque.", "+scale +plaque"),
    ("What catches the eye is white.", "+white-hypopigmentation"),
]


@pytest.mark.parametrize(("text", "expected"), [*ASSERTED, *DENIED, *CHECKLISTS, *SURROUNDINGS])
def test_each_finding_is_asserted_or_denied(text, expected):
    assert " ".join(f"{'-' if found.negated else '+'}{found.slug}" for found in mentions(text)) == expected


NOISE = "a border that fades into skin around it on one side while its middle stays firm and keeps some hair " * 7


def test_a_text_without_an_end_is_read_but_asserts_nothing():
    """What a reward pays must stand in a sentence; what takes it back may stand anywhere."""
    text = f"{NOISE} and a plaque is seen but there is no scale, no crust, so this is psoriasis"
    told = [(claim.slug, claim.stance) for claim in claims(text)]
    assert told == [("plaque", "drowned"), ("scale", "denied"), ("crust", "denied"), ("psoriasis", "concluded")]


def test_it_is_read_in_time_that_grows_with_its_length():
    def seconds(times):
        text = NOISE + "no scale, the plaque, crust: no, " * times
        start = time.process_time()
        mentions(text)
        return time.process_time() - start

    seconds(10)
    assert min(seconds(1200 + k) for k in range(3)) < 8 * min(seconds(300 + k) for k in range(3))
