"""The corpus report and the dataset card: right numbers, the same in both, from any text, and readable."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from drawn_datasets import Writer, lesion

from data_prep import build, conflicts
from data_prep.corpus import parquet_files, read_parquet, write_splits
from data_prep.report import counts as corpus_counts
from data_prep.report import disputes, thumbnails
from data_prep.report.facts import corpus_facts
from data_prep.report.figures import share
from data_prep.report.label_tree import Branch, label_tree
from data_prep.report.page import write_report
from skin_r1.case import SPLITS, Case
from skin_r1.cli import main as cli
from skin_r1.concepts import load_concepts
from skin_r1.errors import UserError
from skin_r1.manifest import write_manifest
from skin_r1.ontology import load_ontology

EVIL = '<script>alert("x")</script> | `a` [b](javascript:c)\n# d'
DIAGNOSES = ("melanoma", "melanocytic-nevus", "basal-cell-carcinoma", "psoriasis", None)


def case(number: int, *, image: bool = False, **fields: Any) -> Case:
    """A case of one of two datasets; what is not asked for follows from its number."""
    diagnosis = DIAGNOSES[number % len(DIAGNOSES)]
    dataset = fields.pop("dataset", ("clinic", "archive")[number % 2])
    split = SPLITS[0 if number % 10 < 6 else 1 if number % 10 < 8 else 2]
    made: dict[str, Any] = {
        "case_id": f"{dataset}/{number:04d}", "dataset": dataset, "modality": ("clinical", "dermoscopic")[number % 2],
        "diagnosis": diagnosis, "diagnosis_raw": diagnosis or EVIL, "group": f"g{number:04d}", "split": split,
        "malignancy": load_ontology().malignancy(diagnosis) if diagnosis else None,
        "source": "https://example.org", "license": ("CC0 1.0", "CC BY 4.0")[number % 2],
        "skin_type": (None, 1, 2, 6)[number % 4],
    }  # fmt: skip
    if number % 3 == 0:
        made |= {
            "concepts_present": ["scale"], "concepts_absent": ["nodule"], "annotation": "dense",
            "concept_source": ("measured", "annotated")[number % 2],
        }  # fmt: skip
    if image:
        stream = io.BytesIO()
        lesion(number).save(stream, "PNG")
        flags = ["hair"] if number % 2 else []
        made |= {
            "images": [{"bytes": stream.getvalue(), "path": f"{number}.png"}], "checksum": f"{number * 7919 % 997:064x}",
            "quality": dict.fromkeys(("width", "height"), 64)
            | dict.fromkeys(("sharpness", "brightness", "contrast", "hair", "ruler", "marker"), 0.5) | {"flags": flags},
        }  # fmt: skip
    return Case(**made | fields)


def write_corpus(
    folder: Path,
    cases: Iterable[Case],
    *,
    config: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    duplicates: Sequence[Mapping[str, Any]] = (),
    settled: Sequence[Mapping[str, Any]] = (),
) -> Path:
    folder.mkdir()
    write_splits(folder, cases)
    for name, rows in (("duplicates", duplicates), ("conflicts", settled)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(folder, kind="corpus", config=config or {}, inputs={}, outputs=outputs)
    return folder


class Page(HTMLParser):
    """What a page is made of; tags must be balanced."""

    def __init__(self, corpus: Path) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.text = ""
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self.source = (corpus / "report.html").read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), tuple(self._open)))
        if tag not in ("meta", "br", "img"):
            self._open.append(f"{tag}.{dict(attrs).get('class', '')}")
        if tag == "table":
            self._rows = self.tables.setdefault(dict(attrs).get("id") or f"table {len(self.tables)}", [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style.":
            return
        self.text += data
        if any(each.startswith(("td.", "th.")) for each in self._open):
            self._rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.tags if name == tag]


def card_tables(corpus: Path) -> dict[str, list[list[str]]]:
    """First column's heading -> rows of the card's table."""
    out: dict[str, list[list[str]]] = {}
    for block in re.findall(r"(?:^\|.*\n)+", (corpus / "DATASET_CARD.md").read_text(encoding="utf-8"), re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        assert len({len(row) for row in rows}) == 1
        out[rows[0][0]] = rows[2:]
    return out


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 cases with images, duplicates and conflicts."""
    cases = [case(i, image=i % 4 != 3) for i in range(60)]
    pairs = [
        {"kind": ("near", "identical")[i % 2], "cases": [cases[i].case_id, cases[i + 5 + i % 3].case_id],
         "diagnoses": [cases[i].diagnosis, cases[i + 5 + i % 3].diagnosis]} for i in range(30)
    ]  # fmt: skip
    said = [
        {"case_id": c.case_id, "label": EVIL, "diagnosis": c.diagnosis or "psoriasis", "confirmed": ""}
        for c in cases[:2]
    ]
    settled = [{"rule": "finer", "diagnosis": "melanoma", "cases": [c.case_id], "said": said} for c in cases]
    settled += [{"rule": "undecided", "diagnosis": None, "cases": [c.case_id for c in cases[:3]], "said": said}] * 7
    sources = [
        {"dataset": name, "title": f"The {name}", "license": EVIL, "source": f"https://{name}.org/a + x", "rows": 40,
         "cases": 30, "images": 20, "images_absent": 10} for name in ("clinic", "archive")
    ]  # fmt: skip
    outputs = {
        "sources": sources, "overlaps": [["clinic", "archive", 1234]], "notes": [EVIL], "excluded": {EVIL: 3},
        "labels": [
            {"dataset": "clinic", "label": f"{i} {EVIL}", "count": 4000 - i, "diagnosis": "melanoma", "match": "exact"}
            for i in range(3000)
        ],
        "unresolved_labels": {EVIL: {"count": 12, "candidates": ["psoriasis"]}},
        "identical_images_merged": 15, "near_duplicates_merged": 15,
        "bad_images": [{"file": "/home/someone/a.jpg", "reason": EVIL}],
    }  # fmt: skip
    config = {
        "datasets": [
            {"dataset": "clinic", "adapter": "clinic", "root": "/home/someone/clinic"},
            {"dataset": "generic/archive", "adapter": "generic", "root": "/x"},
        ],
        "title": EVIL, "seed": 3, "validation": 0.1, "test": 0.2, "held_out": ["archive"], "dense_fraction": 1.0,
    }  # fmt: skip
    corpus = tmp_path_factory.mktemp("rich") / "corpus"
    write_corpus(corpus, cases, config=config, outputs=outputs, duplicates=pairs, settled=settled)
    write_report(corpus)
    return corpus


