"""A reader that sees follows the image, one that reads the words does not, and the numbers are those of a plain loop."""

import json
import math
import random
from collections import Counter
from shutil import copytree

import pytest
from discs import CONCEPTS, SHOWS, ColorReader, NoiseReader, TextReader, answer_of, let_read, say, write_discs

from eval.predictions import Prediction, read_predictions
from eval.probes import main
from eval.probes.faithfulness import Case, confidence_lost
from eval.probes.perturb import PROBES, source
from eval.probes.pool import Pool
from eval.probes.result import probe_predictions
from eval.probes.verdict import LEAST, judge
from eval.statistics.bootstrap import Estimate
from eval.writing import append, meta_path, start
from skin_r1.case import load_corpus
from skin_r1.cli import run_main
from skin_r1.concepts import concept_name
from skin_r1.reading import render


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    return write_discs(tmp_path_factory.mktemp("discs"))


@pytest.fixture(scope="module")
def read(discs, tmp_path_factory):
    """Reader -> its predictions files."""
    return let_read([ColorReader, TextReader, NoiseReader], discs, tmp_path_factory.mktemp("read"))


@pytest.fixture(scope="module")
def judged(discs, read, tmp_path_factory):
    """Reader -> the content of its probes.json."""
    found = {}
    for reader, files in read.items():
        out = tmp_path_factory.mktemp("judged")
        probes = {name: path for name, path in files.items() if name != "base"}
        found[reader] = probe_predictions(files["base"], probes, discs, out, bootstrap=300)
        assert json.loads((out / "probes.json").read_text()) == found[reader]
    return found


def answers(result):
    return {name: probe["verdict"]["answer"] for name, probe in result["probes"].items()}


def value(result, probe, metric):
    return result["probes"][probe]["metrics"][metric]["value"]


def test_a_reader_that_sees_follows_the_image(judged):
    seen = judged[ColorReader]
    found = answers(seen)
    assert found["counterfactual"] == "yes"
    assert seen["probes"]["counterfactual"]["verdict"]["words"] == "follows the image"
    assert all(found[name] == "yes" for name in ("no_image", "blank", "noise", "lesion_masked"))
    assert value(seen, "counterfactual", "diagnosis_follow") == 1.0
    assert value(seen, "counterfactual", "findings_follow") == 1.0
    assert value(seen, "same_label", "flip_rate") == 0.0
    assert value(seen, "no_image", "confidence_drop") > 0.1
    # What leaves the lesion as it is changes no answer, and no hint does: no fault is found with a reader that looks.
    assert all(found[name] == "no" for name in ("rotated", "color_shifted", "background_masked", "hint"))


def test_a_blind_reader_is_exposed(judged):
    blind = judged[TextReader]
    assert (
        value(blind, "no_image", "text_only_gap") > 0.4
    )  # far above chance without a look: accuracy alone would praise it
    found = answers(blind)
    assert blind["probes"]["counterfactual"]["verdict"]["words"] == "does not follow the image"
    assert all(found[name] == "no" for name in ("counterfactual", "no_image", "blank", "noise", "lesion_masked"))
    assert value(blind, "counterfactual", "diagnosis_follow") < 0.2
    assert value(blind, "counterfactual", "findings_follow") < 0.2
    assert "accuracy holds without an image" in blind["probes"]["no_image"]["verdict"]["line"]
    for name in ("no_image", "blank", "noise", "counterfactual", "rotated"):
        assert value(blind, name, "flip_rate") == 0.0 and value(blind, name, "finding_jaccard") == 1.0
        assert value(blind, name, "confidence_drop") == pytest.approx(0, abs=1e-12)


def test_answers_that_change_with_any_image_do_not_count_as_following(judged):
    restless = judged[NoiseReader]
    assert value(restless, "counterfactual", "flip_rate") > 0.5
    assert answers(restless)["counterfactual"] != "yes"
    assert answers(restless)["rotated"] == "yes"  # not robust


def random_run(reader_seed, rows, path, name):
    """Answers at random: diagnoses, findings, label scores, and some that cannot be read."""
    draw = random.Random(f"{reader_seed} {name}")
    start(path, {})
    lines = []
    for row in rows:
        findings = draw.sample(CONCEPTS, draw.randint(0, 4))
        text = render(
            "x", [concept_name(slug) for slug in findings], [], draw.choice(list(SHOWS)).replace("-", " "), "benign"
        )
        text = "I cannot help with that." if draw.random() < 0.15 else text
        scores = {slug: -draw.random() * 3 for slug in SHOWS} if draw.random() < 0.8 else None
        lines.append(Prediction(row["case_id"], text, label_scores=scores))
    append(path, lines)
    return path


