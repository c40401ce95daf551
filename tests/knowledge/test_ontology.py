"""The tree of diagnoses and the way from labels to it."""

import csv
from pathlib import Path

import pytest

from skin_r1.ontology import LEVELS, MALIGNANCIES, load_ontology, normalize, resolve
from skin_r1.wording import KNOWLEDGE, read_tsv

TREE = load_ontology()


def test_slugs_are_unique_and_every_path_reaches_a_root() -> None:
    slugs = [row["slug"] for row in read_tsv(KNOWLEDGE / "diagnoses.tsv")]
    assert len(slugs) == len(set(slugs)) == len(TREE.nodes)
    assert sum(TREE.nodes[slug].level in ("diagnosis", "subtype") for slug in slugs) >= 120
    for slug in slugs:
        path = TREE.path(slug)
        assert path[-1] == slug and TREE.nodes[path[0]].parent is None
        levels = [LEVELS.index(TREE.nodes[each].level) for each in path]
        assert levels == sorted(levels) and levels[0] == 0, path
        assert all(child in TREE.nodes for child in TREE.children(slug))


def test_every_node_has_a_malignancy() -> None:
    for slug in TREE.nodes:
        assert TREE.malignancy(slug) in MALIGNANCIES, slug


def test_no_wording_names_two_nodes() -> None:
    owners: dict[str, set[str]] = {}
    for slug, node in TREE.nodes.items():
        for text in (slug, node.name, *node.synonyms, *node.narrower):
            owners.setdefault(normalize(text), set()).add(slug)
    assert {text: who for text, who in owners.items() if len(who) > 1} == {}


@pytest.mark.parametrize(
    ("slug", "malignancy"),
    [
        ("melanocytic-nevus", "benign"),
        ("dysplastic-nevus", "benign"),
        ("melanoma-in-situ", "malignant"),
        ("lentigo-maligna", "malignant"),
        ("actinic-keratosis", "premalignant"),
        ("bowen-disease", "malignant"),
        ("atypical-melanocytic-proliferation", "indeterminate"),
        ("psoriasis", "non-neoplastic"),
        ("dermatofibroma", "benign"),
        ("leukoplakia", "premalignant"),
        ("mastocytosis", "benign"),
        ("systemic-mastocytosis", "indeterminate"),
        ("paraneoplastic-dermatosis", "indeterminate"),
    ],
)
def test_malignancy_is_set_where_it_is_decided(slug: str, malignancy: str) -> None:
    assert TREE.malignancy(slug) == malignancy


def test_no_sarcoma_lymphoma_or_carcinoma_is_benign() -> None:
    for slug in TREE.nodes:
        if slug.endswith(("sarcoma", "lymphoma", "carcinoma")) and "or" not in slug.split("-"):
            assert TREE.malignancy(slug) == "malignant", slug


@pytest.mark.parametrize(
    ("label", "dataset", "slug", "match"),
    [
        ("nv", "ham10000", "melanocytic-nevus", "code"),
        ("bkl", "HAM-10000", "benign-keratosis", "broader"),
        ("akiec", "ham10000", "actinic-keratosis-or-intraepithelial-carcinoma", "broader"),
        ("vasc", "ham10000", "vascular-lesion", "broader"),
        ("ACK", "pad_ufes_20", "actinic-keratosis", "code"),
        ("SEK", None, "seborrheic-keratosis", "code"),
        ("melanoma (less than 0.76 mm)", "derm7pt", "thin-melanoma", "code"),
        ("reed or spitz nevus", "derm7pt", "spitz-nevus", "broader"),
        ("lentigo NOS", "isic2020", "lentigo", "code"),
        ("unknown", "isic2020", None, "none"),
        ("UNK", "isic2019", None, "none"),
        ("miscellaneous", "derm7pt", None, "none"),
        ("Seborrhoeic Keratoses", None, "seborrheic-keratosis", "exact"),
        ("Bowen’s disease", None, "bowen-disease", "exact"),
        ("Nevus, Blue", None, "blue-nevus", "synonym"),
        ("naevus sebaceus", None, "nevus-sebaceous", "exact"),
        ("Café-au-lait macule", None, "cafe-au-lait-macule", "exact"),
        ("Kaposi's sarcoma of skin", None, "kaposi-sarcoma", "synonym"),
        ("squamous-cell-carcinoma-in-situ", None, "bowen-disease", "synonym"),
        ("porokeratosis actinic", None, "disseminated-superficial-actinic-porokeratosis", "synonym"),
        ("Melanomas", None, "melanoma", "exact"),
        ("Acral Lentiginous Melanomas", None, "acral-lentiginous-melanoma", "exact"),
        ("haemangiomata", None, "hemangioma", "exact"),
        ("Basal cell carcinoma (nodular)", None, "nodular-basal-cell-carcinoma", "synonym"),
        ("melanoma (some new kind)", None, "melanoma", "broader"),
        ("sporotrichosis", None, "deep-fungal-infection", "broader"),
        ("melanoma of scalp", None, "melanoma", "broader"),
        ("Benign:Benign melanocytic proliferations:Nevus:Blue nevus", None, "blue-nevus", "synonym"),
        (
            "Malignant:Malignant adnexal epithelial proliferations - Follicular:Basal cell carcinoma",
            None,
            "basal-cell-carcinoma",
            "synonym",
        ),
        ("Malignant:Some new shelf:Some new tumor", None, "malignant-neoplasm", "broader"),
        ("pg", "derm12345", "pyogenic-granuloma", "code"),
        ("pg", None, None, "none"),  # pyoderma gangrenosum elsewhere
        ("not melanoma", None, None, "none"),
        ("melanoma vs nevus", None, None, "none"),
        ("", None, None, "none"),
    ],
)
def test_resolve(label: str, dataset: str | None, slug: str | None, match: str) -> None:
    found = resolve(label, dataset)
    assert (found.diagnosis, found.match) == (slug, match)
    assert found.path == (TREE.path(slug) if slug else ())
    assert found.malignancy == (TREE.malignancy(slug) if slug else None)


