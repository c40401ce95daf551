"""The differential graph: the committed edges are what the code makes, and findings tell as far as the evidence goes."""

import doctest
import json
import re
import time
import xml.etree.ElementTree as ET
from itertools import combinations
from math import log
from pathlib import Path

import pytest

from benchmarks import build_differentials, differential_profiles
from data_prep.adapters import scin
from skin_r1.cli import run_main
from skin_r1.differentials import Edge, neighbors
from skin_r1.distill.differential import draw as graph_draw
from skin_r1.distill.differential import graph
from skin_r1.distill.differential.graph import LEAST_STRENGTH, RATES, SILENT, telling
from skin_r1.distill.differential.main import around, family_edges, main
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.rules import Rule, load_rules
from skin_r1.vocabulary import Expectation, load_concepts
from skin_r1.wording import KNOWLEDGE, many, read_tsv

TREE = load_ontology()
ROWS = list(read_tsv(KNOWLEDGE / "differentials.tsv"))


@pytest.fixture
def known_only(monkeypatch):
    """Replace what is known by a few rules (diagnosis, finding, role[, modality]) and counts of our own."""

    def caches():
        for cached in (graph.telling, graph.known, graph._heard, graph._rules):
            cached.cache_clear()

    def replace(rules=(), counts=()):
        made = tuple(Rule(d, f, role, (*more, "clinical")[0], "", "Own2026", None) for d, f, role, *more in rules)
        monkeypatch.setattr(graph, "load_rules", lambda: made)
        monkeypatch.setattr(
            graph, "expectations", lambda: {(d, f): Expectation(k, n, "Own2026") for d, f, k, n in counts}
        )
        caches()

    caches()
    yield replace
    monkeypatch.undo()
    caches()


def strengths(a, b):
    return {tell.finding: (tell.favors, tell.strength) for tell in telling(a, b)}


def test_the_committed_edges_are_what_the_code_makes():
    header = ("a", "b", "weight", "why", "tells")
    made = [dict(zip(header, row, strict=True)) for row in build_differentials.differentials()]
    assert made == ROWS, "run: python -m benchmarks.build_differentials"


def test_edges_are_symmetric_and_lead_somewhere():
    assert len(ROWS) > 500
    pairs = [(row["a"], row["b"]) for row in ROWS]
    assert pairs == sorted(set(pairs)) and all(a < b for a, b in pairs)
    for row in ROWS:
        a, b = row["a"], row["b"]
        assert a not in TREE.path(b) and b not in TREE.path(a)
        assert {TREE.nodes[a].level, TREE.nodes[b].level} <= {"diagnosis", "subtype", "family"}
        (there,) = [edge for edge in neighbors(a) if edge.b == b]
        (back,) = [edge for edge in neighbors(b) if edge.b == a]
        assert there.weight == back.weight == float(row["weight"]) and there.why == back.why == many(row["why"])
        assert build_differentials.FLOOR <= there.weight <= 1 and there.why
        for tell in many(row["tells"]):
            finding, favored = tell.split(">")
            assert finding in load_concepts() and favored in (a, b)
    for slug in {slug for pair in pairs for slug in pair}:
        weights = [edge.weight for edge in neighbors(slug)]
        assert weights == sorted(weights, reverse=True)


def test_an_edge_is_among_the_strongest_of_an_end():
    for row in ROWS:
        stronger = [sum(e.weight > float(row["weight"]) for e in neighbors(row[end])) for end in ("a", "b")]
        assert min(stronger) < build_differentials.MOST


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("psoriasis", "eczema"), ("psoriasis", "lichen-planus"), ("psoriasis", "tinea"), ("psoriasis", "pityriasis-rosea"),
        ("basal-cell-carcinoma", "squamous-cell-carcinoma"), ("acne-vulgaris", "rosacea"), ("scabies", "arthropod-bite"),
        ("herpes-zoster", "herpes-simplex"), ("pityriasis-rosea", "syphilis"), ("urticaria", "erythema-multiforme"),
        ("granuloma-annulare", "sarcoidosis"), ("actinic-keratosis", "squamous-cell-carcinoma"),
        ("melanoma", "dysplastic-nevus"), ("melanoma", "seborrheic-keratosis"), ("melanoma", "spitz-nevus"),
        ("basal-cell-carcinoma", "sebaceous-hyperplasia"), ("lentigo-maligna", "solar-lentigo"),
        ("acral-lentiginous-melanoma", "acral-nevus"), ("bullous-pemphigoid", "pemphigus-vulgaris"),
    ],
)  # fmt: skip
def test_what_textbooks_confuse_is_confused(a, b):
    assert b in [edge.b for edge in neighbors(a)[:10]]


