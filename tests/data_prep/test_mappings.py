"""The loop of curation: proposals, a person's choice, the check, and the export."""

from pathlib import Path

import pytest

from data_prep.mappings import CURATED, HEAD, check
from skin_r1.cli import main as skin_r1
from skin_r1.ontology import load_ontology
from skin_r1.wording import KNOWLEDGE, read_tsv

LABELS = "melanoma\nseborheic keratosys\nseborheic keratosys\nr/o melanoma\nzzqx\n"


def test_a_person_turns_proposals_into_a_table_that_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, proposals = tmp_path / "labels.txt", tmp_path / "p.sssom.tsv"
    labels.write_text(LABELS)
    assert skin_r1(["data", "resolve", "--file", str(labels), "--propose", str(proposals)]) == 0
    assert "3 of 4 labels do not resolve" in capsys.readouterr().out
    rows = list(read_tsv(proposals))
    first = rows[0]
    assert first["subject_label"] == "seborheic keratosys" and first["object_id"] == "SKINR1:seborrheic-keratosis"
    assert 0.4 < float(first["confidence"]) < 1 and "occurs 2 times" in first["comment"]
    assert {row["object_id"] for row in rows if row["subject_label"] == "r/o melanoma"} == {
        "SKINR1:melanoma",
        "sssom:NoTermFound",
    }
    assert [row["object_id"] for row in rows if row["subject_label"] == "zzqx"] == ["sssom:NoTermFound"]
    assert skin_r1(["data", "validate", "--mappings", str(proposals)]) == 2  # nobody has judged yet
    assert "no person's word" in capsys.readouterr().err
    assert skin_r1(["data", "resolve", "x", "--propose", str(proposals)]) == 2  # and nothing is written over

    lines = proposals.read_text().splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("seborheic")][0]
    head = [line for line in lines if line.startswith(("#", "subject_label"))]
    proposals.write_text("\n".join([*head, lines[at].replace("semapv:LexicalMatching", CURATED)]) + "\n")
    assert skin_r1(["data", "validate", "--mappings", str(proposals)]) == 0
    assert "1 mappings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("x\trdfs literal\tskos:exactMatch\tSKINR1:melanomma\tJ\t", "no diagnosis of the ontology"),
        ("x\trdfs literal\tskos:exactMatch\tmelanoma\tJ\t", "no diagnosis of the ontology"),
        ("x\trdfs literal\tskos:likeMatch\tSKINR1:melanoma\tJ\t", "skos:broadMatch"),
        ("x\trdfs literal\tskos:exactMatch\tSKINR1:melanoma\tsemapv:LexicalMatching\t", "no person's word"),
        ("\trdfs literal\tskos:exactMatch\tSKINR1:melanoma\tJ\t", "blank"),
        ("psoriasis\trdfs literal\tskos:exactMatch\tSKINR1:eczema\tJ\t", "which names psoriasis"),
        ("malignant blob\trdfs literal\tskos:exactMatch\tSKINR1:wart\tJ\t", "speak of something else"),
        ("benign thing\trdfs literal\tskos:exactMatch\tSKINR1:melanoma\tJ\t", "speak of something else"),
        (
            "x\trdfs literal\tskos:exactMatch\tSKINR1:melanoma\tJ\t\nX\ta\tskos:exactMatch\tSKINR1:wart\tJ\t",
            "used already in row",
        ),
        ("x\trdfs literal\tskos:exactMatch", "number of cells"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, says: str
) -> None:
    file = tmp_path / "m.sssom.tsv"
    header = "subject_label\tsubject_type\tpredicate_id\tobject_id\tmapping_justification\tcomment\n"
    file.write_text(HEAD.format(name="m") + header + row.replace("\tJ", f"\t{CURATED}") + "\n")
    assert skin_r1(["data", "validate", "--mappings", str(file)]) == 2
    said = capsys.readouterr().err
    assert says in said and str(file) in said and "row " in said


def test_a_missing_column_and_a_missing_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.sssom.tsv"
    file.write_text("# only\nsubject_label\tobject_id\nx\tSKINR1:melanoma\n")
    assert skin_r1(["data", "validate", "--mappings", str(file)]) == 2
    assert "predicate_id" in capsys.readouterr().err
    assert skin_r1(["data", "validate", "--mappings", str(tmp_path / "none.tsv")]) == 2
    assert skin_r1(["data", "validate"]) == 2
    assert "give CORPUS or --mappings" in capsys.readouterr().err


@pytest.mark.parametrize("file", sorted((KNOWLEDGE / "mappings").glob("*.sssom.tsv")), ids=lambda f: f.name)
def test_every_committed_table_passes_its_own_check(file: Path) -> None:
    count, wrong = check(file)
    assert count > 0 and not wrong, "\n".join(map(str, wrong))


def test_the_export_holds_every_name_and_can_be_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "all.sssom.tsv"
    assert skin_r1(["data", "resolve", "--export", str(out)]) == 0
    rows = list(read_tsv(out))
    tree = load_ontology()
    named = {(row["subject_label"], row["object_id"].removeprefix("SKINR1:")) for row in rows}
    assert all((node.name, slug) in named for slug, node in tree.nodes.items())
    assert len(rows) > 3000 and f"{len(rows)} mappings" in capsys.readouterr().out
