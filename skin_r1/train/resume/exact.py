"""Resume to the bit: what transformers 5.23 and TRL 1.16 forget between a checkpoint and the run that goes on from it.

| Forgotten | Where | Without it |
| --- | --- | --- |
| sums of loss and metrics since the last log | `Trainer._tr_loss`, TRL's `_metrics`, `_total_train_tokens` | other logs |
| step within a batch of generations | `GRPOTrainer._step`, `_buffered_inputs` | other rows, answers sampled anew |
| shuffling of the second and later epochs | TRL's `RepeatSampler`: one generator for all epochs | other rows |
| the same for SFT on several processes | `accelerate.skip_first_batches`: `set_epoch` stops at the wrapper | other rows |
| that the run has ended | `Trainer._inner_training_loop` has no such check | one step too many |
| which checkpoint is whole | `get_last_checkpoint`: the newest name | a crash, or a fresh optimizer |

On a CPU the same machine, library versions and number of processes then give the same bits. Rollouts by vLLM have random
states of their own, which no checkpoint holds.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.utils.data import Sampler
from transformers import Trainer
from transformers.trainer_utils import rotate_checkpoints
from trl.trainer.utils import strip_images_from_messages

from skin_r1.errors import problem
from skin_r1.train.resume.checkpoints import seal

PLAIN = ("_tr_loss", "_total_loss_scalar", "_globalstep_last_logged", "_total_train_tokens", "_step")
"""Attributes of the trainers that are numbers or tensors of one number."""


class ExactResume(Trainer):  # type: ignore[misc]
    """To be named before TRL's trainer among the bases: `class T(ExactResume, GRPOTrainer)`.

    A callback with `state_dict()` and `load_state_dict(state)` of plain values is restored as well.
    """

    args: Any  # what TRL's trainers have and transformers' has not
    model: Any
    num_iterations: int
    _step: int
    _metrics: Any
    _logs: Any
    _buffered_inputs: Any
    _kept: dict[str, Any] | None = None  # of the checkpoint to go on from, until it is put back
    _sampler: Any = None
    _seconds_before = 0.0  # of training before this process
    _started = 0.0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint, then what the trainers forget, then the list that makes it whole."""
        folder = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(folder, ignore_errors=True)  # what a killed run left there
        self.accelerator.wait_for_everyone()
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.save_total_limit = limit
        torch.save(self._forgotten(), folder / f"forgotten_{self.args.process_index}.pt")
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            seal(folder)
            # older checkpoints go only now: until here they are the ones to resume from
            rotate_checkpoints(
                output_dir=str(folder.parent),
                save_total_limit=limit,
                best_model_checkpoint=self.state.best_model_checkpoint,
                use_mtime=True,
            )

    def _forgotten(self) -> dict[str, Any]:
        kept: dict[str, Any] = {name: getattr(self, name) for name in PLAIN if hasattr(self, name)}
        kept["_metrics"] = {mode: dict(values) for mode, values in self._metrics.items()}
        kept["processes"] = self.args.world_size
        kept["seconds"] = self._seconds_before + time.monotonic() - self._started
        # an end by max_steps is no decision to stop: where more steps are asked for, the run goes on
        kept["stopped"] = self.control.should_training_stop and self.state.global_step < self.state.max_steps
        kept["callbacks"] = {
            type(callback).__name__: callback.state_dict()
            for callback in self.callback_handler.callbacks
            if hasattr(callback, "state_dict")
        }
        if self._within_generations():
            kept["_buffered_inputs"] = self._buffered_inputs
            kept["_logs"] = self._logs_without_images()
        return kept

    def _within_generations(self) -> bool:
        """Whether the next step goes on with answers that are already sampled."""
        if getattr(self, "_buffered_inputs", None) is None:
            return False
        return bool(self._step % (self.args.steps_per_generation * self.num_iterations))

    def _logs_without_images(self) -> dict[str, Any]:
        """The table of completions that the next log writes; images reach trackers only, never the local table."""
        logs = self._logs
        return {
            "prompt": [strip_images_from_messages(messages) for messages in logs["prompt"]],
            "completion": [strip_images_from_messages(messages) for messages in logs["completion"]],
            "advantages": list(logs["advantages"]),
            "rewards": {name: list(values) for name, values in logs["rewards"].items()},
            "extra": {name: list(values) for name, values in logs["extra"].items()},
        }

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Sampler[int] | None:
        self._sampler = super()._get_train_sampler(*args, **kwargs)
        return self._sampler

    def _prepare_for_training(self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None) -> Any:
        if resume_from_checkpoint is not None:
            file = Path(resume_from_checkpoint) / f"forgotten_{self.args.process_index}.pt"
            if not file.is_file():
                raise problem(
                    "this checkpoint was written by fewer processes",
                    file=file.parent,
                    found=f"{self.args.world_size} processes",
                    next_step="resume with as many processes as before",
                )
            self._kept = torch.load(file, map_location=self.args.device, weights_only=True)
            if self._kept["processes"] != self.args.world_size:
                raise problem(
                    "this checkpoint was written by another number of processes",
                    file=file.parent,
                    found=f"{self.args.world_size} processes",
                    allowed=self._kept["processes"],
                    next_step="resume with as many processes as before",
                )
        self._started = time.monotonic()
        return super()._prepare_for_training(max_steps, train_dataloader, resume_from_checkpoint)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load an adapter or FSDP's parts; whole weights are there already, `run.load_for_training` says why."""
        if self.is_fsdp_enabled or is_peft_model(self.model):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _put_back(self) -> bool:
        """Restore what the checkpoint kept; True the first time, False later and for a fresh run."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        for name in PLAIN:
            if name in kept:
                setattr(self, name, kept[name])
        for mode, values in kept["_metrics"].items():
            self._metrics[mode].update(values)
        for callback in self.callback_handler.callbacks:
            if type(callback).__name__ in kept["callbacks"]:
                callback.load_state_dict(kept["callbacks"][type(callback).__name__])
        if "_buffered_inputs" in kept:
            self._buffered_inputs = kept["_buffered_inputs"]
            for part in ("prompt", "completion", "advantages"):
                self._logs[part].extend(kept["_logs"][part])
            for part in ("rewards", "extra"):
                for name, values in kept["_logs"][part].items():
                    self._logs[part][name].extend(values)
        self.model.train()  # TRL's logs ask for the mode, which else the first step sets
        self._initial_global_step = 0  # the mean loss in the end is over all steps
        self._seconds_before = kept["seconds"]
        self.control.should_training_stop = kept["stopped"]
        return True

    def _run_epoch(self, *args: Any, **named: Any) -> None:
        if self._put_back():
            if hasattr(named["train_dataloader"], "set_epoch"):
                named["train_dataloader"].set_epoch(named["epoch"])  # before it is wrapped to skip batches
            if hasattr(self._sampler, "repeat_count"):  # TRL's: each epoch draws from where the last one ended
                for _ in range(named["epoch"]):
                    next(iter(self._sampler))
        if self.control.should_training_stop or self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **named)

    def _finalize_training(self, trial: Any, num_train_samples: Any, start_time: float) -> Any:
        self._put_back()  # where no epoch is left to run
        return super()._finalize_training(trial, num_train_samples, start_time - self._seconds_before)
