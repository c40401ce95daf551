"""The recipes' keys: TRL's own configurations plus what TRL lacks."""

from dataclasses import dataclass, field
from typing import Any

from trl import GRPOConfig, SFTConfig

from skin_r1.train.data.bands import BANDS
from skin_r1.train.model.parameters import Part

LOSSES = ("grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo")  # of trl 1.16, which names them late


@dataclass
class TowerKeys:
    """What trains, and how fast: keys of both stages."""

    freeze_vision: bool = field(default=False, metadata={"help": "the vision tower does not train"})
    freeze_projector: bool = field(
        default=False, metadata={"help": "the layers between vision tower and language model do not train"}
    )
    vision_learning_rate: float | None = field(
        default=None, metadata={"help": "rate of the vision tower; null: learning_rate, as the language model"}
    )
    projector_learning_rate: float | None = field(
        default=None, metadata={"help": "rate of the projector; null: learning_rate"}
    )
    max_seconds: float | None = field(
        default=None,
        metadata={"help": "train for this time, the rate falling to 0: processor seconds on a CPU, else wall seconds"},
    )
    preflight_only: bool = field(default=False, metadata={"help": "stop after the checks, before the first step"})

    def check_towers(self) -> None:
        """Refuse keys that contradict each other.

        Raises:
            ValueError: naming them.
        """
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise ValueError(f"max_seconds={self.max_seconds}; allowed: above 0, or null for no limit")
        for part in ("vision", "projector"):
            if getattr(self, f"freeze_{part}") and getattr(self, f"{part}_learning_rate") is not None:
                raise ValueError(
                    f"freeze_{part} and {part}_learning_rate; allowed: one of them: what is frozen learns nothing"
                )

    def rates(self) -> dict[Part, float]:
        """Parts of the model with a rate of their own."""
        own: dict[Part, float | None] = {
            "vision": self.vision_learning_rate,
            "projector": self.projector_learning_rate,
        }
        return {part: rate for part, rate in own.items() if rate is not None}


@dataclass
class SkinSFTConfig(TowerKeys, SFTConfig):  # type: ignore[misc]
    """`trl.SFTConfig` with the keys of supervised fine-tuning on rationales.

    `max_length` is null: truncation would cut image tokens.
    """

    rationales: str = field(default="", metadata={"help": "folder that `skin-r1 distill` wrote"})
    max_row_tokens: int | None = field(
        default=None, metadata={"help": "longer rows, image tokens included, are left out and counted"}
    )
    tiny_image_size: int = field(default=56, metadata={"help": "pixels, for `model_name_or_path: tiny`"})
    max_length: int | None = field(default=None, metadata={"help": "null: never truncate image tokens"})
    report_to: str = field(default="none", metadata={"help": "wandb, trackio or none"})

    def __post_init__(self) -> None:
        """Check our keys, then TRL's."""
        if self.max_length is not None:
            raise ValueError(
                f"max_length={self.max_length} would cut image tokens; allowed: null. Filter rows instead"
            )
        self.check_towers()
        super().__post_init__()