@pytest.mark.parametrize("label", ["melanomma", "seborheic keratosys", "basal cel carcinoma"])
def test_likeness_only_proposes(label: str) -> None:
    found = resolve(label)
    assert found.diagnosis is None and found.match == "none" and found.candidates


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("porokeratosis actinic", "actinic-keratosis"),
        ("milia", "miliaria"),
        ("lichen simplex", "herpes-simplex"),
        ("fordyce spots", "angiokeratoma"),
        ("striae", None),
    ],
)
def test_known_traps(label: str, wrong: str | None) -> None:
    for dataset in (None, "fitzpatrick17k"):
        assert resolve(label, dataset).diagnosis not in (wrong, None)


@pytest.mark.parametrize(
    ("predicted", "truth", "credit"),
    [
        ("melanoma", "melanoma", 1.0),
        ("blue-nevus", "dermal-nevus", 0.5),
        ("blue-nevus", "melanocytic-nevus", 0.5),
        ("seborrheic-keratosis", "benign-keratosis", 0.5),
        ("basal-cell-carcinoma", "squamous-cell-carcinoma", 0.5),
        ("actinic-keratosis", "squamous-cell-carcinoma", 0.25),
        ("melanoma", "thin-melanoma", 0.25),
        ("melanoma", "melanocytic-nevus", 0.0),
        ("psoriasis", "melanoma", 0.0),
        ("benign-neoplasm", "malignant-neoplasm", 0.0),
    ],
)
def test_hierarchical_credit_is_symmetric(predicted: str, truth: str, credit: float) -> None:
    assert TREE.hierarchical_credit(predicted, truth) == TREE.hierarchical_credit(truth, predicted) == credit


def test_mapping_tables_point_at_nodes() -> None:
    files = sorted((KNOWLEDGE / "mappings").glob("*.sssom.tsv"))
    assert {"ham10000", "isic2017", "isic2019", "isic2020", "pad_ufes_20", "derm7pt", "fitzpatrick17k"} <= {
        file.name.removesuffix(".sssom.tsv") for file in files
    }
    for file in files:
        for row in read_tsv(file):
            target = row["object_id"]
            assert target == "sssom:NoTermFound" or target.removeprefix("SKINR1:") in TREE.nodes, (file.name, row)


def test_all_fitzpatrick17k_labels_resolve(real_data: Path) -> None:
    with (real_data / "labels" / "fitzpatrick17k.csv").open(encoding="utf-8") as stream:
        rows = {row["label"]: row["three_partition_label"] for row in csv.DictReader(stream)}
    assert len(rows) == 114
    for label, partition in rows.items():
        for found in (resolve(label, "fitzpatrick17k"), resolve(label)):
            assert found.match in ("exact", "synonym", "code"), label
            assert (found.malignancy == "malignant") == (partition == "malignant" and label != "actinic keratosis"), (
                label
            )


def test_every_isic_path_resolves_with_its_root(real_data: Path) -> None:
    kept = {
        "Benign": {"benign", "non-neoplastic", "indeterminate"},
        "Indeterminate": {"indeterminate", "premalignant"},
    }
    kept["Malignant"] = {"malignant", "premalignant"}
    for path in (real_data / "ontology" / "isic_diagnosis_paths.txt").read_text(encoding="utf-8").splitlines():
        found = resolve(path)
        assert found.malignancy in kept[path.split(":")[0]], (path, found)
