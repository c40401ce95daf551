"""The second checker on rationales written by hand: what it must pass, and what it must never pass."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.check_rationales import Knowledge, Truth, check, claims_of, main, read_truth

KNOWLEDGE = Path(__file__).parents[2] / "skin_r1" / "knowledge"
SKINCON = [
    line.split("\t")[1]
    for line in (KNOWLEDGE / "concept_codes.tsv").read_text().splitlines()
    if line.startswith("skincon\t")
]
PSORIASIS = "fitzpatrick17k/aa"  # plaque, scale and erythema are marked 1, the other 45 concepts 0
BASAL = "pad_ufes_20/PAT_1_2_3.png"  # elevation and bleeding True; itch, growth, pain and change False

RIGHT_PSORIASIS = """
Erythematous plaques with scale. Psoriasis is most likely.
The image shows a red, scaly plaque. I conclude psoriasis.
There is scale on a red plaque, without crust or vesicles. The diagnosis is psoriasis.
Plaque, erythema and scale are seen; pustules are absent. Psoriasis fits best.
No crust, no exudate, no vesicle. Scale is obvious. I settle on psoriasis.
Crust, vesicles and exudate are missing. The scaly plaques point to psoriasis.
Eczema would show vesicles and weeping. Here I see plaques with scale. My answer is psoriasis.
If this were eczema, vesicles would be expected. Final diagnosis: psoriasis.
Had it been tinea, there might be pustules. The diagnosis is psoriasis.
Lichen planus has purple, flat-topped papules. This lesion has scale. I choose psoriasis.
The vesicles of eczema are not found. Overall, psoriasis.
Telangiectasia is typical of rosacea. I see a scaly plaque. So psoriasis is the diagnosis.
Neither crust nor ulcer is present. I would call this psoriasis.
The plaque is scaly but not crusted. Best answer: psoriasis.
Not only scale but also erythema is seen. I conclude that this is psoriasis.
No doubt there is scale. Psoriasis is the most likely diagnosis.
Eczema is less likely without vesicles. I record psoriasis.
Eczema loses ground since there is no crust. Psoriasis it is, the most probable name.
Eczema would bring vesicles, which are absent here. Therefore psoriasis.
A red flag such as an ulcer is not seen. Thus I choose psoriasis.
Pityriasis rubra pilaris might show salmon color. The scale is thick. I settle on psoriasis.
The lesion is free of crust. Scale is visible throughout. The final diagnosis is psoriasis.
Scale covers the plaque; nowhere is there an erosion. In conclusion, psoriasis.
Seborrheic dermatitis usually has yellow scale. I conclude psoriasis.
Discoid lupus, with its scars and atrophy, is unlikely. I conclude psoriasis.
Vesicles: none. Scale: present. Diagnosis: psoriasis.
The plaque is non-crusted. I choose psoriasis rather than eczema.
One finds plaques, scale and redness. I considered eczema, but psoriasis is more likely.
"""
RIGHT_BASAL = """
The lesion is elevated. The diagnosis is basal cell carcinoma.
An elevated surface is seen, and it bled according to the history. I choose basal cell carcinoma.
The history reports bleeding but no itch. Basal cell carcinoma is most likely.
Not reported: itch, recent growth, pain. Basal cell carcinoma is my diagnosis.
A raised lesion. Actinic keratosis would rarely be raised. In sum, basal cell carcinoma.
Melanoma might itch. This lesion is elevated. I conclude basal cell carcinoma.
Elevation supports basal cell carcinoma over actinic keratosis. My diagnosis is basal cell carcinoma.
The lesion is elevated and has bled. It does not itch and is not painful. Best fit: basal cell carcinoma.
There is elevation without pain. I rule out melanoma. Overall I favor basal cell carcinoma.
Basal cell carcinoma often has a pearly surface. Elevation is present. I settle on basal cell carcinoma.
Arborizing vessels are a hallmark of basal cell carcinoma. The lesion is elevated. I name basal cell carcinoma.
Pain is absent, as is itch. An elevated lesion. The answer is basal cell carcinoma.
"""
WRONG_PSORIASIS = """
Erythematous plaques with scale and crust. Psoriasis is most likely.
The image shows vesicles on a red base. I conclude psoriasis.
There is no scale on the plaque. The diagnosis is psoriasis.
Scale is absent. The diagnosis is psoriasis.
Plaque and erythema without scale. Psoriasis fits best.
Neither plaque nor crust is present. I would call this psoriasis.
The lesion lacks scale. I conclude psoriasis.
Pustules are scattered over the plaque. I settle on psoriasis.
The plaque is crusted. Psoriasis is the diagnosis.
An ulcer is not absent. I conclude psoriasis.
Not only scale but also crust is seen. I conclude psoriasis.
It lacks neither scale nor vesicles. I conclude psoriasis.
Eczema would show vesicles, and vesicles are seen here. I conclude psoriasis.
Eczema would show crust, but it is scale that is missing. I conclude psoriasis.
Eczema would show vesicles, which are present here. Still, I conclude psoriasis.
If one looks closely, there is an erosion here. I conclude psoriasis.
The scale that psoriasis needs is not seen. I conclude psoriasis.
Psoriasis would show scale, and I see none. I conclude psoriasis.
Psoriasis would show scale. It is absent. I conclude psoriasis.
No scale is seen. I conclude psoriasis.
No plaque, scale or erythema is seen. I conclude psoriasis.
Absent: scale, crust. I conclude psoriasis.
Scale: none. I conclude psoriasis.
The skin is scale-free. I conclude psoriasis.
Scaly red plaques. I conclude eczema.
Scaly red plaques. Psoriasis is possible. The most likely diagnosis is nummular eczema.
Scaly red plaques. Psoriasis is ruled out. The final diagnosis is lichen planus.
There is yellow color in the center. I conclude psoriasis.
I cannot find any scale. I conclude psoriasis.
The patient also shows nodules. I conclude psoriasis.
Is there scale? No. I conclude psoriasis.
The lesion is atrophic and scarred. I conclude psoriasis.
Erythema is not visible. I conclude psoriasis.
Instead of scale there is oozing. I conclude psoriasis.
Scale and, less clearly, fissures are found. I conclude psoriasis.
Telangiectasia is visible, typical of rosacea. I conclude psoriasis.
This psoriasis shows pustules. I conclude psoriasis.
An atypical pigment network is seen. I conclude psoriasis.
The plaque is elevated and itchy. I conclude psoriasis.
"""
WRONG_BASAL = """
The lesion is not elevated. The diagnosis is basal cell carcinoma.
The history reports no bleeding. Basal cell carcinoma is most likely.
The lesion itches. The diagnosis is basal cell carcinoma.
It has grown and is painful. I choose basal cell carcinoma.
An elevated lesion with telangiectasia. I choose basal cell carcinoma.
An elevated lesion. Basal cell carcinoma was considered, but I conclude squamous cell carcinoma.
A lesion without elevation. I choose basal cell carcinoma.
An elevated lesion. I conclude melanoma rather than basal cell carcinoma.
The lesion is pearly and elevated. I choose basal cell carcinoma.
Actinic keratosis is unlikely because the surface is flat: elevation is missing. I choose basal cell carcinoma.
"""
ANSWERS = {
    PSORIASIS: {
        "findings": ["plaque", "scale", "erythema"],
        "differential": ["eczema"],
        "diagnosis": "psoriasis",
        "malignancy": "non-neoplastic",
    },
    BASAL: {
        "findings": ["elevation"],
        "differential": ["melanoma"],
        "diagnosis": "basal cell carcinoma",
        "malignancy": "malignant",
    },
}


def texts(block: str) -> list[str]:
    return block.strip().splitlines()


def complete(case: str, think: str, **changed: object) -> str:
    return f"<think>{think}</think>\n{json.dumps(ANSWERS[case] | changed)}"


@pytest.fixture(scope="module")
def know() -> Knowledge:
    return Knowledge.read(KNOWLEDGE)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw tables in their native format, three rows."""
    root = tmp_path_factory.mktemp("raw")
    (root / "pad_ufes_20").mkdir()
    (root / "labels").mkdir()
    lesion = dict(
        diagnostic="BCC",
        itch="False",
        grew="False",
        hurt="False",
        changed="False",
        bleed="True",
        elevation="True",
        img_id="PAT_1_2_3.png",
    )
    pd.DataFrame([lesion, lesion | {"img_id": "PAT_2_2_2.png", "elevation": "UNK"}]).to_csv(
        root / "pad_ufes_20/metadata.csv"
    )
    rows = [
        {"md5hash": m, "label": "psoriasis", "qc": q}
        for m, q in (("aa", ""), ("bb", "3 Wrongly labelled"), ("cc", ""))
    ]
    pd.DataFrame(rows).to_csv(root / "labels/fitzpatrick17k.csv")
    marks = {c: int(c in ("Plaque", "Scale", "Erythema")) for c in SKINCON}
    pd.DataFrame(
        [{"ImageID": f"{m}.jpg", **marks, "Do not consider this image": int(m == "cc")} for m in ("aa", "bb", "cc")]
    ).to_csv(root / "labels/skincon_annotations_fitzpatrick17k.csv")
    return root


