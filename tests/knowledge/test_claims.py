"""What a text claims of the lesion, and what it merely says of a disease."""

import pytest

from skin_r1.claims import claims

SENTENCES = [
    ("Psoriasis would show silvery scale, which is missing.", "psoriasis weighed, scale denied"),
    ("The silvery scale of psoriasis is not seen.", "scale general, psoriasis denied"),
    ("Scale is seen. This fits psoriasis.", "scale said, psoriasis leaning"),
    (
        "Less likely: melanocytic nevus, where blue-whitish veil is unusual.",
        "melanocytic-nevus denied, blue-whitish-veil general",
    ),
    ("Irregular streaks are typical of melanoma.", "irregular-streaks general, melanoma weighed"),
    ("Unlike psoriasis, this lesion shows crust.", "psoriasis weighed, crust said"),
    ("While psoriasis shows scale, this lesion has crust.", "psoriasis weighed, scale general, crust said"),
    ("Psoriasis is unlikely but scale is seen.", "psoriasis denied, scale said"),
    ("Basal cell carcinoma is supported by arborizing vessels.", "basal-cell-carcinoma leaning, arborizing-vessels said"),
    ("This is psoriasis with silvery scale.", "psoriasis concluded, scale said"),
    ("There is no ulcer, so a squamous cell carcinoma is less likely than actinic keratosis.",
     "ulcer denied, squamous-cell-carcinoma denied, actinic-keratosis weighed"),
    ("Is this melanoma or a blue nevus?", "melanoma weighed, blue-nevus weighed"),
    ("Acne vulgaris would need comedones.", "acne-vulgaris weighed, comedo general"),
    ("Rosacea rarely shows comedones, and none are present.", "rosacea weighed, comedo general"),
    ("Melanoma cannot be excluded.", "melanoma weighed"),
    ("At first glance the scale fits psoriasis.", "scale said, psoriasis weighed"),
    (
        "The absence of comedones argues against acne and favors rosacea.",
        "comedo denied, acne-vulgaris denied, rosacea leaning",
    ),
    ("Nevi lack a blue-whitish veil.", "melanocytic-nevus weighed, blue-whitish-veil general"),
    ("No other disease than lichen nitidus explains it.", "lichen-nitidus concluded"),
    ("Lichenification, the mark of long rubbing, is missing as well.", "lichenification denied"),
    ("Erythema is absent, and so are vesicles.", "erythema denied, vesicle denied"),
    ("The palm is not without scale.", "scale said"),
    ("I looked for an atypical pigment network and arborizing vessels and found none.",
     "atypical-pigment-network denied, arborizing-vessels denied"),
    ("They do not scale, they are not umbilicated.", "scale denied, umbilicated denied"),
    ("No inflammation, erythema, scale or crust.", "erythema denied, scale denied, crust denied"),
    ("- Psoriasis: silvery scale, no vesicles.\n- Eczema: vesicles.",
     "psoriasis weighed, scale general, vesicle general, eczema weighed, vesicle general"),
    ("Pustules and erosions would make it candidiasis.", "pustule general, erosion general, candidiasis weighed"),
    ("Healthy skin around a bald patch, like a bruise.", "patch said"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_claims_are_told_from_general_knowledge(text, expected):
    assert ", ".join(f"{claim.slug} {claim.stance}" for claim in claims(text)) == expected
