"""Watching a GRPO run: alarms printed and written as they are raised, and an early stop."""

import json
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback

from skin_r1.errors import problem
from skin_r1.train.monitor.alarms import Alarm, alarms, best_since
from skin_r1.train.monitor.rules import RULES
from skin_r1.whole import write_whole

FILE = "alarms.jsonl"


class Watch(TrainerCallback):  # type: ignore[misc]
    """Raises alarms on the logged metrics and stops the run when asked to.

    All state is `trainer.state.log_history`, which a checkpoint holds, so a resumed run warns and stops where an
    unbroken one does. The main process decides for all, because processes that stop at different steps hang.

    Attributes:
        stopped: why the run was stopped, or None.
    """

    def __init__(self, *, on_alarm: str = "warn", metric: str | None = None, patience: int = 10) -> None:
        """Take what to do.

        Args:
            on_alarm: `warn` goes on after an alarm, `stop` ends the run.
            metric: stop when this logged metric has not improved; None never stops.
            patience: for so many logs of it.
        """
        self.on_alarm, self.metric, self.patience = on_alarm, metric, patience
        self.stopped: str | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drop alarms that a killed run raised after the checkpoint that is resumed: these steps come again.

        Raises:
            UserError: `metric` is of evaluations, and there are none.
        """
        if self.metric and self.metric.startswith("eval_") and args.eval_strategy == "no":
            raise problem(
                "the run evaluates nothing, so this metric never comes",
                column="early_stop_metric",
                found=self.metric,
                next_step="set eval_strategy: steps and eval_steps, or name a metric of training",
            )
        file = Path(args.output_dir) / FILE
        if state.is_world_process_zero and file.is_file():
            kept = [line for line in _whole_lines(file) if json.loads(line)["step"] <= state.global_step]
            write_whole(file, "".join(f"{line}\n" for line in kept))

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Look at the history up to this log.

        Raises:
            UserError: `metric` is not among the logged ones.
        """
        history = state.log_history
        self._check_metric(history)
        raised = alarms(history, RULES)
        if state.is_world_process_zero:
            for alarm in raised:
                _tell(alarm, Path(args.output_dir))
        reason = self._reason(history, raised)
        decision = [reason]
        broadcast_object_list(decision)
        if decision[0] is not None and self.stopped is None:
            self.stopped = decision[0]
            control.should_training_stop = True
            if state.is_world_process_zero:
                print(f"stopping at step {state.global_step}: {self.stopped}", flush=True)
        return control

    def _reason(self, history: list[dict[str, float]], raised: list[Alarm]) -> str | None:
        if raised and self.on_alarm == "stop":
            return f"alarm {raised[0].rule.name}, and on_alarm is stop"
        best = best_since(history, self.metric) if self.metric else None
        if best is None or best[2] < self.patience:
            return None
        return f"{self.metric} has not improved on {best[0]:.4g} of step {best[1]} for {best[2]} logs"

    def _check_metric(self, history: list[dict[str, float]]) -> None:
        entry = history[-1]
        kind = "eval_loss" if self.metric and self.metric.startswith("eval_") else "loss"
        if self.metric and kind in entry and not any(self.metric in each for each in history):
            raise problem(
                "the run does not log this metric",
                column="early_stop_metric",
                found=self.metric,
                allowed=sorted(set(entry) - {"step", "epoch"}),
                next_step="name one that the run logs",
            )


def _tell(alarm: Alarm, output_dir: Path) -> None:
    print(f"\n{alarm.text()}\n", flush=True)
    rule = alarm.rule
    line = {
        **{"step": alarm.step, "name": rule.name, "metric": alarm.metric, "value": alarm.value},
        **{"side": rule.side, "threshold": rule.threshold, "patience": rule.patience},
        **{"meaning": rule.meaning, "action": rule.action},
    }
    with (output_dir / FILE).open("a") as stream:
        stream.write(json.dumps(line) + "\n")


def _whole_lines(file: Path) -> list[str]:
    """Lines that a kill has not cut."""
    return [line.rstrip("\n") for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