@pytest.fixture(scope="module")
def truths(raw: Path, know: Knowledge) -> dict[str, Truth]:
    return read_truth(raw, know)


def verdict(case: str, text: str, truths: dict[str, Truth], know: Knowledge, **options: bool) -> str:
    found = check(text, truths[case], know, **options)
    return "fail" if found.fail else "look" if found.look else "pass"


def test_raw_tables(truths: dict[str, Truth]) -> None:
    assert set(truths) == {PSORIASIS, BASAL, "pad_ufes_20/PAT_2_2_2.png"}  # the disowned rows are left out
    assert "elevation" not in truths["pad_ufes_20/PAT_2_2_2.png"].marks  # UNK is neither
    assert truths[BASAL].marks["elevation"] == 1 and truths[BASAL].marks["itch"] == 0
    assert len(truths[PSORIASIS].marks) == 48 and sum(truths[PSORIASIS].marks.values()) == 3


def test_right_and_wrong_prose(truths: dict[str, Truth], know: Knowledge) -> None:
    right = [(PSORIASIS, t) for t in texts(RIGHT_PSORIASIS)] + [(BASAL, t) for t in texts(RIGHT_BASAL)]
    wrong = [(PSORIASIS, t) for t in texts(WRONG_PSORIASIS)] + [(BASAL, t) for t in texts(WRONG_BASAL)]
    assert len(right) >= 40 and len(wrong) >= 40
    said_right = {t: verdict(c, complete(c, t), truths, know) for c, t in right}
    said_wrong = {t: verdict(c, complete(c, t), truths, know) for c, t in wrong}
    print({k: list(said_right.values()).count(k) for k in ("pass", "look", "fail")}, "of the right")
    print({k: list(said_wrong.values()).count(k) for k in ("pass", "look", "fail")}, "of the wrong")
    assert [t for t, v in said_wrong.items() if v == "pass"] == []
    assert [t for t, v in said_right.items() if v == "fail"] == []
    assert list(said_right.values()).count("look") <= 2 and list(said_wrong.values()).count("look") <= 10


