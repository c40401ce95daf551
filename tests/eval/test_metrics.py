"""Every metric against numbers worked out by hand, and against scikit-learn where it has the metric."""

import numpy as np
import pytest
from hiclass.metrics import f1 as hiclass_f1
from hiclass.metrics import precision, recall
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from eval.findings import check_findings, per_finding, think_findings
from eval.metrics import NAMES, build_metrics, probability
from skin_r1.taxonomy import load_ontology


def values(scores):
    return {metric.name: metric.value() for metric in build_metrics(scores)}


def test_every_metric_has_a_name_and_a_definition(scored):
    assert list(values([scored(label_scores={"melanoma": 0.0}, votes=("melanoma", None))])) == list(NAMES)
    beyond = {prefix + name for prefix in ("", "votes_") for name in probability.NAMES}
    assert set(NAMES) - set(values([scored()])) == beyond  # nothing is said of them without scores and samples


def test_against_scikit_learn_with_failures_and_names_outside_of_the_truth(scored):
    rng = np.random.default_rng(3)
    classes = ["melanoma", "melanocytic-nevus", "basal-cell-carcinoma"]
    truth = rng.choice(classes, 200, p=[0.2, 0.7, 0.1])
    said = np.where(rng.random(200) < 0.6, truth, rng.choice([*classes, "psoriasis", ""], 200))
    found = values(
        [
            scored(t, p or None, form=None if p else "empty", failure=None if p else "empty")
            for t, p in zip(truth, said, strict=True)
        ]
    )
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, said))
    labels = sorted(set(truth))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, labels=labels, average="macro"), abs=1e-9)
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, said, labels=labels, average="weighted"), abs=1e-9)
    assert found["parse_failure_rate"] == pytest.approx(np.mean(said == ""))
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, said))
    sick = truth != "melanocytic-nevus"
    assert found["malignancy_sensitivity"] == pytest.approx(
        recall_score(sick, np.isin(said, ["melanoma", "basal-cell-carcinoma"]))
    )