def test_weight_is_the_noisy_or_of_its_parts():
    both, first, second = build_differentials.listed()["psoriasis", "tinea"]
    part, why = build_differentials.by_lists("tinea", "psoriasis")
    low = Expectation(both, min(first, second), "").interval()[0]
    assert part == pytest.approx((low * (min(first, second) / max(first, second)) ** 0.5) ** 0.5)
    assert why == f"listed:{both}/{first + second - both}"
    assert build_differentials.by_tree("guttate-psoriasis", "inverse-psoriasis")[1] == "tree:subtypes"
    assert build_differentials.by_tree("psoriasis", "lichen-planus")[1] == "tree:siblings"
    assert build_differentials.by_tree("guttate-psoriasis", "lichen-planus")[1] == "tree:family"
    assert build_differentials.by_tree("psoriasis", "acne-vulgaris") == (0.0, "")  # merely the same group
    for row in (row for row in ROWS if "findings" not in row["why"] and "contrast" not in row["why"]):
        parts = [
            build_differentials.by_tree(row["a"], row["b"])[0],
            build_differentials.by_lists(row["a"], row["b"])[0],
        ]
        # Parts below 0.01 are left unnamed.
        assert -0.001 <= float(row["weight"]) - (1 - (1 - parts[0]) * (1 - parts[1])) < 0.022


def test_likeness_needs_shared_findings(known_only):
    shared = [(d, f, "typical") for d in ("psoriasis", "lichen-planus") for f in ("plaque", "scale", "papule")]
    known_only([*shared, ("vitiligo", "white-hypopigmentation", "typical"), ("scabies", "papule", "typical")])
    slugs = ("psoriasis", "lichen-planus", "vitiligo", "scabies")
    seen = differential_profiles.profiles(slugs)
    alike, denied = differential_profiles.likeness(seen), differential_profiles.contrast(seen)
    assert (alike == alike.T).all() and 0 <= alike.min() and alike.max() < 1
    assert alike[0, 1] > alike[0, 3] > alike[0, 2] == 0 and denied.max() == 0


def test_what_one_shows_and_the_other_denies_is_a_contrast(known_only):
    known_only(
        [("melanoma", "multiple-colors", "typical"), ("melanocytic-nevus", "multiple-colors", "rare")]
        + [("vitiligo", "white-hypopigmentation", "typical")]
    )
    denied = differential_profiles.contrast(
        differential_profiles.profiles(("melanoma", "melanocytic-nevus", "vitiligo"))
    )
    mark = RATES["typical"] * -log((RATES["typical"] + RATES["rare"]) / 3)  # the mean over the three with rules
    assert denied[0, 1] == denied[1, 0] == pytest.approx(mark**2 / (differential_profiles.DENIALS**2 + mark**2))
    assert denied[2].max() == 0


def test_kinds_are_not_alike_by_what_they_inherit(known_only):
    known_only([("psoriasis", "scale", "typical"), ("psoriasis", "plaque", "typical")])
    assert differential_profiles.profiles(("guttate-psoriasis", "inverse-psoriasis")).mark.max() == 0


def test_few_images_prove_nothing(known_only):
    known_only(counts=[("psoriasis", "scale", 12, 15), ("eczema", "scale", 3, 4)])
    assert telling("psoriasis", "eczema") == ()  # four images are not enough to be counted
    known_only(counts=[("psoriasis", "scale", 9, 12), ("eczema", "scale", 5, 12)])
    assert telling("psoriasis", "eczema") == ()  # the intervals overlap


