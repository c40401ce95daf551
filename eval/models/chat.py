"""Answers of a chat model that is asked by messages: behind an OpenAI-compatible address, or vLLM without a server.

Both are asked by the teacher's client (`skin_r1.distill.teacher`): concurrently, again when a failure may pass, and never
twice for what its file of answers holds.
"""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from eval.models.questions import LEFT_OUT, Answer, Question, Questions
from skin_r1.distill.teacher import endpoint, offline
from skin_r1.distill.teacher.question import Limits, Reply, Request, Settings
from skin_r1.distill.teacher.requests import Ask, data_url
from skin_r1.errors import problem

OWN = ("cut off", "refused")  # the model's own failures: another try would end alike
WHO = "endpoint"
KEY = "OPENAI_API_KEY"  # where the client looks


@dataclass(frozen=True)
class Chat:
    """`skin_r1.distill.teacher.question.Settings` of an evaluation."""

    model: str
    base_url: str
    concurrency: int
    temperature: float
    max_tokens: int
    seed: int


def ask_endpoint(key_env: str, timeout: float, attempts: int) -> Ask:
    """The way to ask an address.

    Args:
        key_env: environment variable that holds the key; `OPENAI_API_KEY` need not be set, others must be.
        timeout: seconds for one attempt.
        attempts: at one question.

    Raises:
        UserError: there is no such variable.
    """
    if key_env != KEY and not os.environ.get(key_env):
        raise problem("the variable of the key is not set", found=key_env, next_step=f"export {key_env}=...")
    limits = Limits(timeout=timeout, attempts=attempts, as_written=True)

    def ask(requests: Iterable[Request], settings: Settings, cache_path: Path) -> Iterator[Reply]:
        before = os.environ.get(KEY)
        os.environ[KEY] = os.environ.get(key_env, "")
        try:
            yield from endpoint.ask(requests, settings, cache_path, limits=limits, who=WHO)
        finally:
            os.environ.pop(KEY) if before is None else os.environ.update({KEY: before})

    return ask


def ask_vllm(max_model_len: int) -> Ask:
    """The way to ask vLLM in this process; `max_model_len` is prompt and answer together, in tokens.

    Raises:
        UserError: vLLM is not installed.
    """
    if find_spec("vllm") is None:
        raise problem("vLLM is not installed", next_step="make vllm   (or --engine URL, or --engine transformers)")
    return partial(offline.ask, max_model_len=max_model_len)


def answers(
    questions: Questions, todo: Sequence[int], ask: Ask, settings: Chat, cache: Path, samples: int
) -> Iterator[list[Answer]]:
    """Answer in the order in which answers come.

    Samples are asked first and kept in `cache`; then the completions, and with each its case is whole.

    Args:
        questions: all of the run.
        todo: places to ask.
        ask: `ask_endpoint(...)` or `ask_vllm(...)`.
        settings: the temperature is that of the samples where there are any, and the completion is then greedy.
        cache: SQLite file of answers.
        samples: further answers to each question, drawn with the seeds `seed + 1`, `seed + 2`, ...

    Raises:
        UserError: no question could be answered: the key, the model's name or the address is wrong, or the endpoint down.
    """
    drawn: dict[int, list[str]] = {place: [""] * samples for place in todo}
    failed: dict[int, str] = {}  # also what the probe cannot change
    if samples:
        turns = [settings.seed + 1 + turn for turn in range(samples)]
        for reply in ask(_requests(questions, todo, turns, failed), settings, cache):
            place, turn = map(int, reply.id.split("/"))
            text, failure = _read(reply)
            if text is not None:
                drawn[place][turn] = text
            elif place not in failed:
                failed[place] = failure
                yield [Answer(place, None, failure)]
        settings = replace(settings, temperature=0.0)
    rest = [place for place in todo if place not in failed]
    for reply in ask(_requests(questions, rest, [settings.seed], failed), settings, cache):
        place = int(reply.id.split("/")[0])
        text, failure = _read(reply)
        yield [Answer(place, text, failure, tuple(drawn[place]))]
    yield [Answer(place, None, failure) for place, failure in sorted(failed.items()) if failure.startswith(LEFT_OUT)]


def _read(reply: Reply) -> tuple[str | None, str]:
    """The text, or what there is of it where the model failed; and the failure without the one who was asked."""
    failure = reply.reason.partition(": ")[2]
    if reply.text is None and failure.partition(":")[0] in OWN:
        return reply.partial, failure
    return reply.text, failure


def _requests(
    questions: Questions, places: Sequence[int], seeds: Sequence[int], failed: dict[int, str]
) -> Iterator[Request]:
    """A request for each place and seed, built when asked for; what the probe cannot change goes to `failed`."""
    for place in places:
        question = questions.ask(place)
        if isinstance(question, Answer):
            failed[place] = question.failure
            continue
        messages = chat_messages(question)
        for turn, seed in enumerate(seeds):
            yield Request(f"{place}/{turn}", messages, seed)


def chat_messages(question: Question) -> list[dict[str, Any]]:
    """Chat messages with the images as data URLs before the text of the first."""
    pictures = [{"type": "image_url", "image_url": {"url": _url(image)}} for image in question.images]
    first, *more = question.messages
    return [{"role": first["role"], "content": [*pictures, {"type": "text", "text": first["content"]}]}, *more]


def _url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "BMP")  # pixels as they are, at no cost; they travel as PNG
    return data_url(buffer.getvalue())
