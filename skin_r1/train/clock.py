"""Training for a given time: the learning rate falls linearly to 0 on the way."""

import time
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback


class TimeLimit(TrainerCallback):  # type: ignore[misc]
    """Stop training after a time, the learning rate falling linearly to 0 on the way.

    A schedule over steps cannot know how many steps fit into a time; one over time can. The clock starts with the
    first step. On a CPU it counts the process's own processor seconds, so that other programs on the machine take
    nothing from a control of equal compute; on a GPU, where the processor mostly waits, it counts wall seconds.
    """

    def __init__(self, seconds: float | None, *, on_cpu: bool) -> None:
        """Take the limit in seconds; None never stops."""
        self.seconds = seconds
        self.now = time.process_time if on_cpu else time.monotonic
        self.started = self.now()
        self.before = 0.0  # seconds of the run before it was resumed
        self.agreed = 0.0  # seconds spent at the end of the last step, by the main process's clock

    def spent(self) -> float:
        """Seconds of training so far, those before a resume included."""
        return self.before + self.now() - self.started

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps (`skin_r1.train.resume.exact`)."""
        return {"spent": self.spent()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.before, self.started = float(state["spent"]), self.now()
        self.agreed = self.before

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.started = self.now()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Scale the scheduler's learning rate by the share of the time that is left, before DeepSpeed's engine steps."""
        if self.seconds is not None:
            left = max(0.0, 1 - self.agreed / self.seconds)
            for group in kwargs["optimizer"].param_groups:
                group["lr"] *= left  # the scheduler sets the rate anew after each step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Ask the trainer to stop once the time is up."""
        if self.seconds is not None:
            heard = [self.spent()]
            broadcast_object_list(heard)  # processes that stop at different steps wait for each other forever
            self.agreed = heard[0]
            control.should_training_stop = control.should_training_stop or self.agreed >= self.seconds
        return control