def test_counts_tell_as_far_as_their_intervals_are_apart(known_only):
    known_only(counts=[("psoriasis", "scale", 90, 100), ("eczema", "scale", 20, 100)])
    (tell,) = telling("psoriasis", "eczema")
    low, high = Expectation(90, 100, "").interval()[0], Expectation(20, 100, "").interval()[1]
    assert (tell.finding, tell.favors) == ("scale", "psoriasis")
    assert tell.strength == pytest.approx(log(low / high), abs=1e-3)
    assert tell.basis == ("counts:psoriasis 90/100", "counts:eczema 20/100")


@pytest.mark.parametrize("ours", ["typical", "supports"])
@pytest.mark.parametrize("theirs", ["rare", "excludes"])
def test_role_against_role(known_only, ours, theirs):
    known_only([("psoriasis", "scale", ours), ("eczema", "scale", theirs)])
    (tell,) = telling("eczema", "psoriasis")
    assert (tell.favors, tell.basis) == ("psoriasis", ("eczema/scale/Own2026", "psoriasis/scale/Own2026"))
    assert tell.strength == pytest.approx(log(RATES[ours] / RATES[theirs]), abs=1e-3)


def test_silence_is_half_a_statement_and_only_of_pictures_that_are_spoken_of(known_only):
    rule = ("psoriasis", "scale", "typical")
    known_only([rule])
    assert telling("psoriasis", "eczema") == ()  # nothing is known of eczema at all
    known_only([rule, ("eczema", "milia-like-cysts", "rare", "dermoscopic")])
    assert "scale" not in strengths("psoriasis", "eczema")  # nor of how it looks to the eye
    known_only([rule, ("eczema", "vesicle", "supports")])
    assert strengths("psoriasis", "eczema")["scale"] == ("psoriasis", pytest.approx(log(0.7 / SILENT) / 2, abs=1e-3))
    known_only([rule, ("eczema", "vesicle", "supports")], [("eczema", "scale", 80, 100)])
    assert "scale" not in strengths("psoriasis", "eczema")  # unsaid, but counted: eczema shows it too


def test_what_both_seldom_show_tells_nothing(known_only):
    known_only([("psoriasis", "scale", "rare"), ("eczema", "scale", "excludes")])
    assert telling("psoriasis", "eczema") == ()


def test_rules_of_an_ancestor_hold_until_something_nearer_speaks(known_only):
    family = [("psoriasis", "scale", "typical"), ("eczema", "scale", "rare")]
    known_only(family)
    assert strengths("guttate-psoriasis", "eczema")["scale"][0] == "guttate-psoriasis"
    known_only([*family, ("guttate-psoriasis", "scale", "excludes")])
    assert telling("guttate-psoriasis", "eczema") == ()
    known_only([("melanoma", "atypical-pigment-network", "typical", "dermoscopic"),
                ("melanoma-in-situ", "typical-pigment-network", "typical", "dermoscopic"),
                ("blue-nevus", "atypical-pigment-network", "rare", "dermoscopic")])  # fmt: skip
    assert "atypical-pigment-network" in strengths("melanoma", "blue-nevus")
    assert "atypical-pigment-network" not in strengths("melanoma-in-situ", "blue-nevus")  # the two exclude each other


def test_what_is_inherited_yields_to_own_counts(known_only):
    veil, network = ("blue-whitish-veil", "dermoscopic"), ("typical-pigment-network", "dermoscopic")
    denied = [("melanocytic-nevus", veil[0], "rare", veil[1]), ("melanoma", veil[0], "supports", veil[1])]
    known_only(denied, [("blue-nevus", veil[0], 1, 40)])
    assert strengths("blue-nevus", "melanoma")[veil[0]][0] == "melanoma"
    known_only(denied, [("blue-nevus", veil[0], 30, 40)])
    assert telling("blue-nevus", "melanoma") == ()  # denied of nevi, but often counted in this kind
    typical = [("melanocytic-nevus", network[0], "typical", network[1]), ("melanoma", network[0], "rare", network[1])]
    known_only(typical)
    assert strengths("blue-nevus", "melanoma")[network[0]] == ("blue-nevus", pytest.approx(log(14), abs=1e-3))
    known_only(typical, [("blue-nevus", network[0], 0, 40)])
    assert telling("blue-nevus", "melanoma") == ()  # typical of nevi, but never counted in this kind
    known_only(typical, [("blue-nevus", network[0], 6, 40)])
    high = Expectation(6, 40, "").interval()[1]  # between: the nearest share that the counts allow
    assert "counts:blue-nevus 6/40" in telling("blue-nevus", "melanoma")[0].basis
    assert strengths("blue-nevus", "melanoma")[network[0]][1] == pytest.approx(log(high / RATES["rare"]), abs=1e-3)


