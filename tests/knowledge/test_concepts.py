"""The vocabulary of findings and the finder of findings in free text."""

import csv
import doctest
import json
from itertools import combinations
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks import estimate_expectations
from skin_r1.concepts import (
    Expectation,
    concept_codes,
    concept_name,
    concept_slug,
    excluded_by,
    expectations,
    load_concepts,
    measured_expectations,
    mentions,
)
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.vocabulary import Vocabulary
from skin_r1.wording import KNOWLEDGE, normalize

CONCEPTS = load_concepts()


def test_vocabulary_is_whole() -> None:
    names = get_args(Vocabulary)
    members = {name: sum(name in c.vocabulary for c in CONCEPTS.values()) for name in names}
    first = {name: sum(c.vocabulary[0] == name for c in CONCEPTS.values()) for name in names}
    assert members == {
        "skincon": 48, "derm7pt": 21, "abcd": 9, "symptom": 14, "three-point": 3, "cash": 9, "chaos-and-clues": 12,
        "consensus": 70, "scin": 2,
    }  # fmt: skip
    assert sum(first.values()) == len(CONCEPTS) and min(first.values()) >= 2
    sources = (KNOWLEDGE / "SOURCES.md").read_text(encoding="utf-8")
    for slug, concept in CONCEPTS.items():
        assert concept.slug == slug and concept.name == concept.name.lower() and concept.definition.endswith(".")
        assert f"| {concept.source} |" in sources
        assert set(concept.modality) <= {"dermoscopic", "clinical"}
        assert set(concept.vocabulary) <= set(names) and len(set(concept.vocabulary)) == len(concept.vocabulary)
        assert concept_slug(concept.name) == concept_slug(slug) == slug and concept_name(slug) == concept.name


def test_the_first_concepts_keep_their_order() -> None:
    # Rationales list findings in this order and trained models have learned it: new concepts go to the end.
    order = list(CONCEPTS)
    assert order[0] == "vesicle" and order[47:49] == ["cyst", "typical-pigment-network"]
    assert order[69:76] == [
        "symmetric-shape", "asymmetric-shape", "regular-border", "irregular-border", "single-color", "two-colors",
        "multiple-colors",
    ]  # fmt: skip
    assert order[76:82] == ["itch", "growth", "pain", "change", "bleeding", "elevation"]


