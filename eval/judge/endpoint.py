"""A judge behind any OpenAI-compatible endpoint, asked by the teacher's client: concurrent, patient, and nothing twice."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from eval.judge.prompt import messages_for
from eval.judge.question import Question, Verdict
from eval.judge.verdict import read_verdict
from skin_r1.distill.teacher.endpoint import ask
from skin_r1.distill.teacher.question import PATIENT, Limits, Request, Settings

WHO = "judge"
BLOCK = 16  # cases whose images are held in memory


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
        questions: sent in `sending_order`.
        settings: of the judge; the first repeat has their seed, each further one the next.
        pictures: number of a case -> its images as data URLs.
        cache: SQLite file of answers, keyed by model, prompt, images, parameters and seed; a run that was killed goes
            on from there.
        structured: send the answer's JSON schema along; not every endpoint knows how.
        limits: timeouts and retries.

    Raises:
        UserError: as `skin_r1.distill.teacher.endpoint.ask`.
    """
    shown = lru_cache(maxsize=BLOCK)(pictures)

    def requests() -> Iterator[Request]:
        for place in sending_order(questions):
            question = questions[place]
            schema = question.form.schema if structured else None
            messages = messages_for(question, shown(question.number))
            yield Request(str(place), messages, settings.seed + question.repeat, schema)

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


def sending_order(questions: Sequence[Question]) -> list[int]:
    """Places of the questions: a block of cases at a time, and one question of each case before the next of any.

    A case whose image an endpoint refuses fails on every question. Sent one after the other they would look like an endpoint
    beyond hope. Within a block the images are encoded once, and servers that keep prefixes still have them. The cases are
    shuffled, as one dataset may have many such images in a row.
    """
    cases = list(dict.fromkeys(question.number for question in questions))
    random.Random(0).shuffle(cases)
    turn = {number: place for place, number in enumerate(cases)}
    asked: Counter[int] = Counter()
    keys = []
    for place, question in enumerate(questions):
        keys.append((turn[question.number] // BLOCK, asked[question.number], turn[question.number], place))
        asked[question.number] += 1
    return [place for *_, place in sorted(keys)]
