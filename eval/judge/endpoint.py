"""A judge behind any OpenAI-compatible endpoint, asked by the teacher's client: concurrent, patient, and nothing twice."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from eval.judge.prompt import messages_for
from eval.judge.question import Question, Verdict
from eval.judge.verdict import read_verdict
from skin_r1.distill.teacher.endpoint import ask
from skin_r1.distill.teacher.question import PATIENT, Limits, Request, Settings

WHO = "judge"


def ask_endpoint(
    questions: Sequence[Question],
    settings: Settings,
    pictures: Callable[[int], list[str]],
    cache: Path,
    *,
    structured: bool = True,
    limits: Limits = PATIENT,
) -> list[Verdict]:
    """The verdict of each question, in their order.

    Args:
        questions: those of one case stand together, so that its images are encoded once.
        settings: of the judge; the first repeat has their seed, each further one the next.
        pictures: number of a case -> its images as data URLs.
        cache: SQLite file of answers, keyed by model, prompt, images, parameters and seed; a run that was killed goes
            on from there.
        structured: send the answer's JSON schema along; not every endpoint knows how.
        limits: timeouts and retries.

    Raises:
        UserError: as `skin_r1.distill.teacher.endpoint.ask`.
    """

    def requests() -> Iterator[Request]:
        shown: tuple[int, list[str]] = (-1, [])
        for place, question in enumerate(questions):
            if question.number != shown[0]:
                shown = question.number, pictures(question.number)
            schema = question.form.schema if structured else None
            yield Request(str(place), messages_for(question, shown[1]), settings.seed + question.repeat, schema)

    verdicts: dict[int, Verdict] = {}
    replies = ask(requests(), settings, cache, limits=limits, who=WHO)
    for reply in tqdm(replies, total=len(questions), desc="verdicts", unit="verdict"):
        place = int(reply.id)
        if reply.text is None:
            _, kind, said = reply.reason.split(": ", 2)
            verdicts[place] = Verdict(None, kind, said)
        else:
            verdicts[place] = read_verdict(reply.text, questions[place].form)
    return [verdicts[place] for place in range(len(questions))]