@dataclass
class SkinGRPOConfig(TowerKeys, GRPOConfig):  # type: ignore[misc]
    """`trl.GRPOConfig` with the keys of GRPO on cases."""

    corpus: str = field(default="", metadata={"help": "folder that `skin-r1 data build` or `phantom` wrote"})
    annotation: str = field(default="all", metadata={"help": "which training rows: sparse, dense or all"})
    balance_diagnoses: bool = field(
        default=False, metadata={"help": "draw every diagnosis equally often; else GRPO drifts to the commonest one"}
    )
    curation: str | None = field(default=None, metadata={"help": "folder that `skin-r1 curate` wrote; null: all rows"})
    bands: list[str] = field(
        default_factory=lambda: ["hard", "medium", "easy"],
        metadata={"help": f"with a curation, the bands to train on, of {', '.join(BANDS)}"},
    )
    keep_zero_variance: float = field(
        default=0.0, metadata={"help": "with a curation, the share kept of the rows whose answers were all paid alike"}
    )
    critic_steps: int = field(
        default=0,
        metadata={
            "help": "steps of the critic, which learns findings from annotated rows and names them on the others"
        },
    )
    reward_funcs: list[str] = field(
        default_factory=lambda: ["reward_fns.format_reward", "reward_fns.diagnosis_reward"],
        metadata={"help": "rewards by import path, for example reward_fns.grounding_reward"},
    )
    rarity: float = field(
        default=0.0,
        metadata={"help": "advantages times (cases of the diagnosis) ** -rarity, mean 1; 0: none, 0.5: inverse root"},
    )
    on_alarm: str = field(default="warn", metadata={"help": "warn or stop when a watched metric goes wrong"})
    early_stop_metric: str | None = field(
        default=None, metadata={"help": "stop when this logged metric no longer improves, for example reward"}
    )
    early_stop_patience: int = field(default=10, metadata={"help": "for so many logs"})
    log_multimodal: bool = field(default=False, metadata={"help": "false: log_images shows images, by license"})
    log_images: bool = field(
        default=False, metadata={"help": "images in the completions table too, where the license of the case allows"}
    )
    completions_every: int = field(default=0, metadata={"help": "steps between saved tables of completions; 0: none"})
    max_prompt_tokens: int | None = field(
        default=None, metadata={"help": "rows with longer prompts, image tokens included, are left out and counted"}
    )
    report_to: str = field(default="none", metadata={"help": "wandb, trackio or none"})

    def __post_init__(self) -> None:
        """Check our keys, then TRL's."""
        if self.annotation not in ("sparse", "dense", "all"):
            raise ValueError(f"annotation={self.annotation!r}; allowed: sparse, dense, all")
        self.check_towers()
        if self.loss_type not in LOSSES:
            raise ValueError(f"loss_type={self.loss_type!r}; allowed: {', '.join(LOSSES)}")
        if self.importance_sampling_level not in ("token", "sequence"):
            raise ValueError(f"importance_sampling_level={self.importance_sampling_level!r}; allowed: token, sequence")
        longest = (self.max_prompt_tokens or 0) + (self.max_completion_length or 0)
        if self.use_vllm and self.vllm_max_model_length is not None and self.vllm_max_model_length < longest:
            raise ValueError(
                f"vllm_max_model_length={self.vllm_max_model_length}; allowed: max_prompt_tokens + "
                f"max_completion_length = {longest} or more"
            )
        unknown = sorted(set(self.bands) - set(BANDS))
        if unknown or not self.bands:
            raise ValueError(f"bands={unknown or self.bands}; allowed: one or more of {', '.join(BANDS)}")
        if not 0 <= self.keep_zero_variance <= 1:
            raise ValueError(f"keep_zero_variance={self.keep_zero_variance}; allowed: a share, 0 to 1")
        if not 0 <= self.rarity <= 1:
            raise ValueError(f"rarity={self.rarity}; allowed: 0 (no scaling) to 1 (inverse frequency)")
        if self.log_completions or self.log_multimodal:
            raise ValueError(
                "log_completions and log_multimodal would write every image to the tracker; allowed: false. "
                "completions_every and log_images keep a table, with images where the license allows"
            )
        if self.log_images and not self.completions_every:
            raise ValueError("log_images without completions_every; allowed: completions_every of 1 or more")
        if self.early_stop_patience < 1 or self.completions_every < 0:
            raise ValueError("allowed: early_stop_patience of 1 or more, completions_every of 0 or more")
        if self.on_alarm not in ("warn", "stop"):
            raise ValueError(f"on_alarm={self.on_alarm!r}; allowed: warn, stop")
        if self.critic_steps < 0:
            raise ValueError(f"critic_steps={self.critic_steps}; allowed: 0 (no critic) or more")
        super().__post_init__()


def plain(config: Any) -> dict[str, Any]:
    """A trainer configuration as JSON-serialisable values for the manifest."""
    values: dict[str, Any] = config.to_dict()
    return {key: value for key, value in values.items() if value is not None}
