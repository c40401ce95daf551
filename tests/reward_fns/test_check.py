"""The check passes our rewards on procedural and on real rows, and finds what is wrong with rewards that were broken."""

import csv
import json
import random
import shutil
from functools import partial

import pytest

import reward_fns
from data_prep import build
from reward_fns import brevity_reward, diagnosis_reward, grounding_reward, malignancy_reward
from reward_fns.answers import answers
from skin_r1.case import load_corpus
from skin_r1.claims import claims
from skin_r1.cli import main as skin_r1
from skin_r1.concepts import load_concepts
from skin_r1.errors import UserError
from skin_r1.gold import gold_answer, said_name
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse
from skin_r1.reward_check.bounds import BOUNDS, judges
from skin_r1.reward_check.check import check, mean, sample
from skin_r1.reward_check.groups import MIXTURES, SUM
from skin_r1.reward_check.kinds import GOLD, kinds_for
from skin_r1.reward_check.scene import scenes

OURS = [getattr(reward_fns, name) for name in reward_fns.__all__]


def text_of(completion):
    return completion if isinstance(completion, str) else completion[0]["content"]


def faulty(result):
    """(reward, kind) of each fault."""
    return {(fault.reward, fault.kind) for fault in result.faults}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check") / "corpus"
    sizes = ["--dense", "40", "--sparse", "30", "--validation", "2", "--test", "2", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(folder), *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(corpus):
    return sample(load_corpus(corpus, "train"), OURS, 70)


@pytest.fixture(scope="module")
def honest(rows):
    return check(rows, OURS)


def test_our_rewards_are_fit_on_procedural_lesions(honest):
    assert [str(fault) for fault in honest.faults] == []
    assert all(mean(honest.paid[name][GOLD]) is not None for name in reward_fns.__all__)


def test_no_small_sample_of_a_sound_corpus_is_refused_by_chance(tmp_path):
    sizes = ["--dense", "8", "--sparse", "232", "--validation", "2", "--test", "2", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(tmp_path / "corpus"), *sizes]) == 0
    table = sample(load_corpus(tmp_path / "corpus", "train"), OURS, 240)
    drawn = [random.Random(seed).sample(table, 32 if seed < 10 else 64) for seed in range(30)]
    assert [str(fault) for part in drawn for fault in check(part, OURS).faults] == []


def test_our_rewards_are_fit_on_real_lesions(real_data, tmp_path):
    """Every tenth row of PAD-UFES-20, built from its own files."""
    root = tmp_path / "pad"
    (root / "images").mkdir(parents=True)
    with (real_data / "pad_ufes_20" / "metadata.csv").open(newline="") as stream:
        reader = csv.DictReader(stream)
        taken = list(reader)[::10]
    with (root / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, reader.fieldnames)
        writer.writeheader()
        writer.writerows(taken)
    for row in taken:
        shutil.copy(real_data / "pad_ufes_20" / "images" / row["img_id"], root / "images")
    out = tmp_path / "corpus"
    assert build.main(["--dataset", "pad_ufes_20", "--root", str(root), "--out", str(out)]) == 0
    rows = sample(load_corpus(out, "train"), OURS, 500)
    assert len(rows) > 60 and {row["annotation"] for row in rows} == {"dense"}
    result = check(rows, OURS)
    assert [str(fault) for fault in result.faults] == []
    assert result.chance["diagnosis_reward"] < 0.7 and result.chance["grounding_reward"] < 0.7


def test_every_kind_is_what_it_says(rows):
    cases = scenes(rows)
    for kind in kinds_for(cases):
        made = [text for case in cases if (text := kind.make(case)) is not None]
        assert made, kind.name
        readable = {isinstance(parse(text), Reading) for text in made}
        assert readable == {kind.group != "unreadable"}, kind.name
        if kind.group == "wrong":
            assert all(kind.make(case) != gold_answer(case.row) for case in cases), kind.name
        if kind.group == "chance" and kind.name != "another case":
            assert len(set(made)) == 1, kind.name
    assert len(kinds_for(cases)) >= 25
    known = {kind.name for kind in kinds_for(cases)}
    assert all(set(bounds) <= known for bounds in BOUNDS.values())
    assert all(set(shares) <= known and sum(shares.values()) == pytest.approx(1) for shares in MIXTURES.values())