THINK = "The lesion is elevated. I conclude basal cell carcinoma."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (THINK, "form"),
        (complete(BASAL, THINK) + " end", "form"),
        (complete(BASAL, THINK) * 2, "form"),
        (complete(BASAL, THINK).replace("</think>", ""), "form"),
        (complete(BASAL, ""), "form"),
        (complete(BASAL, THINK, certainty="high"), "form"),
        (complete(BASAL, THINK, findings="elevation"), "form"),
        (complete(BASAL, THINK).replace('"diagnosis"', '"diagnosis": "melanoma", "diagnosis"'), "form"),
        (complete(BASAL, THINK, diagnosis="melanoma"), "diagnosis"),
        (complete(BASAL, THINK, diagnosis="nodular basal cell carcinoma"), "diagnosis"),
        (complete(BASAL, THINK, diagnosis="keratinocyte cancer or precursor"), "diagnosis"),
        (complete(BASAL, THINK, malignancy="benign"), "malignancy"),
        (complete(BASAL, THINK, findings=["elevation", "itch"]), "finding not marked"),
        (complete(BASAL, THINK, findings=["elevation", "elevated"]), "finding twice"),
        (complete(BASAL, THINK, findings=["bumpiness"]), "finding no name"),
    ],
)
def test_what_fails(text: str, reason: str, truths: dict[str, Truth], know: Knowledge) -> None:
    assert reason in [r for r, _ in check(text, truths[BASAL], know).fail]