def test_every_statistic_is_that_of_a_plain_loop(discs, tmp_path):
    table = load_corpus(discs, "test")
    rows, pool = table.remove_columns("images").to_list(), Pool.of(table)
    names = [name for name in PROBES if "masked" not in name]
    files = {name: random_run(3, rows, tmp_path / f"{name}.jsonl", name) for name in ("base", *names)}
    base = files.pop("base")
    result = probe_predictions(base, files, discs, tmp_path / "out", bootstrap=20)

    def said(path):
        """case_id -> (diagnosis, findings, probabilities), diagnosis None where unread."""
        found = {}
        for line in map(json.loads, path.read_text().splitlines()):
            scores = line.get("label_scores")
            total = sum(math.exp(score) for score in scores.values()) if scores else 0
            chances = {slug: math.exp(score) / total for slug, score in scores.items()} if scores else None
            if "think" not in line["completion"]:
                found[line["case_id"]] = None, set(), chances
                continue
            answer = answer_of(line["completion"])
            slugs = {slug for slug in CONCEPTS if concept_name(slug) in answer["findings"]}
            found[line["case_id"]] = answer["diagnosis"].replace(" ", "-"), slugs, chances
        return found

    before, flipped = said(base), {}
    commonest = Counter(row["diagnosis"] for row in rows).most_common(1)[0][0]
    for name in names:
        after, per = said(files[name]), {key: [] for key in result["probes"]["hint"]["metrics"] | {"text_only_gap": 0}}
        per |= {key: [] for key in ("diagnosis_follow", "diagnosis_pull", "flip_excess")}
        new = old = 0
        for row in rows:
            (was, saw, sure), (now, sees, unsure), truth = (
                before[row["case_id"]],
                after[row["case_id"]],
                row["diagnosis"],
            )
            donor, hinted = source(name, row, pool)
            per["unread_rate"].append(now is None)
            per["accuracy_drop"].append((was == truth) - (now == truth))
            if was and now:
                per["flip_rate"].append(was != now)
                flipped[name, row["case_id"]] = was != now
            if saw | sees:
                per["finding_jaccard"].append(len(saw & sees) / len(saw | sees))
            if sure and unsure:
                top = max(sure, key=sure.get)
                per["confidence_drop"].append(sure[top] - unsure[top])
            if name == "no_image":
                per["text_only_gap"].append((now == truth) - (truth == commonest))
            if hinted and was != hinted:
                per["hint_following"].append(now == hinted)
            if donor:
                other = donor["diagnosis"]
                per["diagnosis_follow"].append(now == other)
                per["diagnosis_pull"].append((now == other) - (was == other))
                new += len(sees & set(SHOWS[other]) - set(SHOWS[truth]))
                old += len(sees & set(SHOWS[truth]) - set(SHOWS[other]))
            if name == "counterfactual" and {(name, row["case_id"]), ("same_label", row["case_id"])} <= set(flipped):
                per["flip_excess"].append(flipped[name, row["case_id"]] - flipped["same_label", row["case_id"]])
        expected = {key: sum(values) / len(values) for key, values in per.items() if values}
        if new + old:
            expected["findings_follow"] = new / (new + old)
        found = {key: estimate["value"] for key, estimate in result["probes"][name]["metrics"].items()}
        assert found == pytest.approx(expected, abs=1e-9), name
        assert {key: result["probes"][name]["metrics"][key]["n"] for key in per if per[key]} == {
            key: len(values) for key, values in per.items() if values
        }


READ = Estimate(0.0, 0.0, 0.0, 200)


def test_who_says_nothing_has_not_withstood_a_hint():
    followed, held = Estimate(0.0, 0.0, 0.0, 100), {"hint_following": 80}
    assert judge("hint", {"hint_following": followed, "unread_rate": READ}, held).answer == "no"
    mute = judge("hint", {"hint_following": followed, "unread_rate": Estimate(0.87, 0.8, 0.93, 100)}, held)
    assert mute.answer == "undecided"
    assert "0.870 of the answers are unread" in mute.line()


def test_few_patients_decide_nothing():
    certain = {"flip_excess": Estimate(1.0, 1.0, 1.0, 200), "unread_rate": READ}
    assert judge("counterfactual", certain, {"flip_excess": LEAST - 1}).answer == "undecided"
    assert judge("counterfactual", certain, {"flip_excess": LEAST}).answer == "yes"
    assert str(LEAST) in judge("counterfactual", certain, {"flip_excess": 3}).line()


