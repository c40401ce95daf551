"""SCIN: photos that people took of their own skin, labelled by dermatologists (Ward et al., JAMA Netw Open 2024).

A case has up to three images: one row each, with the case as lesion and patient, as no other id is given. Up to three
dermatologists named up to three conditions each; `weighted_skin_condition_label` holds them as a Python dict of weights
that add up to 1 within rounding: the differential. The label is the heaviest condition, or blank where several share
the first place or nothing could be graded. The skin type is the one that most dermatologists chose, blank on a tie; what
people said of themselves is not used. Weights are read as a literal and never evaluated. Race, ethnicity and the
category that people chose (`ACNE`, `RASH`: it hints at the label) are not read. The column of label names is spelled in
two ways; it is not needed, since the weights hold its content. 15 images belong to two to eleven cases.
"""

import ast
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.adapters.isic import choice
from data_prep.raw import Listing, MaskKind, Raw
from data_prep.table import Row, find_file, read_table
from skin_r1.concepts import concept_codes
from skin_r1.history import history_text

if TYPE_CHECKING:
    from skin_r1.case import Modality

NAME = "scin"
TITLE = "SCIN"
MODALITY: "Modality" = "clinical"
LICENSE = "SCIN Data Use License"
SOURCE = "https://github.com/google-research-datasets/scin"
FILES = ("scin_cases.csv", "scin_labels.csv", "**/<number>.png (optional)")
MASKS: MaskKind | None = None
IMAGES = ("image_1_path", "image_2_path", "image_3_path")
WEIGHTS = "weighted_skin_condition_label"
TYPES = tuple(f"dermatologist_fitzpatrick_skin_type_label_{i}" for i in (1, 2, 3))
AGES = {
    "AGE_UNKNOWN": None, "AGE_18_TO_29": 20, "AGE_30_TO_39": 30, "AGE_40_TO_49": 40, "AGE_50_TO_59": 50,
    "AGE_60_TO_69": 60, "AGE_70_TO_79": 70, "AGE_80_OR_ABOVE": 80,
}  # fmt: skip
SEXES = {"FEMALE": "female", "MALE": "male", "OTHER_OR_UNSPECIFIED": None}
DURATIONS = {
    name: name.lower().replace("_", " ")
    for name in (
        "ONE_DAY", "LESS_THAN_ONE_WEEK", "ONE_TO_FOUR_WEEKS", "ONE_TO_THREE_MONTHS", "THREE_TO_TWELVE_MONTHS",
        "MORE_THAN_ONE_YEAR", "MORE_THAN_FIVE_YEARS", "SINCE_CHILDHOOD",
    )
}  # fmt: skip
PARTS = {
    "head_or_neck": "head or neck", "arm": "arm", "palm": "palm", "back_of_hand": "back of the hand",
    "torso_front": "front of the torso", "torso_back": "back", "genitalia_or_groin": "genitalia or groin",
    "buttocks": "buttocks", "leg": "leg", "foot_top_or_side": "top or side of the foot", "foot_sole": "sole",
}  # fmt: skip
SYMPTOMS = {
    "condition_symptoms_no_relevant_experience": {
        "condition_symptoms_bleeding": "bleeding", "condition_symptoms_increasing_size": "recent growth",
        "condition_symptoms_darkening": "darkening", "condition_symptoms_itching": "itch",
        "condition_symptoms_burning": "burning", "condition_symptoms_pain": "pain",
    },
    "other_symptoms_no_relevant_symptoms": {
        "other_symptoms_fever": "fever", "other_symptoms_chills": "chills", "other_symptoms_fatigue": "fatigue",
        "other_symptoms_joint_pain": "joint pain", "other_symptoms_mouth_sores": "mouth sores",
        "other_symptoms_shortness_of_breath": "shortness of breath",
    },
}  # fmt: skip
"""Column that denies all its symptoms -> column of a symptom -> its name. An unticked box alone is unknown, not no."""
TEXTURES = ("textures_raised_or_bumpy", "textures_rough_or_flaky", "textures_fluid_filled")
RAISED, FLAT = TEXTURES[0], "textures_flat"
"""Textures that a person ticked are findings; an unticked box alone is unknown, and only flat skin is not raised."""