def test_a_parse_failure_is_wrong_everywhere(scored):
    failed = {"form": "no JSON", "failure": "no JSON", "predicted": None, "predicted_malignancy": None, "credit": 0.0}
    found = values(
        [
            scored("melanoma", **failed, dense=True, missed=("ulcer",)),
            scored("melanocytic-nevus", **{**failed}),
        ]
    )
    wrong = ("accuracy", "top_5_accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "grounding_recall")
    for name in (*wrong, "hierarchical_accuracy", "hierarchical_recall", "hierarchical_f1"):
        assert found[name] == 0.0, name
    # Nothing was called malignant, but a case that got no answer was not cleared either.
    assert found["malignancy_sensitivity"] == found["malignancy_specificity"] == 0.0
    assert found["parse_failure_rate"] == found["unread_rate"] == found["missed_malignancy_rate"] == 1.0
    assert np.isnan(found["grounding_precision"]) and np.isnan(found["hallucination_rate"])


def test_hierarchical_metrics_against_hiclass(scored):
    rng = np.random.default_rng(5)
    tree = load_ontology()
    leaves = ["melanoma", "melanocytic-nevus", "psoriasis", "basal-cell-carcinoma", "malignant-neoplasm"]
    truth, said = rng.choice(leaves, 300), rng.choice([*leaves, ""], 300)
    found = values([scored(t, p or None) for t, p in zip(truth, said, strict=True)])
    deepest = max(len(tree.path(leaf)) for leaf in leaves)
    paths = [
        [(*tree.path(s), *[""] * deepest)[:deepest] if s else ("",) * deepest for s in side] for side in (truth, said)
    ]
    for name, reference in (("precision", precision), ("recall", recall), ("f1", hiclass_f1)):
        expected = reference(*(np.array(side) for side in paths), average="micro")
        assert found[f"hierarchical_{name}"] == pytest.approx(expected, abs=1e-9), name


def test_the_first_k_names_count_in_the_order_of_the_answer(scored):
    answers = [
        scored("melanoma", "melanoma"),
        scored("melanoma", "psoriasis", differential=(None, "melanoma")),  # third
        scored("melanoma", "psoriasis", differential=("eczema", "eczema", "eczema", "melanoma")),  # fifth
        scored("melanoma", "psoriasis", differential=("eczema", None, "eczema", None, "melanoma")),  # sixth
        scored("melanoma", None, failure="unsure", differential=()),
    ]
    found = values(answers)
    assert (found["accuracy"], found["top_3_accuracy"], found["top_5_accuracy"]) == pytest.approx((0.2, 0.4, 0.6))


def test_malignancy_by_hand(scored):
    answers = [  # truth, said
        ("malignant", "malignant"),
        ("malignant", "premalignant"),
        ("premalignant", "premalignant"),
        ("premalignant", "benign"),
        ("benign", "malignant"),
        ("benign", "indeterminate"),
        ("non-neoplastic", "benign"),
        ("indeterminate", "malignant"),  # in neither
        (None, "malignant"),  # in neither
    ]
    found = values([scored(malignancy=truth, predicted_malignancy=said) for truth, said in answers])
    assert found["malignancy_sensitivity"] == pytest.approx(1 / 2)
    assert found["malignancy_specificity"] == pytest.approx(4 / 5)
    assert found["malignant_or_premalignant_sensitivity"] == pytest.approx(3 / 4)
    assert found["malignant_or_premalignant_specificity"] == pytest.approx(2 / 3)
    assert found["missed_malignancy_rate"] == 0.0


def test_grounding_by_hand(scored):
    def dense(asserted, present, absent, **changes):
        check = check_findings(asserted, present, absent)
        return scored(dense=True, asserted=tuple(dict.fromkeys(asserted)), **check._asdict(), **changes)

    found = values(
        [
            # 2 right, 1 invented, 1 unknown, 1 missed; a repeated finding counts once
            dense(["ulcer", "ulcer", "papule", "scale", "crust"], ["ulcer", "papule", "plaque"], ["scale"]),
            # 1 right, 1 invented, one name that is no concept
            dense(["macule", "scale"], ["macule"], ["scale"], unnamed=("shiny thing",)),
            # sparse: asserts what it likes, and is in no grounding metric
            scored(asserted=("scale",)),
        ]
    )
    assert found["grounding_precision"] == pytest.approx(3 / 5)
    assert found["grounding_recall"] == pytest.approx(3 / 4)
    assert found["grounding_f1"] == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert found["hallucination_rate"] == pytest.approx(2 / 6)
    assert found["unverifiable_finding_rate"] == pytest.approx(2 / 7)


def test_unknown_findings_change_no_grounding_metric(scored):
    def f1(asserted):
        check = check_findings(asserted, ["ulcer", "papule"], ["scale"])
        return values([scored(dense=True, asserted=tuple(asserted), **check._asdict())])["grounding_f1"]

    assert f1(["ulcer", "scale"]) == f1(["ulcer", "scale", "crust", "plaque"])


def test_undefined_metrics_are_nan_not_zero(scored):
    found = values([scored(None, "melanocytic-nevus", credit=None, malignancy=None)])
    assert {name for name, value in found.items() if not np.isnan(value)} == {"parse_failure_rate", "unread_rate"}


def test_agreement_of_reasoning_and_answer(scored):
    found = values(
        [scored(think=("ulcer", "scale"), asserted=("ulcer", "papule")), scored(failure="x", think=("scale",))]
    )
    assert found["think_agreement"] == pytest.approx(1 / 3)


def test_the_reasoning_asserts_what_it_does_not_deny():
    assert think_findings("A papule with an ulcer. No scale is seen. The papule is firm.") == ("papule", "ulcer")


def test_per_finding_counts(scored):
    checks = [
        (check_findings(["ulcer", "scale"], ["ulcer"], ["scale", "crust"]), ["scale", "crust"]),
        (check_findings([], ["ulcer"], []), []),
    ]
    rows = {row.slug: row for row in per_finding(checks)}
    assert rows["ulcer"][1:] == (2, 0, 1, 0, 0, 1.0, 0.5)
    assert rows["scale"][1:] == (0, 1, 0, 1, 0, 0.0, None)
    assert rows["crust"][1:] == (0, 1, 0, 0, 0, None, None)