def test_card_and_report_say_the_same_and_it_is_true(rich: Path) -> None:
    rows = [row for file in parquet_files(rich) for row in read_parquet(file).to_pylist()]
    page, cards = Page(rich), card_tables(rich)
    splits = [
        [s, *(str(sum(r["split"] == s and holds(r) for r in rows)) for holds in (
            lambda r: True, lambda r: True, lambda r: r["annotation"] == "dense", lambda r: bool(r["images"]),
        ))] for s in SPLITS
    ]  # fmt: skip
    assert [row[:5] for row in page.tables["t-splits"][1:4]] == splits == cards["Split"]
    by_type = Counter((str(row["skin_type"] or "unknown"), row["split"]) for row in rows)
    types = [
        [t, *(str(by_type[t, s]) for s in SPLITS), str(sum(by_type[t, s] for s in SPLITS))]
        for t in ("1", "2", "3", "4", "5", "6", "unknown")
    ]
    assert [row[:5] for row in page.tables["t-skin"][1:]] == types == cards["Fitzpatrick type"]
    dense = sum(row["annotation"] == "dense" for row in rows)
    concepts = [
        ["scale", str(dense), "0", str(60 - dense), "annotated, measured"],
        ["nodule", "0", str(dense), str(60 - dense), "annotated, measured"],
    ]
    assert [row[:5] for row in page.tables["t-concepts"][1:]] == concepts == cards["Finding"]
    sources = [[row[2], row[3], *row[7:]] for row in page.tables["t-sources"][1:]]
    assert sources == [row[4:] for row in cards["Dataset"]] == [["40", "30", "20", "10"]] * 2
    named = Counter(row["diagnosis"] for row in rows)
    assert {row[1]: int(row[5]) for row in cards["Diagnosis"]} == {k: n for k, n in named.items() if k}
    kinds = Counter(row["malignancy"] or "no diagnosis" for row in rows)
    assert {row[0]: int(row[4]) for row in cards["Malignancy"]} == kinds
    for kind, count in kinds.items():
        assert f"{kind} {count} {share(count, 60)}" in page.text
    assert "1,234 pictures are in clinic and in archive" in page.text
    assert "1,234 pictures are in clinic and in archive" in (rich / "DATASET_CARD.md").read_text()


