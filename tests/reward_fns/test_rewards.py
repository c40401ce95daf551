"""Every reward on a table of answers: right, nearly right, wrong, and hacks."""

import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reward_fns
from reward_fns import (
    brevity_reward,
    consistency_reward,
    diagnosis_reward,
    differential_reward,
    expected_grounding_reward,
    gated_grounding_reward,
    grounding_reward,
    malignancy_reward,
    novelty_reward,
)
from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.concepts import load_concepts
from skin_r1.differentials import neighbors
from skin_r1.errors import UserError
from skin_r1.gold import gold_answer
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse, render


def say(diagnosis="melanoma", malignancy="malignant", findings=(), think="Seen.", differential=()):
    return render(think, list(findings), list(differential), diagnosis, malignancy)


def one(reward, completion, **columns):
    text = reward(prompts=[""], completions=[completion], **{key: [value] for key, value in columns.items()})
    message = reward(
        prompts=[""],
        completions=[[{"role": "assistant", "content": completion}]],
        **{key: [value] for key, value in columns.items()},
    )
    assert text == message  # a text and TRL's list of messages are read alike
    return text[0]


@pytest.mark.parametrize(
    ("said", "truth", "paid"),
    [
        ("melanoma", "melanoma", 1.0),
        ("Malignant Melanoma", "melanoma", 1.0),  # a synonym
        ("melanoma in situ", "melanoma", 0.5),  # a child
        ("melanoma", "melanoma-in-situ", 0.5),  # the parent
        ("melanocytic nevus", "melanoma", 0.0),  # a missed malignancy
        ("psoriasis", "melanoma", 0.0),  # another system
        ("eczema", "psoriasis", 0.0),  # they share "inflammatory disease", as hundreds do
        ("guttate psoriasis", "lichen-planus", 0.25),  # the same family, a step further down
        ("melanoma or melanocytic nevus", "melanoma", 0.0),  # hedging
        ("not melanoma", "melanoma", 0.0),  # negation
        ("the lesion", "melanoma", 0.0),
        ("", "melanoma", 0.0),
        ("melanocytic neoplasm", "melanoma", 0.0),
        ("m", "melanoma", 0.0),  # a substring
        ("黑色素瘤", "melanoma", 0.0),  # another language: not in the vocabulary
        ("</think> melanoma", "melanoma", 0.0),  # tag injection
    ],
)
def test_diagnosis(said, truth, paid):
    assert one(diagnosis_reward, say(said), diagnosis=truth) == paid


def test_nearness_never_crosses_from_benign_to_malignant_for_more_than_a_quarter():
    slugs = ["melanoma", "melanocytic-nevus", "leiomyoma", "seborrheic-keratosis", "basal-cell-carcinoma"]
    from skin_r1.ontology import load_ontology

    ontology = load_ontology()
    for truth in slugs:
        for said in slugs:
            paid = one(diagnosis_reward, say(ontology.name(said)), diagnosis=truth)
            if ontology.malignancy(said) != ontology.malignancy(truth):
                assert paid <= 0.25


def test_rows_without_the_fact_are_left_out():
    gold = say()
    assert one(diagnosis_reward, gold, diagnosis=None) is None
    assert one(malignancy_reward, gold, malignancy=None) is None
    assert one(grounding_reward, gold, concepts_present=[], concepts_absent=[]) is None
    assert one(differential_reward, gold, differential=[]) is None
    assert one(expected_grounding_reward, gold, diagnosis=None, annotation="sparse") is None
    assert one(expected_grounding_reward, gold, diagnosis="melanoma", annotation="dense") is None


