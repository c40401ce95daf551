"""Votes, a temperature and a set: numbers worked out by hand, and figures on simulated cases."""

import json
import math

import numpy as np
import pytest
from answering import MELANOMA, NEVUS, WART, answered

from eval.calibration.conformal import fit_conformal, prediction_sets
from eval.calibration.consistency import consistency_table
from eval.calibration.temperature import fit_temperature, scale
from skin_r1.errors import UserError
from skin_r1.serve.answer.confidence import Calibration, prediction_set, probabilities, read_calibration
from skin_r1.serve.answer.settings import AnswerSettings

FILE = {"method": "agreement", "model": "m", "samples": 5, "temperature": 2.0}
FILE |= {"conformal_threshold": 0.7, "alpha": 0.1, "n": 400}


def calibration(**fields):
    return Calibration(**(FILE | fields))


def test_equal_answers_are_never_certain():
    assert probabilities({"a": 5}, 5, None) == {"a": 5 / 6}
    assert probabilities({"a": 1}, 1, None) == {"a": 1 / 2}
    assert probabilities({"a": 3, "b": 1}, 5, None) == {"a": 3 / 6, "b": 1 / 6}  # the fifth could not be read


def test_a_temperature_by_hand():
    # p = 4/6, 1/6 and 1/6 for something else; square roots, over their sum
    found = probabilities({"a": 4, "b": 1}, 5, calibration())
    total = math.sqrt(4) + 1 + 1
    assert found == pytest.approx({"a": 2 / total, "b": 1 / total})
    assert probabilities({"a": 4, "b": 1}, 5, calibration(temperature=1.0)) == pytest.approx({"a": 4 / 6, "b": 1 / 6})
    assert probabilities({"a": 5}, 5, calibration(temperature=0.01))["a"] == pytest.approx(1.0)  # no overflow


def test_the_set_holds_what_is_strange_at_most_by_the_limit():
    found = {"a": 0.5, "b": 0.3, "c": 0.1}
    assert prediction_set(found, calibration()) == ["a", "b"]
    assert prediction_set(found, calibration(conformal_threshold=0.4)) == []
    assert prediction_set(found, calibration(conformal_threshold=None)) is None is prediction_set(found, None)


def test_the_server_scales_as_the_evaluation_fits():
    """The same votes through eval's table, temperature and sets: one vote more that names nothing is our extra outcome."""
    rng = np.random.default_rng(0)
    classes = ["melanoma", "melanocytic-nevus", "verruca-vulgaris"]
    truth = rng.choice(classes, 300)
    cases = [list(rng.choice([t, *classes, None], 5, p=[0.5, 0.15, 0.15, 0.1, 0.1])) for t in truth]
    table = consistency_table([[*answers, None] for answers in cases], list(truth), [None] * 300)
    temperature = fit_temperature(table, split="validation")
    scaled = scale(table, temperature.value)
    limit = fit_conformal(scaled, split="validation", method="lac")
    taught = calibration(temperature=temperature.value, conformal_threshold=limit.limit)
    sets = prediction_sets(scaled, limit)
    for row, answers in enumerate(cases):
        votes = {slug: answers.count(slug) for slug in answers if slug is not None}
        found = probabilities(votes, 5, taught)
        assert found == pytest.approx({slug: scaled.p[row, scaled.classes.index(slug)] for slug in votes}, abs=1e-9)
        assert set(prediction_set(found, taught)) == {
            slug for slug, own in zip(scaled.classes, sets[row], strict=True) if own
        }


def test_a_calibrated_answer_says_so():
    settings = AnswerSettings(samples=5, calibration=calibration())
    confidence = answered(NEVUS, NEVUS, NEVUS, NEVUS, WART, settings=settings)["confidence"]
    assert confidence["calibrated"] and confidence["value"] == pytest.approx(0.5)
    assert confidence["prediction_set"] == ["melanocytic-nevus"] and "400 validation cases" in confidence["note"]
    doubtful = answered(NEVUS, NEVUS, NEVUS, MELANOMA, MELANOMA, settings=settings)["confidence"]
    assert doubtful["value"] is None and doubtful["prediction_set"] == ["melanocytic-nevus", "melanoma"]


def test_the_file_is_read_and_checked(tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(FILE))
    assert read_calibration(file, "m") == calibration()
    for key, wrong in (
        ("method", "label_likelihood"),
        ("model", "another"),
        ("samples", 1),
        ("temperature", 0),
        ("temperature", True),
        ("conformal_threshold", 1.5),
        ("alpha", 1),
        ("n", 0),
    ):
        file.write_text(json.dumps(FILE | {key: wrong}))
        with pytest.raises(UserError, match=key):
            read_calibration(file, "m")
    for broken in ("{", "[]", json.dumps({"temperature": 1}), json.dumps(FILE | {"more": 1}), '{"temperature": NaN}'):
        file.write_text(broken)
        with pytest.raises(UserError, match="calibration"):
            read_calibration(file, "m")
    with pytest.raises(UserError):
        read_calibration(tmp_path / "nowhere.json", "m")


def test_a_calibration_of_other_samples_is_refused():
    with pytest.raises(UserError, match="samples"):
        AnswerSettings(samples=3, calibration=calibration())