def test_options_and_counts(truths: dict[str, Truth], know: Knowledge) -> None:
    above = complete(BASAL, THINK, diagnosis="keratinocyte cancer or precursor")
    found = check(above, truths[BASAL], know, allow_ancestor=True)
    assert not found.fail and found.notes == ["an ancestor of the label"]
    assert check(complete(BASAL, THINK), truths[BASAL], know).missing == ["bleeding"]
    shape = complete(
        BASAL,
        "The lesion has a regular border and no irregular border. " + THINK,
        findings=["elevation", "regular border"],
    )
    assert (
        verdict(BASAL, shape, truths, know) == "fail" and verdict(BASAL, shape, truths, know, measured=True) == "pass"
    )
    assert verdict(BASAL, shape.replace("a regular", "an asymmetric"), truths, know, measured=True) == "fail"
    both = complete(BASAL, THINK, findings=["regular border", "irregular border"])
    assert ("findings exclude each other", "regular-border") in check(both, truths[BASAL], know, measured=True).fail
    assert verdict(BASAL, complete(BASAL, "There may be whether itch or not. " + THINK), truths, know) == "look"


def test_malignancy_comes_from_the_nearest_node(know: Knowledge) -> None:
    assert know.malignancy("actinic-keratosis") == "premalignant" and know.malignancy("bowen-disease") == "malignant"
    assert know.malignancy("basal-cell-carcinoma") == "malignant" and know.malignancy("psoriasis") == "non-neoplastic"


@pytest.mark.parametrize(
    ("text", "slug", "status"),
    [
        ("Grey colour is seen.", "gray", "yes"),
        ("It isn't scaly.", "scale", "no"),
        ("Scar-like areas are seen.", "scar", "none"),
        ("No scale, erythema.", "erythema", "unsure"),
        ("It may be scaly.", "scale", "some"),
        ("The scale of psoriasis is silvery.", "scale", "none"),
        ("The scale of this psoriasis is silvery.", "scale", "yes"),
    ],
)
def test_claims(text: str, slug: str, status: str, know: Knowledge) -> None:
    assert (slug, status) in [(s, k) for s, k, _ in claims_of(text, know, set())]


def test_command(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = [{"role": "assistant", "content": complete(BASAL, THINK)}]
    pd.DataFrame({"case_id": [BASAL], "completion": [good]}).to_parquet(tmp_path / "a.parquet")
    assert main([str(tmp_path), "--raw", str(raw)]) == 0
    assert "1 rationales: 1 pass, 0 fail, 0 look" in capsys.readouterr().out
    bad = complete(BASAL, "The lesion itches. " + THINK)
    pd.DataFrame({"case_id": [BASAL, "fitzpatrick17k/cc"], "completion": [bad, bad]}).to_parquet(
        tmp_path / "b.parquet"
    )
    assert main([str(tmp_path), "--raw", str(raw), "--show", "1"]) == 1
    out = capsys.readouterr().out
    assert "1 pass, 2 fail, 0 look" in out and "itch: The lesion itches." in out and "disowned" in out