def test_null_columns_of_a_plain_script_are_unknown():
    gold, columns = say(findings=["ulcer"], think="An ulcer is seen."), {"annotation": "sparse", "diagnosis": None}
    for nothing in (None, []):
        assert one(differential_reward, gold, differential=nothing) is None
        for reward in (grounding_reward, gated_grounding_reward, expected_grounding_reward):
            assert one(reward, gold, concepts_present=nothing, concepts_absent=None, **columns) is None
    assert one(grounding_reward, gold, concepts_present=["ulcer"], concepts_absent=None) == 1.0
    assert one(grounding_reward, gold, concepts_present=None, concepts_absent=["ulcer"]) == 0.0
    named = {**columns, "diagnosis": "melanoma"}
    assert one(expected_grounding_reward, gold, concepts_present=None, concepts_absent=None, **named) > 0
    assert one(differential_reward, gold, differential=None, diagnosis="melanoma") > 0


@pytest.mark.parametrize("reward", [grounding_reward, gated_grounding_reward, expected_grounding_reward])
@pytest.mark.parametrize("column", ["concepts_present", "concepts_absent"])
def test_a_finding_that_is_no_slug_is_named(reward, column):
    columns = {
        "concepts_present": ["ulcer"],
        "concepts_absent": ["scale"],
        "diagnosis": "melanoma",
        "annotation": "sparse",
    }
    with pytest.raises(UserError, match=column) as caught:
        one(reward, say(), **{**columns, column: ["ulcer", "Ulcerated thing"]})
    assert "'Ulcerated thing'" in str(caught.value)


def test_a_weighted_diagnosis_that_is_no_slug_is_named():
    with pytest.raises(UserError, match="differential") as caught:
        one(differential_reward, say(), differential=[{"diagnosis": "Melanom", "weight": 1.0}])
    assert "'Melanom'" in str(caught.value)


@pytest.mark.parametrize(
    "reward", [diagnosis_reward, gated_grounding_reward, expected_grounding_reward, differential_reward]
)
def test_a_label_that_is_no_slug_is_named(reward):
    empty = {"concepts_present": ["ulcer"], "concepts_absent": [], "differential": [], "annotation": "sparse"}
    with pytest.raises(UserError) as caught:
        one(reward, say(), diagnosis="Melanoma", **empty)
    for words in ("'diagnosis'", "'Melanoma'", "a slug of the ontology", "skin-r1 data resolve"):
        assert words in str(caught.value)


def test_a_malignancy_that_is_none_of_ours_is_named():
    with pytest.raises(UserError) as caught:
        one(malignancy_reward, say(), malignancy="Malignant")
    for words in (
        "'malignancy'",
        "'Malignant'",
        "benign, ",
        "indeterminate",
        "non-neoplastic",
        "did you mean: malignant",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "paid"),
    [
        (say(malignancy="malignant"), 1.0),
        (say(malignancy="benign"), 0.0),
        (say(malignancy="non-neoplastic"), 0.0),
        (say(malignancy="indeterminate"), 0.0),
        (say(malignancy="premalignant"), 0.5),
        (say(malignancy="benign", think="This is malignant."), 0.0),  # the field decides, not a word
        ("malignant", 0.0),
    ],
)
def test_malignancy(text, paid):
    assert one(malignancy_reward, text, malignancy="malignant") == paid


def test_a_false_alarm_is_paid_more_than_a_miss_and_no_constant_answer_pays_well():
    names = {"benign": "melanocytic nevus", "premalignant": "actinic keratosis", "malignant": "melanoma"}
    sorts = [*names, "non-neoplastic", "indeterminate"]
    names |= {"non-neoplastic": "psoriasis", "indeterminate": "a growth"}
    pay = {(t, s): one(malignancy_reward, say(names[s], malignancy=s), malignancy=t) for t in sorts for s in sorts}
    assert pay["malignant", "benign"] == 0.0 < pay["benign", "malignant"] < 0.5
    assert all(pay[sort, sort] == 1.0 for sort in sorts)
    for said in sorts:
        assert sum(pay[truth, said] for truth in sorts) / len(sorts) <= 0.5


