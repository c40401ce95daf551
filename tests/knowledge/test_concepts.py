"""The vocabulary of findings and the finder of findings in free text."""

import csv
from pathlib import Path

import pytest

from benchmarks import estimate_expectations
from skin_r1.concepts import (
    concept_codes,
    concept_name,
    concept_slug,
    excluded_by,
    expectations,
    load_concepts,
    mentions,
)
from skin_r1.ontology import load_ontology
from skin_r1.wording import KNOWLEDGE, normalize

CONCEPTS = load_concepts()


def test_vocabulary_is_whole() -> None:
    sizes = {
        name: sum(c.vocabulary == name for c in CONCEPTS.values())
        for name in ("skincon", "derm7pt", "abcd", "symptom")
    }
    assert sizes == {"skincon": 48, "derm7pt": 21, "abcd": 7, "symptom": 6}
    sources = (KNOWLEDGE / "SOURCES.md").read_text(encoding="utf-8")
    for slug, concept in CONCEPTS.items():
        assert concept.slug == slug and concept.name == concept.name.lower() and concept.definition.endswith(".")
        assert f"| {concept.source} |" in sources
        assert set(concept.modality) <= {"dermoscopic", "clinical"}
        assert concept_slug(concept.name) == concept_slug(slug) == slug and concept_name(slug) == concept.name


def test_no_wording_names_two_concepts() -> None:
    owners: dict[str, set[str]] = {}
    for slug, concept in CONCEPTS.items():
        for text in (slug, concept.name, *concept.synonyms):
            owners.setdefault(normalize(text), set()).add(slug)
    assert {text: who for text, who in owners.items() if len(who) > 1} == {}


def test_no_synonym_is_a_disease() -> None:
    tree = load_ontology()
    # Words that dermatology uses for the finding and for the disease alike.
    both = {"cyst", "abscess", "scar", "cicatrix", "telangiectasia", "petechia", "purpura", "pruritus"}
    shared = {normalize(t) for c in CONCEPTS.values() for t in (c.name, *c.synonyms) if tree.lookup(t)}
    assert shared <= both
    for trap, slug in (("melasma", "patch"), ("psoriasis", "plaque"), ("scabies", "burrow"), ("impetigo", "erosion")):
        assert trap not in CONCEPTS[slug].synonyms


def test_exclusions_are_symmetric() -> None:
    for slug in CONCEPTS:
        assert slug not in excluded_by(slug)
        for other in excluded_by(slug):
            assert slug in excluded_by(other), (slug, other)
    assert "typical-pigment-network" in excluded_by("atypical-pigment-network")
    assert excluded_by("single-color") == {"two-colors", "multiple-colors"}


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ("Brown(Hyperpigmentation)", "brown-hyperpigmentation"),
        ("Purpura/Petechiae", "purpura-petechiae"),
        ("Flat topped", "flat-topped"),
        ("Blue-white veil", "blue-whitish-veil"),
        ("Atypical pigment networks", "atypical-pigment-network"),
        ("psoriasis", None),
        ("", None),
    ],
)
def test_concept_slug(raw: str, slug: str | None) -> None:
    assert concept_slug(raw) == slug


Y, N = False, True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No ulceration, crust or scale.", [("ulcer", N), ("crust", N), ("scale", N)]),
        ("A scaly plaque without ulceration.", [("scale", Y), ("plaque", Y), ("ulcer", N)]),
        ("no evidence of a blue-whitish veil", [("blue-whitish-veil", N)]),
        ("absence of scale", [("scale", N)]),
        ("Scale is absent.", [("scale", N)]),
        ("There is erythema, scale is absent", [("erythema", Y), ("scale", N)]),
        ("Scale, crust and ulcer are not seen, with arborizing vessels.",
         [("scale", N), ("crust", N), ("ulcer", N), ("arborizing-vessels", Y)]),
        ("It lacks irregular streaks but shows comma vessels", [("irregular-streaks", N), ("comma-vessels", Y)]),
        ("Neither crust nor scale is present, but there is erythema", [("crust", N), ("scale", N), ("erythema", Y)]),
        ("without scale or crust, and an atypical pigment network",
         [("scale", N), ("crust", N), ("atypical-pigment-network", Y)]),
        ("no atypical network is seen, ulceration is present", [("atypical-pigment-network", N), ("ulcer", Y)]),
        ("Ulceration cannot be excluded.", []),
        ("Not only scale but crust", [("scale", Y), ("crust", Y)]),
        ("The lesion is not asymmetric", [("asymmetric-shape", N)]),
        ("a non-ulcerated nodule", [("ulcer", N), ("nodule", Y)]),
        ("Crust: none. Scale: present", [("crust", N), ("scale", Y)]),
        ("pain is denied; the lesion bleeds", [("pain", N), ("bleeding", Y)]),
        ("This is a blue nevus.", []),
        ("pigmented basal cell carcinoma", []),
        ("a scar-like area", []),
        ("milia-like cysts", []),
        ("", []),
    ],
)  # fmt: skip
def test_mentions(text: str, expected: list[tuple[str, bool]]) -> None:
    assert [(m.slug, m.negated) for m in mentions(text)] == expected


def test_mentions_point_into_the_text() -> None:
    text = "Seen: an Atypical pigment-network and naïve Café; no BLUE–whitish veil."
    found = mentions(text)
    assert [text[m.start : m.end] for m in found] == ["Atypical pigment-network", "BLUE–whitish veil"]
    assert [m.negated for m in found] == [False, True]


def test_every_name_is_found_as_itself() -> None:
    for slug, concept in CONCEPTS.items():
        assert [(m.slug, m.negated) for m in mentions(f"There is {concept.name}.")] == [(slug, False)], concept.name
        assert [(m.slug, m.negated) for m in mentions(f"There is no {concept.name}.")] == [(slug, True)], concept.name


def test_expectations_are_counts_of_known_things() -> None:
    table, tree = expectations(), load_ontology()
    for (diagnosis, concept), seen in table.items():
        assert diagnosis in tree.nodes and concept in CONCEPTS and 0 <= seen.positives <= seen.total
    network = table["melanoma", "atypical-pigment-network"]
    assert network.total >= 240 and 0.3 < network.positives / network.total < 0.8


def test_codes_cover_the_real_tables(real_data: Path) -> None:
    with (real_data / "labels" / "skincon_annotations_fitzpatrick17k.csv").open(encoding="utf-8") as stream:
        columns = next(csv.reader(stream))[2:-1]
    assert {(column, "1") for column in columns} == set(concept_codes("skincon"))
    with (real_data / "labels" / "derm7pt_meta.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    criteria = {column for column, _ in concept_codes("derm7pt")}
    assert len(criteria) == 7
    values = {(c, row[c]) for row in rows for c in criteria if row[c] != "absent"}
    assert values == set(concept_codes("derm7pt"))


def test_expectations_are_what_the_script_counts(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "expectations.tsv"
    assert estimate_expectations.main(["--labels", str(real_data / "labels"), "--out", str(out)]) == 0
    assert out.read_bytes() == (KNOWLEDGE / "expectations.tsv").read_bytes()
