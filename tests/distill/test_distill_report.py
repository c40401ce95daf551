"""The report and the card of a run: every count is the run's, every text is only a text, nothing is loaded or lost."""

import base64
import hashlib
import io
import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from skin_r1.cli import main as skin_r1
from skin_r1.distill.composer.trajectory import KINDS as TRAJECTORIES
from skin_r1.distill.report.card import write_card
from skin_r1.distill.report.figures import KINDS, REASONS, diagnosis_name, fit, number
from skin_r1.distill.report.page import EXAMPLES, write_report
from skin_r1.distill.report.provenance import note, reference, references, rules_by_id
from skin_r1.distill.report.rejects import example
from skin_r1.distill.report.samples import SAMPLES
from skin_r1.distill.verify import REASONS as CHECKS
from skin_r1.distill.verify import fault
from skin_r1.reading import parse, render
from skin_r1.rules import load_rules

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'></style>"
CASE = {
    "diagnosis": "melanoma", "malignancy": "malignant", "concepts_present": ["ulcer", "scale"],
    "concepts_absent": ["crust"], "history": None, "modality": "clinical",
}  # fmt: skip
CONFIG = {"teacher": "compose", "model": "", "length": "full", "seed": 0, "corpus": "/home/someone/private/corpus"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "corpus"
    sizes = ["--dense", "60", "--sparse", "4", "--validation", "6", "--test", "4", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(folder), "--seed", "4", *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def run(corpus):
    folder = corpus.parent / "rationales"
    assert skin_r1(["distill", "--corpus", str(corpus), "--output_dir", str(folder), "--length", "full"]) == 0
    return folder


@pytest.fixture(scope="module")
def facts(run):
    return json.loads((run / "facts.json").read_text())


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run that a test may change."""
    return shutil.copytree(run, tmp_path / "run")


def wrong_texts():
    """A rejected text of each kind that the check itself names, with words that the reason quotes."""
    tail = [["ulcer", "scale"], [], "Melanoma", "malignant"]
    texts = [
        render("An ulcer and scale.", ["ulcer", "scale"], [], "psoriasis", "malignant"),
        render("An ulcer and scale.", ["ulcer", "scale"], [], "Melanoma", "benign"),
        render("An ulcer.", ["ulcer"], ["purple measles of Mars"], "Melanoma", "malignant"),
        render("There is crust, ulcer and scale.", *tail),
        render("There is scale, and there is no ulcer.", *tail),
        render("An ulcer and scale. Histology shows atypical cells.", *tail),
        render("The annotated findings are ulcer and scale.", *tail),
    ]
    return [{"case_id": f"c/{at}", "reason": fault(text, CASE), "completion": text} for at, text in enumerate(texts)]


def with_rejections(facts):
    """The facts of the run, as if some of its texts had been rejected and a model had been paid."""
    shown = {}
    for known in wrong_texts():
        shown.setdefault(known["reason"].split(":")[0], []).append(known)
    counts = {kind: 10 + 3 * at for at, kind in enumerate(shown)}
    ledger = {"requests": 1234, "answered": 1200, "attempts": {"answered": 1200, "timeout": 98}, "cost": 12.5}
    ledger |= {"prompt_tokens": 7_654_321, "completion_tokens": 987_654, "busy_seconds": 3725.2}
    return {
        **facts,
        "reasons": counts,
        "examples": shown,
        "left_out": {"cap of the diagnosis": 777},
        "skin_types": {"unknown": {"kept": 63, "rejected": 5}, "1-2": {"kept": 37, "rejected": 2}},
        "ledger": ledger,
        "overlap": {"largest": 0.412, "bound": 0.5, "pairs": 3141},
        "reading_level": {"low": 6.5, "median": 9.25, "high": 12.0},
    }


def page(folder, facts):
    return BeautifulSoup(write_report(folder, facts).read_text(encoding="utf-8"), "html.parser")


def table(soup, name):
    """First cell -> the texts of the other cells."""
    body = soup.find("table", id=name).find("tbody")
    return {(cells := [c.get_text(" ", strip=True) for c in row.find_all(["th", "td"])])[0]: cells[1:]
            for row in body.find_all("tr")}  # fmt: skip


def rewrite(folder, split, change):
    """Change the rows of a parquet file."""
    file = folder / f"{split}.parquet"
    held = pq.read_table(file)
    rows = change(held.to_pylist())
    pq.write_table(pa.Table.from_pylist(rows, schema=held.schema), file, row_group_size=16)


def test_the_command_writes_both(run):
    soup = BeautifulSoup((run / "report.html").read_text(encoding="utf-8"), "html.parser")
    assert soup.find(id="kept").text == str(sum(pq.read_metadata(f).num_rows for f in run.glob("*.parquet")))
    assert (run / "DATASET_CARD.md").is_file()


def test_every_count_is_the_runs(copy, facts):
    told = with_rejections(facts)
    soup = page(copy, told)
    asked, kept = (sum(count[key] for count in told["splits"].values()) for key in ("asked", "kept"))
    assert soup.find(id="kept").text == number(kept) and f"of {number(asked)} asked" in soup.text
    for split, count in told["splits"].items():
        assert soup.find(id=f"kept-{split}").text == number(count["kept"])
    rows = table(soup, "t-teachers")
    assert {n: (c["asked"], c["kept"]) for n, c in told["teachers"].items()} == {
        name: (int(cells[0]), int(cells[1])) for name, cells in rows.items()
    }
    named = {f"{KINDS[kind][0]} {KINDS[kind][1]}": count for kind, count in told["kinds"].items()}
    assert {n: [str(c["asked"]), str(c["kept"])] for n, c in named.items()} == {
        name: cells[:2] for name, cells in table(soup, "t-kinds").items()
    }
    assert {e["data-reason"]: int(e.text) for e in soup.select("[data-reason]")} == told["reasons"]
    assert {n: cells[:2] for n, cells in table(soup, "t-diagnoses").items()} == {
        diagnosis_name(slug): [str(c["kept"]), str(c["rejected"])] for slug, c in told["diagnoses"].items()
    }
    for name in ("skin", "modalities"):
        own = told["skin_types" if name == "skin" else name]
        assert {n: (cells[0], cells[2]) for n, cells in table(soup, f"t-{name}").items()} == {
            n: (str(c["kept"]), str(c["rejected"])) for n, c in own.items()
        }
    assert table(soup, "t-left-out") == {"cap of the diagnosis": ["777"]}
    cost = table(soup, "t-cost")
    assert cost["Requests"] == ["1,234"] and cost["Answers"] == ["1,200"] and cost["Attempts"] == ["1,298"]
    assert cost["Completion tokens"] == ["987,654"] and cost["Cost"] == ["12.50"] and "98" in cost["Attempts: timeout"]
    assert cost["Time with a request under way"] == ["1\u00a0h 2\u00a0min"]
    assert "3,141" in soup.find(id="overlap").text and "41.2\u00a0%" in soup.find(id="overlap").text
    assert "median 9.2" in soup.find(id="reading-level").text
    assert "Unknown skin type: 63.0\u00a0% of the kept rationales." in soup.text
    assert "None is of skin type 3-4 or 5-6." in soup.text


def test_many_diagnoses_are_summed_up(copy, facts):
    many = {f"made-up-{at:03d}": {"kept": 200 - at, "rejected": at} for at in range(100)}
    soup = page(copy, {**facts, "diagnoses": many})
    assert len(table(soup, "t-diagnoses")) == 30
    hidden = sum(200 - at for at in range(30, 100)), sum(range(30, 100))
    assert f"And 70 more diagnoses, with {hidden[0]:,} kept and {hidden[1]:,} rejected" in soup.text


def test_the_sources_are_those_of_the_facts_with_their_citations(copy, facts):
    keys = list(references())[:3]
    sources = {keys[0]: 50, keys[1]: 40, "my own book": 30}
    soup = page(copy, {**facts, "rules": {"used": 9, "diagnoses": 4, "sources": sources}})
    found = {row.find("small").text: int(row.find("td").text) for row in soup.select("#t-sources tbody tr")}
    assert found == sources
    text = soup.find(id="t-sources").get_text(" ")
    assert references()[keys[0]].citation in text and "that references.tsv does not list" in text


def test_no_rationale_is_lost_where_all_can_be_shown(copy, facts):
    for split, rows in (("train", 15), ("validation", 6)):
        rewrite(copy, split, lambda held, rows=rows: held[:rows])
    kept = [row for split in ("train", "validation") for row in pq.read_table(copy / f"{split}.parquet").to_pylist()]
    splits = {"train": {"asked": 15, "kept": 15}, "validation": {"asked": 6, "kept": 6}}
    soup = page(copy, {**facts, "splits": splits})
    cards = soup.select("article.sample")
    assert sorted(c.find("pre").text for c in cards) == sorted(row["completion"][0]["content"] for row in kept)
    assert all(c.find("img")["src"].startswith("data:image/jpeg;base64,") for c in cards)
    by_text = {row["completion"][0]["content"]: row for row in kept}
    for card in cards:
        row = by_text[card.find("pre").text]
        assert row["case_id"] in card.text and diagnosis_name(row["diagnosis"]) in card.find("h3").text
        said = [
            e.find("summary") or e for e in card.find(class_="think").find_all(["details", "span"], recursive=False)
        ]
        assert " ".join(e.text for e in said) == parse(card.find("pre").text).think
        assert len(card.select(".why")) == sum(bool(s["basis"] or s["findings"]) for s in row["sentences"])


def test_a_sentence_tells_its_rules_with_quote_and_citation(copy, facts):
    soup = page(copy, facts)
    rules = {rule.id: rule for rule in load_rules()}
    held = {r["completion"][0]["content"]: r for f in copy.glob("*.parquet") for r in pq.read_table(f).to_pylist()}
    cards = soup.select("article.sample")
    assert len(cards) == SAMPLES
    quoted = counted = 0
    for card in cards:
        for sentence in held[card.find("pre").text]["sentences"]:
            texts = [e.text for e in card.select("details.s") if e.find("summary").text == sentence["text"]]
            for basis in sentence["basis"][:6]:
                assert len(texts) >= 1
                if basis in rules:
                    source = reference(rules[basis].source)
                    cited = source.citation[:290] or source.key
                    assert any(rules[basis].quote in t and cited in t for t in texts)
                    quoted += 1
                elif basis.startswith("counts:"):
                    positives, total = basis.rsplit(" ", 1)[1].split("/")
                    assert any(f"marked in {int(positives):,} of {int(total):,}" in t for t in texts)
                    counted += 1
    assert quoted > 10 and counted > 10


def test_a_basis_is_told_in_words():
    rules = rules_by_id()
    rule = load_rules()[0]
    assert note(rule.id, rules).quote == rule.quote and note(rule.id, rules).reference.citation
    counted = note("counts:psoriasis 80/1200", rules)
    assert counted.text == "marked in 80 of 1,200 annotated images of psoriasis"
    lost = note("psoriasis/scale/my book.pdf", rules)
    assert lost.reference.key == "my book.pdf" and lost.quote == "" and "psoriasis" in lost.text
    assert note("taxonomy", rules).text == "the tree of diagnoses"


def test_samples_are_of_every_kind_and_hinted_ones_are_marked(copy, facts):
    rewrite(copy, "train", lambda rows: [row | {"hinted": at % 2 == 0} for at, row in enumerate(rows)])
    soup = page(copy, facts)
    cards = soup.select("article.sample")
    assert {card.select_one(".tag:not(.hinted)").text for card in cards} == {
        KINDS[kind][0] for kind, count in facts["kinds"].items() if count["kept"]
    }
    marked = [card for card in cards if card["data-hinted"] == "yes"]
    assert marked and all(card.select(".tag.hinted") for card in marked)
    assert len(marked) < len(cards) and len(soup.select(".tag.hinted")) == len(marked)
    kinds = soup.select("#filter select")[0].find_all("option")
    for card in cards:  # the filter's choice is that of the card
        chosen = next(option for option in kinds if option["value"] == card["data-kind"])
        assert chosen.text == card.select_one(".tag:not(.hinted)").text


def test_provenance_that_is_not_the_texts_is_not_shown(copy, facts):
    def change(rows):
        return [row | {"sentences": [{**row["sentences"][0], "text": "Another text."}]} for row in rows]

    rewrite(copy, "train", change)
    rewrite(copy, "validation", change)
    soup = page(copy, facts)
    assert not soup.select("details.s") and "Another text." not in soup.text
    assert len(soup.select(".think.plain")) == SAMPLES


def evil_facts(facts):
    return {
        **facts,
        "teachers": {EVIL: {"asked": 3, "kept": 2, "hinted": 1, "rejected": {EVIL: 1}}},
        "kinds": {EVIL: {"asked": 3, "kept": 2, "rejected": {EVIL: 1}}},
        "reasons": {EVIL: 4, "finding": 3},
        "examples": {EVIL: [{"case_id": EVIL, "reason": f"{EVIL}: says {EVIL!r}", "completion": EVIL * 3}],
                     "finding": [{"case_id": "\ud800", "reason": "finding: none", "completion": "\ud800 half"}]},
        "diagnoses": {EVIL: {"kept": 1, "rejected": 0}},
        "skin_types": {EVIL: {"kept": 1, "rejected": 0}},
        "modalities": {EVIL: {"kept": 1, "rejected": 0}},
        "left_out": {EVIL: 1},
        "ledger": {"requests": 1, "answers": 1, "attempts": 1, "prompt_tokens": 1, "completion_tokens": 1, "cost": 1.0,
                   "currency": EVIL, "seconds": 1, "outcomes": {EVIL: 1}},
        "rules": {"used": 1, "diagnoses": 1, "sources": {EVIL: 1}},
    }  # fmt: skip


def poison(rows):
    for row in rows:
        row["case_id"] = row["teacher"] = row["kind"] = row["diagnosis"] = row["malignancy"] = row["modality"] = EVIL
        row["license"] = row["source"] = EVIL
        row["findings"] = [EVIL]
        row["sentences"] = [{"text": EVIL, "findings": [EVIL], "basis": [EVIL, f"{EVIL}/{EVIL}/{EVIL}"]}]
        row["completion"] = [{"role": "assistant", "content": render(EVIL, [EVIL], [], EVIL, "benign")}]
    return rows


def test_everything_is_escaped(copy, facts):
    for split in ("train", "validation"):
        rewrite(copy, split, poison)
    clean = {e.name for e in page(copy, facts | {"splits": facts["splits"]}).find_all()}
    soup = page(copy, evil_facts(facts))
    assert len(soup.find_all("script")) == len(soup.find_all("style")) == 1
    assert {e.name for e in soup.find_all()} <= clean | {"mark", "h3"}
    for element in soup.find_all():
        assert not [name for name in element.attrs if name.startswith("on")]
    assert soup.text.count("<script>alert(1)</script>") > 30  # it is there to be read
    card = write_card(copy, evil_facts(facts), CONFIG | {"kinds": [EVIL]}, {"outputs": {"sources": [{"title": EVIL}]}})
    text = card.read_text(encoding="utf-8")
    assert "alert(1)" in text and not re.search(r"(?<!\\)<(?:script|img|/)", text.replace("<think>", ""))


def test_only_the_pages_own_script_and_style_may_run_and_nothing_is_loaded(copy, facts):
    soup = page(copy, with_rejections(facts))
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'" and "unsafe" not in policy and rules["img-src"] == "data:"
    for name in ("script", "style"):
        (element,) = soup.find_all(name)
        digest = base64.b64encode(hashlib.sha256(element.string.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    known = {each.link for each in references().values()}
    for element in soup.find_all():
        assert "style" not in element.attrs and "srcset" not in element.attrs
        assert element.get("src", "data:").startswith("data:image/jpeg;base64,") or "src" not in element.attrs
        assert "href" not in element.attrs or element["href"].startswith("#") or element["href"] in known
        assert element.name not in ("link", "iframe", "object", "embed", "form", "base")
    assert "url(" not in soup.find("style").string and "@import" not in soup.find("style").string


def test_a_split_that_kept_nothing_and_a_run_without_rejections(copy, facts):
    (copy / "validation.parquet").unlink()
    told = {**facts, "splits": {**facts["splits"], "validation": {"asked": 6, "kept": 0}}}
    told |= {"reasons": {}, "examples": {}, "left_out": {}}
    soup = page(copy, told | {"ledger": None, "overlap": None, "reading_level": None})
    assert soup.find(id="kept-validation").text == "0" and not soup.select("header + .notice")
    assert "None was: every text" in soup.text and soup.find(id="cost") is None and soup.find(id="alike") is None
    anchors = {a["href"][1:] for a in soup.select("nav a")}
    assert anchors <= {e["id"] for e in soup.find_all(id=True)}
    text = write_card(copy, told, CONFIG, {}).read_text()
    assert "No text was rejected." in text and "validation.parquet" not in text


def test_a_run_that_kept_nothing_at_all(tmp_path):
    nothing = {
        "splits": {"train": {"asked": 2, "kept": 0}},
        "reasons": {"teacher": 2},
        "examples": {},
        "diagnoses": {},
    }
    nothing |= {"teachers": {"m": {"asked": 2, "kept": 0, "hinted": 0, "rejected": {"teacher": 2}}}, "kinds": {}}
    nothing |= {"skin_types": {}, "modalities": {}, "rules": {"used": 0, "diagnoses": 0, "sources": {}}}
    soup = page(tmp_path, nothing)
    assert soup.find(id="kept").text == "0" and soup.find(id="samples") is None
    assert "This page contains no pictures." in soup.text
    assert write_card(tmp_path, nothing, {"teacher": "openai", "model": "m"}, {}).is_file()


def test_facts_that_are_not_the_files_are_told(copy, facts):
    assert not page(copy, facts).select("header + .notice")
    told = {**facts, "splits": {**facts["splits"], "validation": {"asked": 9, "kept": 9}}}
    assert "counts 9 kept rationales in validation, and validation.parquet holds 6" in page(copy, told).text


def test_the_page_stays_small(copy, facts):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    long = render("<&\"'" * 4900, ["ulcer"], [], "Melanoma", "malignant")

    def grow(rows):
        for at, row in enumerate(rows[:30]):
            row["images"] = [{"bytes": stream.getvalue(), "path": None}]
            row["completion"] = [{"role": "assistant", "content": long}]
            if at % 2:
                row["sentences"] = [{"text": "<&\"'" * 4900, "findings": ["ulcer"] * 9, "basis": ["taxonomy"] * 99}]
        return rows[:30]

    rewrite(copy, "train", grow)
    (copy / "validation.parquet").unlink()
    texts = [{"case_id": "c" * 9000, "reason": "finding: " + "r" * 9000, "completion": "<&\"'" * 50_000}] * 9
    told = {**facts, "examples": dict.fromkeys(CHECKS, texts), "reasons": dict.fromkeys(CHECKS, 9)}
    told |= {"diagnoses": {f"d{at}" * 40: {"kept": 1, "rejected": 1} for at in range(700)}}
    told |= {"rules": {"used": 1, "diagnoses": 1, "sources": {f"s{at}" * 40: 1 for at in range(400)}}}
    soup = page(copy, told)
    assert (copy / "report.html").stat().st_size < 3_000_000
    assert len(soup.select("article.sample")) == SAMPLES and "more characters)" in soup.text
    assert len(soup.select("details.reason")[0].select(".example")) == EXAMPLES


@pytest.mark.parametrize("known", wrong_texts(), ids=lambda known: str(known["reason"])[:20])
def test_the_offending_words_are_marked(known):
    shown = example(known)
    assert "".join(text for text, _ in shown.text) == known["completion"]
    marked = [text for text, bad in shown.text if bad]
    assert marked and all(text.lower() in known["reason"].lower() for text in marked)
    assert any(bad for _, bad in shown.passage)


def test_words_are_marked_whole_and_across_signs_and_nothing_where_nothing_is_quoted():
    text = "The findings, annotated here, are scaly on a grayscale. Scale is there."
    said = {"case_id": "c", "completion": text}
    words = [t for t, bad in example(said | {"reason": "hint: the reasoning says 'findings annotated'"}).text if bad]
    assert words == ["findings, annotated"]
    words = [t for t, bad in example(said | {"reason": "finding: the reasoning claims 'scale', which"}).text if bad]
    assert words == ["Scale"]
    assert example(said | {"reason": "parse: not the reader's shape, isn't it"}).text == [(text, False)]
    empty = example({"case_id": "c", "reason": "teacher: no reply", "completion": None})
    assert list(empty.text) == list(empty.passage) == []


def test_a_cut_text_says_how_much_is_missing():
    assert fit("<b>", 9) == "<b>" and fit("<b>", 8) == "<b… (1 more characters)"


def test_words_for_every_reason_and_kind():
    assert set(REASONS) == set(CHECKS) and set(KINDS) == {*TRAJECTORIES, ""}


def test_same_run_same_bytes(copy, facts):
    files = [write_report(copy, facts), write_card(copy, facts, CONFIG, {})]
    first = [file.read_bytes() for file in files]
    files = [write_report(copy, facts), write_card(copy, facts, CONFIG, {})]
    assert first == [file.read_bytes() for file in files]


def test_the_card_tells_counts_licenses_and_what_people_have_to_fill_in(copy, facts):
    told = with_rejections(facts)
    text = write_card(copy, told, CONFIG, {"git_revision": "abc123"}).read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["configs"][0]["data_files"][0] == {"split": "train", "path": "train.parquet"}
    assert front["size_categories"] == ["n<1K"] and front["license"] == "other"
    kept = sum(count["kept"] for count in told["splits"].values())
    assert (
        f"{kept} rationales for images of skin" in text
        and f"| Apache-2.0 | drawn by skin\\_r1.phantom; no patient | {kept} |" in text
    )
    for kind, count in told["reasons"].items():
        assert f"| {kind} | {count} |" in text
    for slug, count in told["diagnoses"].items():
        assert f"| {slug} | {count['kept']} | {count['rejected']} |" in text
    assert len(re.findall(r"^- TODO: ", text, re.M)) >= 5 and "research only" in text and "abc123" in text
    assert "/home/someone" not in text
    secret = CONFIG | {"teacher": "vllm", "model": "/home/someone/models/big", "rules": ["/home/someone/book.tsv"]}
    text = write_card(copy, told, secret, {}).read_text()
    assert "| model | big |" in text and "| rules | book.tsv |" in text and "/home/someone" not in text


def test_the_cards_code_loads_the_files(copy, facts, monkeypatch, tmp_path):
    text = write_card(copy, facts, CONFIG, {}).read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    monkeypatch.chdir(copy)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    names = {}
    exec(code, names)
    counts = {split: len(rows) for split, rows in names["rationales"].items()}
    assert counts == {split: count["kept"] for split, count in facts["splits"].items()}
