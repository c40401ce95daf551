"""Procedural lesions: drawn again from a seed, showing what they are said to show, and nothing of the diagnosis besides."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.concepts import excluded_by, load_concepts
from skin_r1.lesion.measure import measure
from skin_r1.ontology import load_ontology
from skin_r1.phantom import findings as room
from skin_r1.phantom.findings import (
    DIAGNOSES,
    FINDINGS,
    PRIOR,
    ceiling,
    differential,
    draw_findings,
    posterior,
    probabilities,
)
from skin_r1.phantom.main import PhantomRecipe, make_case
from skin_r1.phantom.render import SKIN, draw

SIZES = ["--dense", "30", "--sparse", "20", "--validation", "10", "--test", "10", "--image_size", "56"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "corpus"
    assert skin_r1(["phantom", "--out", str(folder), "--seed", "5", *SIZES]) == 0
    return folder


def rows(corpus):
    return [row for split in ("train", "validation", "test") for row in load_corpus(corpus, split)]


# ------------------------------------------------------------------------------------------------------ distribution


def test_every_name_is_in_the_ontology_and_the_vocabulary():
    assert set(DIAGNOSES) <= set(load_ontology().nodes)
    assert set(FINDINGS) <= set(load_concepts())
    assert len(PRIOR) == len(DIAGNOSES) and sum(PRIOR) == pytest.approx(1)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 4.0])
def test_probabilities_are_inside_0_and_1(sharpness):
    table = probabilities(sharpness)
    assert table.shape == (len(DIAGNOSES), len(FINDINGS))
    assert np.all((table > 0) & (table < 1))


def test_sharpness_1_keeps_the_estimates_and_more_moves_them_away_from_a_half():
    plain = np.array([[room.estimated(d, f) for f in FINDINGS] for d in DIAGNOSES])
    assert np.allclose(probabilities(1.0), plain)
    assert np.all(np.abs(probabilities(2.0) - 0.5) >= np.abs(plain - 0.5) - 1e-12)


def test_findings_that_exclude_each_other_are_never_drawn_together():
    rng = np.random.default_rng(0)
    for diagnosis in DIAGNOSES:
        for _ in range(200):
            present = draw_findings(diagnosis, rng, 1.0)
            assert not any(excluded_by(finding) & present for finding in present)


def test_the_draws_follow_the_table():
    rng = np.random.default_rng(1)
    table = probabilities(2.0)
    free = [f for f in FINDINGS if not excluded_by(f) & set(FINDINGS)]  # exclusion takes some of the others away
    drawn = [draw_findings("basal-cell-carcinoma", rng, 2.0) for _ in range(1500)]
    for finding in free:
        share = np.mean([finding in present for present in drawn])
        expected = table[DIAGNOSES.index("basal-cell-carcinoma"), FINDINGS.index(finding)]
        assert abs(share - expected) < 0.05, finding


def test_the_posterior_and_the_differential_are_distributions():
    rng = np.random.default_rng(2)
    for diagnosis in DIAGNOSES:
        present = draw_findings(diagnosis, rng)
        assert sum(posterior(present).values()) == pytest.approx(1)
        listed = differential(present)
        assert 2 <= len(listed) <= 3 and sum(listed.values()) == pytest.approx(1)
        assert next(iter(listed)) == max(posterior(present), key=posterior(present).__getitem__)


def test_the_task_is_learnable_but_not_trivial():
    assert ceiling(1.0, cases=1500) < ceiling(2.0, cases=1500) < ceiling(4.0, cases=1500) < 0.97
    assert 0.75 < ceiling(2.0, cases=1500) < 0.92  # far above the commonest diagnosis, far below certainty
    assert max(PRIOR) < 0.25


# ---------------------------------------------------------------------------------------------------------- pictures


def test_the_same_findings_and_generator_give_the_same_picture_whatever_the_diagnosis():
    # Of a case only findings, skin type and generator reach `draw`: rebuild the picture of each without its diagnosis.
    recipe = PhantomRecipe(seed=3, image_size=56)
    for index in range(12):
        case = make_case(recipe, "test", index, dense=True)
        rng = np.random.default_rng([3, 2, index])
        diagnosis = DIAGNOSES[int(rng.choice(len(DIAGNOSES), p=PRIOR))]
        present = draw_findings(diagnosis, rng, recipe.sharpness)
        assert (case.diagnosis, set(case.concepts_present)) == (diagnosis, present)
        skin_type = case.skin_type
        stored = np.asarray(Image.open(io.BytesIO(case.images[0]["bytes"])))
        assert np.array_equal(stored, np.asarray(draw(frozenset(case.concepts_present), skin_type, rng, 56).image))


def test_a_patient_has_one_skin_type_and_some_have_two_lesions():
    recipe = PhantomRecipe(seed=3, image_size=16)
    drawn = [make_case(recipe, "train", index, dense=False) for index in range(40)]
    types = {}
    for case in drawn:
        types.setdefault(case.patient_id, []).append(case.skin_type)
    assert any(len(found) == 2 for found in types.values()) and any(len(found) == 1 for found in types.values())
    assert all(len(set(found)) == 1 for found in types.values())
    assert len({case.skin_type for case in drawn}) == 6


@pytest.mark.parametrize("finding", FINDINGS)
@pytest.mark.parametrize("skin_type", sorted(SKIN))
def test_every_finding_changes_what_is_seen_at_56_pixels(finding, skin_type):
    def seen(present, seed):
        image = draw(frozenset(present), skin_type, np.random.default_rng(seed), 112).image
        return np.asarray(image.resize((56, 56), Image.Resampling.BICUBIC), dtype=float)

    changed = [(np.abs(seen({finding}, s) - seen((), s)).max(axis=2) > 20).sum() for s in range(3)]
    assert np.median(changed) >= 20  # pixels of 3136


def median_measure(present, name):
    values = []
    for seed in range(12):
        phantom = draw(frozenset(present), 2, np.random.default_rng(seed), 112)
        measured = measure(np.asarray(phantom.image), phantom.mask)
        assert measured is not None
        if getattr(measured, name) is not None:  # None: the frame cuts the lesion
            values.append(getattr(measured, name))
    assert len(values) >= 6
    return float(np.median(values))


def test_asymmetric_phantoms_measure_as_more_asymmetric():
    assert median_measure({"asymmetric-shape"}, "asymmetry") > 4 * median_measure((), "asymmetry")


def test_irregular_borders_measure_as_more_irregular():
    plain = median_measure((), "irregularity")
    assert median_measure({"irregular-border"}, "irregularity") > 4 * plain
    smooth = median_measure({"asymmetric-shape"}, "irregularity")
    assert median_measure({"irregular-border"}, "irregularity") > 2 * smooth


# ------------------------------------------------------------------------------------------------------------ corpus


def digest(folder):
    return {
        p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*.parquet"))
    }


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(corpus, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    assert skin_r1(["phantom", "--out", str(again), "--seed", "5", *SIZES]) == 0
    assert skin_r1(["phantom", "--out", str(other), "--seed", "6", *SIZES]) == 0
    assert digest(corpus) == digest(again)
    assert not set(digest(corpus).values()) & set(digest(other).values())


def test_dense_cases_know_every_finding_and_sparse_ones_none(corpus):
    train = list(load_corpus(corpus, "train"))
    assert [row["annotation"] for row in train] == ["dense"] * 30 + ["sparse"] * 20
    for row in rows(corpus):
        if row["annotation"] == "dense":
            assert row["concept_source"] == "annotated"
            assert set(row["concepts_present"]) | set(row["concepts_absent"]) == set(FINDINGS)
            assert not set(row["concepts_present"]) & set(row["concepts_absent"])
            assert sum(d["weight"] for d in row["differential"]) == pytest.approx(1)
        else:
            assert row["split"] == "train" and row["concept_source"] is None
            assert row["concepts_present"] == row["concepts_absent"] == row["differential"] == []


def test_records_are_whole(corpus):
    all_rows = rows(corpus)
    assert len(all_rows) == 70 == len({row["case_id"] for row in all_rows})
    for row in all_rows:
        assert row["diagnosis"] in DIAGNOSES and row["malignancy"] == load_ontology().malignancy(row["diagnosis"])
        assert row["skin_type"] in SKIN and row["images"][0].size == (56, 56) and row["images"][0].mode == "RGB"


def test_the_checksum_is_that_of_the_stored_bytes():
    case = make_case(PhantomRecipe(image_size=56), "train", 0, dense=True)
    assert case.checksum == hashlib.sha256(case.images[0]["bytes"]).hexdigest()


def test_patients_do_not_cross_splits_and_some_have_two_lesions(corpus):
    splits: dict[str, set[str]] = {}
    lesions: dict[str, int] = {}
    for row in rows(corpus):
        splits.setdefault(row["group"], set()).add(row["split"])
        lesions[row["patient_id"]] = lesions.get(row["patient_id"], 0) + 1
    assert all(len(where) == 1 for where in splits.values())
    assert set(lesions.values()) == {1, 2}


def test_the_manifest_counts_the_cases_and_tells_the_ceiling(corpus):
    outputs = json.loads((corpus / "manifest.json").read_text())["outputs"]
    assert {split: sum(counts.values()) for split, counts in outputs["cases"].items()} == {
        "train": 50, "validation": 10, "test": 10,
    }  # fmt: skip
    assert 0.7 < outputs["ceiling_accuracy"] < 0.95


def test_an_existing_folder_is_refused_and_left_as_it_is(corpus, capsys):
    before = digest(corpus)
    assert skin_r1(["phantom", "--out", str(corpus), *SIZES]) == 2
    assert "exists" in capsys.readouterr().err and digest(corpus) == before
    assert not Path(f"{corpus}.partial").exists()


def test_overwrite_replaces_a_corpus_and_nothing_else(tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert skin_r1(["phantom", "--out", str(mine), *SIZES, "--overwrite", "true"]) == 2
    assert "something else" in capsys.readouterr().err and (mine / "thesis.txt").read_text() == "years of work"
    small = ["--dense", "2", "--sparse", "2", "--validation", "1", "--test", "1", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(tmp_path / "a"), *small]) == 0
    first = digest(tmp_path / "a")
    assert skin_r1(["phantom", "--out", str(tmp_path / "a"), *small, "--seed", "8", "--overwrite", "true"]) == 0
    assert digest(tmp_path / "a") != first


def test_an_unknown_key_and_a_bad_sharpness_are_refused(tmp_path, capsys):
    recipe = tmp_path / "phantom.yaml"
    recipe.write_text("dense: 4\nsharpnes: 2\n")
    assert skin_r1(["phantom", "--config", str(recipe), "--out", str(tmp_path / "a")]) == 2
    assert "sharpness" in capsys.readouterr().err
    assert skin_r1(["phantom", "--out", str(tmp_path / "b"), *SIZES, "--sharpness", "0"]) == 2
    assert "sharpness" in capsys.readouterr().err
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()