def test_a_malignancy_that_contradicts_the_diagnosis_beside_it_is_no_second_bet():
    hedged = say("melanoma", malignancy="benign")
    assert one(malignancy_reward, hedged, malignancy="benign") == 0.2  # as the melanoma would be
    assert one(malignancy_reward, hedged, malignancy="malignant") == 0.0
    assert one(malignancy_reward, say("a growth", malignancy="benign"), malignancy="benign") == 1.0  # it names nothing


PRESENT, ABSENT = ["ulcer", "scale"], ["crust", "erythema"]
EVERYTHING = [concept.name for concept in load_concepts().values()][:32]
BOTH = "An ulcer and scale are seen."


@pytest.mark.parametrize(
    ("findings", "think", "low", "high"),
    [
        (["ulcer", "scale"], BOTH, 1.0, 1.0),
        (["scale", "ulcer"], BOTH, 1.0, 1.0),  # order does not matter
        (["ulcer", "ulcer", "scale"], BOTH, 1.0, 1.0),  # nor does repeating
        (["ulcer"], BOTH, 0.74, 0.76),  # F of precision 1, recall 1/2
        (["ulcer", "scale"], "An ulcer is seen.", 0.74, 0.76),  # in the JSON alone: not paid
        ([], BOTH, 0.0, 0.0),  # in the reasoning alone: not paid
        (["ulcer", "scale"], "Seen.", 0.0, 0.0),
        (["ulcer", "scale", "crust"], BOTH, 0.65, 0.7),  # precision 2/3, less a third of 0.25
        (["ulcer", "scale"], BOTH + " There is crust.", 0.65, 0.7),  # the reasoning alone is enough to be wrong
        ([], "Nothing is seen.", 0.0, 0.0),
        (EVERYTHING, ", ".join(EVERYTHING) + " are seen.", 0.0, 0.15),
        (["crust", "erythema"], "Crust and erythema are seen.", 0.0, 0.0),  # annotated absent
        (["ulcer", "scale", "bulla"], BOTH, 1.0, 1.0),  # one unknown is neither paid nor punished
        (["ulcer", "scale", "bulla", "cyst", "vesicle", "macule"], BOTH, 0.55, 0.62),  # more than two are
        (["ulcer", "scale"], "There is scale, but no ulcer.", 0.3, 0.5),  # the reasoning denies a present one
        (["ulcer", "scale"], BOTH + " There is no ulcer.", 0.74, 0.76),  # both said and denied: not paid
        (["martian sign"] * 3, BOTH, 0.0, 0.0),
    ],
)
def test_grounding(findings, think, low, high):
    paid = one(grounding_reward, say(findings=findings, think=think), concepts_present=PRESENT, concepts_absent=ABSENT)
    assert low <= paid <= high


def test_grounding_punishes_pairs_that_cannot_both_hold():
    both = ["typical pigment network", "atypical pigment network"]
    columns = {"concepts_present": ["atypical-pigment-network"], "concepts_absent": ["ulcer"]}
    clash = say(findings=both, think=f"There is a {both[0]} and there is an {both[1]}.")
    fine = say(findings=[both[1], "bulla"], think=f"There is an {both[1]}.")
    assert one(grounding_reward, clash, **columns) == 0.75 < one(grounding_reward, fine, **columns)


def test_where_nothing_is_present_asserting_nothing_wrong_is_right():
    columns = {"concepts_present": [], "concepts_absent": ["ulcer"]}
    assert one(grounding_reward, say(), **columns) == 1.0
    assert one(grounding_reward, say(findings=["ulcer"]), **columns) == 0.0
    assert one(grounding_reward, say(think="An ulcer is seen."), **columns) == 0.0


def test_gated_grounding_is_worth_as_much_as_the_diagnosis():
    columns = {"concepts_present": PRESENT, "concepts_absent": ABSENT, "diagnosis": "melanoma"}
    for name, credit in [("melanoma", 1.0), ("melanoma in situ", 0.5), ("psoriasis", 0.0)]:
        assert one(gated_grounding_reward, say(name, findings=["ulcer", "scale"], think=BOTH), **columns) == credit