def test_sources_that_disagree_weaken_each_other(known_only):
    rules = [("psoriasis", "scale", "typical"), ("eczema", "scale", "rare")]
    alone = log(RATES["typical"] / RATES["rare"])
    known_only(rules, [("psoriasis", "scale", 20, 100), ("eczema", "scale", 90, 100)])
    counted = log(Expectation(90, 100, "").interval()[0] / Expectation(20, 100, "").interval()[1])
    assert strengths("psoriasis", "eczema")["scale"] == ("psoriasis", pytest.approx(alone - counted, abs=1e-3))
    known_only(rules, [("psoriasis", "scale", 90, 100), ("eczema", "scale", 20, 100)])
    assert strengths("psoriasis", "eczema")["scale"][1] == pytest.approx(alone, abs=1e-3)  # no evidence twice
    known_only([*rules, ("psoriasis", "scale", "rare", "dermoscopic")])
    assert telling("psoriasis", "eczema") == ()  # two rules on one diagnosis contradict each other


def test_telling_is_the_same_from_both_sides_fast_and_with_a_basis():
    ids = {rule.id for rule in load_rules()}
    pairs = [(row["a"], row["b"]) for row in ROWS]
    for pair in pairs:
        telling(*pair)
    telling.cache_clear()
    began = time.perf_counter()
    found = {pair: telling(*pair) for pair in pairs}
    assert (time.perf_counter() - began) / len(pairs) < 1e-3
    assert sum(map(bool, found.values())) > 50
    for (a, b), tells in found.items():
        assert {(t.finding, t.favors, t.strength) for t in tells} == {
            (t.finding, t.favors, t.strength) for t in telling(b, a)
        }
        assert [t.strength for t in tells] == sorted((t.strength for t in tells), reverse=True)
        for tell in tells:
            assert tell.favors in (a, b) and tell.strength >= LEAST_STRENGTH and tell.basis
            assert all(each in ids or re.fullmatch(rf"counts:({a}|{b}) \d+/\d+", each) for each in tell.basis)


def test_unknown_slugs_are_named():
    for ask in (lambda: neighbors("psoriasix"), lambda: telling("psoriasis", "nothing")):
        with pytest.raises(UserError, match="no such diagnosis"):
            ask()
    assert neighbors("inflammatory-disease") == ()


def test_co_listing_counts_cases_once_and_only_pairs_seen_often(tmp_path):
    ticks = [c for none, columns in scin.SYMPTOMS.items() for c in (none, *columns)]
    columns = ["case_id", "age_group", "sex_at_birth", "condition_duration", scin.FLAT, *scin.TEXTURES, *ticks,
               *(f"body_parts_{part}" for part in scin.PARTS), *scin.IMAGES]  # fmt: skip
    lists = [{"Eczema": 0.6, "Psoriasis": 0.4}] * 3 + [{"Eczema": 0.5, "Tinea": 0.5}] * 2
    lists += [{"Psoriasis": 1.0}, {"Contact dermatitis": 0.5, "Allergic Contact Dermatitis": 0.5}] + [{}] * 2
    cases = ["\t".join(columns)] + ["\t".join([str(i), *[""] * (len(columns) - 4), f"{i}a.png", f"{i}b.png", ""])
                                   for i in range(len(lists))]  # fmt: skip
    (tmp_path / "scin_cases.csv").write_text("\n".join(cases).replace("\t", ",") + "\n")
    head = ",".join(["case_id", scin.WEIGHTS, *scin.TYPES])
    body = [f'{i},"{weights}",,,' for i, weights in enumerate(lists)]
    (tmp_path / "scin_labels.csv").write_text("\n".join([head, *body]) + "\n")
    assert list(build_differentials.colisted(tmp_path)) == [("eczema", "psoriasis", 3, 5, 4)]