def test_gold_prose_asserts_every_finding():
    row = {
        "diagnosis": "melanoma", "malignancy": "malignant", "annotation": "dense", "differential": [],
        "concepts_absent": [],
    }  # fmt: skip
    for slug in load_concepts():
        answer = answers([gold_answer(row | {"concepts_present": [slug]})])[0]
        assert answer.upheld == {slug}


def test_gold_prose_concludes_every_diagnosis():
    for slug in load_ontology().nodes:
        found = [claim for claim in claims(f"This is {said_name(slug)}.")]
        assert [(claim.slug, claim.kind) for claim in found] == [(slug, "diagnosis")], slug
        assert found[0].stance in ("concluded", "leaning"), slug


def test_a_label_only_case_is_given_usual_findings_and_look_alikes():
    row = {
        "diagnosis": "psoriasis", "malignancy": "non-neoplastic", "annotation": "sparse", "differential": [],
        "concepts_present": [], "concepts_absent": [],
    }  # fmt: skip
    read = parse(gold_answer(row))
    assert read.finding_slugs == ("erythema", "plaque", "scale")
    assert read.differential_slugs[0] == "eczema" and len(read.differential) == 4
    told = parse(gold_answer(row | {"concepts_present": ["crust"], "concepts_absent": ["erythema"]}))
    assert told.finding_slugs == ("crust", "plaque", "scale")  # what a critic says comes first and is never denied


def substring_reward(completions, diagnosis, **columns):
    names = [load_ontology().name(slug) for slug in diagnosis]
    return [float(name in text_of(c).lower()) for name, c in zip(names, completions, strict=True)]


def long_reward(completions, **columns):
    return [min(1.0, len(text_of(c)) / 3000) if answers([c])[0] else 0.0 for c in completions]


def shaped_reward(completions, concepts_present, **columns):
    """Called one of the findings, and pays the form alone."""
    return reward_fns.format_reward(completions=completions)


def constant_reward(completions, **columns):
    return [0.5] * len(completions)


def json_only_reward(completions, concepts_present, **columns):
    read = answers(completions)
    return [
        0.0 if one is None else float(one.listed == set(present))
        for one, present in zip(read, concepts_present, strict=True)
    ]


def first_of_two_reward(completions, diagnosis, **columns):
    out = []
    for completion, truth in zip(completions, diagnosis, strict=True):
        answer = answers([completion])[0]
        named = answer.reading.diagnosis.split(" or ")[0] if answer else ""
        out.append(float(load_ontology().lookup(named) == truth) if named else 0.0)
    return out


def symmetric_reward(completions, malignancy, **columns):
    """Pays calling a malignant lesion harmless as much as the reverse."""
    paid = malignancy_reward(completions=completions, malignancy=malignancy)
    read = answers(completions)
    return [0.4 if one and value is not None and value < 1 else value for value, one in zip(paid, read, strict=True)]


def word_reward(completions, malignancy, **columns):
    """Looks for the word anywhere in an answer that reads well."""
    pairs = zip(completions, malignancy, strict=True)
    return [float(truth in text_of(c)) if answers([c])[0] else 0.0 for c, truth in pairs]


def union_reward(completions, concepts_present, **columns):
    """F1 of findings asserted in reasoning or JSON, whichever says them."""
    out = []
    for one, present in zip(answers(completions), concepts_present, strict=True):
        said = one.asserted if one else frozenset()
        hits = len(said & set(present))
        out.append(None if not present else 2 * hits / (len(said) + len(present)))
    return out


def unordered_reward(completions, differential, **columns):
    """Recall of the differential, in any order."""
    out = []
    for one, own in zip(answers(completions), differential, strict=True):
        wanted = {item["diagnosis"] for item in own}
        named = {one.reading.diagnosis_slug, *one.reading.differential_slugs} if one else set()
        out.append(len(wanted & named) / len(wanted) if wanted else None)
    return out


