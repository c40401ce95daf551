"""TRL's GRPO trainer with what it lacks: right image prompts for vLLM, and nothing computed that teaches nothing."""

from typing import Any

import torch
from trl import GRPOTrainer
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from skin_r1.train.rollouts import one_placeholder_per_image


class SkinGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, with image prompts handed to vLLM as it expects them, and less to compute.

    TRL 1.16 gives vLLM the ids that the processor has already expanded (one placeholder per image feature) together
    with the image, and vLLM expands them again: the prompt is silently corrupted (trl#6294, fix proposed in trl#6718).
    One placeholder per image restores equal prompts. Remove with the first TRL release that has the fix.

    And without the rows that teach nothing: where all answers to a prompt are paid alike, their advantage is 0 and so is
    their gradient, yet TRL runs them forward and backward. On a confident model that is two rows of three.
    """

    def _generate_single_turn(self, prompt_ids: list[list[int]], images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and images is not None:
            placeholder: Any = self._image_pad_token_id
            prompt_ids = [one_placeholder_per_image(ids, placeholder) for ids in prompt_ids]
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        # Only where the loss is a sum over tokens with a divisor of its own may rows be left out unnoticed.
        if self.beta == 0.0 and self.loss_type in ("dapo", "cispo") and model.training:
            inputs = rows_with_signal(inputs)
        return super()._compute_loss(model, inputs)


def rows_with_signal(inputs: dict[str, Any]) -> dict[str, Any]:
    """The rows of a GRPO batch whose advantage is not 0; one row where there is none, so that every process steps.

    Args:
        inputs: TRL's batch: tensors [rows, ...], lists per row, and the images' patches joined over all rows.
    """
    advantages = inputs["advantages"]  # [rows] or [rows, tokens]
    signal = advantages.reshape(len(advantages), -1).ne(0).any(dim=1)
    keep = (signal.nonzero().flatten() if bool(signal.any()) else torch.zeros(1, dtype=torch.long)).tolist()
    rows = len(advantages)
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
