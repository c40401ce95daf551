"""The open rule base: enough of it, every rule with a source, and nothing in it against itself."""

from collections import Counter

import pytest

from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.rules import COLUMNS, load_rules, read_rules, rules_of
from skin_r1.vocabulary import excluded_by, expectations, load_concepts
from skin_r1.wording import KNOWLEDGE, read_tsv

RULES = load_rules()
REFERENCES = {row["key"]: row for row in read_tsv(KNOWLEDGE / "references.tsv")}


def test_the_base_is_large_and_says_everything_once():
    assert len(RULES) >= 900 and len({rule.diagnosis for rule in RULES}) >= 150
    assert max(Counter((rule.diagnosis, rule.finding) for rule in RULES).values()) == 1
    assert max(Counter(rule.quote for rule in RULES).values()) == 1
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_every_rule_has_a_source_that_can_be_looked_up():
    assert {rule.source for rule in RULES} == set(REFERENCES), "no source without a rule, no rule without a source"
    assert all(row["citation"] and row["read"] in ("read", "recalled") for row in REFERENCES.values())


def test_each_rule_is_a_sentence_about_a_finding_of_its_modality():
    for rule in RULES:
        assert 6 <= len(rule.quote.split()) <= 25 and rule.quote[0].isupper() and rule.quote.endswith("."), rule.id
        shown = load_concepts()[rule.finding].modality
        assert not rule.modality or not shown or rule.modality in shown, rule.id


def test_no_diagnosis_has_typical_findings_that_exclude_each_other():
    for diagnosis, rules in rules_of(RULES).items():
        typical = {rule.finding for rule in rules if rule.role == "typical"}
        for finding in typical:
            assert not excluded_by(finding) & typical, (diagnosis, finding)


def test_no_rule_calls_rare_what_was_counted_often():
    for rule in RULES:
        count = expectations().get((rule.diagnosis, rule.finding))
        if count is not None and count.total >= 20 and not rule.favors:
            assert count.rate <= 0.3, (rule.id, count)


ROW = {"diagnosis": "psoriasis", "finding": "scale", "role": "typical", "modality": "clinical",
       "quote": "Scale covers psoriasis.", "source": "Me", "page": "7"}  # fmt: skip


def written(folder, **changes):
    row = ROW | changes
    path = folder / "rules.tsv"
    path.write_text("\t".join(COLUMNS) + "\n" + "\t".join(row[column] for column in COLUMNS) + "\n")
    return path


def test_a_file_of_rules_is_read_with_its_page(tmp_path):
    (rule,) = read_rules(written(tmp_path))
    assert rule.page == 7 and rule.id == "psoriasis/scale/Me" and rule.favors
    assert read_rules(written(tmp_path, page=""))[0].page is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"diagnosis": "purple measles"}, "diagnosis vocabulary"),
        ({"finding": "glitter"}, "finding vocabulary"),
        ({"role": "always"}, "typical, supports, rare, excludes"),
        ({"modality": "radio"}, "dermoscopic"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_column(tmp_path, changes, says):
    with pytest.raises(UserError, match=next(iter(changes))) as refused:
        read_rules(written(tmp_path, **changes))
    assert says in str(refused.value)


def test_a_file_without_a_column_or_that_is_missing_is_refused(tmp_path, capsys):
    path = tmp_path / "rules.tsv"
    path.write_text("diagnosis\tfinding\npsoriasis\tscale\n")
    with pytest.raises(UserError, match="lack a column"):
        read_rules(path)
    command = ["distill", "--corpus", str(tmp_path), "--output_dir", str(tmp_path / "out"), "--length", "full"]
    command += ["--rules", "nowhere.tsv"]
    assert skin_r1(command) == 2 and "no such file of rules" in capsys.readouterr().err
