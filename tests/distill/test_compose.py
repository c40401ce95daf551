"""The composer: nothing is invented, every statement has its source, and no two rationales of a run are near copies."""

import re
from collections import Counter
from itertools import combinations
from random import Random

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from skin_r1.concepts import concept_slug, excluded_by, expectations, load_concepts, mentions
from skin_r1.distill.composer.code import DIGITS, FIELD, SERIALS, digits, grams, overlap, partners, symbols
from skin_r1.distill.composer.compose import compose_full
from skin_r1.distill.composer.say import Voice
from skin_r1.distill.composer.short import answer_only, compose_short
from skin_r1.distill.composer.trajectory import KINDS, possible
from skin_r1.distill.composer.wordings import FOLDER, PLACES, spoken, wordings
from skin_r1.distill.verify import fault
from skin_r1.errors import UserError
from skin_r1.ontology import load_ontology
from skin_r1.reading import Reading, parse
from skin_r1.rules import load_rules
from skin_r1.wording import read_tsv

MOST_SHARED = 0.5


def drawn_rows(count, seed):
    """Cases drawn from the counts: a diagnosis, and each finding that its set annotates with its counted rate."""
    tree, draw = load_ontology(), Random(seed)
    counted = {}
    for (diagnosis, finding), count_of in expectations().items():
        if count_of.total >= 10 and tree.nodes[diagnosis].level in ("diagnosis", "subtype"):
            counted.setdefault((diagnosis, count_of.source), []).append((finding, count_of.rate))
    cases = sorted(key for key in counted if concept_slug(tree.name(key[0])) is None)
    rows = []
    for number in range(count):
        diagnosis, source = draw.choice(cases)
        present = []
        for finding, rate in counted[diagnosis, source]:
            if draw.random() < rate and not excluded_by(finding) & set(present):
                present.append(finding)
        absent = [finding for finding, _ in counted[diagnosis, source] if finding not in present]
        others = [slug for slug in tree.children(tree.nodes[diagnosis].parent) if slug != diagnosis][:2]
        soft = [{"diagnosis": diagnosis, "weight": 0.5}, *({"diagnosis": slug, "weight": 0.25} for slug in others)]
        rows.append(
            {
                "case_id": f"drawn/{number}",
                "diagnosis": diagnosis,
                "malignancy": tree.malignancy(diagnosis),
                "modality": "dermoscopic" if source.startswith("Kawahara") else "clinical",
                "concepts_present": present,
                "concepts_absent": absent,
                "differential": soft if len(others) == 2 and number % 4 == 0 else [],
                "history": "Woman aged 50 to 59, site: leg. Reported: itch." if number % 3 == 0 else None,
                "skin_type": None,
            }
        )
    return rows


@pytest.fixture(scope="module")
def rows():
    return drawn_rows(1200, seed=7)


@pytest.fixture(scope="module")
def written(rows):
    """(row, rationale) of every kind that each case can carry."""
    draw = Random(1)
    return [(row, compose_full(row, kind, draw.randrange(SERIALS))) for row in rows for kind in possible(row)]


def thought(composed):
    return " ".join(sentence.text for sentence in composed.sentences)


def test_every_kind_is_written_often(written):
    counts = Counter(composed.kind for _, composed in written)
    assert set(counts) == set(KINDS) and min(counts.values()) >= 100 and len(written) > 5000, counts


def test_findings_are_exactly_the_case_s(written):
    for row, composed in written:
        present, absent = set(row["concepts_present"]), set(row["concepts_absent"])
        found = mentions(thought(composed))
        affirmed = {each.slug for each in found if not each.negated}
        denied = {each.slug for each in found if each.negated}
        assert affirmed == present, (affirmed ^ present, thought(composed))
        assert denied <= absent, (denied - absent, thought(composed))
        reading = parse(composed.completion)
        assert isinstance(reading, Reading) and reading.think == thought(composed)
        assert Counter(reading.finding_slugs) == Counter(row["concepts_present"])
        assert [load_concepts()[slug].name for slug in reading.finding_slugs] == list(reading.findings)


