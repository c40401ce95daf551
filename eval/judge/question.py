"""What a judge is asked and what it answers: one axis or one criterion of one case in each question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.judge.axes import LEVELS, Axis


@dataclass(frozen=True)
class Criterion:
    """One yes-or-no criterion of a case's rubric.

    Attributes:
        text: what is asked of the text.
        points: earned when it is met; negative for what a text should not do.
        tags: names of the sub-scores that it counts in.
        critical: a text that fails it has a capped score.
    """

    text: str
    points: float
    tags: tuple[str, ...] = ()
    critical: bool = False


@dataclass(frozen=True)
class Question:
    """One question to a judge.

    Attributes:
        row: the Case, without its images.
        number: of the case in its split, by which its images are found.
        item: an axis, or a criterion.
        texts: what was written of the case; two of them to be compared, in the order in which the judge sees them.
        repeat: 0, 1, ...: the same question once more, with another seed.
    """

    row: Mapping[str, Any]
    number: int
    item: Axis | Criterion
    texts: tuple[str, ...]
    repeat: int = 0

    @property
    def form(self) -> "Form":
        """What an answer looks like."""
        if len(self.texts) == 2:
            return PAIR
        return SCORE if isinstance(self.item, Axis) else MET


@dataclass(frozen=True)
class Form:
    """The JSON object that answers a question: a rationale, then one of `allowed` under `key`, or null.

    Attributes:
        key: of the verdict.
        kind: its type in JSON schema.
        allowed: what it may be; null besides, for "cannot judge".
    """

    key: str
    kind: str
    allowed: tuple[Any, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema; the rationale stands first, so that it is written before the verdict."""
        verdict = {"type": [self.kind, "null"], "enum": [*self.allowed, None]}
        return {
            "type": "object",
            "properties": {"rationale": {"type": "string"}, self.key: verdict},
            "required": ["rationale", self.key],
            "additionalProperties": False,
        }


SCORE = Form("score", "integer", tuple(LEVELS))
MET = Form("met", "boolean", (True, False))
PAIR = Form("better", "string", ("first", "second", "tie"))


@dataclass(frozen=True)
class Verdict:
    """What became of a question.

    Attributes:
        value: one of the form's `allowed`, or None: unscored, which is never a zero.
        reason: why it is unscored, in few words that can be counted; empty for a scored one.
        text: as the judge wrote it, or what the endpoint said.
    """

    value: Any
    reason: str
    text: str


# A judge answers all questions, in their order.
Judge = Callable[[Sequence[Question]], list[Verdict]]
