"""Derm7pt, DDI, SCIN, SkinCAP, DERM12345, MILK10k, DermNet and described datasets: small native files, then broken ones."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn_datasets import lesion, write_csv

from data_prep.adapters import ADAPTERS, derm7pt, milk10k, scin
from data_prep.adapters.dermnet import file_words
from data_prep.raw import Raw
from skin_r1.case import load_corpus
from skin_r1.cli import main as cli
from skin_r1.concepts import concept_codes
from skin_r1.errors import UserError
from skin_r1.ontology import resolve

SKINCON = list(dict.fromkeys(column for column, _ in concept_codes("skincon")))


def draw(root: Path, *images: str) -> None:
    for seed, image in enumerate(images):
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        lesion(1000 + seed).save(root / image)


def write_derm7pt(root: Path) -> None:
    (root / "meta").mkdir()
    header = (
        "case_num",
        "diagnosis",
        "seven_point_score",
        *derm7pt.CRITERIA,
        "location",
        "sex",
        "clinic",
        "derm",
        "notes",
    )
    rows = [
        [1, "melanoma (in situ)", 7, "atypical", "irregular", "diffuse irregular", "blue areas", "irregular", "present",
         "dotted", "back", "female", "NEL/NEL025.JPG", "NEL/Nel026.jpg", "a note"],
        [2, "clark nevus", 0, "typical", "absent", "absent", "absent", "regular", "absent", "", "lower limbs", "male",
         "NEL/NEL027.JPG", "NEL/Nel028.jpg", ""],
        [3, "miscellaneous", 0, *["absent"] * 7, "", "", "NEL/NEL029.JPG", "NEL/Nel030.jpg", ""],
    ]  # fmt: skip
    write_csv(root / "meta" / "meta.csv", header, rows)
    draw(root, *(f"images/{row[i]}" for row in rows for i in (12, 13)))


def write_ddi(root: Path) -> None:
    rows = [
        [0, 1, "000001.png", 56, True, "melanoma-in-situ"],
        [1, 2, "000002.png", 12, False, "melanocytic-nevi"],
        [2, 3, "000003.png", 34, False, "seborrheic-keratosis-irritated"],
        [3, 4, "000004.png", 56, False, "neutrophilic-dermatoses"],
    ]
    write_csv(root / "ddi_metadata.csv", ("", "DDI_ID", "DDI_file", "skin_tone", "malignant", "disease"), rows)
    flags = [[int(c in on) for c in SKINCON] for on in (("Papule", "Black"), (), ("Scale",))]
    annotated = [[i, f"00000{i + 1}.png", *flags[i], int(i == 2)] for i in range(3)]
    write_csv(root / "annotations_ddi.csv", ("", "ImageID", *SKINCON, "Do not consider this image"), annotated)
    draw(root, *(f"images/{row[2]}" for row in rows))


SCIN_CASES = [
    "case_id", "source", "release", "year", "age_group", "sex_at_birth", "fitzpatrick_skin_type",
    "race_ethnicity_asian", "textures_raised_or_bumpy", "textures_flat", "textures_rough_or_flaky",
    "textures_fluid_filled", *(f"body_parts_{part}" for part in scin.PARTS), "body_parts_other",
    *(column for none, symptoms in scin.SYMPTOMS.items() for column in (*symptoms, none)),
    "related_category", "condition_duration", *scin.IMAGES, "image_1_shot_type", "combined_race",
]  # fmt: skip
SCIN_LABELS = [
    "case_id", "dermatologist_gradable_for_skin_condition_1", "dermatologist_skin_condition_on_label_name",
    "dermatologist_skin_condition_confidence", "weighted_skin_condition_label", *scin.TYPES, "monk_skin_tone_label_us",
]  # fmt: skip


def write_scin(root: Path) -> None:
    cases = [
        {
            "case_id": "-11", "age_group": "AGE_18_TO_29", "sex_at_birth": "FEMALE", "race_ethnicity_asian": "YES",
            "textures_raised_or_bumpy": "YES", "body_parts_arm": "YES", "body_parts_foot_sole": "YES",
            "condition_symptoms_itching": "YES", "other_symptoms_no_relevant_symptoms": "YES",
            "related_category": "RASH", "condition_duration": "ONE_TO_FOUR_WEEKS", "combined_race": "ASIAN",
            "image_1_path": "dataset/images/-101.png", "image_3_path": "dataset/images/103.png",
        },
        {
            "case_id": "12", "age_group": "AGE_UNKNOWN", "sex_at_birth": "OTHER_OR_UNSPECIFIED",
            "textures_flat": "YES", "condition_duration": "UNKNOWN", "image_1_path": "dataset/images/104.png",
        },
        {"case_id": "13", "image_1_path": "dataset/images/104.png"},
        {"case_id": "14"},
    ]  # fmt: skip
    labels: list[dict[str, Any]] = [
        {
            "case_id": "-11", "weighted_skin_condition_label": "{'Eczema': 0.67, \"Grover's disease\": 0.33}",
            "dermatologist_fitzpatrick_skin_type_label_1": "FST3",
            "dermatologist_fitzpatrick_skin_type_label_2": "FST4",
            "dermatologist_fitzpatrick_skin_type_label_3": "FST4",
        },
        {
            "case_id": "12", "weighted_skin_condition_label": "{'Impetigo': 0.5, 'Keratosis': 0.5}",
            "dermatologist_fitzpatrick_skin_type_label_1": "FST1",
            "dermatologist_fitzpatrick_skin_type_label_2": "FST2",
        },
        {"case_id": "13", "weighted_skin_condition_label": "{}"},
        {"case_id": "99", "weighted_skin_condition_label": "{}"},
    ]  # fmt: skip
    write_csv(root / "scin_cases.csv", SCIN_CASES, [[case.get(c, "") for c in SCIN_CASES] for case in cases])
    write_csv(root / "scin_labels.csv", SCIN_LABELS, [[row.get(c, "") for c in SCIN_LABELS] for row in labels])
    draw(root, *(f"dataset/images/{n}.png" for n in (-101, 103, 104)))


def write_skincap(root: Path) -> None:
    header = (
        "id", "skincap_file_path", "ori_file_path", "source", "disease", "caption_zh", "caption_zh_polish",
        "caption_zh_polish_en", "remark", *SKINCON, "Do not consider this image",
    )  # fmt: skip
    rows = [
        ["1.png", "1.png", "0abc.jpg", "fitzpatrick17k", "psoriasis", "", "", "A plaque.", "", *([""] * 48), ""],
        ["2.png", "2.png", "000002.png", "ddi", "melanocytic-nevi", "", "", "A papule.", "",
         *(f"{float(c == 'Papule')}" for c in SKINCON), "0.0"],
        ["3.png", "3.png", "000003.png", "ddi", "wart", "", "", "Blurred.", "", *([0] * 48), 1],
        ["4.png", "4.png", "1abc.jpg", "fitzpatrick17k", "scabies", "", "", "A burrow.", "", *([0] * 48), 0],
    ]  # fmt: skip
    write_csv(root / "skincap_v240623.csv", header, rows)
    draw(root, *(f"skincap/{row[1]}" for row in rows))


def write_derm12345(root: Path) -> None:
    header = ("image_id", "split", "super_class", "malignancy", "main_class_1", "main_class_2", "sub_class", "label")
    train = [
        ["ISIC_1", "train", "melanocytic", "benign", "banal", "compound", "acral", "acb"],
        ["ISIC_2", "train", "melanocytic", "benign", "dysplastic", "junctional", "acral", "ajd"],
        ["ISIC_3", "train", "nonmelanocytic", "malignant", "keratinocytic", "keratinocytic", "cutaneous_horn", "ch"],
        ["ISIC_4", "train", "nonmelanocytic", "benign", "vascular", "vascular", "spider_angioma", ""],
    ]
    test = [
        ["ISIC_5", "test", "melanocytic", "malignant", "melanoma", "melanoma", "acral_nodular", "anm"],
        ["ISIC_6", "test", "melanocytic", "malignant", "melanoma", "melanoma", "nodular_melanoma", "nmm"],
    ]
    write_csv(root / "derm12345_metadata_train.csv", header, train)
    write_csv(root / "derm12345_metadata_test.csv", header, test)
    draw(root, *(f"derm12345_{row[1]}/{row[7] or 'sa'}/{row[0]}.jpg" for row in (*train, *test)))


def write_milk10k(root: Path) -> None:
    header = (
        "lesion_id", "image_type", "isic_id", "attribution", "copyright_license", "image_manipulation", "age_approx",
        "sex", "skin_tone_class", "site", "MONET_ulceration_crust", "MONET_erythema",
    )  # fmt: skip
    rows: list[list[Any]] = []
    for i, (sex, age, site) in enumerate([("male", 85, "head_neck_face"), ("female", "", "trunk"), ("male", 40, "")]):
        for kind in ("clinical: close-up", "dermoscopic"):
            rows.append([
                f"IL_{i}", kind, f"ISIC_{len(rows)}", "MUW", "CC-BY-NC", "instrument only", age, sex, 3, site, 0.9, 0.8,
            ])  # fmt: skip
    write_csv(root / "MILK10k_Training_Metadata.csv", header, rows)
    truth = [
        [f"IL_{i}", *(float(name == c) for name in milk10k.CLASSES)] for i, c in enumerate(("SCCKA", "INF", "MEL"))
    ]
    write_csv(root / "MILK10k_Training_GroundTruth.csv", ("lesion_id", *milk10k.CLASSES), truth)
    full = ["Keratoacanthoma", "Keratoacanthoma", "Molluscum", "Molluscum", "", ""]
    how = ["histopathology", "histopathology", "single contributor clinical assessment", "", "histopathology", ""]
    write_csv(
        root / "MILK10k_Training_Supplement.csv",
        ("isic_id", "diagnosis_full", "diagnosis_confirm_type", "invasion_thickness_interval"),
        [[f"ISIC_{i}", full[i], how[i], ""] for i in range(6)],
    )
    draw(root, *(f"MILK10k_Training_Input/{row[0]}/{row[2]}.jpg" for row in rows))


def write_dermnet(root: Path) -> None:
    draw(
        root,
        "train/Acne and Rosacea Photos/acne-closed-comedo-12.jpg",
        "train/Acne and Rosacea Photos/07PerioralDermEye.jpg",
        "train/Eczema Photos/eczema-hand-1.jpg",
        "train/Eczema Photos/03IMG016.jpg",
        "train/Eczema Photos/12345.jpg",
        "train/Melanoma Skin Cancer Nevi and Moles/atypical-nevi-dermoscopy-2.jpg",
        "test/Psoriasis pictures Lichen Planus and related diseases/psoriasis-histology-3.jpg",
        "test/Poison Ivy  Photos and other Contact Dermatitis/patch-testing-4.jpg",
        "test/Eczema Photos/eczema-foot-2.jpg",
    )
    same = "Eczema Photos/eczema-hand-1.jpg"
    shutil.copy(root / "train" / same, root / "test" / same)


DESCRIPTION = """\
name: our_clinic
title: Our clinic
modality: clinical
license: CC BY 4.0
source: https://example.org
table: labels.csv
columns:
  image: file
  label: dx
  patient: pid
  lesion: lid
  age: age
  sex: sex
  site: site
  skin_type: fst
  confirmed: how
