"""`skin-r1 grpo` with what watches it."""

from dataclasses import dataclass, field

from accelerate.utils import gather_object

from skin_r1.cli import run_main
from skin_r1.train import grpo
from skin_r1.train.completions import CompletionsTable, case_columns
from skin_r1.train.config import SkinGRPOConfig
from skin_r1.train.groups import group_metrics, zero_variance_share
from skin_r1.train.trainer import SkinGRPOTrainer
from skin_r1.train.watch import Watch


@dataclass
class WatchedConfig(SkinGRPOConfig):
    on_alarm: str = field(default="warn", metadata={"help": "what an alarm does: warn, or stop the run"})
    early_stop_metric: str | None = field(
        default=None, metadata={"help": "stop when this logged metric no longer improves; null: never"}
    )
    early_stop_patience: int = field(
        default=10, metadata={"help": "for so many logs of it (evaluations, for an eval_ metric)"}
    )
    completions_every: int = field(
        default=50, metadata={"help": "steps from one table of completions to the next; 0: none"}
    )
    completions_rows: int = field(default=64, metadata={"help": "most rows of such a table"})
    log_images: bool = field(
        default=False, metadata={"help": "images in the table too, of rows whose license lets anybody pass them on"}
    )
    log_multimodal: bool = field(
        default=False, metadata={"help": "false: log_images shows images, by license and not all or none"}
    )

    def __post_init__(self) -> None:
        if self.on_alarm not in ("warn", "stop"):
            raise ValueError(f"on_alarm={self.on_alarm!r}; allowed: warn, stop")
        if self.early_stop_patience < 1 or self.completions_every < 0 or self.completions_rows < 1:
            raise ValueError("early_stop_patience and completions_rows are 1 or more, completions_every 0 or more")
        if self.log_completions or self.log_multimodal:
            raise ValueError(
                "allowed: log_completions and log_multimodal false; completions_every and log_images do it"
            )
        super().__post_init__()


class Watched(SkinGRPOTrainer):
    def __init__(self, *args, **kwargs):
        config = kwargs["args"]
        super().__init__(*args, **kwargs)
        self.add_callback(
            Watch(on_alarm=config.on_alarm, metric=config.early_stop_metric, patience=config.early_stop_patience)
        )
        self.add_callback(CompletionsTable(self._logs, every=config.completions_every, rows=config.completions_rows))

    def _calculate_rewards(self, inputs, *rest):
        rewards = super()._calculate_rewards(inputs, *rest)
        mode = "train" if self.model.training else "eval"
        generations = self.num_generations if mode == "train" else self.num_generations_eval
        diagnoses, skin_types = (gather_object([row[name] for row in inputs]) for name in ("diagnosis", "skin_type"))
        metrics = group_metrics(diagnoses, skin_types, rewards, self.reward_func_names)
        metrics["groups/zero_std"] = zero_variance_share(rewards, self.reward_weights, generations)
        for name, value in metrics.items():
            self._metrics[mode][name].append(value)
        for name, values in case_columns(inputs, mode, images=self.args.log_images).items():
            self._log_completion_extra(name, values)
        return rewards


if __name__ == "__main__":
    grpo.SkinGRPOTrainer, grpo.SkinGRPOConfig = Watched, WatchedConfig
    raise SystemExit(run_main(grpo.main))