def read(root: Path) -> Listing:
    """Read cases and labels, which join on `case_id`; one row for each image path."""
    cases = find_file(root, ("scin_cases.csv",), "its cases")
    labels = find_file(root, ("scin_labels.csv",), "its labels")
    graded = {row.values["case_id"]: row for row in read_table(labels, ("case_id", WEIGHTS), unique="case_id")}
    rows: list[Raw] = []
    for case in read_table(cases, ("case_id", IMAGES[0]), unique="case_id"):
        rows += _images(case, graded.pop(case.values["case_id"], None))
    notes = []
    if graded:
        notes.append(f"{len(graded)} rows of scin_labels.csv have no case in scin_cases.csv.")
    if shared := sum(count > 1 for image, count in Counter(row.image for row in rows).items() if image):
        notes.append(f"{shared} images belong to more than one case.")
    return Listing(rows, {"cases": cases, "labels": labels}, notes=tuple(notes))


def _images(case: Row, graded: Row | None) -> list[Raw]:
    """The rows of a case."""
    weights = _weights(graded) if graded else {}
    heaviest = [label for label, weight in weights.items() if weight == max(weights.values())]
    ticked = [column for column in TEXTURES if case.flag(column)]
    name = case.values["case_id"]
    paths = [(number, path) for number, column in enumerate(IMAGES, start=1) if (path := case.text(column))]
    return [
        Raw(
            native_id=f"{name}_{number}",
            file=case.file,
            row=case.number,
            label=heaviest[0] if len(heaviest) == 1 else None,
            image=Path(path).name,
            patient_id=name,
            lesion_id=name,
            history=_history(case),
            skin_type=_skin_type(graded) if graded else None,
            present=tuple(concept_codes(NAME)[column, "YES"] for column in ticked),
            absent=("elevation",) if case.flag(FLAT) and RAISED not in ticked else (),
            differential=tuple(weights.items()),
        )
        for number, path in paths or [(1, "")]
    ]


def _weights(row: Row) -> dict[str, float]:
    """Condition -> weight, as the dataset writes them; empty when nothing was graded."""
    text = row.text(WEIGHTS)
    try:
        content = ast.literal_eval(text) if text else {}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise row.wrong(WEIGHTS, "no Python dict", "a dict such as {'Eczema': 0.67, 'Psoriasis': 0.33}, or {}")
    for label, weight in content.items():
        if not isinstance(label, str) or not label.strip():
            raise row.wrong(WEIGHTS, f"a dict with {label!r} as the name of a condition", "names in quotes")
        if type(weight) not in (int, float) or not 0 < weight < math.inf:
            raise row.wrong(WEIGHTS, f"a dict with the weight {weight!r} for {label!r}", "numbers above 0")
    return {label: float(weight) for label, weight in content.items()}


def _skin_type(row: Row) -> int | None:
    """The type that most dermatologists chose; None on a tie."""
    votes = Counter(choice(row, column, {f"FST{i}": i for i in range(1, 7)}) for column in TYPES)
    votes.pop(None, None)
    ranked = votes.most_common()
    return ranked[0][0] if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]) else None


def _history(row: Row) -> str | None:
    reported: dict[str, bool | None] = {}
    for none, symptoms in SYMPTOMS.items():
        unticked = False if row.flag(none) else None
        reported |= {name: row.flag(column) or unticked for column, name in symptoms.items()}
    duration = choice(row, "condition_duration", DURATIONS)
    text = history_text(
        age=choice(row, "age_group", AGES),
        sex=choice(row, "sex_at_birth", SEXES),
        site=", ".join(name for part, name in PARTS.items() if row.flag(f"body_parts_{part}")) or None,
        reported=reported,
        background=(f"duration: {duration}",) if duration else (),
    )
    return text and text.replace("aged 20 to 29", "aged 18 to 29")  # the dataset's youngest band is no decade