def seen(*findings):
    return say(findings=list(findings), think=" ".join(f"There is {finding}." for finding in findings))


def test_expected_findings_must_be_usual_and_their_frequency_is_not_paid():
    columns = {"diagnosis": "psoriasis", "annotation": "sparse"}
    paid = {
        name: one(expected_grounding_reward, seen(*findings), **columns)
        for name, findings in {
            "usual": ["scale", "plaque", "erythema"],
            "less usual": ["crust", "papule", "fissure"],
            "one": ["scale"],
            "odd": ["pigmented", "comedo", "bulla"],
            "junk": ["scale", "plaque", "erythema", "blip", "blop", "blup", "blap"],
        }.items()
    }
    assert paid["usual"] == paid["less usual"] == 1.0
    assert paid["usual"] > paid["junk"] > paid["one"] > 0 and paid["odd"] <= 0.34
    everything = say(findings=EVERYTHING, think=", ".join(EVERYTHING) + " are seen.")
    assert one(expected_grounding_reward, everything, **columns) < 0.5
    assert one(expected_grounding_reward, say(), **columns) == 0.0
    assert one(expected_grounding_reward, say(findings=["scale"] * 3, think="It is so."), **columns) == 0.0


def test_what_was_measured_on_the_image_wins_over_what_is_usual():
    columns = {
        "diagnosis": "psoriasis",
        "annotation": "sparse",
        "concepts_present": ["bulla"],
        "concepts_absent": ["scale"],
    }
    assert one(expected_grounding_reward, seen("scale"), **columns) == 0.0
    assert one(expected_grounding_reward, seen("bulla", "plaque", "erythema"), **columns) == 1.0
    unknown = {**columns, "diagnosis": None}  # measures speak without a diagnosis
    assert one(expected_grounding_reward, seen("bulla"), **unknown) == 1.0


def test_expected_findings_exclude_each_other_and_may_not_be_denied():
    columns = {
        "diagnosis": "melanoma",
        "annotation": "sparse",
        "concepts_present": ["ulcer", "atypical-pigment-network", "irregular-streaks"],
        "concepts_absent": [],
    }
    names = ["ulcer", "atypical pigment network", "irregular streaks"]
    assert one(expected_grounding_reward, seen(*names), **columns) == 1.0
    clash = one(expected_grounding_reward, seen(*names, "typical pigment network"), **columns)
    assert clash == 0.75 == one(grounding_reward, seen(*names, "typical pigment network"), **columns)
    others = ["multiple colors", "asymmetric shape", "irregular border"]
    silent, denying = seen(*names[1:], *others), "There is no ulcer."
    assert one(expected_grounding_reward, silent, **columns) == 1.0
    denied = silent.replace("</think>", f" {denying}</think>")
    assert one(expected_grounding_reward, denied, **columns) == pytest.approx(5 / 6)  # five allowed, one denied


WEIGHTS = [{"diagnosis": "melanoma", "weight": 0.7}, {"diagnosis": "melanocytic-nevus", "weight": 0.3}]


@pytest.mark.parametrize(
    ("diagnosis", "differential", "low", "high"),
    [
        ("melanoma", ["melanocytic nevus"], 1.0, 1.0),
        ("melanocytic nevus", ["melanoma"], 0.7, 0.9),
        ("melanoma", [], 0.7, 0.9),
        ("psoriasis", ["lichen planus"], 0.0, 0.0),
        ("melanoma", ["melanocytic nevus", "psoriasis", "rosacea"], 1.0, 1.0),  # more names gain nothing
        ("melanoma", ["melanoma", "melanoma"], 0.7, 0.9),  # nor do repeats
    ],
)
def test_differential(diagnosis, differential, low, high):
    paid = one(differential_reward, say(diagnosis, differential=differential), differential=WEIGHTS)
    assert low <= paid <= high


