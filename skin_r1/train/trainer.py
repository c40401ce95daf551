"""TRL's trainers with what they lack: rates for each part of the model, exact resume, right rollouts, metrics of groups."""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import SFTTrainer
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from skin_r1.train.model.parameters import parts_of, split_rates
from skin_r1.train.monitor.completions import case_columns
from skin_r1.train.monitor.groups import group_metrics, zero_variance_share
from skin_r1.train.resume.exact import ExactResume
from skin_r1.train.rollouts.boundary import RolloutTrainer


class PartRates:
    """Mixed into a trainer: the vision tower and the projector learn at rates of their own (`TowerKeys.rates`)."""

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The trainer's optimizer, its groups divided by the parts' rates."""
        made = getattr(self, "optimizer", None) is not None
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)  # type: ignore[misc]
        rates = self.args.rates()  # type: ignore[attr-defined]
        if rates and not made:
            split_rates(optimizer, parts_of(model if model is not None else self.model), rates)  # type: ignore[attr-defined]
        return optimizer


class SkinSFTTrainer(PartRates, ExactResume, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with rates for each part of the model, exact resume, and every token of a step weighed alike.

    The models of Qwen say `accepts_loss_kwargs = False`, as their own loss ignores the step's number of tokens. TRL computes
    the loss itself and would divide by that number, but is then not given it, and takes the mean of the micro-batches'
    means: the step depends on how its batch is cut (`docs/upstream.md`, 10).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of `trl.SFTTrainer`."""
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True


class SkinGRPOTrainer(PartRates, ExactResume, RolloutTrainer):  # type: ignore[misc]
    """TRL's trainer with rates for each part, exact resume, right rollouts by vLLM, and less to compute.

    What is less: where all answers to a prompt are paid alike, their advantage is 0 and so is their gradient, yet TRL runs
    them forward and backward. On a confident model that is two rows of three.

    What is more: the rewards of each family, band of skin types and malignancy are logged, and the share of groups without
    spread as `groups/zero_std` (TRL's `frac_reward_zero_std` is the whole batch's where rewards are normalised first); and
    `rarity`, a factor on the advantages of each diagnosis, lifts the long tail.
    """

    def __init__(self, *args: Any, rarity: Mapping[str, float] | None = None, **kwargs: Any) -> None:
        """Take TRL's arguments.

        Args:
            args, kwargs: of `trl.GRPOTrainer`.
            rarity: diagnosis -> factor of its advantages (`skin_r1.train.data.rows.rarity_factors`); None scales nothing.
        """
        self.rarity = rarity or {}
        super().__init__(*args, **kwargs)

    def _calculate_rewards(self, inputs: list[dict[str, Any]], *args: Any) -> torch.Tensor:
        paid: torch.Tensor = super()._calculate_rewards(inputs, *args)  # [rows of all processes, rewards]
        mode = "train" if self._training() else "eval"
        metrics = self._metrics[mode]
        facts = gather_object([(row.get("diagnosis"), row.get("skin_type")) for row in inputs])
        truths, skin_types = zip(*facts, strict=True)
        for name, value in group_metrics(truths, skin_types, paid, self.reward_func_names).items():
            metrics[name].append(value)
        generations = self.num_generations if mode == "train" else self.num_generations_eval
        apart = self.multi_objective_aggregation == "normalize_then_sum"
        metrics["groups/zero_std"].append(
            zero_variance_share(paid, self.reward_weights, int(generations or 1), apart=apart)
        )
        config: Any = self.args
        if config.completions_every:
            for name, column in case_columns(inputs, mode, images=config.log_images).items():
                self._log_completion_extra(name, column)
        return paid

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self.rarity:
            factors = [self.rarity.get(row["diagnosis"], 1.0) for row in inputs]
            advantages = output["advantages"]  # [rows] or [rows, tokens]
            scale = torch.tensor(factors, device=advantages.device, dtype=advantages.dtype)
            output["advantages"] = advantages * scale.reshape(-1, *[1] * (advantages.dim() - 1))
        return output

    def _leaves_rows_out(self) -> bool:
        """True where rows without advantage add nothing: the loss is a sum over tokens with a divisor of its own.

        A KL penalty, an entropy bonus, a quantile over the batch's entropies and a router's loss look at all rows.
        """
        all_rows = self._entropy_bonus_enabled or self.top_entropy_quantile < 1.0 or self.aux_loss_enabled
        return self.beta == 0.0 and self.loss_type in ("dapo", "cispo") and not all_rows

    def _training(self) -> bool:
        return bool(self.model is not None and self.model.training)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        if self._leaves_rows_out() and model.training:
            # as many on every process as the fullest one has: TRL gathers a value per row, which needs equal numbers
            count = has_signal(inputs).sum().reshape(1)
            inputs = rows_with_signal(inputs, int(self.accelerator.gather(count).max()))
        return super()._compute_loss(model, inputs)


def has_signal(inputs: dict[str, Any]) -> torch.Tensor:
    """Which rows of a GRPO batch have an advantage that is not 0, [rows]."""
    advantages = inputs["advantages"]  # [rows] or [rows, tokens]
    return torch.as_tensor(advantages.reshape(len(advantages), -1).ne(0).any(dim=1))


def rows_with_signal(inputs: dict[str, Any], at_least: int = 1) -> dict[str, Any]:
    """The rows of a GRPO batch whose advantage is not 0, filled up with the first others to `at_least`, never none.

    Args:
        inputs: TRL's batch: tensors [rows, ...], lists per row, and the images' patches joined over all rows.
        at_least: rows to keep.
    """
    signal = has_signal(inputs)
    rows = len(signal)
    first = torch.argsort(signal.int(), descending=True, stable=True)  # those with signal, then the others
    keep = first[: max(1, at_least, int(signal.sum()))].sort().values.tolist()
    if len(keep) == rows:
        return inputs
    split = split_pixel_values_by_grid(inputs)
    chosen: dict[str, Any] = {}
    for name, value in split.items():
        if isinstance(value, torch.Tensor) and value.dim() and len(value) == rows:
            chosen[name] = value[torch.tensor(keep, device=value.device)]
        elif isinstance(value, list) and len(value) == rows:
            chosen[name] = [value[index] for index in keep]
        else:
            chosen[name] = value
    return dict(unsplit_pixel_values_by_grid(chosen))