def stingy_reward(completions, diagnosis, **columns):
    return [0.8 * value for value in diagnosis_reward(completions=completions, diagnosis=diagnosis)]


def shy_reward(completions, diagnosis, **columns):
    """None where it cannot read, as if the row had no label."""
    paid = diagnosis_reward(completions=completions, diagnosis=diagnosis)
    return [value if one else None for value, one in zip(paid, answers(completions), strict=True)]


def wide_reward(completions, diagnosis, **columns):
    return [1.5 * value for value in diagnosis_reward(completions=completions, diagnosis=diagnosis)]


DICE = random.Random(0)


def moody_reward(completions, diagnosis, **columns):
    paid = diagnosis_reward(completions=completions, diagnosis=diagnosis)
    return [min(value, DICE.random()) for value in paid]


def lavish_reward(completions, concepts_present, concepts_absent, **columns):
    """Recall alone: naming everything pays."""
    return [
        None if not present else 0.0 if one is None else len(one.upheld & set(present)) / len(present)
        for one, present in zip(answers(completions), concepts_present, strict=True)
    ]


def endless_reward(completions, **columns):
    return [float(one is not None) for one in answers(completions)]


endless_reward.__name__ = "brevity_reward"


def template_reward(completions, case_id, **columns):
    return [float(one is not None) for one in answers(completions)]


template_reward.__name__ = "novelty_reward"


