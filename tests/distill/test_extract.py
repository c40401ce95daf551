"""Every reason for which a rule is rejected, the cue words' reader on a marked page, and a real endpoint that errs."""

import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request
from test_sources import pdf

from skin_r1.cli import run_main
from skin_r1.distill.books import main as rules_main
from skin_r1.distill.books.extract import extract, messages_about, read_answer, worth_asking
from skin_r1.distill.books.lexicon import proposals
from skin_r1.distill.books.passages import Passage
from skin_r1.distill.books.proof import Proposal, merged, named_diagnoses, verify
from skin_r1.distill.books.sources import read_passages
from skin_r1.rules import Rule, read_rules
from skin_r1.wording import read_tsv

HERE = Path(__file__).parent / "sources"
TEXT = (
    "Rosacea typically shows erythema and telangiectasia of the central face. Comedones are absent, unlike in acne.\n"
    "Scars are rarely seen. Its “blue–white veil” is a myth. Histologically, a granuloma with ulceration is typical.\n"
    "The absence of comedones excludes acne vulgaris. Benign tumors may show scale and crust everywhere.\n"
    "In rosacea burning is not uncommon.\nUnlike in acne, its pustules come and go."
)
PASSAGE = Passage("book.pdf", 7, "Chapter 3 > Rosacea", TEXT)


def judged(diagnosis, finding, role, quote, modality="", passage=PASSAGE):
    verdict = verify(Proposal(diagnosis, finding, role, modality, quote), passage)
    return verdict if isinstance(verdict, str) else verdict[0]


def test_a_right_rule_is_kept_with_the_source_s_own_words():
    rule, match = verify(
        Proposal("acne rosacea", "redness", "typical", "clinical", "rosacea  TYPICALLY shows ery\u00adthema"), PASSAGE
    )
    assert match == "synonym"
    assert rule == Rule(
        "rosacea", "erythema", "typical", "clinical", "Rosacea typically shows erythema", "book.pdf", 7
    )
    assert judged("rosacea", "comedo", "rare", "Comedones are absent, unlike in acne.").role == "rare"
    assert judged("rosacea", "scar", "rare", '"Scars are rarely seen."').quote == "Scars are rarely seen."
    assert judged("rosacea", "blue-whitish veil", "supports", "Its 'blue-white veil' is a myth", "dermoscopic").finding


@pytest.mark.parametrize(
    ("diagnosis", "finding", "role", "modality", "quote", "reason"),
    [
        ("rosacea", "erythema", "typical", "", "shows erythema", "quote: 2 words"),
        ("rosacea", "erythema", "typical", "", "Rosacea always shows bright erythema", "quote: not"),
        ("rosacea", "erythema", "typical", "", "acea typically shows erythema and", "quote: not"),
        ("purple measles of Mars", "erythema", "typical", "", "Rosacea typically shows erythema", "diagnosis: 'purple"),
        ("psoriasis", "erythema", "typical", "", "Rosacea typically shows erythema", "diagnosis: the text"),
        ("benign tumor", "scale", "supports", "", "Benign tumors may show scale", "diagnosis: benign-neoplasm"),
        ("acne", "scar", "rare", "", "Scars are rarely seen.", None),  # named last before the quote
        ("acne", "erythema", "typical", "", "Rosacea typically shows erythema", "diagnosis: the text"),
        ("rosacea", "glow", "typical", "", "Rosacea typically shows erythema", "finding: 'glow'"),
        ("rosacea", "papule", "typical", "", "Rosacea typically shows erythema", "finding: the quote"),
        ("rosacea", "comedo", "typical", "", "Comedones are absent, unlike in acne", "polarity: typical, but the quote d"),
        ("rosacea", "scar", "supports", "", "Scars are rarely seen.", "polarity: supports, but the quote calls"),
        ("rosacea", "erythema", "rare", "", "Rosacea typically shows erythema", "polarity: rare"),
        ("acne", "burning", "supports", "", "In rosacea burning is not uncommon", "diagnosis: the text"),
        ("rosacea", "pustule", "rare", "", "Unlike in acne, its pustules come and go", None),
        ("rosacea", "burning", "rare", "", "In rosacea burning is not uncommon", "polarity: rare"),
        ("rosacea", "burning", "supports", "", "In rosacea burning is not uncommon", None),
        ("rosacea", "erythema", "excludes", "", "Rosacea typically shows erythema", "polarity: excludes"),
        ("acne", "comedo", "excludes", "", "The absence of comedones excludes acne vulgaris", "polarity: what is"),
        ("rosacea", "erythema", "typical", "dermoscopic", "Rosacea typically shows erythema", "modality: erythema"),
        ("rosacea", "ulcer", "typical", "", "Histologically, a granuloma with ulceration is typical", "modality: hist"),
    ],
)  # fmt: skip
def test_each_fault_of_a_rule_is_named(diagnosis, finding, role, modality, quote, reason):
    verdict = judged(diagnosis, finding, role, quote, modality)
    assert isinstance(verdict, Rule) if reason is None else verdict.startswith(reason), verdict


