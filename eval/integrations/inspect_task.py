"""An inspect_ai task over a corpus: the questions of `skin-r1 eval run`, the numbers of `skin-r1 eval score`.

    inspect eval eval/integrations/inspect_task.py@skin_r1 -T corpus=$PWD/runs/corpus --model openai/NAME

A corpus is given by its whole path, for inspect loads a task from the task's own folder. Images are sent as data URLs, which
nothing has to fetch; they also stand in the log, unless `--no-log-images` is given.
"""

# mypy: disable-error-code="untyped-decorator"
# Without inspect_ai, which is an extra, its decorators are of no type.

from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
)
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from eval.integrations.headline import headline, record
from eval.integrations.inspect_log import prediction_of
from eval.models.chat import chat_messages
from eval.models.origin import digest
from eval.models.questions import Question, Questions
from eval.run import check_images
from eval.tasks import applies, check_task
from skin_r1.case import load_corpus


@task
def skin_r1(
    corpus: str,
    split: str = "test",
    task: str = "diagnosis",
    choices: int = 4,
    seed: int = 0,
    max_tokens: int = 160,
    bootstrap: int = 2000,
) -> Task:
    """The cases of a split that the task suits, each asked once, greedily.

    Args:
        corpus: folder of the corpus; a whole path.
        split: train, validation or test.
        task: a key of `eval.tasks.TASKS`.
        choices: options of a multiple choice.
        seed: of the options' draw and of the intervals.
        max_tokens: longest answer; inspect's own `--max-tokens` goes before it.
        bootstrap: resamples of the intervals.

    Raises:
        UserError: no such corpus, split or task, or a case without an image.
    """
    check_task(task, choices)
    table = load_corpus(Path(corpus), split)
    check_images(table, Path(corpus), split)
    facts = table.remove_columns("images").to_list()
    suited = [place for place, row in enumerate(facts) if applies(task, row)]
    questions = Questions(table.select(suited), [facts[place] for place in suited], task, choices, seed)
    return Task(
        dataset=MemoryDataset([_sample(questions, place) for place in range(len(questions))], name="skin_r1"),
        setup=ask(questions),
        solver=generate(),
        scorer=compare(questions, bootstrap, seed),
        config=GenerateConfig(temperature=0.0, max_tokens=max_tokens, seed=seed),
        metadata={"corpus_checksum": digest(table["checksum"][:]), "split": split, "task": task, "choices": choices},
    )


def _sample(questions: Questions, place: int) -> Sample:
    """A case without its images: those of a whole split would not fit in memory; `ask` reads them when it is their turn."""
    row = questions.facts[place]
    return Sample(
        id=row["case_id"],
        input=row["case_id"],
        target=row["diagnosis"] or "",
        metadata={"place": place, "options": list(questions.options(place)), "group": row["group"]},
    )


@solver
def ask(questions: Questions) -> Solver:
    """Put the question of a case, with its images, in the place of the case's name."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        question = questions.ask(state.metadata["place"])
        assert isinstance(question, Question)  # only a probe leaves a case out
        parts = chat_messages(question)[0]["content"]
        state.messages = [ChatMessageUser(content=[_content(part) for part in parts])]
        return state

    return solve


def _content(part: dict[str, Any]) -> Content:
    return ContentText(text=part["text"]) if part["type"] == "text" else ContentImage(image=part["image_url"]["url"])


@metric(scores="unreduced")
def skin_r1_metrics(bootstrap: int, seed: int) -> Metric:
    """Each metric of `eval.integrations.headline` with the ends of its 95 % interval; clusters are the groups of cases.

    An undefined one is left out. With several epochs an answer is one more case of its group.
    """

    def values(scores: list[SampleScore]) -> dict[str, float | None]:
        if not scores:
            return {}
        found = headline([each.score.metadata or {} for each in scores], resamples=bootstrap, seed=seed)
        return {
            name + end: value
            for name, each in found.items()
            for end, value in (("", each.value), ("_low", each.low), ("_high", each.high))
        }

    return values  # type: ignore[return-value]  # inspect leaves out what is None, though its type does not say so


def compare(questions: Questions, bootstrap: int, seed: int) -> Scorer:
    """A scorer that reads an answer as `skin-r1 eval score` does.

    The value is a mark for the viewer, the metrics come from the metadata, which is a `eval.integrations.headline.record`.
    """

    @scorer(metrics=[skin_r1_metrics(bootstrap, seed)], name="skin_r1")
    def build() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            prediction = _prediction(questions, state, state.output)
            found = record(questions.facts[state.metadata["place"]], prediction)
            return Score(
                value=_mark(found),
                answer=found["said"] or found["predicted_malignancy"],
                explanation=found["failure"] or found["form"],
                metadata=found,
            )

        return score

    return build()


def _prediction(questions: Questions, state: TaskState, output: ModelOutput) -> Any:
    return prediction_of(str(state.sample_id), output, questions.task, state.metadata["options"], str(state.model))


def _mark(found: dict[str, Any]) -> str:
    """Right, wrong or unread: by the diagnosis where it is asked for and known, else the malignancy, else the findings."""
    if found["failure"] is not None:
        return NOANSWER
    if found["diagnosis"] is not None:
        right = found["predicted"] == found["diagnosis"]
    elif found["malignancy"] is not None:
        right = found["predicted_malignancy"] == found["malignancy"]
    else:
        right = not (found["missed"] or found["contradicted"])
    return CORRECT if right else INCORRECT
