"""Alarms: none on sound runs, drawn or real; each failure raises its own, once; stops, and the same after a resume."""

import json
import math
from pathlib import Path
from random import Random

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from skin_r1.errors import UserError
from skin_r1.train.monitor.alarms import Alarm, alarms, best_since, evaluations
from skin_r1.train.monitor.rules import RULES
from skin_r1.train.monitor.watch import FILE, Watch

SOUND = Path(__file__).with_name("sound_run.json")
"""log_history.json of `skin-r1 grpo --config recipes/tiny/grpo.yaml` over the demo's SFT model and a corpus of
`skin-r1 phantom --sparse 1500`, with --critic_steps 0 --per_device_train_batch_size 96 --logging_steps 4."""


def drawn(logs=40, seed=0, evaluate_every=0):
    """A sound run with the noise of the tiny model's: the rewards rise or stay, entropy falls by a third."""
    random = Random(seed)
    gain = random.choice([0.0, 0.15])
    history = []
    for at in range(logs):
        part = at / logs
        right = min(1.0, max(0.0, 0.45 + gain * part + random.gauss(0, 0.04)))
        found = min(1.0, max(0.0, 0.5 + 0.3 * part + random.gauss(0, 0.03)))
        entry = {
            "step": 5 * (at + 1),
            "loss": random.gauss(0, 0.01),
            "grad_norm": abs(random.gauss(0.2, 0.05)),
            "entropy": 0.07 * (1 - part / 3) * random.uniform(0.8, 1.25),
            "kl": abs(random.gauss(0.03, 0.01)),
            "completions/mean_length": random.gauss(36, 1.5),
            "completions/clipped_ratio": abs(random.gauss(0, 0.01)),
            "groups/zero_std": min(1.0, max(0.0, 0.35 + 0.3 * part + random.gauss(0, 0.05))),
            "sampling/sampling_logp_difference/mean": random.uniform(0.0, 0.06),
            "reward": right + found + 0.2,
        }
        for name, mean in (("format", 1.0), ("diagnosis", right), ("grounding", found)):
            entry[f"rewards/{name}_reward/mean"] = mean
            entry[f"rewards/{name}_reward/std"] = 0.0 if name == "format" else random.uniform(0.3, 0.45)
        history.append(entry)
        if evaluate_every and (at + 1) % evaluate_every == 0:
            diagnosis = 0.45 + gain * part + random.gauss(0, 0.01)
            history.append({"step": entry["step"], "eval_loss": 0.0, "eval_rewards/diagnosis_reward/mean": diagnosis})
    return history


def raised(history):
    return [alarm for end in range(1, len(history) + 1) for alarm in alarms(history[:end], RULES)]


def test_a_real_sound_run_raises_none():
    history = json.loads(SOUND.read_text())
    assert sum("loss" in entry for entry in history) >= 10 and "groups/zero_std" in history[0]
    assert raised(history) == []


def test_sound_drawn_runs_raise_none():
    found = [(seed, alarm.text()) for seed in range(60) for alarm in raised(drawn(60, seed))]
    assert found == []


def from_log(start, **change):
    """A history whose metrics change from a log on; a function gets the logs since."""

    def changed(history):
        for since, entry in enumerate(history[start:]):
            for name, new in change.items():
                entry[name] = new(since, entry) if callable(new) else new
        return history

    return changed


def fixed(name):
    return {f"rewards/{name}_reward/std": 0.0, f"rewards/{name}_reward/mean": 0.25}


