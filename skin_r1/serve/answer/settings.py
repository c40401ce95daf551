"""How the server comes from samples to an answer, as one value."""

from dataclasses import dataclass

from skin_r1.errors import problem
from skin_r1.serve.answer.confidence import Calibration

MAX_SAMPLES = 16


@dataclass(frozen=True)
class AnswerSettings:
    """What the answer is made with.

    Attributes:
        samples: answers asked for a case, 1 to 16: the first greedy, the others sampled. 1 gives no confidence.
        temperature: of the sampled ones, above 0 and at most 2.
        agreement_threshold: least share of the answers that must agree, in [0, 1]; with less the server abstains.
        undecided_threshold: share of malignant answers, in (0, 1], from which another leading diagnosis is not given.
        max_new_tokens: longest answer.
        calibration: what the validation split taught, or None.

    Raises:
        UserError: a value is out of range, or the calibration is of another number of samples.
    """

    samples: int = 5
    temperature: float = 0.7
    agreement_threshold: float = 0.5
    undecided_threshold: float = 0.3
    max_new_tokens: int = 1024
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value, right, allowed in (
            ("samples", self.samples, 1 <= self.samples <= MAX_SAMPLES, f"1 to {MAX_SAMPLES}"),
            ("temperature", self.temperature, 0 < self.temperature <= 2, "above 0 and at most 2"),
            ("agreement_threshold", self.agreement_threshold, 0 <= self.agreement_threshold <= 1, "0 to 1"),
            ("undecided_threshold", self.undecided_threshold, 0 < self.undecided_threshold <= 1, "above 0, at most 1"),
            ("max_new_tokens", self.max_new_tokens, self.max_new_tokens >= 1, "1 or more"),
        ):
            if not right:
                raise problem("this setting is out of range", column=name, found=value, allowed=allowed)
        if self.calibration is not None and self.calibration.samples != self.samples:
            raise problem(
                "the calibration was fitted on another number of samples",
                column="samples",
                found=self.samples,
                allowed=str(self.calibration.samples),
                next_step="predict the validation split with as many --samples as the server asks",
            )