def test_a_quote_that_is_a_whole_page_is_too_long():
    long = Passage("a", None, "Rosacea", "Rosacea shows scale " + "and scale " * 50)
    assert judged("rosacea", "scale", "typical", long.text, passage=long) == "quote: 103 words"


def test_words_divided_in_the_answer_or_joined_by_ligatures_are_found():
    passage = Passage("a", 1, "", "In lichen planus, ﬂat-topped papules are efficient clues.")
    rule = judged("lichen planus", "papule", "typical", "flat-\ntopped papules are efﬁ\u00adcient", passage=passage)
    assert rule.quote == "flat-topped papules are efficient"


def test_names_of_three_letters_and_the_verb_is():
    assert [n.slug for n in named_diagnoses("PRP is rare, prp is a typing error.")] == ["pityriasis-rubra-pilaris"]
    assert [n.slug for n in named_diagnoses("Cutaneous SCC is a nodule.")] == ["squamous-cell-carcinoma"]
    assert named_diagnoses("A benign tumor of the skin.") == ()


GOOD = {"diagnosis": "rosacea", "finding": "scale", "role": "typical", "modality": "", "quote": "a b c d"}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("[]", []),
        ("NOTHING", []),
        ("```json\n[]\n```", []),
        ("I found no rules.", ["json"]),
        ("{}", ["json"]),
        ("[" * 100_000, ["json"]),
        (json.dumps(["x", GOOD | {"why": 1}, {"diagnosis": "x"}, GOOD | {"quote": 3}]), ["keys"] * 4),
        (json.dumps([GOOD | {"role": "always"}, GOOD | {"modality": "histology"}]), ["keys"] * 2),
        (f"```\n{json.dumps([GOOD | {'modality': None}])}\n```", [Proposal(**GOOD)]),
    ],
)
def test_answers_are_read_strictly(answer, found):
    said = read_answer(answer)
    assert [each.split(":")[0] if isinstance(each, str) else each for each in said] == found


def test_equal_rules_merge_and_of_contrary_ones_the_weaker_stays():
    rules = [Rule("rosacea", "scale", role, "", role, "a", page) for page, role in
             enumerate(("typical", "typical", "rare", "excludes", "supports"))]  # fmt: skip
    other = Rule("acne-vulgaris", "scale", "typical", "", "x", "a", 1)
    kept, dropped = merged([*rules, other])
    assert kept == [rules[4], other]
    assert [reason.split(":")[0] for _, reason in dropped] == ["duplicate", "conflict", "conflict", "conflict"]
    assert [rule.role for rule, _ in dropped] == ["typical", "typical", "excludes", "rare"]


def test_what_comes_out_adds_up():
    found = extract([(PASSAGE, "json: bad"), *((PASSAGE, each) for each in proposals(PASSAGE))])
    assert found.proposed == sum(found.reasons.values()) and found.reasons["json"] == 1
    assert found.reasons["kept"] == len(found.kept) == sum(found.matches.values()) > 2