FAILURES = {
    "zero_variance": from_log(20, **{"groups/zero_std": 0.9}),
    "clipped": from_log(20, **{"completions/clipped_ratio": 0.5}),
    "entropy_collapse": from_log(20, entropy=0.004),
    "entropy_explosion": from_log(20, entropy=0.8),
    "length_collapse": from_log(20, **{"completions/mean_length": 12.0}),
    "reward_accuracy_divergence": from_log(
        20,
        **{
            "rewards/diagnosis_reward/mean": lambda since, old: 0.5 - min(since, 8) / 20,
            "reward": lambda since, old: 1.2 + min(since, 8) / 10,
        },
    ),
    "kl_too_high": from_log(20, kl=0.9),
    "not_finite": from_log(20, grad_norm=math.nan),
    "constant_reward": from_log(20, **fixed("grounding")),
    "rollout_mismatch": from_log(20, **{"sampling/sampling_logp_difference/mean": 0.4}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_raises_its_alarm_once_and_no_other(name):
    history = FAILURES[name](drawn())
    (rule,) = (rule for rule in RULES if rule.name == name)
    (alarm,) = raised(history)
    assert alarm.rule is rule
    if name != "reward_accuracy_divergence":  # a trend has to grow first
        assert alarm.step == history[20 + rule.patience - 1]["step"]
    assert f"ALARM {name} at step {alarm.step}" in alarm.text() and rule.action in alarm.text()


def test_every_rule_has_its_failure():
    assert {rule.name for rule in RULES} == {*FAILURES, "reward_evaluation_divergence"}


def test_an_evaluation_that_falls_twice_while_training_is_paid_more():
    history = drawn(40, evaluate_every=8)
    assert raised(history) == []
    for at, entry in enumerate(evaluations(history)):
        original = next(each for each in history if each["step"] == entry["step"] and "eval_loss" in each)
        original["eval_rewards/diagnosis_reward/mean"] = (0.5, 0.55, 0.5, 0.46, 0.47)[at]
    for at, entry in enumerate(entry for entry in history if "loss" in entry):
        entry["reward"] = 1.0 + at / 40
    (alarm,) = raised(history)
    assert alarm.rule.name == "reward_evaluation_divergence" and alarm.step == 160
    assert alarm.value == pytest.approx(0.09)


def test_an_alarm_needs_patience_and_comes_again_after_it_has_ceased():
    history = drawn(30)
    for at in (5, 6, *range(10, 15), *range(20, 23)):  # two logs are too few for it
        history[at]["completions/clipped_ratio"] = 0.5
    assert [alarm.step for alarm in raised(history)] == [history[12]["step"], history[22]["step"]]


def test_an_earned_reward_may_be_constant_and_a_silent_one_is_none():
    history = drawn(30)
    for entry in history:
        entry["rewards/format_reward/std"], entry["rewards/format_reward/mean"] = 0.0, 1.0
        entry["rewards/grounding_reward/std"] = entry["rewards/grounding_reward/mean"] = None  # TRL: all values NaN
    assert raised(history) == []


def test_the_summary_at_the_end_and_an_empty_history_raise_none():
    assert alarms([], RULES) == []
    assert alarms([*FAILURES["clipped"](drawn()), {"step": 200, "train_loss": 0.0, "train_runtime": 1.0}], RULES) == []


def test_the_best_value_of_a_metric_and_the_logs_since():
    history = [{"step": at, "reward": value, "loss": -value} for at, value in enumerate([1.0, 3.0, 2.0, 3.0])]
    assert best_since(history, "reward") == (3.0, 1, 2)
    for metric in ("loss", "eval_loss", "kl", "completions/clipped_ratio", "groups/zero_std"):  # less is better
        falling = [{"step": entry["step"], metric: entry["loss"]} for entry in history]
        assert best_since(falling, metric) == (-3.0, 1, 2)
    assert best_since([*history, {"step": 4, "reward": None}, {"step": 5, "reward": math.nan}], "reward")[2] == 2
    assert best_since(history, "eval_reward") is None


def replay(history, tmp_path, *, start=0, **options):
    """Feed a history to the callback as the trainer does, from an entry on; returns the step at which it stops."""
    args = TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    state, control, watch = TrainerState(), TrainerControl(), Watch(**options)
    state.log_history = list(history[:start])
    state.global_step = int(history[start - 1]["step"]) if start else 0
    watch.on_train_begin(args, state, control)
    for entry in history[start:]:
        state.log_history.append(entry)
        state.global_step = entry["step"]
        if watch.on_log(args, state, control).should_training_stop:
            return state.global_step, watch.stopped
    return None, watch.stopped


def lines(folder):
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_alarms_are_printed_and_written_as_they_come(tmp_path, capsys):
    assert replay(FAILURES["clipped"](drawn()), tmp_path) == (None, None)  # warn goes on
    (line,) = lines(tmp_path)
    assert (line["name"], line["metric"], line["value"]) == ("clipped", "completions/clipped_ratio", 0.5)
    assert "max_completion_length" in line["action"] and "ALARM clipped at step 115" in capsys.readouterr().out


def test_an_alarm_stops_the_run_where_asked(tmp_path, capsys):
    assert replay(FAILURES["clipped"](drawn()), tmp_path, on_alarm="stop")[0] == 115
    assert "stopping at step 115: alarm clipped" in capsys.readouterr().out


def test_a_metric_that_no_longer_improves_stops_the_run_there_also_after_a_resume(tmp_path):
    history = drawn()
    for at, entry in enumerate(history):
        entry["reward"] = min(at, 12) / 10
    options = {"metric": "reward", "patience": 6}
    whole = replay(history, tmp_path, **options)
    assert whole[0] == history[18]["step"] and "reward has not improved on 1.2 of step 65 for 6 logs" in whole[1]
    for start in (1, 13, 17):
        assert replay(history, tmp_path, start=start, **options) == whole


def test_a_resumed_run_warns_as_an_unbroken_one_and_drops_what_comes_again(tmp_path):
    history = FAILURES["clipped"](drawn())
    replay(history, tmp_path)
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"step": 130, "na')  # the kill cut this line
    expected = [(115, "clipped")]
    for start in (10, 22, 23, 30):
        replay(history, tmp_path, start=start)
        assert [(line["step"], line["name"]) for line in lines(tmp_path)] == expected


def test_a_metric_that_is_not_logged_is_an_error_and_no_silent_run(tmp_path):
    with pytest.raises(UserError, match="does not log this metric"):
        replay(drawn(2), tmp_path, metric="rewards/diagnosis/mean")
    with pytest.raises(UserError, match="evaluates nothing"):
        replay(drawn(2), tmp_path, metric="eval_reward")


def test_the_rules_tell_a_reader_everything():
    for rule in RULES:
        text = Alarm(rule, rule.keys[0], 5, 0.1).text()
        assert all(part and part in text for part in (rule.measured, rule.meaning, rule.action)) and rule.source
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)


def test_the_page_on_monitoring_lists_every_alarm_with_its_threshold():
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    for rule in RULES:
        assert f"| `{rule.name}` | `{'`, `'.join(rule.keys)}` |" in page
        assert f"{rule.side} {rule.threshold:g}" in page
