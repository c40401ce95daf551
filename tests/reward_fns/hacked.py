"""The cases that the rows of `hacks.jsonl` answer, and the completions that are too long to be written there."""

import json

from skin_r1.concepts import load_concepts
from skin_r1.reading import render

ROW = {
    "diagnosis": "psoriasis",
    "malignancy": "non-neoplastic",
    "concepts_present": ["scale", "plaque", "erythema"],
    "concepts_absent": ["ulcer", "vesicle", "crust", "bulla"],
    "differential": [],
    "annotation": "sparse",  # with findings known, so that every reward speaks
    "case_id": "one",
}
VOTES = [{"diagnosis": "melanoma", "weight": 0.7}, {"diagnosis": "melanocytic-nevus", "weight": 0.3}]


def case(**changes):
    return {**ROW, **changes}


def answer(think, findings, differential, diagnosis, malignancy):
    return dict(think=think, findings=findings, differential=differential, diagnosis=diagnosis, malignancy=malignancy)


HONEST = answer(
    "A plaque with scale and erythema is seen. This is psoriasis. Eczema is less likely.",
    ["plaque", "scale", "erythema"],
    ["eczema", "pityriasis rosea", "tinea", "lichen planus"],
    "psoriasis",
    "non-neoplastic",
)
# Name -> (columns, an honest answer); a row of the table changes some fields of the answer.
CASES = {
    "psoriasis": (case(), HONEST),
    "melanoma": (
        case(
            diagnosis="melanoma",
            malignancy="malignant",
            concepts_present=["atypical-pigment-network", "irregular-streaks"],
            concepts_absent=["ulcer", "comma-vessels"],
            differential=VOTES,
        ),
        answer(
            "An atypical pigment network and irregular streaks are seen. This is melanoma.",
            ["atypical pigment network", "irregular streaks"],
            ["melanocytic nevus"],
            "melanoma",
            "malignant",
        ),
    ),
    "clean": (
        case(
            diagnosis="melanocytic-nevus",
            malignancy="benign",
            concepts_present=[],
            concepts_absent=["ulcer", "scale", "crust"],
            annotation="dense",
        ),
        answer("No ulcer and no scale are seen. This is a melanocytic nevus.", [], [], "melanocytic nevus", "benign"),
    ),
    "bcc": (
        case(
            diagnosis="basal-cell-carcinoma",
            malignancy="malignant",
            concepts_present=["ulcer"],
            concepts_absent=["single-color"],
        ),
        answer("An ulcer is seen. This is basal cell carcinoma.", ["ulcer"], [], "basal cell carcinoma", "malignant"),
    ),
    "bowen": (
        case(diagnosis="bowen-disease", malignancy="malignant"),
        {**HONEST, "malignancy": "malignant", "think": "A plaque with scale and erythema is seen."},
    ),
    "ak": (case(diagnosis="actinic-keratosis-or-intraepithelial-carcinoma", malignancy="premalignant"), HONEST),
    "purpura": (
        case(concepts_present=["purpura-petechiae"]),
        {**HONEST, "think": "Purpura is seen. This is psoriasis.", "findings": ["purpura/petechiae"]},
    ),
    **{name: (case(diagnosis=name), HONEST) for name in ("rosacea", "varicella")},
    "lupus": (case(diagnosis="lupus-panniculitis"), HONEST),
}


def known(diagnosis, malignancy, present, absent, annotation, named, findings):
    columns = case(
        diagnosis=diagnosis,
        malignancy=malignancy,
        concepts_present=present.split(),
        concepts_absent=absent.split(),
        annotation=annotation,
    )
    seen = findings.split(", ")
    return columns, answer(f"{findings} are seen. This is {named}.", seen, [], named, malignancy)