@pytest.mark.parametrize(
    ("sentence", "roles"),
    [
        ("Rosacea is characterized by erythema.", {"erythema": "typical"}),
        ("Papules may occur, and pustules are common.", {"papule": "supports", "pustule": "supports"}),
        ("Scale is uncommon.", {"scale": "rare"}),
        ("Ulcers are never seen in rosacea.", {"ulcer": "excludes"}),
        ("Comedones exclude rosacea.", {"comedo": "excludes"}),
        ("The presence of comedones excludes rosacea.", {"comedo": "excludes"}),
        ("The absence of erythema excludes rosacea.", {}),
        ("Erythema is typical, but scale is absent.", {"erythema": "typical", "scale": "rare"}),
        ("Erythema and scale are typical and rare.", {}),
        ("Bleeding after trauma is not uncommon.", {"bleeding": "supports"}),
        ("Rosacea has erythema.", {}),
        ("Unlike acne, papules are typical.", {}),
        ("Acne typically has comedones.", {}),  # another disease's section
        ("Granulomatous rosacea typically has papules.", {}),  # a kind that the ontology files under rosacea
        ("Severe rosacea typically has papules.", {}),  # a kind only
        ("In this patient, erythema was typical.", {}),
        ("Steroids may cause atrophy.", {}),
        ("Is erythema typical?", {}),
    ],
)
def test_cue_words_give_roles(sentence, roles):
    said = proposals(Passage("a", None, "Rosacea", sentence))
    assert {each.finding: each.role for each in said} == roles


def test_the_marked_page_is_read_right():
    marked = {(row["diagnosis"], row["finding"]): row["role"] for row in read_tsv(HERE / "skin_marked.tsv")}
    passages = read_passages(HERE / "skin.md", "skin.md")
    found = extract((passage, each) for passage in passages for each in proposals(passage))
    right = [rule for rule in found.kept if marked.get((rule.diagnosis, rule.finding)) == rule.role]
    assert (len(right), len(found.kept), len(marked)) == (43, 43, 51)  # docs/rules.md says how this was measured


def rules(out, *options):
    return run_main(rules_main.main, ["--out", str(out), *map(str, options)])


def test_the_command_writes_the_same_rules_twice_and_refuses_to_overwrite(tmp_path, capsys):
    (tmp_path / "books").mkdir()
    pdf(tmp_path / "books" / "rosacea.pdf")
    for name in ("skin.md", "skin.html"):
        (tmp_path / "books" / name).write_bytes((HERE / name).read_bytes())
    out = tmp_path / "rules"
    assert rules(out, "--source", tmp_path / "books") == 0
    said = capsys.readouterr().out
    kept = read_rules(out / "rules.tsv")
    assert {rule.source for rule in kept} == {"rosacea.pdf", "skin.md", "skin.html"}
    assert {rule.page for rule in kept if rule.source == "rosacea.pdf"} == {1, 2, 3}
    assert str(tmp_path) not in (out / "rules.tsv").read_text() + (out / "rejected.jsonl").read_text()
    outputs = json.loads((out / "manifest.json").read_text())["outputs"]
    rejected = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert outputs["reasons"] == Counter(each["reason"].split(":")[0] for each in rejected) + Counter(kept=len(kept))
    assert f"{outputs['proposed']} rules proposed, {len(kept)} kept" in said
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    assert rules(out, "--source", tmp_path / "books") == 2 and "--overwrite" in capsys.readouterr().err
    assert rules(out, "--source", tmp_path / "books", "--overwrite") == 0
    assert {file.name: file.read_bytes() for file in out.iterdir()} == first
    (out / "my.md").write_bytes((HERE / "skin.md").read_bytes())
    assert rules(out, "--source", out / "my.md", "--overwrite") == 2 and "own input" in capsys.readouterr().err
    assert (out / "my.md").exists()


