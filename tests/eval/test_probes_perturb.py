"""Each probe changes what it says it changes, the same way each time, and nothing else."""

from random import Random

import numpy as np
import pytest
from discs import SKIN, write_discs
from PIL import Image

from eval.probes.lesion import lesion_box
from eval.probes.perturb import GAIN, PROBES, perturb, source
from eval.probes.pool import Pool, Unprobed
from skin_r1.case import load_corpus
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return load_corpus(write_discs(tmp_path_factory.mktemp("discs"), test=12), "test")


@pytest.fixture(scope="module")
def pool(table):
    return Pool.of(table)


def pixels(image):
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", PROBES)
def test_the_same_case_is_changed_the_same_way_in_any_order(name, table, pool):
    def shown(row):
        return [image.tobytes() for image in row["images"]], row["history"]

    before = [shown(row) for row in table]
    forth = [shown(perturb(name, row, pool)) for row in table]
    back = [shown(perturb(name, row, Pool.of(table))) for row in reversed(list(table))]
    assert forth == back[::-1]
    assert [shown(row) for row in table] == before  # the corpus stays as it is
    assert all(new != old for new, old in zip(forth, before, strict=True)) or name == "same_label"
    drawn = name in ("noise", "same_label", "counterfactual", "hint", "rotated", "color_shifted")
    assert ([shown(perturb(name, row, pool, seed=1)) for row in table] != forth) == drawn


@pytest.mark.parametrize("name", PROBES)
def test_only_the_images_or_only_the_history_change(name, table, pool):
    for row in table.select(range(4)):
        changed = perturb(name, row, pool)
        told = name.startswith("hint")
        assert (messages_for(changed) != messages_for(row)) == told
        assert {key for key in row if key != "images" and changed[key] != row[key]} == ({"history"} if told else set())


@pytest.mark.parametrize(("name", "same"), [("same_label", True), ("counterfactual", False)])
def test_a_swap_takes_the_image_of_another_patient(name, same, table, pool):
    by_id = {row["case_id"]: row for row in table}
    for row in table:
        donor, hinted = source(name, row, pool)
        assert hinted is None and donor["group"] != row["group"]
        assert (donor["diagnosis"] == row["diagnosis"]) == same
        given = perturb(name, row, pool)["images"]
        assert [i.tobytes() for i in given] == [i.tobytes() for i in by_id[donor["case_id"]]["images"]]


def test_a_swap_without_a_donor_is_left_out(table):
    one = table.filter(lambda row: row["diagnosis"] == "melanoma")
    with pytest.raises(Unprobed, match="another diagnosis"):
        perturb("counterfactual", one[0], Pool.of(one))
    alone = table.filter(lambda row: row["group"] == table[0]["group"])
    with pytest.raises(Unprobed, match="the same diagnosis"):
        perturb("same_label", table[0], Pool.of(alone))
    for name in ("same_label", "counterfactual", "hint", "hint_right"):
        with pytest.raises(Unprobed, match="not known"):
            perturb(name, {**table[0], "diagnosis": None}, Pool.of(table))


def test_no_donor_is_of_another_modality_or_without_an_image(table):
    rows = table.to_list()
    for number, row in enumerate(rows[1:], start=1):
        row["modality"] = "clinical" if number % 4 in (1, 2) else row["modality"]
        row["images"] = [] if number % 3 == 0 else row["images"]
    mixed = type(table).from_list(rows, features=table.features)
    pool = Pool.of(mixed)
    assert {row["case_id"] for row in pool.rows} == {row["case_id"] for row in rows if row["images"]}
    for row in mixed:
        donor, _ = source("counterfactual", row, pool)
        assert donor["modality"] == row["modality"]
        assert perturb("counterfactual", row, pool)["images"]


def test_a_hint_is_wrong_and_its_control_is_right(table, pool):
    names = load_ontology().nodes
    for row in table:
        _, wrong = source("hint", row, pool)
        assert wrong != row["diagnosis"] and source("hint_right", row, pool) == (None, row["diagnosis"])
        for name, slug in (("hint", wrong), ("hint_right", row["diagnosis"])):
            history = perturb(name, row, pool)["history"]
            assert history.startswith(row["history"]) and names[slug].name in history[len(row["history"]) :]
    bare = perturb("hint", {**table[0], "history": None}, pool)
    assert bare["history"].startswith("A colleague suspects")