def test_text_of_others_stays_text(rich: Path) -> None:
    page, text = Page(rich), (rich / "DATASET_CARD.md").read_text()
    assert not page.all("script") and "<script" not in page.source
    assert page.text.count('<script>alert("x")</script>') > 1000  # labels, shown as they are written
    body = text.split("---\n", 2)[2]
    assert not re.search(r"(?<!\\)<script", body) and not re.search(r"(?<!\\)\]\(", body) and "\n# d" not in body
    assert yaml.safe_load(text.split("---\n")[1])["pretty_name"] == EVIL
    assert "/home/someone" not in page.source and "/home/someone" not in text  # folders are nobody's business


def test_page_needs_nothing_and_reads_well(rich: Path) -> None:
    page = Page(rich)
    assert not any(page.all(tag) for tag in ("link", "iframe", "object", "embed", "form"))
    assert all(image["src"].startswith("data:image/jpeg;base64,") and image["alt"] for image in page.all("img"))
    assert not re.search(r"url\(|@import|srcset", page.source)
    assert {a["href"] for a in page.all("a") if not a["href"].startswith("#")} == {
        "https://clinic.org/a", "https://archive.org/a",
    }  # fmt: skip
    levels = [int(tag[1]) for tag, _, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    ids = [attributes["id"] for _, attributes, _ in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) and {a["href"][1:] for a in page.all("a") if a["href"][0] == "#"} <= set(ids)
    assert all("div.scroll" in around for tag, _, around in page.tags if tag == "table")  # scrolls inside its box
    assert "do not publish it unless these licenses allow" in page.text.lower()
    assert len(page.source) < 3_000_000 and "And 2,000 more labels" in page.text


def test_again_gives_the_same_bytes(rich: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [rich / "report.html", rich / "DATASET_CARD.md"]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    assert cli(["data", "report", str(rich)]) == 0
    assert [file.read_bytes() for file in files] == before
    assert "report.html" in capsys.readouterr().out


def test_duplicates_and_conflicts(rich: Path) -> None:
    facts = corpus_facts(rich)
    assert facts.duplicates.kinds == {"identical": 15, "near": 15} and facts.duplicates.differing == 20
    assert len(facts.duplicates.shown) == 24 and [pair.differs for pair in facts.duplicates.shown].count(True) == 20
    assert all(pair.differs for pair in facts.duplicates.shown[:20])
    assert [(s.rule, s.lesions, s.cases, len(s.shown)) for s in facts.conflicts] == [
        ("finer", 60, 60, 43), ("undecided", 7, 21, 7),
    ]  # fmt: skip
    page = Page(rich)
    assert page.tables["t-conflicts"][1][:3] == ["finer", "60", "60"] and "And 6 more pairs" in page.text
    assert len([1 for _, a, around in page.tags if a.get("alt") and "div.pair" in around]) >= 24
    (rich.parent / "conflicts.jsonl").write_text('{"rule": "finer"}\n')
    with pytest.raises(UserError, match="row 1"):
        disputes.read_conflicts(rich.parent)


def test_every_rule_has_its_sentence() -> None:
    assert list(conflicts.RULES) == list(get_args(conflicts.Rule))


def test_examples_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    cases = [case(i, image=True) for i in range(40)]
    there = write_corpus(tmp_path / "there", cases)
    back = write_corpus(tmp_path / "back", cases[::-1])
    found = corpus_facts(there).examples
    assert found == corpus_facts(back).examples
    melanomas = sorted(c.checksum or "" for c in cases if c.diagnosis == "melanoma")
    chosen = [c.checksum for name in found["diagnosis", "melanoma"] for c in cases if c.case_id == name]
    assert chosen == melanomas[: corpus_counts.EXAMPLES] and len(found["flag", "hair"]) == corpus_counts.EXAMPLES
    facts = corpus_facts(there)
    assert facts.flags == (("hair", 20),) and facts.rated == 40 and facts.images == 40


def test_leaks(tmp_path: Path) -> None:
    def crossing(name: str, *pairs: dict[str, Any]) -> dict[str, int]:
        cases = [case(i, split=SPLITS[i % 3], **fields) for i, fields in enumerate(pairs)]
        corpus = write_corpus(tmp_path / name, cases)
        write_report(corpus)
        found = {unit: of.crossing for unit, of in corpus_facts(corpus).units.items() if of.crossing}
        text = Page(corpus).text
        assert ("see Splits" in text, "nothing lies in two splits" in text) == (bool(found), not found)
        return found

    p1: dict[str, Any] = {"patient_id": "P1", "lesion_id": "L1"}
    assert crossing("other", {"dataset": "a"} | p1, {"dataset": "b"} | p1) == {}
    assert crossing("same", {"dataset": "a"} | p1, {"dataset": "a"} | p1) == {"patients": 1, "lesions": 1}
    family: tuple[dict[str, Any], ...] = ({"dataset": "ham10000"} | p1, {"dataset": "isic2019"} | p1)
    assert crossing("family", *family) == {"patients": 1, "lesions": 1}
    twice: dict[str, Any] = {"group": "g", "checksum": "c", "image": False}
    assert crossing("twice", twice, twice, {"checksum": "d"}) == {"groups": 1, "identical images": 1}


def test_held_out(tmp_path: Path) -> None:
    cases = [case(0, dataset="a", group="x", split="test"), case(1, dataset="b", group="x", split="test")]
    cases += [case(2, dataset="a", split="test"), case(3, dataset="b", split="train")]
    corpus = write_corpus(tmp_path / "c", cases, config={"held_out": ["a"]})
    facts = corpus_facts(corpus)
    assert [(line.name, line.counts) for line in facts.held_out] == [("a", (0, 0, 2))] and facts.company == {"a": 1}


def test_tree_counts_kinds_with_their_parents() -> None:
    tree = load_ontology()
    slugs = [slug for slug in tree.nodes if tree.nodes[slug].level in ("diagnosis", "subtype")]
    cases = {slug: (i % 5, i % 3, 1) for i, slug in enumerate(slugs)} | {"no-such-node": (1, 0, 0)}
    roots = label_tree(cases)

    def check(node: Branch) -> int:
        below = sum(check(child) for child in node.children)
        assert node.total == node.own + sum(child.total for child in node.children) == sum(n for _, n in node.kinds)
        return below + 1

    assert sum(check(root) for root in roots) == len({n for s in slugs for n in tree.path(s)}) + 1
    assert sum(root.total for root in roots) == sum(map(sum, cases.values()))
    small = label_tree(cases, limit=50)

    def nodes(node: Branch) -> int:
        assert node.hidden or sum(child.total for child in node.children) + node.own == node.total
        return 1 + sum(map(nodes, node.children))

    assert sum(map(nodes, small)) == 50


def test_long_lists_are_cut(tmp_path: Path) -> None:
    slugs = list(load_ontology().nodes)
    findings = list(load_concepts())
    cases = [
        case(i, image=i < 50, dataset=f"d{i % 30:02d}", diagnosis=slugs[i % len(slugs)], annotation="dense",
             concept_source="annotated", concepts_present=findings[i % 140 : i % 140 + 10], concepts_absent=[])
        for i in range(900)
    ]  # fmt: skip
    unresolved = {f"{i} {EVIL * 20}": {"count": i, "candidates": slugs[:9]} for i in range(2000)}
    labels = [
        {"dataset": f"d{i % 30:02d}", "label": EVIL * 20, "count": 1, "diagnosis": slugs[i % 600], "match": "code"}
        for i in range(6000)
    ]
    outputs = {"labels": labels, "unresolved_labels": unresolved, "notes": [EVIL * 20] * 9}
    corpus = write_corpus(tmp_path / "c", cases, outputs=outputs)
    write_report(corpus)
    page, text = Page(corpus), (corpus / "DATASET_CARD.md").read_text()
    assert len(page.source) < 3_000_000
    assert len(page.tables["t-unresolved"]) == 101 and "And 1,900 more labels" in page.text
    assert page.text.count("And 167 more labels") == 30 and "more diagnoses with images" in page.text
    assert f"And {len(slugs) - 30} more diagnoses" in text and "and 1,990 more" in text


def test_corpora_of_other_makes(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    corpus = write_corpus(tmp_path / "old", [case(i, image=True) for i in range(8)])
    for file in parquet_files(corpus):
        pq.write_table(read_parquet(file).drop_columns(["quality"]), file)
    (corpus / "manifest.json").write_text("{")
    (corpus / "duplicates.jsonl").unlink()
    (corpus / "conflicts.jsonl").unlink()
    write_report(corpus)
    page = Page(corpus)
    assert "The quality of the images was not rated" in page.text and page.tables["t-splits"][-1][1] == "8"
    empty = write_corpus(tmp_path / "empty", [])
    write_report(empty)
    assert Page(empty).tables["t-splits"][-1][1] == "0"
    with pytest.raises(UserError, match="no corpus"):
        write_report(tmp_path)


def test_thumbnails_keep_to_their_budget(rich: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [row for file in parquet_files(rich) for row in read_parquet(file, ["case_id"])["case_id"].to_pylist()]
    everything = thumbnails.thumbnails(parquet_files(rich), wanted)
    assert len(everything) == 45
    monkeypatch.setattr(thumbnails, "BUDGET", 9_000)
    some = thumbnails.thumbnails(parquet_files(rich), wanted)
    assert 0 < sum(map(len, some.values())) <= 9_000 and next(iter(some)) == next(c for c in wanted if c in everything)


def test_front_matter_and_command(rich: Path, tmp_path: Path, ham: Writer) -> None:
    fields = yaml.safe_load((rich / "DATASET_CARD.md").read_text().split("---\n")[1])
    assert fields["license"] == "other" and fields["size_categories"] == ["n<1K"]
    assert corpus_facts(rich).command == (
        "skin-r1 data build --dataset clinic --root data/clinic --dataset generic --root data/generic "
        "--held_out archive --seed 3 --validation 0.1 --test 0.2 --dense_fraction 1.0 --out CORPUS"
    )
    out = tmp_path / "out"
    build.main(["--dataset", "ham10000", "--root", str(ham(images=False)), "--out", str(out), "--seed", "4"])
    command = corpus_facts(out).command.replace("data/ham10000", str(tmp_path / "ham")).replace("CORPUS", f"{out}2")
    assert cli(command.split()[1:]) == 0
    for file in parquet_files(out):
        assert file.read_bytes() == (tmp_path / "out2" / file.relative_to(out)).read_bytes()
    assert (out / "DATASET_CARD.md").read_text() == (tmp_path / "out2" / "DATASET_CARD.md").read_text()