def test_the_documented_output_is_what_the_command_prints(tmp_path, capsys):
    assert rules(tmp_path / "out", "--source", HERE) == 0
    said = capsys.readouterr().out.splitlines()[:-1]
    assert "\n".join(said) in (HERE.parents[2] / "docs" / "rules.md").read_text()
    for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines():
        if "Ulceration is exceptional" in line:
            assert line in (HERE.parents[2] / "docs" / "rules.md").read_text()
            break
    else:
        raise AssertionError("the documented rejection is gone")


def test_mistakes_are_told(tmp_path, capsys):
    plain = tmp_path / "a.txt"
    plain.write_text("A page about the weather, with scale.")
    for options, says in (
        (["--source", plain], "no rule was kept"),
        (["--source", plain, "--teacher", "openai"], "needs a model"),
        (["--source", plain, "--concurrency", "0"], "1 or more"),
        (["--source", tmp_path / "none"], "no such file"),
    ):
        assert rules(tmp_path / "out", *options) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


class Endpoint:
    """A real HTTP server of the OpenAI shape: for a passage it states one right rule, and wrong ones of several kinds."""

    def __init__(self):
        self.asked = []
        app = FastAPI()
        app.post("/v1/chat/completions")(self.answer)
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}/v1"

    async def answer(self, request: Request):
        text = (await request.json())["messages"][0]["content"]
        self.asked.append(text)
        content = "NOTHING"
        if "Section: Rosacea" in text and "telangiectasia is visible" in text:
            right = {"diagnosis": "rosacea", "finding": "telangiectasia", "role": "supports", "modality": "clinical",
                     "quote": "telangiectasia is visible on the cheeks"}  # fmt: skip
            wrong = [{"quote": "rosacea has telangiectasia"}, {"finding": "erythema"}, {"role": "rare"}, {"role": "?"}]
            content = "```json\n" + json.dumps([right, *(right | change for change in wrong), right]) + "\n```"
        elif "Comedones" in text:
            content = "Comedones, of course!"
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        head = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        return {**head, "choices": [choice], "usage": usage}


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.server.should_exit = True


def test_an_endpoint_is_asked_once_and_its_answers_are_checked(tmp_path, endpoint):
    book = pdf(tmp_path / "book.pdf")
    command = ["--source", book, "--teacher", "openai", "--model", "m", "--base_url", endpoint.url]
    assert rules(tmp_path / "out", *command) == 0
    (rule,) = read_rules(tmp_path / "out" / "rules.tsv")
    assert (rule.diagnosis, rule.finding, rule.page) == ("rosacea", "telangiectasia", 1)
    outputs = json.loads((tmp_path / "out" / "manifest.json").read_text())["outputs"]
    assert outputs["reasons"] == {
        "kept": 1, "duplicate": 1, "finding": 1, "json": 1, "keys": 1, "polarity": 1, "quote": 1
    }  # fmt: skip
    assert (outputs["passages"], outputs["asked"], outputs["skipped"]) == (4, 4, 0) and len(endpoint.asked) == 4
    assert not any("book.pdf" in text for text in endpoint.asked), "the file's name stays in the house"
    assert rules(tmp_path / "out", *command, "--overwrite") == 0
    assert len(endpoint.asked) == 4, "the second run is answered from the cache"


def test_only_passages_with_a_pair_are_asked_and_told_our_names():
    assert worth_asking(PASSAGE) and worth_asking(Passage("a", None, "Acne", "Blackheads."))
    assert not worth_asking(Passage("a", None, "Acne", "Nothing to see."))
    assert not worth_asking(Passage("a", None, "Introduction", "Scale is visible."))
    ((message),) = messages_about(Passage("a", None, "Acne vulgaris", "Blackheads {and} redness in PRP."))
    assert "comedo, erythema" in message["content"] and "pityriasis rubra pilaris" in message["content"]
    assert "Blackheads {and} redness" in message["content"]
