"""Pictures and a history -> one answer, or an abstention with its reason. It never makes one up.

The first answer is greedy and, where the client listens, streamed. What does not parse is asked once more; then the server
abstains. Further answers are sampled at the same time, with fixed seeds: the same request gives the same answer. How many
agree decides how sure the answer is, and whether one is given.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from skin_r1.manifest import versions
from skin_r1.ontology import load_ontology
from skin_r1.reading import PROMPT, ParseFailure, Reading, parse
from skin_r1.serve.answer import confidence
from skin_r1.serve.answer.abstain import Abstention, doubt, refused_pictures, unreadable, usable
from skin_r1.serve.answer.agreement import Agreement, name_of
from skin_r1.serve.answer.ask_engine import Emit, told, whole_text
from skin_r1.serve.answer.content import NOTHING, content_of
from skin_r1.serve.answer.prompt import case_messages
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.answer.triage import triage
from skin_r1.serve.engines.engine import Chat, Engine
from skin_r1.serve.engines.schema import answer_schema

if TYPE_CHECKING:
    from skin_r1.serve.intake.picture import Picture
    from skin_r1.serve.intake.requests import Ask

DISCLAIMER = "Research use only: not a medical device, not a diagnosis. Do not use it for decisions about care."


def version_table(name: str) -> dict[str, str]:
    """What made the answer."""
    table = versions()
    table |= {"model": name, "ontology": load_ontology().version}
    table["prompt"] = hashlib.sha256(PROMPT.encode()).hexdigest()[:12]
    return table


async def diagnose(
    engine: Engine, ask: "Ask", pictures: Sequence["Picture"], settings: AnswerSettings, emit: Emit | None = None
) -> dict[str, Any]:
    """Look at the quality, ask, parse, ask once more, sample, weigh; then apply the red-flag rules.

    Args:
        engine: what answers; asked for `settings.samples` answers, one more after a repair, none when no picture is usable.
        ask: the checked fields.
        pictures: 1 to 4, cleaned, in the order of the form.
        settings: of the answer.
        emit: receives `quality`, `token`, `restart` and `progress` events, or None.

    Returns:
        The answer of `POST /v1/diagnose` but for `id`, `case` and `versions`.

    Raises:
        Refused: the engine fails.
    """
    quality = [[asdict(advice) for advice in picture.quality] for picture in pictures]
    if emit:
        for image, advice in enumerate(quality):
            await emit({"type": "quality", "image": image, "advice": advice})
    fields = {"attempts": 0, "image_quality": quality, "disclaimer": DISCLAIMER}
    shown = usable(pictures)
    if not shown:
        return _answer(refused_pictures(pictures), NOTHING, _confidence(0), ask, ()) | fields
    messages = case_messages(ask, shown)
    first, fields["attempts"] = await _first(engine, messages, ask, settings, emit)
    if isinstance(first, ParseFailure):
        return _answer(unreadable(first), NOTHING, _confidence(1), ask, ()) | fields
    agreement = Agreement([first, *await _samples(engine, messages, ask, settings, emit)])
    if emit and name_of(agreement.leader) != name_of(first):
        await emit({"type": "restart", "reason": "most samples name another diagnosis than the first answer"})
    chances = confidence.probabilities(agreement.votes, agreement.asked, settings.calibration)
    abstention = doubt(agreement, settings)
    content = content_of(agreement, chances if agreement.asked > 1 else {})
    if abstention:
        resolved = content["resolved"] | {"diagnosis": None, "path": []}
        content |= {"diagnosis": None, "malignancy": None, "resolved": resolved}
    sure = _confidence(agreement.asked)
    if agreement.asked > 1:
        likely = confidence.prediction_set(chances, settings.calibration)
        sure |= {
            "value": None if abstention else chances[name_of(agreement.leader)],
            "calibrated": settings.calibration is not None,
            "prediction_set": None if likely is None else [name for name in likely if not name.startswith("?")],
        }
    sure["note"] = confidence.note(agreement.asked, settings.calibration)
    return _answer(abstention, content, sure, ask, agreement.readings) | fields


async def _first(
    engine: Engine, messages: list[dict[str, Any]], ask: "Ask", settings: AnswerSettings, emit: Emit | None
) -> tuple[Reading | ParseFailure, int]:
    """The greedy answer, or where that cannot be read a sampled one; and how many were asked for."""
    outcome = parse(await told(engine, _chat(messages, ask, settings, 0.0, 0), emit))
    if isinstance(outcome, Reading):
        return outcome, 1
    if emit:
        await emit({"type": "restart", "reason": "the answer could not be read; it is asked for once more"})
    # Greedy again would say the same. The seed is none of the samples', or one of them would be counted twice.
    again = _chat(messages, ask, settings, settings.temperature, settings.samples)
    return parse(await told(engine, again, emit)), 2


async def _samples(
    engine: Engine, messages: list[dict[str, Any]], ask: "Ask", settings: AnswerSettings, emit: Emit | None
) -> list[Reading | ParseFailure]:
    """The other answers, in the order of their seeds; a failure of the engine ends the rest."""
    done = 1

    async def one(seed: int) -> Reading | ParseFailure:
        nonlocal done
        outcome = parse(await whole_text(engine, _chat(messages, ask, settings, settings.temperature, seed)))
        done += 1
        if emit:
            await emit({"type": "progress", "done": done, "of": settings.samples})
        return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(seed)) for seed in range(1, settings.samples)]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _chat(messages: list[dict[str, Any]], ask: "Ask", settings: AnswerSettings, temperature: float, seed: int) -> Chat:
    return Chat(messages, settings.max_new_tokens, temperature, seed, model=ask.model, schema=answer_schema())


def _confidence(asked: int) -> dict[str, Any]:
    method = "agreement" if asked > 1 else None
    empty = {"value": None, "method": method, "calibrated": False, "samples": asked, "prediction_set": None}
    return empty | {"note": confidence.note(asked, None)}


def _answer(
    abstention: Abstention | None,
    content: Mapping[str, Any],
    sure: dict[str, Any],
    ask: "Ask",
    readings: Sequence[Reading],
) -> dict[str, Any]:
    texts = [ask.history] if ask.history else []
    found = triage(texts, readings, age=ask.age, site=ask.site, abstained=abstention is not None)
    return {
        "abstained": abstention is not None,
        "reason": abstention.reason if abstention else None,
        "reason_code": abstention.code if abstention else None,
        **content,
        "confidence": sure,
        "triage": asdict(found),
    }