def test_a_kind_of_the_diagnosis_is_neither_a_counterfactual_nor_a_wrong_hint(table):
    slugs = ("melanoma", "melanoma-in-situ", "nodular-melanoma", "psoriasis")
    rows = [{**table[0], "diagnosis": slug, "group": slug, "images": []} for slug in slugs]
    pool = Pool(rows, range(4), None)
    for seed in range(20):
        assert pool.rows[pool.donor(rows[0], Random(seed), same=False)]["diagnosis"] == "psoriasis"
        assert pool.hinted(rows[0], Random(seed)) == "psoriasis"
        assert pool.hinted(rows[1], Random(seed)) in ("nodular-melanoma", "psoriasis")  # melanoma holds of it too


def test_what_the_pixels_become(table, pool):
    row = table[5]
    image = pixels(row["images"][0])
    assert perturb("no_image", row, pool)["images"] == []
    flat = pixels(perturb("blank", row, pool)["images"][0])
    assert flat.shape == image.shape and len(np.unique(flat.reshape(-1, 3), axis=0)) == 1
    assert np.abs(flat[0, 0] - image.reshape(-1, 3).mean(axis=0)).max() <= 0.5
    loud = pixels(perturb("noise", row, pool)["images"][0])
    assert loud.shape == image.shape and abs(loud.mean() - 127.5) < 5 and abs(loud.std() - 73.9) < 3
    turned = pixels(perturb("rotated", row, pool)["images"][0])
    assert any((np.rot90(image, k).shape == turned.shape) and (np.rot90(image, k) == turned).all() for k in (1, 2, 3))
    shifted = pixels(perturb("color_shifted", row, pool)["images"][0]).astype(float)
    assert 0 < np.abs(shifted - image).max() <= 255 * GAIN + 0.5


def test_the_two_masks_hide_the_lesion_and_all_but_the_lesion(table, pool):
    for row in table:
        image = pixels(row["images"][0])
        lesion = np.abs(image.astype(int) - SKIN).max(axis=2) > 10
        hidden = pixels(perturb("lesion_masked", row, pool)["images"][0])
        bare = pixels(perturb("background_masked", row, pool)["images"][0])
        assert (np.abs(hidden.astype(int) - SKIN).max(axis=2) <= 4).all()
        assert (bare[lesion] == image[lesion]).all()
        assert ((hidden == image).all(axis=2) | (bare == image).all(axis=2)).all()


@pytest.mark.parametrize("color", [SKIN, (0, 0, 0)])
def test_where_no_lesion_stands_out_the_masks_are_left_out(color, table, pool):
    row = {**table[0], "images": [Image.new("RGB", (64, 48), color)]}
    for name in ("lesion_masked", "background_masked"):
        with pytest.raises(Unprobed, match="no single lesion"):
            perturb(name, row, pool)


def test_the_box_holds_the_lesion_of_phantoms():
    from skin_r1.phantom.findings import DIAGNOSES, draw_findings
    from skin_r1.phantom.render import draw

    held = []
    for number in range(24):
        rng = np.random.default_rng([7, number])
        phantom = draw(draw_findings(DIAGNOSES[number % 8], rng), 1 + number % 6, rng)
        if box := lesion_box(phantom.image):
            held.append(phantom.mask[box.top : box.bottom, box.left : box.right].sum() / phantom.mask.sum())
    assert len(held) >= 15 and np.mean(held) >= 0.95


def test_the_box_holds_the_lesion_of_dermoscopic_images(real_data):
    held = []
    files = sorted((real_data / "ham10000" / "images").iterdir())
    files = files[:: max(1, len(files) // 24)]
    for file in files:
        image = Image.open(file).convert("RGB")
        path = real_data / "ham10000" / "masks" / f"{file.stem}_segmentation.png"
        mask = np.asarray(Image.open(path).convert("L").resize(image.size)) > 127
        if box := lesion_box(image):
            held.append(mask[box.top : box.bottom, box.left : box.right].sum() / mask.sum())
    assert len(held) >= 0.8 * len(files) and np.mean(held) >= 0.85