@pytest.mark.parametrize(
    ("reward", "kinds"),
    [
        (substring_reward, {"name alone", "two at once", "said twice", "homoglyphs"}),
        (long_reward, {"padded", "all findings", "all in prose"}),
        (shaped_reward, {"prose denies", "JSON silent", "one absent", "all findings", "gibberish"}),
        (constant_reward, {"empty", "cut short"}),
        (json_only_reward, {"prose denies", "prose silent", "other prose", "gibberish"}),
        (first_of_two_reward, {"two at once"}),
        (symmetric_reward, {"flipped", "opposite"}),
        (word_reward, {"every word"}),
        (union_reward, {"JSON silent", "prose silent", "gibberish"}),
        (unordered_reward, {"reversed"}),
        (stingy_reward, {"gold"}),
        (shy_reward, {"empty"}),
        (wide_reward, {"gold"}),
        (moody_reward, {"gold"}),
        (lavish_reward, {"one absent", "all findings"}),
        (endless_reward, {"padded"}),
        (template_reward, {"groups", "padded"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_reward_is_found(rows, reward, kinds):
    found = {kind for _, kind in faulty(check(rows, [reward]))}
    assert kinds <= found, f"missed {kinds - found}"


def test_one_hacked_reward_does_not_hide_among_good_ones(rows, honest):
    result = check(rows, [*OURS, json_only_reward])
    assert {fault.reward for fault in result.faults} == {"json_only_reward"}
    worst = next(fault for fault in result.faults if fault.kind == "gibberish")
    assert worst.case_id in {row["case_id"] for row in rows} and worst.case_id in str(worst)


def test_chance_is_what_an_answer_earns_that_never_looked(rows):
    """Against a count by hand: always naming one diagnosis pays the tree's credit for it, averaged over the rows."""
    result = check(rows, [diagnosis_reward])
    tree = load_ontology()
    blind = [parse(result.texts[kind.name][0]).diagnosis_slug for kind in result.kinds if kind.name.startswith("all ")
             and kind.group == "chance"]  # fmt: skip
    by_hand = [
        sum(reward_fns.diagnosis.credit(named, row["diagnosis"]) for row in rows) / len(rows) for named in blind
    ]
    shuffled = mean(result.paid["diagnosis_reward"]["another case"])
    assert result.chance["diagnosis_reward"] == pytest.approx(max([*by_hand, shuffled]))
    assert {tree.malignancy(slug) for slug in blind} == {row["malignancy"] for row in rows}


def test_groups_tell_what_can_be_learned(rows):
    alike = {(s.mixture, s.reward): s for s in check(rows, [brevity_reward, diagnosis_reward], [1.0, 0.0]).spreads}
    assert alike["late", "brevity_reward"].alike == 1.0 and alike["late", "brevity_reward"].spread == 0.0
    assert alike["midway", "diagnosis_reward"].alike < 0.3 < 0.1 + alike["midway", "diagnosis_reward"].spread
    assert alike["midway", SUM].alike == alike["midway", "brevity_reward"].alike  # a weight of 0 adds nothing

    def dull_reward(completions, diagnosis, **columns):
        return [float(one is not None) for one in answers(completions)]

    assert (SUM, "groups") in faulty(check(rows, [dull_reward]))
    silent = {s.mixture: s for s in check(rows, [grounding_reward]).spreads if s.reward == SUM}
    assert silent["midway"].groups == sum(bool(r["concepts_present"] or r["concepts_absent"]) for r in rows)
    pairs = {s.mixture: s for s in check(rows, [diagnosis_reward], group_size=2).spreads}
    assert pairs["midway"].alike > alike["midway", "diagnosis_reward"].alike  # two are sooner alike than eight


def test_the_same_seed_gives_the_same_result(rows, honest):
    assert check(rows, OURS).paid == honest.paid
    assert check(rows, OURS, seed=1).texts != honest.texts


def test_one_row_alone_can_be_checked(rows):
    dense = next(row for row in rows if row["annotation"] == "dense" and row["concepts_present"])
    assert check([dense], [grounding_reward]).faults == ()
    assert faulty(check([dense], [json_only_reward]))


def test_what_a_reward_judges_is_told_by_its_name_or_its_columns():
    assert [judges(reward) for reward in (json_only_reward, substring_reward, symmetric_reward, long_reward)] == [
        "findings", "diagnosis", "malignancy", "anything",
    ]  # fmt: skip
    assert "anything" not in {judges(reward) for reward in OURS}


def raising_reward(completions, **columns):
    if any("Erythema" in text_of(c) for c in completions):
        raise KeyError("no such finding")
    return [0.0] * len(completions)


@pytest.mark.parametrize(
    ("pays", "says"),
    [
        (lambda texts: [float("nan")] * len(texts), "no number"),
        (lambda texts: ["1.0"] * len(texts), "no number"),
        (lambda texts: [[1.0]] * len(texts), "no number"),
        (lambda texts: [1.0] * (len(texts) - 1), "wrong number of values"),
        (lambda texts: 1.0, "no list"),
    ],
)
def test_a_reward_that_pays_no_numbers_is_named(rows, pays, says):
    def odd_reward(completions, **columns):
        return pays(completions)

    with pytest.raises(UserError, match=says) as caught:
        check(rows, [odd_reward])
    assert "odd_reward" in str(caught.value)


def test_a_reward_that_raises_is_named_with_its_row_and_exception(rows):
    first = next(row for row in rows if "Erythema" in gold_answer(row))
    with pytest.raises(UserError, match="raising_reward raises KeyError on the answer 'gold'") as caught:
        check(rows, [raising_reward])
    assert first["case_id"] in str(caught.value) and "no such finding" in str(caught.value)


def test_rewards_are_called_as_trl_calls_them(rows):
    seen = {}

    async def async_reward(prompts, completions, completion_ids, trainer_state, log_extra, log_metric, **columns):
        seen.update(columns, prompts=prompts, ids=completion_ids)
        log_extra("text", [text_of(c) for c in completions])
        log_metric("mean", 0.0)
        return diagnosis_reward(completions=completions, diagnosis=columns["diagnosis"])

    assert check(rows, [async_reward]).faults == ()
    assert seen["prompts"][0][0]["role"] == "user" and len(seen["ids"]) == len(seen["prompts"])
    assert set(seen) >= set(rows[0]) - {"prompt"}


def test_images_are_handed_over_only_where_a_reward_asks(corpus):
    def looking_reward(completions, images, **columns):
        return [float(bool(images[at])) for at in range(len(completions))]

    table = load_corpus(corpus, "train")
    assert "images" in sample(table, [looking_reward], 2)[0] and "images" not in sample(table, OURS, 2)[0]
    assert len(sample(table, OURS, 7)) == 7 and len(sample(table, OURS, 10_000)) == len(table)


GENEROUS = """
NAME = "keen_reward"

def keen_reward(completions, **columns):  # likes length, whatever is said
    texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
    return [min(1.0, len(t) / 2000) if "<think>" in t and t.count("<think>") == 1 else 0.0 for t in texts]

def sick_reward(completions, **columns):
    raise ZeroDivisionError("division by zero")
"""


@pytest.fixture
def command(corpus, tmp_path, monkeypatch):
    (tmp_path / "users_rewards.py").write_text(GENEROUS)
    for key, value in {"size": "num_generations: abc", "weights": "reward_weights: 3"}.items():
        (tmp_path / f"{key}.yaml").write_text(f"reward_funcs: [reward_fns.format_reward]\n{value}\n")
    monkeypatch.chdir(tmp_path)
    return partial(_run, ["rewards", "check", "--corpus", str(corpus)])


def _run(command, *more):
    return skin_r1([*command, *map(str, more)])


def test_the_command_prints_a_table_of_120_columns(command, capsys):
    assert command() == 0
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= 120 and said[-1] == "70 rows, 0 faults"
    gold = next(line for line in said if line.startswith(" gold"))
    assert len(gold.split()) == 1 + len(OURS)
    assert any(line.startswith("chance") for line in said)


def test_the_command_finds_a_users_reward_and_writes_a_page(command, tmp_path, capsys):
    page = tmp_path / "new" / "page.html"
    names = ["users_rewards.keen_reward", "reward_fns.diagnosis_reward"]
    assert command("--html", page, "--limit", 20, "--reward_funcs", *names) == 1
    said = capsys.readouterr().out
    assert "fault: keen_reward pays 'padded'" in said and "!" in said and "20 rows" in said
    text = page.read_text()
    assert "http" not in text.replace("http-equiv", "") and "<script" not in text  # one file, nothing loaded
    assert "keen_reward pays &#39;padded&#39;" in text and 'class="h10 broken"' in text
    assert text.count('<details class="worst">') > 4
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert command("--html", blocker / "page.html", "--limit", 3) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_takes_rewards_weights_and_group_size_from_a_recipe(command, tmp_path, capsys):
    recipe = tmp_path / "grpo.yaml"
    recipe.write_text(json.dumps({
        "reward_funcs": ["reward_fns.format_reward", "reward_fns.diagnosis_reward"], "reward_weights": [1.0, 0.0],
        "num_generations": 2, "learning_rate": 1e-5,
    }))  # fmt: skip
    assert command("--config", recipe) == 1  # the weight of 0 leaves only the form, which most answers have
    said = capsys.readouterr().out
    assert "fault: midway in training 100% of the groups would be paid alike in sum" in said
    assert "gold" in said and "grounding" not in said
    recipe.write_text(json.dumps({"reward_funcs": ["reward_fns.format_reward"], "reward_weights": [1.0, 2.0]}))
    assert command("--config", recipe) == 2
    assert "2 values for 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--limit", "0"], "1 or more"),
        (["--split", "nowhere"], "unknown split"),
        (["--reward_funcs", "users_rewards.kene_reward"], "keen_reward"),
        (["--reward_funcs", "users_rewards.sick_reward"], "ZeroDivisionError"),
        (["--reward_funcs", "users_rewards.NAME"], "this is no function"),
        (["--reward_funcs", "format_reward"], "for example reward_fns.format_reward"),
        (["--config", "none.yaml"], "no such recipe"),
        (["--config", "size.yaml"], "num_generations"),
        (["--config", "weights.yaml"], "reward_weights"),
        (["--config", "users_rewards.py"], "recipe"),
    ],
)
def test_mistakes_end_with_a_sentence(command, capsys, more, says):
    assert command(*more) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_a_folder_without_a_corpus_is_named(tmp_path, capsys):
    assert skin_r1(["rewards", "check", "--corpus", str(tmp_path / "none")]) == 2
    assert "the corpus has no train split" in capsys.readouterr().err