def test_rationales_pass_verification(written):
    faults = Counter()
    names = [load_ontology().name(slug).lower() for slug in load_ontology().nodes]
    for row, composed in written:
        reason = fault(composed.completion, row, answer=composed.diagnosis)
        if reason:
            said = re.sub(r"^(under|from|of|in|is) ", "", re.findall(r"'([^']*)'", reason)[0].lower())
            # The checks may read a disease's name ("burn", "pruritic disease") as a complaint; no wording may fail.
            faults[reason] += not any(said in name for name in names)
    assert sum(faults.values()) <= 0.001 * len(written), faults.most_common(10)


def test_every_statement_about_a_finding_names_a_source_that_exists(written):
    known = {rule.id for rule in load_rules()}
    for row, composed in written:
        for sentence in composed.sentences:
            assert set(sentence.findings) <= {*row["concepts_present"], *row["concepts_absent"]}
            for basis in sentence.basis:
                if match := re.fullmatch(r"counts:([\w-]+) (\d+)/(\d+)", basis):
                    assert match[1] == "all" or match[1] in load_ontology().nodes
                    assert int(match[2]) <= int(match[3]) >= 10
                else:
                    assert basis in known or basis in ("taxonomy", "differential", "history"), basis
        bare = [s for s in composed.sentences if s.findings and not s.basis]
        # Without a source a sentence may only say what is seen, or that it is unspecific.
        assert {finding for s in bare for finding in s.findings} <= set(row["concepts_present"])


def test_the_answer_and_what_was_weighed(written):
    tree = load_ontology()
    for row, composed in written:
        reading = parse(composed.completion)
        assert reading.diagnosis_slug == composed.diagnosis and reading.malignancy == row["malignancy"]
        assert None not in reading.differential_slugs and composed.diagnosis not in reading.differential_slugs
        for other in reading.differential:
            assert other.lower() in reading.think.lower(), "what the answer lists was weighed"
        if composed.diagnosis != row["diagnosis"]:
            assert composed.kind == "coarse_to_fine" and composed.diagnosis in tree.ancestors(row["diagnosis"])
            assert tree.malignancy(composed.diagnosis) == row["malignancy"]


@pytest.mark.parametrize("kind", ["switch_neighbor", "switch_random"])
def test_a_switch_names_the_true_answer_only_after_evidence(written, kind):
    for _, composed in written:
        if composed.kind == kind:
            other = parse(composed.completion).differential[0].lower()
            text = thought(composed).lower().replace(other, "RIVAL")  # "lentigo maligna melanoma" is not "melanoma"
            before = text.split(load_ontology().name(composed.diagnosis).lower())[0]
            assert "RIVAL" in before and len(before.split()) > 25, thought(composed)


def test_random_rivals_are_of_another_family(written):
    tree = load_ontology()
    for row, composed in written:
        if composed.kind.endswith("random"):
            (other,) = parse(composed.completion).differential_slugs
            families = {slug for slug in tree.path(other) if tree.nodes[slug].level == "family"}
            assert not families & set(tree.path(row["diagnosis"])), (row["diagnosis"], other)


def test_context_comes_from_the_history_alone(written):
    for row, composed in written:
        told = "aged 50 to 59" in thought(composed)
        assert told == (row["history"] is not None)


def test_what_a_case_cannot_carry_is_refused(rows):
    bare = rows[0] | {"concepts_present": []}
    assert possible(bare) == ()
    with pytest.raises(UserError, match="cannot carry"):
        compose_full(bare, "direct", 0)
    seen = next(row for row in rows if row["concepts_present"])
    for serial in (-1, SERIALS):
        with pytest.raises(UserError):
            compose_full(seen, "direct", serial)
    alone = seen | {"concepts_absent": [], "differential": []}
    assert "absent" not in possible(alone) and "uncertain" not in possible(alone)
    decided = seen | {"differential": [{"diagnosis": seen["diagnosis"], "weight": 1.0}]}
    assert "uncertain" not in possible(decided)
    scar = seen | {"diagnosis": "scar", "malignancy": "non-neoplastic", "concepts_present": ["scar"]}
    assert possible(scar) == (), "naming the diagnosis would claim the finding"