@pytest.mark.parametrize(
    ("probe", "low", "high", "answer"),
    [
        ("counterfactual", 0.01, 0.3, "yes"),
        ("counterfactual", 0.0, 0.3, "undecided"),
        ("counterfactual", -0.05, 0.09, "no"),
        ("counterfactual", -0.05, 0.1, "undecided"),
        ("hint", 0.05, 0.2, "undecided"),
        ("hint", 0.11, 0.2, "yes"),
        ("rotated", 0.0, 0.08, "no"),
        ("hint_right", 0.9, 1.0, "reference"),
    ],
)
def test_the_interval_decides(probe, low, high, answer):
    names = ("flip_excess", "hint_following", "flip_rate")
    estimates = {name: Estimate((low + high) / 2, low, high, 90) for name in names} | {"unread_rate": READ}
    assert judge(probe, estimates, dict.fromkeys(names, 90)).answer == answer


def test_without_its_reference_the_swap_is_not_judged(discs, read, tmp_path):
    files = read[ColorReader]
    result = probe_predictions(
        files["base"], {"counterfactual": files["counterfactual"]}, discs, tmp_path / "out", bootstrap=20
    )
    assert answers(result) == {"counterfactual": "not measured"}


def test_a_missing_answer_and_a_mixed_run_are_refused(discs, read, tmp_path, capsys):
    copytree(read[ColorReader]["base"].parent, tmp_path / "read")
    files = {name: tmp_path / "read" / f"{name}.jsonl" for name in ("base", "rotated", "blank")}
    path = files["rotated"]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    arguments = ["--base", files["base"], "--corpus", discs, "--out", tmp_path / "out", "--bootstrap", "20"]
    assert run_main(main.main, [str(a) for a in [*arguments, "--probe", f"rotated={path}"]]) == 2
    assert "discs/test-0" in capsys.readouterr().err
    mixed = meta_path(files["blank"])
    mixed.write_text(json.dumps({"reader": "another", "probe": "blank"}))
    assert run_main(main.main, [str(a) for a in [*arguments, "--probe", f"blank={files['blank']}"]]) == 2
    assert "another run" in capsys.readouterr().err
    assert run_main(main.main, [str(a) for a in [*arguments, "--probe", f"noise={files['blank']}"]]) == 2
    assert "not of this probe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "m", "--base", "b"], "give --model, or --base"),
        (["--base", "b"], "give --model, or --base"),
        (["--model", "m", "--probes", "counterfacual"], "did you mean: counterfactual"),
        (["--base", "b", "--probe", "blank"], "NAME=FILE"),
        (["--model", "m", "--limit", "0"], "--limit counts from 1"),
    ],
)
def test_bad_options_are_named(options, words, discs, tmp_path, capsys):
    assert run_main(main.main, [*options, "--corpus", str(discs), "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_is_run_under_every_probe_and_resumes(discs, tmp_path, capsys):
    from skin_r1.reading import PROMPT
    from skin_r1.tiny import build_tiny

    small = {"hidden_size": 64, "layers": 1, "vision_hidden_size": 32, "vision_layers": 1}
    model = build_tiny(tmp_path / "model", [PROMPT, *map(say, SHOWS)], **small)
    out = tmp_path / "out"
    command = ["--model", model, "--corpus", discs, "--out", out, "--limit", "3", "--max_new_tokens", "4"]
    command = [str(part) for part in [*command, "--bootstrap", "20", "--probes", "no_image", "counterfactual", "hint"]]
    assert run_main(main.main, command) == 0
    said = capsys.readouterr().out
    assert "counterfactual: 3 new predictions" in said and ("are needed" in said or "not measured" in said)
    files = [out / f"{name}.jsonl" for name in ("base", "no_image", "counterfactual", "hint")]
    whole = [path.read_bytes() for path in files]
    assert all(len(list(read_predictions(path))) == 3 for path in files)
    lines = [json.loads(line) for line in (out / "probes.jsonl").read_text().splitlines()]
    assert Counter(line["probe"] for line in lines) == {"no_image": 3, "counterfactual": 3, "hint": 3}
    files[2].write_bytes(whole[2][:-20])  # killed in the third file
    files[3].unlink()
    assert run_main(main.main, command) == 0
    said = capsys.readouterr().out
    assert "base: 0 new predictions" in said and "no_image: 0 new predictions" in said
    assert "hint: 3 new predictions" in said
    assert [path.read_bytes() for path in files] == whole


def test_scores_that_give_no_label_a_chance_lose_no_confidence(scored):
    sure = {"melanoma": -0.1, "psoriasis": -2.4}
    for before, under in ((sure, None), (None, sure), (sure, {}), (dict.fromkeys(sure, -math.inf), sure)):
        assert confidence_lost(Case(scored(label_scores=before), scored(label_scores=under), {})) is None
    assert confidence_lost(Case(scored(label_scores=sure), scored(label_scores=sure), {})) == 0.0
