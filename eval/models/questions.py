"""The questions of a run, each built when it is asked for, and what comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from eval.tasks import messages, options_for

LEFT_OUT = "left out"


@dataclass(frozen=True)
class Question:
    """One case as it is asked: chat messages of string content, the images, and the options that the text shows."""

    place: int
    messages: list[dict[str, str]]
    images: list[Image.Image]
    options: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What became of a question.

    Attributes:
        place: of the question.
        text: the completion; None where the machinery failed, and the next run asks again, or the case was left out.
        failure: "" or why there is no whole answer, the kind first: `timeout: ...`, `cut off: ...`, `left out: ...`.
        samples: more answers, drawn at random.
        label_scores, label_means: see `eval.models.likelihood.LabelLikelihood`.
    """

    place: int
    text: str | None
    failure: str = ""
    samples: tuple[str, ...] = ()
    label_scores: Mapping[str, float] | None = None
    label_means: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Questions:
    """The questions in their order; images are decoded and changed when one is taken.

    Attributes:
        table: the Case rows that the task suits, a `datasets.Dataset`.
        facts: the same without images, to read at once.
        task, choices, seed: see `eval.tasks`.
        change: what a probe does to a row with decoded images before it is asked, or None.
    """

    table: Any
    facts: Sequence[Mapping[str, Any]]
    task: str = "diagnosis"
    choices: int = 4
    seed: int = 0
    change: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.table)

    def options(self, place: int) -> tuple[str, ...]:
        """What the question at a place lets the model choose from; see `eval.tasks.options_for`."""
        return options_for(self.task, self.facts[place], place=place, choices=self.choices, seed=self.seed)

    def ask(self, place: int) -> Question | Answer:
        """The question at a place, its options those of the unchanged case; an answer where the probe cannot be made."""
        row, options = self.table[place], self.options(place)
        if self.change is not None:
            from eval.probes.pool import Unprobed

            try:
                row = self.change(row)
            except Unprobed as error:
                return Answer(place, None, f"{LEFT_OUT}: {error}")
        return Question(place, messages(self.task, row, options), list(row["images"]), options)