def test_equal_input_gives_equal_bytes_and_serials_vary_register_order_and_words(rows):
    row = max(rows, key=lambda each: len(each["concepts_present"]))
    assert compose_full(row, "direct", 5) == compose_full(row, "direct", 5)
    assert {Voice(serial).register for serial in range(30)} == {"plain", "clinical"}
    texts = [thought(compose_full(row, "direct", serial * 9973)) for serial in range(200)]
    assert len(set(texts)) == 200
    orders = {tuple(parse(compose_full(row, "direct", n * 9973).completion).findings) for n in range(50)}
    assert len(orders) > 3


# The code


def test_two_serial_numbers_agree_in_at_most_five_places():
    draw = Random(0)
    sample = [symbols(digits(draw.randrange(SERIALS))) for _ in range(1500)]
    table = np.array(sample)
    agree = (table[:, None, :] == table[None, :, :]).sum(axis=2)
    np.fill_diagonal(agree, 0)
    assert agree.max() <= DIGITS - 1
    for places in combinations(range(FIELD), DIGITS - 1):
        own = symbols(digits(12345))
        for other in partners(12345, places)[:2]:
            theirs = symbols(digits(other))
            assert [x for x in range(FIELD) if own[x] == theirs[x]] == list(places)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_of_two_thousand_rationales_about_one_case_share_half(rows, kind):
    able = [row for row in rows if kind in possible(row)]
    row = min(able, key=lambda each: len(thought(compose_full(each, kind, 1)).split()))  # short: the hardest
    draw = Random(2)
    texts = [grams(thought(compose_full(row, kind, serial))) for serial in draw.sample(range(SERIALS), 2000)]
    number = {gram: at for at, gram in enumerate(sorted(set().union(*texts)))}
    places = [[number[gram] for gram in text] for text in texts]
    ends = np.cumsum([0, *map(len, places)])
    held = csr_matrix((np.ones(ends[-1], np.float32), np.concatenate(places), ends), (len(texts), len(number)))
    shared = (held @ held.T).toarray()
    np.fill_diagonal(shared, 0)
    sizes = np.diff(ends)
    assert (shared / np.minimum(sizes[:, None], sizes[None, :])).max() <= MOST_SHARED


@pytest.mark.parametrize("kind", KINDS)
def test_the_worst_partners_there_are_share_at_most_half(rows, kind):
    """Serial numbers that agree in five chosen places, for many choices of the five: random pairs rarely come so near."""
    draw = Random(3)
    able = [row for row in rows if kind in possible(row)]
    ways = list(combinations(range(FIELD), DIGITS - 1))
    for row in draw.sample(able, 6):
        serial = draw.randrange(SERIALS)
        text = thought(compose_full(row, kind, serial))
        for places in draw.sample(ways, 250):
            other = thought(compose_full(row, kind, draw.choice(partners(serial, places))))
            assert overlap(text, other) <= MOST_SHARED, (text, other)


def test_overlap_counts_shared_runs_of_eight_words():
    words = [f"w{n}" for n in range(20)]
    assert overlap(" ".join(words), " ".join(words)) == 1.0
    assert overlap(" ".join(words), " ".join(words[:12])) == 1.0
    assert overlap(" ".join(words), " ".join(reversed(words))) == 0.0
    assert overlap(" ".join(words), " ".join([*words[:10], "x", *words[11:]])) == (3 + 2) / 13
    assert overlap("too short", "too short") == 0.0


# The tables