def test_without_own_weights_the_look_alikes_of_the_graph_are_ranked():
    near = [edge.b for edge in neighbors("melanoma")[:4]]
    names = [load_ontology().name(slug) for slug in near]
    columns = {"differential": [], "diagnosis": "melanoma"}
    assert one(differential_reward, say(differential=names), **columns) == 1.0
    alone = one(differential_reward, say(), **columns)
    junk = one(differential_reward, say(differential=["blip", "blop", "blup", names[0]]), **columns)
    assert alone < junk < one(differential_reward, say(differential=names[:1]), **columns) < 1.0
    assert one(differential_reward, say("psoriasis", differential=["melanoma", *names]), **columns) < 0.7


@pytest.mark.parametrize(
    ("findings", "think", "malignancy", "paid"),
    [
        (["ulcer"], "There is an ulcer. This is melanoma.", "malignant", 1.0),
        (["ulcer"], "There is an ulcer, so melanoma.", "malignant", 1.0),
        (["ulcer"], "There is an ulcer.", "malignant", 0.5),  # no conclusion
        (["ulcer"], "There is an ulcer. Melanoma or psoriasis?", "malignant", 0.5),
        (["ulcer"], "There is an ulcer. This is psoriasis.", "malignant", 0.0),  # another conclusion
        (["ulcer"], "There is an ulcer. This is not melanoma.", "malignant", 0.0),  # turned down
        (["ulcer"], "There is an ulcer. This is melanoma. It is benign.", "malignant", 0.0),
        (["ulcer"], "There is an ulcer. This is melanoma.", "benign", 2 / 3),
        (["ulcer"], "There is no ulcer. This is melanoma.", "malignant", 2 / 3),
        ([], "This is melanoma.", "malignant", 2 / 3),  # no grounds
        (["comedo"], "There is a comedo. This is melanoma.", "malignant", 2 / 3),  # grounds of another disease
    ],
)
def test_consistency(findings, think, malignancy, paid):
    text = say(findings=findings, think=think, malignancy=malignancy)
    assert one(consistency_reward, text) == pytest.approx(paid)
    assert one(consistency_reward, "melanoma") == 0.0


def test_a_verb_behind_an_abbreviation_is_no_part_of_it():
    """ "SCC is" reads like "SCC IS", squamous cell carcinoma in situ."""
    think = "An ulcer. SCC is favoured over basal cell carcinoma."
    assert one(consistency_reward, say("squamous cell carcinoma", findings=["ulcer"], think=think)) == 1.0
    assert one(consistency_reward, say("Bowen disease", findings=["ulcer"], think=think)) < 1.0


def test_one_reasoning_for_all_answers_is_a_template():
    same = "The lesion shows what such lesions show, and from that the answer follows at once."
    template = [say(name, think=same) for name in ("melanoma", "psoriasis", "rosacea")]
    own = [
        say(name, think=f"{other} {name}.")
        for name, other in [("melanoma", BOTH), ("psoriasis", "There is scale on a plaque, so")]
    ]
    assert novelty_reward(completions=template, case_id=["a"] * 3) == [0.0] * 3
    assert novelty_reward(completions=template, case_id=["a", "b", "c"]) == [1.0] * 3  # different cases
    assert novelty_reward(completions=template[:1] * 3, case_id=["a"] * 3) == [1.0] * 3  # sure of one answer
    assert novelty_reward(completions=own, case_id=["a"] * 2) == [1.0] * 2
    assert novelty_reward(completions=template) == [1.0] * 3
    assert novelty_reward(completions=[say(think="so it is " * 40)])[0] < 0.1
    assert novelty_reward(completions=["", template[0]], case_id=["a", "a"]) == [0.0, 1.0]


@pytest.mark.parametrize(("words", "paid"), [(3, 0.5), (6, 1.0), (320, 1.0), (480, 0.5), (700, 0.0)])
def test_brevity(words, paid):
    assert one(brevity_reward, say(think=" ".join(f"word{n}" for n in range(words)))) == pytest.approx(paid)


