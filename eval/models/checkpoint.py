"""Answers of a checkpoint through transformers, in batches that a resumed run cuts in the same way."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from eval.models.questions import Answer, Question, Questions

if TYPE_CHECKING:
    from skin_r1.models import Loaded

NEXT_SAMPLE = 1_000_003  # between the seeds of a batch's samples: more than a split has cases


@dataclass(frozen=True)
class Decoding:
    """How the model answers.

    Attributes:
        temperature: of the completion, or with `samples` that of the samples beside a greedy completion.
        max_new_tokens: longest answer, in tokens.
        seed, batch_size: a batch that begins at case n is drawn with seed + n.
        samples: further answers to each question.
    """

    temperature: float = 0.0
    max_new_tokens: int = 160
    seed: int = 0
    batch_size: int = 32
    samples: int = 0


def answers(
    questions: Questions,
    done: Set[int],
    decoding: Decoding,
    model: Path,
    adapter: Path | None,
    labels: Mapping[str, str] | None,
) -> Iterator[list[Answer]]:
    """Load the model, then answer batch by batch; a batch of which a case is missing is answered whole, with its own seed.

    Args:
        questions: all of the run.
        done: places that need no answer.
        decoding: how.
        model, adapter: see `skin_r1.models.load`; not loaded where the probe leaves out all that is missing.
        labels: candidate slug -> name, to score by likelihood after each answer; None for no scores.

    Raises:
        UserError: the model or the adapter cannot be loaded.
    """
    missing = (questions.ask(place) for place in range(len(questions)) if place not in done)
    left_out = [each for each in takewhile(lambda each: isinstance(each, Answer), missing) if isinstance(each, Answer)]
    if len(left_out) == len(questions) - len(done):
        return iter([left_out])
    # Before the first batch is asked for: a model that cannot be loaded must not begin a file.
    return _batches(_loaded(model, adapter), questions, done, decoding, labels)


@lru_cache(maxsize=1)  # the runs of `skin-r1 eval probe` ask one model
def _loaded(model: Path, adapter: Path | None) -> "Loaded":
    # Imported late: a mistake in the arguments should not cost the wait for torch.
    from skin_r1.models import load

    return load(model, adapter=adapter)


def _batches(
    loaded: "Loaded", questions: Questions, done: Set[int], decoding: Decoding, labels: Mapping[str, str] | None
) -> Iterator[list[Answer]]:
    from eval.models.likelihood import label_likelihood
    from skin_r1.models import generate

    size, greedy = decoding.batch_size, decoding.temperature if not decoding.samples else 0.0
    for first in range(0, len(questions), size):
        places = range(first, min(first + size, len(questions)))
        if done >= set(places):
            continue
        taken = [questions.ask(place) for place in places]
        asked = [each for each in taken if isinstance(each, Question)]
        rows = [(question.messages, question.images) for question in asked]
        texts, *samples = (
            generate(
                loaded,
                rows,
                max_new_tokens=decoding.max_new_tokens,
                temperature=decoding.temperature if turn else greedy,
                seed=decoding.seed + first + turn * NEXT_SAMPLE,
                batch_size=size,
            )
            for turn in range(decoding.samples + 1)
        )
        batch = [each for each in taken if isinstance(each, Answer)]
        for at, (question, text) in enumerate(zip(asked, texts, strict=True)):
            drawn = tuple(sample[at] for sample in samples)
            if labels is None or question.place in done:
                batch.append(Answer(question.place, text, samples=drawn))
                continue
            found = label_likelihood(loaded, question.messages, question.images, text, labels, batch_size=size)
            batch.append(
                Answer(question.place, text, samples=drawn, label_scores=found.scores, label_means=found.means)
            )
        yield sorted((answer for answer in batch if answer.place not in done), key=lambda answer: answer.place)