@pytest.mark.parametrize(
    ("checklist", "items"),
    [
        ("three-point", ["asymmetry of color and structure", "atypical network", "blue-white structures"]),
        ("cash", ["three or more colors", "architectural disorder", "symmetry of color and structure",
                  "heterogeneous structures"]),
        ("chaos-and-clues", ["chaos", "eccentric structureless area", "thick lines reticular or branched",
                             "gray or blue structures", "black dots or clods, peripheral",
                             "lines radial or pseudopods, segmental", "white lines", "polymorphous vessels",
                             "lines parallel, ridges", "lines of the nail, irregular", "polygons"]),
    ],
)  # fmt: skip
def test_every_item_of_a_checklist_is_a_concept(checklist: str, items: list[str]) -> None:
    slugs = [concept_slug(item) or concept_slug(" ".join(reversed(item.split(", ")))) for item in items]
    assert None not in slugs and len(set(slugs)) == len(items), slugs
    for slug in slugs:
        assert slug is not None and checklist in CONCEPTS[slug].vocabulary, slug


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
    ("one", "other"),
    [
        ("symmetry of color and structure", "chaos"),
        ("orderly architecture", "architectural disorder"),
        ("homogeneous structures", "heterogeneous structures"),
        ("polymorphous vessels", "monomorphous vessels"),
        ("regular nail lines", "irregular nail lines"),
        ("homogeneous blue pattern", "typical pigment network"),
        ("moth-eaten border", "regular border"),
        ("dome-shaped", "acuminate"),
    ],
)
def test_contraries_exclude_each_other(one: str, other: str) -> None:
    assert concept_slug(other) in excluded_by(concept_slug(one) or "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("papule", "plaque"),
        ("macule", "papule"),
        ("chaos", "symmetric shape"),  # chaos is not of the outline
        ("typical pigment network", "negative pigment network"),
        ("parallel ridge pattern", "parallel furrow pattern"),
        ("dotted vessels", "polymorphous vessels"),
    ],
)
def test_what_can_both_hold_is_not_excluded(one: str, other: str) -> None:
    assert concept_slug(other) not in excluded_by(concept_slug(one) or "")


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ("Brown(Hyperpigmentation)", "brown-hyperpigmentation"),
        ("Purpura/Petechiae", "purpura-petechiae"),
        ("Flat topped", "flat-topped"),
        ("Blue-white veil", "blue-whitish-veil"),
        ("Atypical pigment networks", "atypical-pigment-network"),
        ("Lines, brown, curved, parallel, thin", "fingerprint-like-structures"),
        ("coiled vessels", "glomerular-vessels"),
        ("clods, blue", None),
        ("blue clods", "gray-blue-structures"),
        ("Hutchinson's sign", "nail-fold-pigmentation"),
        ("chrysalis", "shiny-white-streaks"),
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
        ("milia-like cysts, no comedo-like openings", [("milia-like-cysts", Y), ("comedo-like-openings", N)]),
        ("A central white patch, without arborizing or coiled vessels.",
         [("central-white-patch", Y), ("glomerular-vessels", N)]),
        ("Chaos: asymmetry of color and structure, but a symmetric outline.",
         [("asymmetric-color-structure", Y), ("asymmetric-color-structure", Y), ("symmetric-shape", Y)]),
        ("an infantile hemangioma, also called strawberry nevus; hay fever", []),
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
    tree = load_ontology()
    for table in (expectations(), measured_expectations()):
        for (diagnosis, concept), seen in table.items():
            assert diagnosis in tree.nodes and concept in CONCEPTS and 0 <= seen.positives <= seen.total
    network = expectations()["melanoma", "atypical-pigment-network"]
    assert network.total >= 240 and 0.3 < network.positives / network.total < 0.8


def test_measured_findings_are_kept_apart_and_add_up() -> None:
    table = measured_expectations()
    assert not {concept for _, concept in table} & {concept for _, concept in expectations()}
    assert {seen.source for seen in table.values()} == {"Tschandl2018+measured"}
    for diagnosis in {diagnosis for diagnosis, _ in table}:
        for group in (
            ("symmetric-shape", "asymmetric-shape"),
            ("regular-border", "irregular-border"),
            ("single-color", "two-colors", "multiple-colors"),
        ):
            counts = [table[diagnosis, concept] for concept in group]
            assert sum(c.positives for c in counts) == counts[0].total == counts[-1].total, (diagnosis, group)
    assert (
        table["melanoma", "irregular-border"].interval()[0]
        > table["melanocytic-nevus", "irregular-border"].interval()[1]
    )


def test_a_rate_comes_with_its_interval() -> None:
    # Wilson's interval for 81 of 263 as worked by Newcombe, Stat Med 1998;17:857-872, table I; 0 of 20 and 1 of 29 too.
    for positives, total, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
        seen = Expectation(positives, total, "test")
        assert seen.interval() == pytest.approx((low, high), abs=1e-4)
        assert seen.interval()[0] < seen.rate < seen.interval()[1]
    assert Expectation(0, 0, "test").interval() == (0.0, 1.0) and Expectation(0, 0, "test").rate == 0.5
    assert Expectation(29, 29, "test").interval() == pytest.approx((0.8830, 1.0), abs=1e-4)
    narrow, wide = Expectation(500, 1000, "test").interval(), Expectation(5, 10, "test").interval()
    assert wide[0] < narrow[0] < 0.5 < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("name", "file", "count"),
    [("skincon", "skincon_annotations_fitzpatrick17k.csv", 3690), ("derm7pt", "derm7pt_meta.csv", 1011)],
)
def test_no_annotated_row_shows_concepts_that_exclude_each_other(
    real_data: Path, name: str, file: str, count: int
) -> None:
    path = real_data / "labels" / file
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == count
    codes = concept_codes(name)
    for number, row in enumerate(rows, start=2):
        seen = [slug for (column, value), slug in codes.items() if row[column] == value]
        clashes = [pair for pair in combinations(seen, 2) if pair[1] in excluded_by(pair[0])]
        assert not clashes, (file, number, clashes)


