"""The critic learns findings from few annotated images and is silent where it is not sure."""

import json

import numpy as np
import pytest

from skin_r1.case import load_corpus
from skin_r1.cli import main as skin_r1
from skin_r1.errors import UserError
from skin_r1.phantom.main import PhantomRecipe, make_case
from skin_r1.train.data.critic import SIDE, criticize, probabilities, train_critic
from skin_r1.train.data.rows import training_rows
from tests.train.conftest import SMALL_GRPO, TINY

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("critic") / "corpus"
    sizes = ["--dense", "120", "--sparse", "60", "--validation", "60", "--test", "2", "--image_size", "64"]
    assert skin_r1(["phantom", "--out", str(folder), "--seed", "6", *sizes]) == 0
    return folder


def test_what_the_critic_is_sure_of_is_mostly_there(phantoms):
    rows = training_rows(phantoms, "all")
    done = criticize(phantoms, rows, steps=250, seed=0)
    right = wrong = 0
    for before, after in zip(rows, done.rows, strict=True):
        if before["annotation"] == "dense":
            assert after == before  # what people annotated is left as it is
            continue
        index = int(before["case_id"].rsplit("-", 1)[1])
        recipe = PhantomRecipe(seed=6, dense=120, image_size=64)
        truth = set(make_case(recipe, "train", index, dense=True).concepts_present)
        right += len(truth & set(after["concepts_present"])) + len(set(after["concepts_absent"]) - truth)
        wrong += len(set(after["concepts_present"]) - truth) + len(truth & set(after["concepts_absent"]))
    assert right > 100 and wrong / (right + wrong) < 0.1
    assert done.facts["used"] and done.facts["sure_share"] > 0.7
    assert done.facts["annotated_images"] == 120 and done.facts["label_only_images"] == 60
    assert not set(done.facts["findings"]) & set(done.facts["left_out"])
    assert load_corpus(phantoms, "train")[150]["concepts_present"] == []  # the corpus itself stays as it was


def test_the_seed_fixes_the_critic_and_unknown_labels_teach_nothing():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 3, SIDE, SIDE), dtype=np.uint8)
    labels = rng.integers(0, 2, (40, 2)).astype(np.float32)
    first, again = (probabilities(train_critic(pixels, labels, steps=5, seed=1), pixels) for _ in range(2))
    assert np.array_equal(first, again) and first.shape == (40, 2) and 0 <= first.min() <= first.max() <= 1
    other = probabilities(train_critic(pixels, labels, steps=5, seed=2), pixels)
    assert not np.array_equal(first, other)
    labels[:, 1] = np.nan
    assert np.isfinite(probabilities(train_critic(pixels, labels, steps=5, seed=1), pixels)).all()


def test_a_finding_that_fails_the_validation_split_stays_unknown(phantoms, monkeypatch):
    monkeypatch.setattr("skin_r1.train.data.critic.WRONG", -1.0)  # nothing is good enough
    done = criticize(phantoms, training_rows(phantoms, "all"), steps=2, seed=0)
    assert done.facts["findings"] == [] and done.facts["left_out"]
    assert all(not row["concepts_present"] for row in done.rows if row["annotation"] == "sparse")


def test_a_critic_that_is_sure_of_little_stays_silent(phantoms, monkeypatch, capsys):
    monkeypatch.setattr("skin_r1.train.data.critic.LEAST_SURE", 1.01)
    rows = training_rows(phantoms, "all")
    done = criticize(phantoms, rows, steps=2, seed=0)
    assert done.facts["used"] is False and "stays silent" in capsys.readouterr().out
    assert [row["concepts_absent"] for row in done.rows] == [row["concepts_absent"] for row in rows]


def test_too_few_annotated_images_are_refused(tmp_path):
    sizes = ["--dense", "3", "--sparse", "4", "--validation", "1", "--test", "1", "--image_size", "32"]
    assert skin_r1(["phantom", "--out", str(tmp_path / "few"), *sizes]) == 0
    with pytest.raises(UserError, match="nothing to learn from"):
        criticize(tmp_path / "few", training_rows(tmp_path / "few", "all"), steps=2, seed=0)


def test_grpo_tells_in_its_manifest_what_the_critic_did(phantoms, checkpoint, tmp_path):
    command = ["grpo", "--config", str(TINY / "grpo.yaml"), "--corpus", str(phantoms), "--output_dir"]
    command += [str(tmp_path / "run"), "--model_name_or_path", str(checkpoint), *SMALL_GRPO, "--critic_steps", "20"]
    assert skin_r1(command) == 0
    critic = json.loads((tmp_path / "run" / "manifest.json").read_text())["outputs"]["critic"]
    assert critic["seconds"] > 0 and critic["label_only_images"] == 60 and critic["validation"]
