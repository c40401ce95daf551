"""The report of an evaluation: what stands in it, what does not, and how it looks and filters in a real browser."""

import json
import re
from pathlib import Path

import pytest
from browser import CHROMIUM, browser
from squares import case, write_split

from eval.cases import score_case
from eval.fairness import fairness
from eval.metrics import build_metrics
from eval.predictions import Prediction
from eval.report.card import card_sections, write_card
from eval.report.charts import confusion, family
from eval.report.checklists import SOURCES, _rows, checklists
from eval.report.curves import curves
from eval.report.extras import extras
from eval.report.facts import gather_facts
from eval.report.gallery import pieces, worst
from eval.report.groups import attributes
from eval.report.page import write_report
from eval.statistics.bootstrap import estimate
from skin_r1.case import load_corpus
from skin_r1.licenses import is_open
from skin_r1.manifest import write_manifest
from skin_r1.ontology import load_ontology
from skin_r1.reading import render

KINDS = ("melanoma", "melanocytic-nevus", "basal-cell-carcinoma")
ATTACK = '</style><script>document.title = "owned"</script><img src=x onerror="alert(2)">'


def answer(findings, diagnosis, think=None, differential=()):
    tree = load_ontology()
    text = think or f"The lesion shows {', '.join(findings)}."
    malignancy = tree.malignancy(diagnosis)
    return render(text, findings, list(differential), tree.name(diagnosis), malignancy)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report on 48 cases: right ones, wrong ones, missed malignancies and inventions; two skin types, one small."""
    folder = tmp_path_factory.mktemp("report")
    dense = {"annotation": "dense", "concept_source": "annotated"}
    annotated = {"concepts_present": ["ulcer", "papule"], "concepts_absent": ["scale"]}
    write_split(
        folder,
        "test",
        [
            case(
                i,
                KINDS[i % 3],
                "test",
                **dense,
                **annotated,
                group=f"patient-{i}",
                skin_type=1 if i < 21 else 3 if i < 45 else 5,
                license="CC BY-NC 4.0" if i == 0 else "CC0-1.0",
            )
            for i in range(48)
        ],
    )
    table = load_corpus(folder, "test")
    rows = table.remove_columns("images").to_list()
    said = []
    for i, row in enumerate(rows):
        if i % 6 == 0:  # a melanoma called a nevus, with scale that is not there, by a model that attacks
            text = answer(["scale"], "melanocytic-nevus", f"There is scale. {ATTACK}", ["melanoma"])
        elif i % 6 == 1:
            text = "no answer at all"
        else:
            text = answer(["ulcer", "papule"], row["diagnosis"])
        scores = {slug: -0.2 if slug == row["diagnosis"] else -2.4 for slug in KINDS}
        said.append(Prediction(row["case_id"], text, model=f"m|1 {ATTACK}", label_scores=scores))
    scored = [score_case(row, one) for row, one in zip(rows, said, strict=True)]
    metrics = build_metrics(scored)
    groups = fairness(metrics, scored, seed=0, resamples=50)
    summary = {
        "model": said[0].model,
        "split": "test",
        "cases": 48,
        "groups": 48,
        "missing_predictions": 0,
        "seed": 0,
        "bootstrap": 50,
        "decoding": None,
        "reader": "tolerant",
        "metrics": {
            name: found._asdict()
            for name, found in estimate(metrics, [s.group for s in scored], seed=0, resamples=50).items()
        },
        "fairness": {},
    }
    manifest = {"config": {"predictions_meta": {}}, "inputs": {}, "versions": {}, "git_revision": None}
    path = folder / "report.html"
    write_report(path, summary, scored, said, table, manifest, groups)
    return path, summary, scored, groups


def test_nothing_that_a_model_says_is_markup_and_nothing_is_loaded(made):
    page = made[0].read_text()
    assert "&lt;/style&gt;&lt;script&gt;" in page
    assert not re.search(r"<script|<iframe|<link|<object|@import|url\(|https?://", page)
    assert page.count("</style>") == 1
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    card = made[0].with_name("card.md").read_text()
    assert "<script" not in card and r"m\|1" in card


def test_claims_are_marked_by_verdict_and_what_was_missed_is_listed(made):
    page = made[0].read_text()
    assert re.search(r'<mark class="contradicted" title="[Ss]cale, asserted: hallucinated">scale</mark>', page)
    assert re.search(r'<mark class="supported" title="[Uu]lcer, asserted: supported">ulcer</mark>', page)
    assert re.search(r'<span class="chip missed" title="missed">[Uu]lcer</span>', page)


def test_the_pieces_of_a_rationale_are_the_rationale(made):
    for score in made[2]:
        assert "".join(piece.text for piece in pieces(score.reasoning, score.rationale.claims)) == score.reasoning
    score = made[2][0]
    claims = score.rationale.claims
    assert "".join(p.text for p in pieces(score.reasoning, claims + claims)) == score.reasoning


def test_an_image_is_shown_only_where_anybody_may_pass_it_on(made):
    page = made[0].read_text()
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    closed = [card for card in cards if "squares/test-0<" in card]
    assert len(closed) == 1 and "<img" not in closed[0] and "license CC BY-NC 4.0" in closed[0]
    assert all("<img" in card for card in cards if card not in closed)


@pytest.mark.parametrize("name", ["CC0-1.0", "CC BY 4.0", "CC-BY-SA-4.0", "Apache-2.0", "Public domain"])
def test_open_licenses(name):
    assert is_open(name)


@pytest.mark.parametrize("name", ["CC BY-NC 4.0", "CC BY-ND 4.0", "per image", "", "not public domain", "agreement"])
def test_other_licenses(name):
    assert not is_open(name)


def test_cases_that_are_alike_do_not_fill_the_gallery(made):
    shown = [made[2][i] for i in worst(made[2])]
    assert sum(score.failure is not None for score in shown) == 3
    assert sum(score.predicted == "melanocytic-nevus" and score.diagnosis == "melanoma" for score in shown) == 3


def test_groups_show_the_worst_served_and_say_why_small_ones_are_not_ranked(made):
    _, _, scores, groups = made
    skin = next(each for each in attributes(groups, scores) if each.title.startswith("Skin"))
    panel = next(panel for panel in skin.panels if panel.title.startswith("Accuracy"))
    rows = {row.title: row for row in panel.rows}
    assert {rows["I-II"].mark, rows["III-IV"].mark} == {"best", "worst"}
    assert min(("I-II", "III-IV"), key=lambda name: rows[name].value) == panel.worst
    assert rows["V-VI"].faded == "not ranked: under 20 cases" and rows["V-VI"].n == 3
    assert next(each for each in attributes(groups, scores) if each.title == "Dataset").only == "squares"


def test_few_patients_with_many_cases_are_not_ranked(scored):
    about = {name: "x" for name in ("sex", "age", "site", "modality", "dataset")}
    many = [scored(group=f"g{i}", about={**about, "skin_type": "I-II"}) for i in range(30)]
    few = [scored(group=f"h{i % 4}", about={**about, "skin_type": "V-VI"}) for i in range(30)]
    found = attributes(fairness(build_metrics(many + few), many + few, seed=0, resamples=20), many + few)
    rows = {row.title: row.faded for row in found[0].panels[0].rows}
    assert rows == {"I-II": "", "V-VI": "not ranked: 4 of 10 patients"}


def test_families_are_counted_together(scored):
    assert family("melanoma-in-situ") == family("melanoma") == "melanocytic-malignancy"
    cases = [scored("melanoma", "melanoma-in-situ"), scored("melanoma", "melanocytic-nevus"), scored("melanoma", None)]
    name = load_ontology().name("melanocytic-malignancy")
    assert f"{name} read as {name}: 1 of 3" in confusion(cases, families=True)
    assert "melanoma read as other diagnosis: 3 of 3" in confusion(cases)


def test_curves_draw_what_was_measured(scored):
    sure = {"melanoma": -0.01, "melanocytic-nevus": -4.6}
    cases = [scored("melanoma", group=f"g{i}", label_scores=sure) for i in range(30)]
    cases += [scored("melanocytic-nevus", group=f"h{i}", label_scores=sure) for i in range(10)]
    drawn = curves(cases, seed=0, resamples=50)
    assert drawn.points[-1].risk == pytest.approx(0.25) and drawn.points[-1].coverage == 1
    assert [each.cases for each in drawn.bins] == [40] and "0.75 of 40 cases right" in drawn.reliability
    x, y = map(float, re.search(r'<circle[^>]*cx="([\d.]+)" cy="([\d.]+)"', drawn.reliability).groups())
    assert (x - 54) / 300 == pytest.approx(0.99, abs=0.005) and 1 - (y - 12) / 300 == pytest.approx(0.75, abs=0.005)
    assert curves([scored()], seed=0, resamples=10) is None


def facts_of(folder, made):
    """Facts with every manifest there."""
    inputs = {}
    for name in ("base", "rationales", "corpus"):
        (folder / name).mkdir()
        splits = {"splits": {"train": 7, "test": 48}}
        inputs[name] = write_manifest(folder / name, kind=name, config={"size": 1}, inputs={}, outputs=splits).parent
    (folder / "model").mkdir()
    config = {
        "reward_funcs": ["reward_fns.format_reward", "mine.paid"],
        "reward_weights": [0.2, 1.0],
        "learning_rate": 1e-5,
    }
    write_manifest(
        folder / "model",
        kind="grpo checkpoint",
        config=config,
        inputs={"model": inputs["base"], "rationales": inputs["rationales"], "corpus": inputs["corpus"]},
        outputs={"steps": 3, "compute_seconds": 4, "processes": 2, "wrapped": "QwenForAll"},
    )
    meta = {"model": str(folder / "model"), "model_checksum": "abc", "adapter": None, "engine": "transformers"}
    meta |= {"task": "open", "decoding": {"temperature": 0.0, "max_new_tokens": 9, "seed": 1}}
    gap = {"best": "a", "worst": "b", "gap": {"value": 0.1, "low": 0.0, "high": 0.2}, "even": 0.5}
    summary = {**made[1], "fairness": {"skin_type": {"accuracy": gap}}}
    manifest = {"config": {"predictions_meta": meta}, "inputs": {"corpus": {"path": str(folder / "corpus")}}}
    manifest |= {"versions": {"python": "3"}, "git_revision": "f00"}
    return gather_facts(summary, manifest, made[2], ["CC0-1.0"] * 48)


def test_the_card_is_filled_from_manifests(made, tmp_path):
    facts = facts_of(tmp_path, made)
    assert facts["rewards"].value == "format_reward (weight 0.2), mine.paid (weight 1)"
    assert facts["training"].value == "steps 3, learning rate 1e-05" and facts["adapter"].value == "none"
    assert facts["compute"].value == "4 s on 2 process(es)" and facts["decoding"].value.startswith("greedy, at most 9")
    assert facts["splits"].value == "test 48, train 7" and facts["stage"].value == "grpo checkpoint"
    assert "sexes" not in facts  # every case is of unknown sex: nothing is known
    sections, lists = card_sections(facts), checklists(facts)
    write_card(tmp_path / "card.md", "mine", sections, lists)
    text = (tmp_path / "card.md").read_text()
    assert "| Stage | grpo checkpoint | the model's manifest.json |" in text
    assert "| Oversight | **to be filled** | |" in text
    wanted = {key for lines in _rows() for key in lines["facts"].split()}
    assert wanted - set(facts) == {"ages", "sexes", "sites"}  # the rest of the keys exist


def test_checklists_are_whole_and_leave_gaps_visible(made, tmp_path):
    lists = checklists(facts_of(tmp_path, made))
    assert {name: [item.number for item in items] for name, items in lists.items()} == {
        "TRIPOD-LLM": [str(n) for n in range(1, 20)],
        "CLEAR Derm": [str(n) for n in range(1, 26)],
    }
    state = {(name, item.number): item.state for name, items in lists.items() for item in items}
    assert state["TRIPOD-LLM", "17"] == state["CLEAR Derm", "11"] == "filled"
    assert state["TRIPOD-LLM", "13"] == state["CLEAR Derm", "18"] == state["CLEAR Derm", "7"] == "to be filled"
    assert state["TRIPOD-LLM", "6"] == "in part" and state["TRIPOD-LLM", "10"] == "does not apply"
    empty = checklists({})
    assert all(item.state in ("to be filled", "does not apply") for items in empty.values() for item in items)
    assert set(SOURCES) == set(empty)


def test_results_of_another_model_are_left_out(tmp_path):
    probe = {
        "model": "mine",
        "split": "test",
        "cases": 9,
        "groups": 9,
        "seed": 0,
        "probes": {
            "blank": {
                "cases": 9,
                "metrics": {"flip_rate": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 9}},
                "verdict": {"line": "accuracy holds on a blank image"},
            }
        },
    }
    (tmp_path / "probes.json").write_text(json.dumps(probe))
    (tmp_path / "judge.json").write_text("[]")
    (table,), left_out = extras([Path("nowhere"), tmp_path], "mine", "test")
    assert table.rows[0][:4] == ["blank", "accuracy holds on a blank image", "9", "0.500 [0.250, 0.750]"]
    assert left_out == ["judge.json cannot be read by this version"]
    assert extras([tmp_path], "yours", "validation")[1][0] == "probes.json is of another model and split"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_filters_and_widths_in_a_browser(made, tmp_path):
    pytest.importorskip("websockets")
    shown = "[...document.querySelectorAll('.card')].filter(c => c.offsetParent).map(c => c.className.split(' '))"
    with browser(tmp_path) as page:
        for width in (360, 1280):
            page.open(made[0], width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert "owned" != page.evaluate("document.title")
            everything = page.evaluate(shown)
            for press, kinds in {
                "show-best": {"best"},
                "show-worst": {"worst"},
                "only-missed-malignancy": {"worst", "missed-malignancy"},  # the first choice stays
            }.items():
                page.click(f"#{press}")
                left = page.evaluate(shown)
                assert left == [c for c in everything if kinds <= {*c}] and 0 < len(left) < len(everything)
            for press in ("show-all", "only-hallucinated", "family-2"):
                page.click(f"#{press}")
            assert page.evaluate(shown) == [c for c in everything if "hallucinated" in c and "family-2" in c]
            for press in ("only-any", "family-all"):
                page.click(f"#{press}")
            assert page.evaluate(shown) == everything
            # By keyboard: arrows move the choice of a group of radio buttons.
            page.evaluate("document.getElementById('only-any').focus()")
            page.send("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", code="ArrowRight")
            page.send("Input.dispatchKeyEvent", type="keyUp", key="ArrowRight", code="ArrowRight")
            assert page.evaluate(shown) == [c for c in everything if "wrong" in c]