def test_codes_name_concepts_once() -> None:
    with (KNOWLEDGE / "concept_codes.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t"))
    assert {row["concept"] for row in rows} <= set(CONCEPTS)
    assert len({(row["dataset"], row["column"], row["value"]) for row in rows}) == len(rows)


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


def test_codes_cover_scin(real_data: Path) -> None:
    with (real_data / "labels" / "scin" / "scin_cases.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    # Flat skin is elevation that is absent; looks that bother and the two "none of these" boxes are no findings.
    no_finding = {"textures_flat", "condition_symptoms_bothersome_appearance"} | {
        column for column in rows[0] if "_no_relevant_" in column
    }
    asked = {c for c in rows[0] if c.startswith(("textures_", "condition_symptoms_", "other_symptoms_"))}
    assert {column for column, _ in concept_codes("scin")} == asked - no_finding
    for column, value in concept_codes("scin"):
        assert any(row[column] == value for row in rows), column


def test_codes_cover_the_isic_features(real_data: Path) -> None:
    features = json.loads((real_data / "ontology" / "isic_dermoscopic_features.json").read_text(encoding="utf-8"))
    ids = {feature["id"] for feature in features}
    codes = concept_codes("isic_features")
    assert len(ids) == 176 and {column for column, _ in codes} == {"id"}
    mapped = {value for _, value in codes}
    assert mapped <= ids and len(mapped) == 149
    # What ISIC calls synonyms is one concept here, but for one id whose list mixes ridges with lines of any course.
    for feature in features:
        names = {feature["id"], *feature["synonyms"]} - {"Pattern : Parallel ridge"}
        assert len({codes.get(("id", name)) for name in names}) <= 1, names


def test_expectations_are_what_the_script_counts(real_data: Path, tmp_path: Path) -> None:
    assert estimate_expectations.main(["--labels", str(real_data / "labels"), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "expectations.tsv").read_bytes() == (KNOWLEDGE / "expectations.tsv").read_bytes()


def test_measured_findings_are_counted_up_the_tree(tmp_path: Path) -> None:
    rows = {
        "diagnosis": ["melanoma-in-situ", "melanoma", "melanoma", None, "melanoma"],
        "concept_source": ["measured", "measured", "measured", "measured", "annotated"],
        "concepts_present": [["asymmetric-shape", "two-colors"], ["symmetric-shape"], ["two-colors"], ["two-colors"],
                             ["two-colors"]],
        "concepts_absent": [["symmetric-shape", "single-color"], ["asymmetric-shape"], ["single-color"], [], []],
    }  # fmt: skip
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    parquet.write_table(pa.table(rows), tmp_path / "corpus" / "train" / "part-0.parquet")
    assert estimate_expectations.main(["--measured", str(tmp_path / "corpus"), "--out", str(tmp_path)]) == 0
    lines = (tmp_path / "measured.tsv").read_text(encoding="utf-8").splitlines()
    table = {tuple(line.split("\t")[:2]): line.split("\t")[2:4] for line in lines if not line.startswith("#")}
    assert table["melanoma", "asymmetric-shape"] == ["1", "2"]  # the third melanoma has no measurable shape
    assert table["melanoma", "two-colors"] == ["2", "2"]
    assert table["melanoma", "single-color"] == ["0", "2"]
    assert table["melanoma-in-situ", "asymmetric-shape"] == ["1", "1"]
    assert ("melanoma", "irregular-border") not in table
    with pytest.raises(UserError, match="no measured finding"):
        estimate_expectations.main(["--measured", str(tmp_path / "nothing"), "--out", str(tmp_path)])


def test_the_docs_show_what_the_code_says() -> None:
    page = (KNOWLEDGE.parents[1] / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert estimate_expectations.summary() in page
    example = doctest.DocTestParser().get_doctest(page.split("```")[1], {}, "concepts.md", None, None)
    assert len(example.examples) == 7 and doctest.DocTestRunner().run(example).failed == 0