# Annotated cases, and cases that have a label only.
CASES |= {
    "network": known(
        "melanoma", "malignant", "atypical-pigment-network irregular-streaks blue-whitish-veil",
        "ulcer comma-vessels milia-like-cysts", "dense", "melanoma",
        "atypical pigment network, irregular streaks, blue-whitish veil",
    ),
    "eczema": known(
        "eczema", "non-neoplastic", "erythema excoriation lichenification", "vesicle pustule scar ulcer", "dense", "eczema",
        "erythema, excoriation, lichenification",
    ),
    "vessels": known(
        "basal-cell-carcinoma", "malignant", "arborizing-vessels ulcer translucent",
        "atypical-pigment-network comma-vessels scale", "dense", "basal cell carcinoma",
        "arborizing vessels, ulcer, translucent",
    ),
    "cysts": known(
        "seborrheic-keratosis", "benign", "milia-like-cysts comedo-like-openings fissures-and-ridges",
        "atypical-pigment-network blue-whitish-veil ulcer", "dense", "seborrheic keratosis",
        "milia-like cysts, comedo-like openings, fissures and ridges",
    ),
    "nevus": known(
        "melanocytic-nevus", "benign", "typical-pigment-network symmetric-shape",
        "atypical-pigment-network blue-whitish-veil irregular-streaks ulcer", "dense", "melanocytic nevus",
        "typical pigment network, symmetric shape",
    ),
    "vitiligo": known(
        "vitiligo", "non-neoplastic", "white-hypopigmentation patch", "scale erythema atrophy", "dense", "vitiligo",
        "white, patch",
    ),
    "scabies": known(
        "scabies", "non-neoplastic", "burrow papule excoriation", "plaque ulcer bulla", "dense", "scabies",
        "burrow, papule, excoriation",
    ),
    "acne": known("acne-vulgaris", "non-neoplastic", "", "", "sparse", "acne", "comedo, papule, pustule"),
    "fibroma": known("dermatofibroma", "benign", "", "", "sparse", "dermatofibroma", "nodule, brown"),
    "keratosis": known("actinic-keratosis", "premalignant", "", "", "sparse", "actinic keratosis", "crust, erythema"),
    "lichen": known("lichen-planus", "non-neoplastic", "", "", "sparse", "lichen planus", "papule, flat-topped, purple"),
}  # fmt: skip

NAMES = [concept.name for concept in load_concepts().values()]
LISTED = [*HONEST["findings"], *(name for name in NAMES if name not in HONEST["findings"])][:32]
END, OBJECT = "This is psoriasis.", render("", **{k: HONEST[k] for k in HONEST if k != "think"}).split("\n")[1]
WORDS = "a border that fades into skin around it on one side while its middle stays firm and keeps some hair "
SLOW = {  # units that are said again and again, as one text and as sentences of 115 words
    "denials": "no scale",
    "denials with commas": "no scale,",
    "findings": "scale",
    "findings and commas": "scale, plaque,",
    "findings by or": "scale or plaque,",
    "suppositions": "if scale would",
    "malignancies": "is benign",
    "denied malignancies": "is not malignant,",
    "diagnoses": "psoriasis than",
    "conclusions": "is most likely psoriasis",
    "lists by line": "- psoriasis: scale\n",
    "headings": "psoriasis:\n",
    "sides": "left cheek",
    "opposites": "tense flaccid",
    "fillers": "is clearly likely a",
    "marks": ", ; : -",
    "heads": "not seen: scale",
    "heads and semicolons": "not seen: scale;",
    "sources": "the doctor says scale,",
    "conditions": "when scale and plaque",
    "rules": "most patients will develop scale",
    "strikes": "<s>",
    "comments": "<!--",
    "tildes": "~~ ~",
    "quotes of names": '"scale" is "not seen"',
}
LONG = 11_000  # characters: just short of what the parser refuses