def test_every_concept_can_be_said_and_is_read_back():
    assert set(spoken()) == set(load_concepts())
    for slug, said in spoken().items():
        for text in {said.phrase, said.glossed}:
            assert {(m.slug, m.negated) for m in mentions(f"There is {text} here.")} == {(slug, False)}, text
            assert len(text.split()) <= 7
        assert {(m.slug, m.negated) for m in mentions(f"I find no {said.noun} here.")} == {(slug, True)}


def test_every_table_has_thirteen_wordings_that_differ_and_claim_nothing():
    assert {table for table, _ in wordings()} == {*PLACES, "aside"}
    for (table, _), pairs in wordings().items():
        assert len({one for one, _ in pairs}) == FIELD, table
        for pair in pairs:
            for text in pair:
                assert not re.search(r"[\[\]|]", text)
                assert not mentions(re.sub(r"\{\w+\}", "x", text)), text


def test_wordings_of_one_table_share_no_eight_words_even_around_long_names():
    long = {"n": "nine", "k": "kay", "level": "level1 level2"}
    seen = {}
    for row in read_tsv(FOLDER / "sentences.tsv"):

        def slot(match):
            return long.get(match[1].lower(), " ".join(f"{match[1].lower()}{n}" for n in range(4)))

        text = re.sub(r"\{(\w+)\}", slot, re.sub(r"\[([^|]*)\|[^\]]*\]", r"\1", row["text"]))
        for gram in grams(text):
            assert seen.setdefault((row["table"], gram), row["text"]) == row["text"], row["text"]


# The one wording of the embedded model

PINNED = {
    "diagnosis": "melanoma", "malignancy": "malignant", "case_id": "x/1",
    "concepts_present": ["irregular-streaks", "atypical-pigment-network", "asymmetric-shape"], "concepts_absent": [],
    "differential": [{"diagnosis": "melanocytic-nevus", "weight": 0.2}, {"diagnosis": "melanoma", "weight": 0.8}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("order", "change", "think", "findings", "differential", "diagnosis", "malignancy"),
    [
        ("canonical", {},
         "The lesion shows atypical pigment network, irregular streaks and asymmetric shape. This suggests melanoma. "
         "Less likely: melanocytic nevus, which seldom shows irregular streaks.",
         '"atypical pigment network", "irregular streaks", "asymmetric shape"', '"melanocytic nevus"', "melanoma",
         "malignant"),
        ("shuffled", {},
         "The lesion shows atypical pigment network, asymmetric shape and irregular streaks. This suggests melanoma. "
         "Less likely: melanocytic nevus, which seldom shows irregular streaks.",
         '"atypical pigment network", "asymmetric shape", "irregular streaks"', '"melanocytic nevus"', "melanoma",
         "malignant"),
        ("canonical", {"concepts_present": [], "differential": []},
         "I see no marked finding. This suggests melanoma. Also possible: metastatic melanoma.",
         "", '"metastatic melanoma"', "melanoma", "malignant"),
        ("canonical", {"diagnosis": "psoriasis", "malignancy": "non-neoplastic", "concepts_present": ["scale"],
                       "differential": []},
         "The lesion shows scale. This suggests psoriasis. Less likely: lichen planus, which seldom shows scale.",
         '"scale"', '"lichen planus"', "psoriasis", "non-neoplastic"),
    ],
)  # fmt: skip
def test_the_short_text_is_what_it_always_was(order, change, think, findings, differential, diagnosis, malignancy):
    answer = (
        f'{{"findings": [{findings}], "differential": [{differential}], "diagnosis": "{diagnosis}", '
        f'"malignancy": "{malignancy}"}}'
    )
    text = compose_short(PINNED | change, seed=1, order=order)
    assert text == f"<think>{think}</think>\n{answer}"


def test_the_label_alone_is_what_it_always_was():
    expected = '{"findings": [], "differential": [], "diagnosis": "melanoma", "malignancy": "malignant"}'
    assert answer_only(PINNED) == f"<think>The label alone.</think>\n{expected}"