concepts:
  surface: {scaly: scale, crusted: crust, smooth: none}
  raised: {1: elevation, 0: ~}
labels:
  Knubbel: dermatofibroma
  Sonstiges: none
unknown: [NA, "?"]
"""


def write_generic(root: Path) -> None:
    (root / "skin-r1.yaml").write_text(DESCRIPTION)
    header = ("file", "dx", "pid", "lid", "age", "sex", "site", "fst", "how", "surface", "raised")
    rows = [
        ["a.jpg", "psoriasis", "P1", "L1", 33, "F", "Elbow", "III", "histopathology", "Scaly", "1.0"],
        ["b.jpg", "Knubbel", "P1", "L2", "NA", "male", "", 2, "", "smooth", "0"],
        ["c.jpg", "Sonstiges", "P2", "", "?", "NA", "leg", "", "Consensus", "NA", ""],
        ["d.jpg", "wart", "P3", "", "", "", "", "", "", "crusted", "1"],
    ]
    write_csv(root / "labels.csv", header, rows)
    draw(root, *(f"pictures/{row[0]}" for row in rows))


WRITERS: dict[str, Callable[[Path], None]] = {
    "derm7pt": write_derm7pt, "ddi": write_ddi, "scin": write_scin, "skincap": write_skincap,
    "derm12345": write_derm12345, "milk10k": write_milk10k, "dermnet": write_dermnet, "generic": write_generic,
}  # fmt: skip


def written(name: str, folder: Path) -> Path:
    root = folder / name
    root.mkdir()
    WRITERS[name](root)
    return root


def rows_of(name: str, folder: Path) -> dict[str, Raw]:
    return {row.native_id: row for row in ADAPTERS[name].read(written(name, folder)).rows}


def diagnosis(row: Raw, name: str) -> str | None:
    return resolve(row.label, name).diagnosis if row.label else None


def test_derm7pt(tmp_path: Path) -> None:
    rows = rows_of("derm7pt", tmp_path)
    assert list(rows) == ["1_clinic", "1_derm", "2_clinic", "2_derm", "3_clinic", "3_derm"]
    photo, derm, nevus = rows["1_clinic"], rows["1_derm"], rows["2_derm"]
    assert (photo.modality, derm.modality) == ("clinical", "dermoscopic") and photo.lesion_id == derm.lesion_id == "1"
    assert (photo.image, derm.image) == ("NEL025.JPG", "Nel026.jpg") and not photo.present and not photo.absent
    assert set(derm.present) == {
        "atypical-pigment-network", "irregular-streaks", "diffuse-irregular-pigmentation", "blue-regression-areas",
        "irregular-dots-and-globules", "blue-whitish-veil", "dotted-vessels",
    }  # fmt: skip
    assert "typical-pigment-network" in derm.absent and "hairpin-vessels" in derm.absent and len(derm.absent) == 14
    assert nevus.present == ("typical-pigment-network", "regular-dots-and-globules")
    assert not any("vessel" in slug for slug in nevus.present + nevus.absent)  # blank is unknown
    assert "blue-whitish-veil" in nevus.absent and nevus.history == "Man, site: lower limbs."
    assert [diagnosis(rows[f"{i}_derm"], "derm7pt") for i in (1, 2, 3)] == [
        "melanoma-in-situ",
        "dysplastic-nevus",
        None,
    ]


def test_derm7pt_subsets(tmp_path: Path) -> None:
    root = written("derm7pt", tmp_path)
    table = list(csv.reader((root / "meta/meta.csv").open()))
    shutil.rmtree(root / "meta")
    for kept, ids, kinds in (
        (("diagnosis", *derm7pt.CRITERIA, "derm"), ["Nel026_derm", "Nel028_derm", "Nel030_derm"], "dermoscopic"),
        (("case_num", "diagnosis", *derm7pt.CRITERIA, "clinic"), ["1_clinic", "2_clinic", "3_clinic"], "clinical"),
        (("diagnosis", *derm7pt.CRITERIA), ["row2_derm", "row3_derm", "row4_derm"], "dermoscopic"),
    ):
        columns = [table[0].index(name) for name in kept]
        write_csv(root / "derm7pt_meta.csv", kept, [[row[c] for c in columns] for row in table[1:]])
        listing = ADAPTERS["derm7pt"].read(root)
        assert [row.native_id for row in listing.rows] == ids and {row.modality for row in listing.rows} == {kinds}
        assert "one row a case" in listing.notes[0]


def test_ddi(tmp_path: Path) -> None:
    root = written("ddi", tmp_path)
    listing = ADAPTERS["ddi"].read(root)
    rows = {row.native_id: row for row in listing.rows}
    assert list(rows) == ["000001", "000002", "000004"] and sum(listing.excluded.values()) == 1
    assert set(rows["000001"].present) == {"papule", "black"} and len(rows["000001"].absent) == 46
    assert not rows["000002"].present and len(rows["000002"].absent) == 48 and not rows["000004"].absent
    assert {row.skin_type for row in rows.values()} == {None} and rows["000001"].confirmed == "histopathology"
    assert listing.notes == (
        "skin_tone is a pair of Fitzpatrick types, so no row has a skin_type (12: 1, 56: 2 rows).",
    )
    assert [diagnosis(row, "ddi") for row in rows.values()] == [
        "melanoma-in-situ", "melanocytic-nevus", "neutrophilic-dermatosis"
    ]  # fmt: skip
    table = root / "ddi_metadata.csv"
    table.write_text(table.read_text().replace("malignant,", "malignancy(malig=1),"))
    (root / "annotations_ddi.csv").unlink()
    listing = ADAPTERS["ddi"].read(root)
    assert len(listing.rows) == 4 and not any(row.present or row.absent for row in listing.rows)
    assert "no row has findings" in listing.notes[0]


def test_scin(tmp_path: Path) -> None:
    root = written("scin", tmp_path)
    listing = ADAPTERS["scin"].read(root)
    rows = {row.native_id: row for row in listing.rows}
    assert list(rows) == ["-11_1", "-11_3", "12_1", "13_1", "14_1"]
    assert listing.notes == (
        "1 rows of scin_labels.csv have no case in scin_cases.csv.", "1 images belong to more than one case."
    )  # fmt: skip
    first, third = rows["-11_1"], rows["-11_3"]
    assert (first.image, third.image, rows["14_1"].image) == ("-101.png", "103.png", "")
    assert first.patient_id == first.lesion_id == third.lesion_id == "-11"
    assert first.differential == (("Eczema", 0.67), ("Grover's disease", 0.33)) and first.label == "Eczema"
    assert first.skin_type == 4 and rows["12_1"].skin_type is None  # most, and a tie
    assert rows["12_1"].label is None and len(rows["12_1"].differential) == 2 and rows["13_1"].differential == ()
    assert first.present == ("elevation",) and rows["12_1"].absent == ("elevation",) and not rows["13_1"].absent
    assert first.history == (
        "Woman aged 18 to 29, site: arm, sole. Reported: itch. Not reported: fever, chills, fatigue, joint pain, "
        "mouth sores, shortness of breath. Background: duration: one to four weeks."
    )
    assert rows["12_1"].history is None
    labels = root / "scin_labels.csv"
    labels.write_text(labels.read_text().replace("skin_condition_on_label_name", "skin_condition_label_name"))
    assert ADAPTERS["scin"].read(root).rows == listing.rows


def test_skincap(tmp_path: Path) -> None:
    rows = rows_of("skincap", tmp_path)
    assert list(rows) == ["1.png", "2.png", "4.png"]
    assert not rows["1.png"].absent and rows["2.png"].present == ("papule",) and len(rows["4.png"].absent) == 48
    assert [diagnosis(row, "skincap") for row in rows.values()] == ["psoriasis", "melanocytic-nevus", "scabies"]


def test_derm12345(tmp_path: Path) -> None:
    rows = dict(sorted(rows_of("derm12345", tmp_path).items()))
    assert [row.label for row in rows.values()] == ["acb", "ajd", "ch", "spider_angioma", "anm", "nodular_melanoma"]
    assert [diagnosis(row, "derm12345") for row in rows.values()] == [
        "acral-nevus", "dysplastic-nevus", "cutaneous-horn", "spider-angioma", "nodular-melanoma", "nodular-melanoma",
    ]  # fmt: skip


def test_milk10k(tmp_path: Path) -> None:
    root = written("milk10k", tmp_path)
    rows = ADAPTERS["milk10k"].read(root).rows
    assert [row.modality for row in rows[:2]] == ["clinical", "dermoscopic"] and rows[0].lesion_id == rows[1].lesion_id
    assert [row.label for row in rows] == ["Keratoacanthoma"] * 2 + ["Molluscum"] * 2 + ["MEL"] * 2
    assert [row.confirmed for row in rows[:4]] == ["histopathology", "histopathology", "single rater", None]
    assert (
        rows[0].history == "Man aged 80 or older, site: head, neck or face."
        and rows[4].history == "Man aged 40 to 49."
    )
    assert all(row.skin_type is None and not row.present and not row.absent for row in rows)
    (root / "MILK10k_Training_Supplement.csv").unlink()
    listing = ADAPTERS["milk10k"].read(root)
    assert [diagnosis(row, "milk10k") for row in listing.rows[::2]] == ["squamous-cell-carcinoma", None, "melanoma"]
    assert {row.confirmed for row in listing.rows} == {None} and "11 classes" in listing.notes[0]


def test_milk10k_classes_resolve() -> None:
    found = {name: resolve(name, "milk10k") for name in milk10k.CLASSES}
    assert [name for name, found_ in found.items() if not found_.diagnosis] == ["INF"]
    assert found["AKIEC"].diagnosis == "actinic-keratosis-or-intraepithelial-carcinoma"
    assert {found[name].malignancy for name in ("BCC", "MAL_OTH", "MEL", "SCCKA")} == {"malignant"}
    assert {found[name].malignancy for name in ("BEN_OTH", "BKL", "DF", "NV", "VASC")} == {"benign"}


def test_dermnet(tmp_path: Path) -> None:
    listing = ADAPTERS["dermnet"].read(written("dermnet", tmp_path))
    rows = {Path(row.native_id).stem: row for row in listing.rows}
    assert len(rows) == 9 and len(listing.rows) == 10 and not listing.excluded
    assert {stem: (row.label, diagnosis(row, "dermnet")) for stem, row in rows.items()} == {
        "acne-closed-comedo-12": ("acne closed comedo", "acne-vulgaris"),
        "07PerioralDermEye": ("Perioral Derm Eye", "perioral-dermatitis"),
        "eczema-hand-1": ("eczema hand", "eczema"),
        "03IMG016": ("IMG", None),
        "12345": (None, None),
        "atypical-nevi-dermoscopy-2": ("atypical nevi", "dysplastic-nevus"),
        "psoriasis-histology-3": ("psoriasis", "psoriasis"),
        "patch-testing-4": ("patch testing", None),
        "eczema-foot-2": ("eczema foot", "eczema"),
    }
    assert rows["psoriasis-histology-3"].modality == "histopathology"
    assert rows["atypical-nevi-dermoscopy-2"].modality == "dermoscopic" and rows["eczema-foot-2"].modality is None
    assert listing.notes == ("1 file names hold no name of a disease.",)


def test_dermnet_photos_of_one_name_are_told_apart(tmp_path: Path) -> None:
    root, out = written("dermnet", tmp_path), tmp_path / "out"
    other = "train/Warts Molluscum and other Viral Infections/eczema-foot-2.jpg"
    (root / other).parent.mkdir()
    lesion(77).save(root / other)
    assert cli(["data", "build", "--dataset", "dermnet", "--root", str(root), "--out", str(out)]) == 0
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    assert facts["cases"] == 11 and facts["identical_images_merged"] == 1  # the same photo in train and test
    rows = {row["case_id"]: row for split in ("train", "validation", "test") for row in load_corpus(out, split)}
    foot = [row for name, row in rows.items() if name.endswith("eczema-foot-2.jpg")]
    assert len({row["checksum"] for row in foot}) == 2 and len({row["group"] for row in foot}) == 2


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("hives-Urticaria-Acute-12", "hives Urticaria Acute"), ("05atopic031011", "atopic"),
        ("03SebDermLids", "Seb Derm Lids"), ("herpes-type-1-primary-9", "herpes type primary"), ("AIDS-3", "AIDS"),
        ("grovers-disease-1", "grovers disease"), ("Bowen_s-Disease-7", "Bowens Disease"), ("0001", ""),
    ],
)  # fmt: skip
def test_dermnet_names(stem: str, words: str) -> None:
    assert " ".join(file_words(stem)) == words


def test_generic_table(tmp_path: Path) -> None:
    listing = ADAPTERS["generic"].read(written("generic", tmp_path))
    a, b, c, d = listing.rows
    assert [row.native_id for row in listing.rows] == [f"{name}.jpg" for name in "abcd"]
    assert [row.label for row in listing.rows] == ["psoriasis", "dermatofibroma", None, "wart"]
    assert (a.patient_id, a.lesion_id, a.skin_type, a.confirmed) == ("P1", "P1/L1", 3, "histopathology")
    assert a.history == "Woman aged 30 to 39, site: elbow." and b.history == "Man." and c.history == "Site: leg."
    assert a.present == ("scale", "elevation") and a.absent == ("crust",)
    assert b.present == () and b.absent == ("scale", "crust", "elevation") and not c.absent
    assert b.skin_type == 2 and c.confirmed == "consensus" and d.present == ("crust", "elevation")
    assert {row.modality for row in listing.rows} == {"clinical"} and set(listing.inputs) == {"description", "table"}
    said = (listing.name, listing.title, listing.license, listing.source)
    assert said == ("generic/our_clinic", "Our clinic", "CC BY 4.0", "https://example.org")


FOLDERS = "name: atlas\nmodality: dermoscopic\nlicense: CC0\nsource: us\nfolders: true\n"


def test_generic_folders(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    draw(root, "train/Seborrhoeic Keratosis/1.png", "train/Naevi/2.png", "test/misc/3.png", "x/3_segmentation.png")
    (root / "skin-r1.yaml").write_text(FOLDERS + "labels: {naevi: melanocytic nevus}\nunknown: [misc]\n")
    rows = {row.native_id: row for row in ADAPTERS["generic"].read(root).rows}
    assert {name: row.label for name, row in rows.items()} == {
        "train/Seborrhoeic Keratosis/1.png": "Seborrhoeic Keratosis",
        "train/Naevi/2.png": "melanocytic-nevus",
        "test/misc/3.png": None,
    }
    assert {row.modality for row in rows.values()} == {"dermoscopic"}


@pytest.mark.parametrize(
    ("name", "cases", "excluded"),
    [
        ("derm7pt", 6, 0), ("ddi", 3, 1), ("scin", 5, 0), ("skincap", 3, 1), ("derm12345", 6, 0), ("milk10k", 6, 0),
        ("dermnet", 10, 0), ("generic", 4, 0),
    ],
)  # fmt: skip
def test_build_through_the_command_line(name: str, cases: int, excluded: int, tmp_path: Path) -> None:
    root, out = written(name, tmp_path), tmp_path / "out"
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert cli(["data", "build", "--dataset", name, "--root", str(root), "--out", str(out), "--seed", "3"]) == 0
    assert cli(["data", "validate", str(out)]) == 0
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before
    facts = json.loads((out / "manifest.json").read_text())["outputs"]
    assert facts["cases"] == cases and sum(facts["excluded"].values()) == excluded
    splits = [split for split in ("train", "validation", "test") if facts["splits"].get(split)]
    rows = [row for split in splits for row in load_corpus(out, split)]
    missing = {"scin": 1}.get(name, 0)
    assert sum(not row["images"] for row in rows) == missing
    listing = ADAPTERS[name].read(root)
    read = {f"{listing.name or name}/{row.native_id}": row for row in listing.rows}
    assert {row["case_id"] for row in rows} == set(read)
    for row in rows:
        assert row["modality"] == (read[row["case_id"]].modality or ADAPTERS[name].MODALITY)
        assert row["diagnosis_raw"] == read[row["case_id"]].label
    if name == "scin":
        graded = next(row for row in rows if row["case_id"] == "scin/-11_1")
        assert [d["diagnosis"] for d in graded["differential"]] == ["eczema", "grover-disease"]
        assert (
            next(row for row in rows if row["case_id"] == "scin/12_1")["differential"] == []
        )  # Keratosis leads nowhere
        assert len({row["group"] for row in rows}) == 3  # cases 12 and 13 share a photo
    if name in ("derm7pt", "milk10k"):
        assert len({row["group"] for row in rows}) == 3


def change(name: str, root: Path, file: str, old: str, new: str) -> None:
    """Replace the first `old` in a file; `old` empty: write `new`; both empty: delete it."""
    path = root / file
    if not old and not new:
        path.unlink()
    else:
        text = path.read_text() if old else ""
        assert old in text, (name, file, old)
        path.write_text(text.replace(old, new, 1) if old else new)


def refused(name: str, root: Path, says: str, out: Path) -> None:
    """The build stops with code 2 and a message that holds all words of `says` (joined by `|`); nothing is written."""
    from data_prep import build

    arguments = ["--dataset", name, "--root", str(root), "--out", str(out)]
    with pytest.raises(UserError) as error:
        build.main(arguments)
    message = str(error.value)
    for words in [*says.split("|"), "next:"]:
        assert words in message, message
    assert cli(["data", "build", *arguments]) == 2
    assert not out.exists() and not out.with_name("out.partial").exists()


META = "meta/meta.csv"
DERM7PT = [
    (META, "", "", "lacks its metadata|meta.csv"),
    (META, "", "\n", "the table is empty"),
    (META, "diagnosis,", "dx,", "lacks a column: diagnosis|row 1"),
    (META, "pigment_network,", "network,", "row 1|column 'pigment_network'"),
    (META, "irregular,diffuse", "iregular,diffuse", "row 2|column 'streaks'|'iregular'|did you mean: irregular"),
    (META, ",dotted,", ",doted,", "row 2|column 'vascular_structures'|did you mean: dotted"),
    (META, ",present,", ",yes,", "row 2|column 'blue_whitish_veil'|allowed: absent, present"),
    (META, "\n2,", "\n1,", "row 3|column 'case_num'|already used in row 2"),
    (META, "\n2,", "\n,", "row 3|column 'case_num'|blank"),
    (META, "a note", "a, note", "row 2|16 cells|15 cells"),
    (META, "clark nevus", '"clark nevus', "row 3|cannot be read"),
]
TABLE = "ddi_metadata.csv"
SKIN = "annotations_ddi.csv"
DDI = [
    (TABLE, "", "", "lacks its labels|ddi_metadata.csv"),
    (TABLE, "", " ", "the table is empty"),
    (TABLE, "DDI_file", "file", "lacks a column: DDI_file|row 1"),
    (TABLE, "skin_tone", "tone", "column 'skin_tone'"),
    (TABLE, "disease", "diagnosis", "column 'disease'"),
    (TABLE, "png,56", "png,5", "row 2|column 'skin_tone'|'5'|12, 34, 56"),
    (TABLE, "000002.png", "000001.png", "row 3|column 'DDI_file'|already used in row 2"),
    (TABLE, "000002.png", "", "row 3|column 'DDI_file'|blank"),
    (TABLE, "melanoma-in-situ", "melanoma,in situ", "row 2|7 cells"),
    (SKIN, "ImageID", "image", "column 'ImageID'"),
    (SKIN, "000002.png", "000001.png", "row 3|column 'ImageID'|already used"),
    (SKIN, "000001.png,0,1", "000001.png,0,maybe", "row 2|column 'Papule'|'maybe'|not a yes or no"),
    (SKIN, "Do not consider this image", "skip", "column 'Do not consider this image'"),
]
CASES, LABELS = "scin_cases.csv", "scin_labels.csv"
SCIN = [
    (CASES, "", "", "lacks its cases|scin_cases.csv"),
    (LABELS, "", "", "lacks its labels|scin_labels.csv"),
    (CASES, "case_id", "case", "column 'case_id'"),
    (CASES, "image_1_path", "image_path", "column 'image_1_path'"),
    (LABELS, "weighted_skin_condition_label", "weights", "column 'weighted_skin_condition_label'"),
    (CASES, "\n12,", "\n-11,", "row 3|column 'case_id'|already used in row 2"),
    (LABELS, "\n12,", "\n-11,", "row 3|column 'case_id'|already used in row 2"),
    (LABELS, "{'Eczema': 0.67", "{'Eczema': 0.67, ", "row 2|column 'weighted_skin_condition_label'|no Python dict"),
    (LABELS, "{}", "[]", "row 4|no Python dict|'[]'"),
    (LABELS, "{}", "{'Eczema': 'much'}", "row 4|the weight 'much' for 'Eczema'|numbers above 0"),
    (LABELS, "{}", "{'Eczema': -1}", "row 4|the weight -1"),
    (LABELS, "{}", "{'Eczema': True}", "row 4|the weight True"),
    (LABELS, "{}", "{'Eczema': 1e999}", "row 4|the weight inf"),
    (LABELS, "{}", "{1: 0.5}", "row 4|1 as the name of a condition"),
    (LABELS, "{}", "__import__('os').getcwd()", "row 4|no Python dict"),
    (LABELS, "FST3", "FST7", "row 2|column 'dermatologist_fitzpatrick_skin_type_label_1'|'FST7'"),
    (CASES, "AGE_18_TO_29", "AGE_28", "row 2|column 'age_group'|'AGE_28'"),
    (CASES, "FEMALE", "F", "row 2|column 'sex_at_birth'|'F'"),
    (CASES, "ONE_TO_FOUR_WEEKS", "LONG", "row 2|column 'condition_duration'|'LONG'"),
    (CASES, "YES,RASH", "OFTEN,RASH", "row 2|column 'other_symptoms_no_relevant_symptoms'|'OFTEN'"),
]
CAP = "skincap_v240623.csv"
SKINCAP = [
    (CAP, "", "", "lacks its table|skincap_v240623.csv"),
    (CAP, "", "\n\n", "the table is empty"),
    (CAP, "skincap_file_path", "path", "column 'skincap_file_path'"),
    (CAP, "disease", "label", "column 'disease'"),
    (CAP, "2.png,2.png", "2.png,1.png", "row 3|column 'skincap_file_path'|already used in row 2"),
    (CAP, "2.png,2.png", "2.png,", "row 3|column 'skincap_file_path'|blank"),
    (CAP, "A papule.,,0.0,1.0", "A papule.,,0.0,0.5", "row 3|column 'Papule'|'0.5'|not a yes or no"),
    (CAP, "A papule.", "A papule, brown", "row 3|59 cells|58 cells"),
    (CAP, ",1\n", ",twice\n", "row 4|column 'Do not consider this image'|'twice'"),
]
TRAIN, TEST = "derm12345_metadata_train.csv", "derm12345_metadata_test.csv"
DERM12345 = [
    (TRAIN, "", "\n", "the table is empty|derm12345_metadata_train.csv"),
    (TRAIN, "image_id", "image", "column 'image_id'"),
    (TRAIN, "sub_class", "subclass", "column 'sub_class'"),
    (TEST, "label", "code", "derm12345_metadata_test.csv|column 'label'"),
    (TRAIN, "ISIC_2", "ISIC_1", "row 3|column 'image_id'|already used in row 2"),
    (TEST, "ISIC_5", "ISIC_1", "already used|derm12345_metadata_train.csv"),
    (TRAIN, "ISIC_2,", ",", "row 3|column 'image_id'|blank"),
    (TRAIN, "acral,ajd", "acral,acb", "row 3|column 'label'|another class in row 2|dysplastic/junctional/acral"),
    (TRAIN, "compound,acral", "compound,acral,", "row 2|9 cells"),
    (TRAIN, "train,", '"train,', "cannot be read"),
]
MILK, TRUTH, MORE = (f"MILK10k_Training_{kind}.csv" for kind in ("Metadata", "GroundTruth", "Supplement"))
MILK10K = [
    (MILK, "", "", "lacks its metadata|MILK10k_Training_Metadata.csv"),
    (TRUTH, "", "", "lacks its ground truth|MILK10k_Training_GroundTruth.csv"),
    (MILK, "image_type", "type", "column 'image_type'"),
    (TRUTH, "SCCKA", "SCC", "column 'SCCKA'"),
    (MILK, "dermoscopic", "RCM: mosaic", "row 3|column 'image_type'|'RCM: mosaic'"),
    (MILK, "dermoscopic", "", "row 3|column 'image_type'|blank"),
    (MILK, "ISIC_1", "ISIC_0", "row 3|column 'isic_id'|already used in row 2"),
    (MILK, "IL_0,", ",", "row 2|column 'lesion_id'|blank"),
    (MILK, "85", "old", "row 2|column 'age_approx'|'old'|not a number"),
    (MILK, "85", "850", "row 2|column 'age_approx'|out of range"),
    (MILK, ",male", ",m", "row 2|column 'sex'|'m'"),
    (TRUTH, "IL_0,0.0", "IL_0,1.0", "row 2|1 although AKIEC is 1 too"),
    (TRUTH, "IL_0,0.0", "IL_0,2", "row 2|column 'AKIEC'"),
    (TRUTH, "IL_1", "IL_0", "row 3|column 'lesion_id'|already used"),
    (MORE, "diagnosis_full", "dx", "column 'diagnosis_full'"),
    (MORE, "Keratoacanthoma,histopathology", "Keratoacanthoma,guess", "row 2|column 'diagnosis_confirm_type'|'guess'"),
    (MORE, "ISIC_1", "ISIC_0", "row 3|column 'isic_id'|already used"),
]
NOTE = "skin-r1.yaml"
GENERIC = [
    (NOTE, "", "", "lacks skin-r1.yaml"),
    (NOTE, "", "- a\n- b\n", "no mapping|row 1"),
    (NOTE, "license:", "licence:", "unknown key|row 4|'licence'|did you mean: license"),
    (NOTE, "  patient: pid", "  patients: pid", "unknown key|row 10|column 'columns.patients'|did you mean: patient"),
    (NOTE, "title: Our clinic", "name: twice", "already used in row 1|row 2"),
    (NOTE, "source: https://example.org\n", "", "lacks `source`"),
    (NOTE, "modality: clinical", "modality: clinic", "row 3|no such modality|did you mean: clinical"),
    (NOTE, "our_clinic", "our clinic/1", "row 1|column 'name'|letters, digits"),
    (NOTE, "title: Our clinic", "title: [Our", "not YAML|row"),
    (NOTE, "labels.csv", "label.csv", "row 6|no such table|did you mean: labels.csv"),
    (NOTE, "labels.csv", "../labels.csv", "row 6|no such table"),
    (NOTE, "table: labels.csv", "folders: maybe", "row 6|column 'folders'|true or false"),
    (NOTE, "table: labels.csv", "folders: true", "row 7|`columns` describes a table"),
    (NOTE, "table: labels.csv\n", "", "one of the two"),
    (NOTE, "title: Our clinic", "folders: true", "row 6|one of the two"),
    (NOTE, "  image: file\n", "", "row 7|which column holds the image"),
    (NOTE, "  label: dx\n", "  label:\n", "row 9|column 'columns.label'|name of a column is missing"),
    (NOTE, "scaly: scale", "scaly: scales and crust", "row 18|column 'concepts.surface.scaly'|no such concept"),
    (NOTE, "scaly: scale", "scaly: scaale", "did you mean: scale"),
    (NOTE, "raised: {1: elevation, 0: ~}", "raised: elevation", "row 19|column 'concepts.raised'|no mapping"),
    (NOTE, "dermatofibroma", "dermatofibrxma", "row 21|column 'labels.Knubbel'|did you mean: dermatofibroma"),
    (NOTE, 'unknown: [NA, "?"]', "unknown: NA", "row 23|column 'unknown'|no list"),
    (NOTE, "  lesion: lid", "  lesion: lesion", "labels.csv|row 1|column 'lesion'"),
    ("labels.csv", "b.jpg", "a.jpg", "row 3|column 'file'|already used in row 2"),
    ("labels.csv", "Scaly", "shiny", "row 2|column 'surface'|'shiny'|under concepts"),
    ("labels.csv", "L1,33", "L1,young", "row 2|column 'age'|not a number"),
    ("labels.csv", "III", "VII", "row 2|column 'fst'|'VII'"),
    ("labels.csv", ",F,", ",X,", "row 2|column 'sex'|'X'"),
    ("labels.csv", "Consensus", "sure", "row 4|column 'how'|'sure'|histopathology"),
    ("labels.csv", "", "file,dx,pid,lid,age,sex,site,fst,how,surface,raised\n", "no rows"),
]
CORRUPTIONS = {
    "derm7pt": DERM7PT, "ddi": DDI, "scin": SCIN, "skincap": SKINCAP, "derm12345": DERM12345, "milk10k": MILK10K,
    "generic": GENERIC,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "says"),
    [(name, *corruption) for name, corruptions in CORRUPTIONS.items() for corruption in corruptions],
)
def test_corrupted_files_are_refused(name: str, file: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    root = written(name, tmp_path)
    change(name, root, file, old, new)
    refused(name, root, says, tmp_path / "out")


EYE = "train/Acne and Rosacea Photos/07PerioralDermEye.jpg"


def _rename(root: Path, old: str, new: str) -> None:
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    (root / old).rename(root / new)


def _empty_categories(root: Path) -> None:
    for path in [p for p in root.rglob("*") if p.is_file()]:
        path.unlink()


DERMNET: list[tuple[Callable[[Path], object], str]] = [
    (lambda root: shutil.rmtree(root), "folder does not exist|--root"),
    (lambda root: [_rename(root, part, f"photos/{part}ing") for part in ("train", "test")], "lacks train/ and test/"),
    (lambda root: shutil.move(root / EYE, root / "train" / "x.jpg"), "in no category folder|x.jpg"),
    (_empty_categories, "hold no image"),
    (lambda root: (root / EYE).write_bytes(b""), "07PerioralDermEye.jpg: zero bytes|row 1|--skip_bad_images"),
    (lambda root: (root / EYE).write_bytes(b"<html>404</html>"), "07PerioralDermEye.jpg: not an image"),
    (
        lambda root: (root / EYE).write_bytes((root / EYE).read_bytes()[:300]),
        "07PerioralDermEye.jpg: corrupt or truncated",
    ),
    (lambda root: (root / EYE).write_bytes(b"\0" * 16 + (root / EYE).read_bytes()[16:]), "1 of the images"),
    (lambda root: [p.rename(p.with_suffix(".txt")) for p in root.rglob("*.jpg")], "hold no image"),
]


@pytest.mark.parametrize(("damage", "says"), DERMNET)
def test_damaged_dermnet_is_refused(damage: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    root = written("dermnet", tmp_path)
    damage(root)
    refused("dermnet", root, says, tmp_path / "out")


@pytest.mark.parametrize(
    ("images", "says"),
    [
        ([], "no rows"),
        (["1.png"], "lies in no class folder"),
    ],
)
def test_generic_folders_refused(images: list[str], says: str, tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    root.mkdir()
    draw(root, *images)
    (root / "skin-r1.yaml").write_text(FOLDERS)
    refused("generic", root, says, tmp_path / "out")


def test_generic_table_of_images_with_one_name(tmp_path: Path) -> None:
    root = written("generic", tmp_path)
    (root / "other").mkdir()
    (root / "other" / "a.jpg").write_bytes(b"another picture")
    refused("generic", root, "fits several files|other/a.jpg|with its folder", tmp_path / "out")


def test_generic_folders_with_equal_names(tmp_path: Path) -> None:
    root, out = tmp_path / "atlas", tmp_path / "out"
    root.mkdir()
    draw(root, "nevus/1.png", "wart/1.png")
    (root / "skin-r1.yaml").write_text(FOLDERS)
    assert cli(["data", "build", "--dataset", "generic", "--root", str(root), "--out", str(out)]) == 0
    rows = [row for split in ("train", "validation", "test") for row in load_corpus(out, split)]
    assert {row["case_id"] for row in rows} == {"generic/atlas/nevus/1.png", "generic/atlas/wart/1.png"}
    assert len({row["checksum"] for row in rows}) == 2
    assert {row["license"] for row in rows} == {"CC0"} and {row["dataset"] for row in rows} == {"generic/atlas"}


def test_broken_images_of_every_table_are_refused(tmp_path: Path) -> None:
    for name in CORRUPTIONS:
        root = written(name, tmp_path)
        next(p for p in sorted(root.rglob("*")) if p.suffix in (".jpg", ".png", ".JPG")).write_bytes(b"")
        refused(name, root, "zero bytes|column 'image'|--skip_bad_images", tmp_path / "out")


def test_real_derm7pt(real_data: Path) -> None:
    table = real_data / "labels" / "derm7pt_meta.csv"
    if not table.is_file():
        pytest.skip(f"Derm7pt's labels are not here: {table.name}")
    rows = ADAPTERS["derm7pt"].read(table.parent).rows
    assert len(rows) == 1011 and len({row.lesion_id for row in rows}) == 1011
    found = Counter(slug for row in rows for slug in row.present)
    for slug, count in {
        "typical-pigment-network": 381, "atypical-pigment-network": 230, "blue-whitish-veil": 195, "dotted-vessels": 53,
        "wreath-vessels": 2, "linear-irregular-vessels": 18, "diffuse-irregular-pigmentation": 265,
        "irregular-streaks": 251, "irregular-dots-and-globules": 448, "regression-combinations": 99,
    }.items():  # fmt: skip
        assert found[slug] == count
    assert Counter(row.label for row in rows if not diagnosis(row, "derm7pt")) == {"miscellaneous": 8}


def test_real_scin(real_data: Path) -> None:
    folder = real_data / "labels" / "scin"
    if not folder.is_dir():
        pytest.skip(f"SCIN's labels are not here: {folder}")
    listing = ADAPTERS["scin"].read(folder)
    rows = listing.rows
    assert len({row.lesion_id for row in rows}) == 5033 and len(rows) == 10407
    assert listing.notes == ("15 images belong to more than one case.",)
    said = {label for row in rows for label, _ in row.differential}
    nowhere = {label: resolve(label, "scin") for label in said if not resolve(label, "scin").diagnosis}
    assert len(said) == 370 and len(nowhere) == 14
    assert {found.via for found in nowhere.values()} == {"scin.sssom.tsv"}  # mapped on purpose to nothing
    graded = {row.lesion_id for row in rows if row.differential}
    labelled = {row.lesion_id for row in rows if row.label}
    assert len(graded) == 3061 and len(labelled) == 2136 and labelled <= graded
    assert all("race" not in (row.history or "") for row in rows)
    firsts = [row for row in rows if row.native_id.endswith("_1")]
    assert Counter("elevation" in row.present for row in firsts) == {True: 2915, False: 2118}
    assert Counter(slug for row in firsts for slug in row.present) == {
        "elevation": 2915, "rough-or-flaky": 1032, "fluid-filled": 629,
    }  # fmt: skip