def huge(name, fresh):
    """Fields of an answer, or a whole text, by the name that a row gives; `fresh` makes it new to every cache."""
    if name.startswith("slow "):
        unit = SLOW[name[5:]]
        whole = f"{unit} " * (LONG // 2 // len(unit))
        short = f"{unit} " * (115 // len(unit.split()))
        parts = LONG // 2 // (len(short) + 8)
        return {"think": f"{fresh} {whole}. " + "".join(f"{fresh}{k} {short}. " for k in range(parts))}
    fields = {
        "all findings": {"findings": LISTED, "think": f"{', '.join(LISTED)} are seen. {END}"},
        "all findings, a sentence each": {
            "findings": LISTED,
            "think": " ".join([*(f"There is {name}." for name in LISTED), END]),
        },
        "all findings, denied": {"findings": LISTED, "think": f"There is no {', no '.join(LISTED)}. {END}"},
        "all findings, said and denied": {
            "findings": LISTED,
            "think": " ".join([*(f"There is {name}. There is no {name}." for name in LISTED), END]),
        },
        "run-on": {"think": f"{WORDS * 8} and scale and plaque and erythema are seen {WORDS * 8}. {END}"},
        "long": {"think": WORDS * 100},
        "no-spaces": {"think": "abcdefghij" * 1000},
        "cjk": {"think": "皮肤上有红斑和鳞屑" * 1000},
        "hyphens": {"think": WORDS.replace(" ", "-") * 100},
        "commas": {"think": WORDS.replace(" ", ",") * 100},
        "underscores": {"think": WORDS.replace(" ", "_") * 100},
        "newlines": {"think": WORDS.replace(" ", "\n\n\n") * 50},
    }
    return fields.get(name) or {"text": text(name, fresh)}


def text(name, fresh):
    million, gold = 1_000_000, render(**HONEST)
    opened = f"<think>{fresh}</think>"
    return {
        "1 MB of a letter": fresh + "a" * million,
        "1 MB of spaces": " " * million + fresh,
        "1 MB of line ends": "\n" * million + fresh,
        "1 MB of think tags": fresh + "<think>" * (million // 7),
        "1 MB of closing tags": opened + "</think>" * (million // 8),
        "1 MB of braces": opened + "{" * million + "}" * 9,
        "1 MB of brackets": opened + '{"findings": ' + "[" * million + "}",
        "1 MB of quotes": opened + '{"' + '"' * million + "}",
        "1 MB of backslashes": opened + '{"' + "\\" * million + '"}',
        "1 MB of digits": opened + '{"findings": ' + "9" * million + "}",
        "1 MB of zero-width spaces": "\u200b" * million + fresh,
        "1 MB of emoji": "😀" * million + fresh,
        "1 MB of reasoning": render(**{**HONEST, "think": fresh + WORDS * (million // len(WORDS))}),
        "1 MB inside the object": gold[:-1] + " " * million + "}" + fresh,
        "1 MB of findings": render(**{**HONEST, "findings": [fresh, *["scale"] * (million // 9)]}),
        "1 MB of answers": fresh + gold * (million // len(gold)),
        "1 MB after the answer": gold + "\n" * million + fresh,
        "1 MB before the answer": "\n" * million + fresh + gold,
        "brackets 9,000 deep": opened + '{"findings": ' + "[" * 9_000 + "}",
        "objects 3,000 deep": opened + '{"a":' * 2_000 + "1" + "}" * 2_000,
        "openings without an end": fresh + "<think>" * 1_500 + OBJECT,
        "closings without an end": opened + "{</think>" * 1_200 + "}",
    }[name]


def completions(row, fresh="seen"):
    """A row's completion and those of its group, and the columns of its case."""
    columns, honest = CASES[row["case"]]
    if "messages" in row:
        own = row["messages"]
    elif "message" in row:
        own = [row["message"]]
    else:
        own = row.get("text")
    if own is None:
        fields = dict(row["answer"]) if "answer" in row else {"huge": row["huge"]}
        if "huge" in fields:
            fields |= huge(fields.pop("huge"), fresh)
        own = fields["text"] if "text" in fields else render(**{**honest, **fields})
    return [own, *(render(**{**honest, **other}) for other in row.get("others", ()))], columns


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