def test_a_repeated_sentence_does_not_fill_the_band():
    assert one(brevity_reward, say(think="It is. " * 3)) == pytest.approx(2 / 6)


COLUMNS = {
    "diagnosis": "melanoma",
    "malignancy": "malignant",
    "concepts_present": ["ulcer"],
    "concepts_absent": ABSENT,
    "differential": WEIGHTS,
    "annotation": "dense",
    "case_id": "one",
}
GOLD = say(findings=["ulcer"], think="There is an ulcer, so this is melanoma.", differential=["nevus"])
HACKS = ["", " ", "melanoma", "<think></think>{}", GOLD + GOLD, GOLD.replace("</think>", ""), "A or B or C", "null"]


@pytest.mark.parametrize("name", reward_fns.__all__)
def test_contract(name):
    reward = getattr(reward_fns, name)
    texts = [GOLD, *HACKS]
    columns = {key: [value] * len(texts) for key, value in COLUMNS.items()}
    paid = reward(prompts=[""] * len(texts), completions=texts, trainer_state=None, **columns)
    assert len(paid) == len(texts)
    assert paid[0] in (1.0, None)
    assert all(value in (0.0, None) for value in paid[1:])
    assert pickle.loads(pickle.dumps(reward)) is reward
    assert reward.__name__ == name
    assert reward(prompts=[], completions=[], **{key: [] for key in columns}) == []


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from([GOLD, *HACKS]), max_size=8).flatmap(lambda t: st.tuples(st.just(t), st.permutations(t)))
)
def test_a_completion_is_paid_by_itself_alone(pair):
    texts, permuted = pair
    for name in reward_fns.__all__:
        reward = getattr(reward_fns, name)
        columns = {key: [value] * len(texts) for key, value in COLUMNS.items()}
        paid = dict(zip(texts, reward(completions=texts, **columns), strict=True))
        assert reward(completions=permuted, **columns) == [paid[text] for text in permuted]


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_any_text_is_paid_within_bounds(text):
    for name in reward_fns.__all__:
        value = getattr(reward_fns, name)(completions=[text], **{key: [value] for key, value in COLUMNS.items()})[0]
        assert value is None or (0.0 <= value <= 1.0 and math.isfinite(value))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rewards") / "corpus"
    sizes = ["--dense", "30", "--sparse", "30", "--validation", "2", "--test", "6", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(folder), *sizes]) == 0
    return folder


def test_weights_of_zero_and_long_differentials_break_nothing():
    many = [{"diagnosis": slug, "weight": 0.1} for slug in list(load_ontology().nodes)[20:34]]
    row = {"diagnosis": many[0]["diagnosis"], "malignancy": "benign", "differential": many}
    row |= {"concepts_present": [], "concepts_absent": [], "annotation": "sparse"}
    assert isinstance(parse(gold_answer(row)), Reading)
    nothing = [{"diagnosis": "melanoma", "weight": 0.0}]
    assert one(differential_reward, say(), differential=nothing) is None


def test_score_reads_predictions_and_names_bad_lines(corpus, tmp_path, capsys):
    case = load_corpus(corpus, "test")[0]["case_id"]
    good = tmp_path / "p.jsonl"
    good.write_text(f'{{"case_id": "{case}", "completion": "melanoma"}}\n')
    command = ["rewards", "score", "--corpus", str(corpus), "--predictions"]
    assert skin_r1([*command, str(good)]) == 0
    assert "format_reward" in capsys.readouterr().out
    for text, says in [("{", "row 1"), ('{"case_id": "x", "completion": ""}', "does not hold"), ("", "is empty")]:
        bad = tmp_path / "bad.jsonl"
        bad.write_text(text)
        assert skin_r1([*command, str(bad)]) == 2
        assert says in capsys.readouterr().err