def command(capsys, *words):
    code = run_main(main, list(words))
    return code, *capsys.readouterr()


def test_command_lists_look_alikes_and_compares(capsys):
    code, text, _ = command(capsys, "Psoriasis vulgaris", "--limit", "3")
    assert code == 0 and text.count("\n") >= 7
    assert all(TREE.name(edge.b) in text for edge in neighbors("psoriasis")[:3])
    code, text, _ = command(capsys, "psoriasis", "--format", "jsonl")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["b"] for line in lines] == [edge.b for edge in neighbors("psoriasis")[:10]]
    code, text, _ = command(capsys, "psoriasis", "--against", "lichen planus", "--format", "jsonl")
    assert [json.loads(line)["finding"] for line in text.splitlines()] == [
        tell.finding for tell in telling("psoriasis", "lichen-planus")
    ]
    code, text, _ = command(capsys, "psoriasis", "--against", "lichen planus")
    for tell in telling("psoriasis", "lichen-planus"):
        assert all(each in text for each in tell.basis)
    code, text, _ = command(capsys, "melanocytic nevus", "--format", "dot")
    assert text.startswith("graph") and '"melanocytic-nevus" -- ' in text


def test_command_says_what_is_wrong(capsys, tmp_path):
    for words, says in (
        (["psoriasix"], "near: psoriasis"), ([], "DIAGNOSIS or --family"), (["psoriasis", "--limit", "0"], "--limit"),
        (["--family", "papulosquamous disease", "--against", "eczema"], "--against needs"),
        (["psoriasis", "--against", "eczema", "--format", "svg"], "no drawing"),
        (["infectious disease"], "no look-alike"),
    ):  # fmt: skip
        code, out, error = command(capsys, *words)
        assert code == 2 and says in error and not out
    code, out, error = command(capsys, "psoriasis", "--out", str(tmp_path / "none" / "x.txt"))
    assert code == 2 and "folder" in error
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "skin-r1 distill graph psoriasis" in capsys.readouterr().out


def boxes(drawing):
    shapes = ET.fromstring(drawing).findall(".//{*}g/{*}rect")
    return [[float(shape.get(key)) for key in ("x", "y", "width", "height")] for shape in shapes]


def test_drawing_keeps_its_labels_apart_and_on_the_page():
    edges = family_edges("papulosquamous-disease", 7)
    drawing = graph_draw.svg(edges, ["psoriasis"])
    height = float(ET.fromstring(drawing).get("viewBox").split()[3])
    found = boxes(drawing)
    assert len(found) == len({s for e in edges for s in (e.a, e.b)}) + sum(bool(telling(e.a, e.b)) for e in edges)
    for x, y, w, h in found:
        assert 0 <= x and x + w <= graph_draw.WIDTH and 0 <= y and y + h <= height
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(found, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    assert drawing == graph_draw.svg(edges, ["psoriasis"])  # the same bytes


def test_family_graph_takes_each_pair_once():
    edges = family_edges("papulosquamous-disease", 50)
    assert len({frozenset((edge.a, edge.b)) for edge in edges}) == len(edges) <= 50
    assert all("papulosquamous-disease" in (*TREE.path(edge.a), *TREE.path(edge.b)) for edge in edges)
    star = around("psoriasis", 6)
    assert isinstance(star[0], Edge) and len(star) > 6 and len({frozenset((e.a, e.b)) for e in star}) == len(star)


def test_docs_show_committed_drawings():
    root = Path(__file__).resolve().parents[2]
    shown = re.findall(r"\]\((img/differentials-[^)]+)\)", (root / "docs" / "differentials.md").read_text("utf-8"))
    assert shown
    for name in shown:
        assert boxes((root / "docs" / name).read_text("utf-8"))


def test_docs_examples_hold():
    page = (Path(__file__).resolve().parents[2] / "docs" / "differentials.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(block, {}, "differentials.md", None, None)
    assert doctest.DocTestRunner().run(test) == (0, 5)
