"""A question about an earlier answer: the same pictures, the same case, and the red flags of every turn."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from skin_r1.reading import Reading, message_text, parse
from skin_r1.serve.answer.abstain import usable
from skin_r1.serve.answer.ask_engine import Emit, told
from skin_r1.serve.answer.cases import Case, Cases
from skin_r1.serve.answer.diagnose import DISCLAIMER
from skin_r1.serve.answer.prompt import assistant_message, case_messages, one_line, user_message
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.answer.triage import triage
from skin_r1.serve.engines.engine import Chat, Engine
from skin_r1.serve.refused import Refused

if TYPE_CHECKING:
    from skin_r1.serve.intake.picture import Picture
    from skin_r1.serve.intake.requests import Ask

MAX_TURNS = 16
_THINK = re.compile(r"\s*<think>(.*?)(?:</think>\s*|$)", re.DOTALL)


def opened(
    cases: Cases, caller: str, ask: "Ask", pictures: Sequence["Picture"], answer: Mapping[str, Any]
) -> str | None:
    """Keep an answered case; its id, or None where there is nothing to ask about: no usable picture, or no answer."""
    shown = usable(pictures)
    if not shown or answer["rationale"] is None:
        return None
    messages = [*case_messages(ask, shown), assistant_message(_as_shown(answer))]
    return cases.add(caller, ask, messages, answer["triage"]["level"])


def _as_shown(answer: Mapping[str, Any]) -> str:
    """The answer as the model's turn: what the person has read. An abstention stays one."""
    findings = ", ".join(each["name"] for each in answer["findings"]) or "none"
    others = ", ".join(each["name"] for each in answer["differential"]) or "none"
    verdict = f"No diagnosis: {answer['reason']}." if answer["abstained"] else f"Diagnosis: {answer['diagnosis']}."
    return f"{answer['rationale']}\nFindings: {findings}. {verdict} Considered: {others}."


async def follow_up(
    engine: Engine, cases: Cases, case: Case, question: str, settings: AnswerSettings, emit: Emit | None = None
) -> dict[str, Any]:
    """Ask about a case and keep the turn.

    Args:
        engine: what answers.
        cases: where the case is kept with its new turn.
        case: of `Cases.get`, which has checked whose it is.
        question: the person's words; red flags in them raise the level.
        settings: `max_new_tokens` of it.
        emit: receives `token` events, or None.

    Returns:
        The answer but for `id` and `versions`. Its `answer` is free text, so the level and the notice stand beside it; a
        malignant diagnosis that it gives raises the level. Where the model wrote no more than its reasoning, that is the
        answer.

    Raises:
        Refused: 400 after `MAX_TURNS` questions, and what the engine raises.
    """
    if len(case.messages) >= 2 * MAX_TURNS:
        raise Refused(400, "too_many_turns", f"at most {MAX_TURNS - 1} questions about a case: send the picture again")
    # The level is kept before the engine is asked: a failed turn must not lose a red flag.
    earlier = case.level
    found = triage([question], [], age=case.ask.age, site=case.ask.site, floor=earlier)
    case = replace(case, level=found.level)
    cases.keep(case)
    messages = [*case.messages, user_message(one_line(question))]
    message = await told(engine, Chat(messages, settings.max_new_tokens, 0.0, 0, model=case.ask.model), emit)
    outcome = parse(message)  # a model that knows one form may answer in it again
    readings = [outcome] if isinstance(outcome, Reading) else []
    text = _in_words(outcome) if isinstance(outcome, Reading) else _told(message_text(message))
    found = triage([question], readings, age=case.ask.age, site=case.ask.site, spoken=text, floor=earlier)
    cases.keep(replace(case, level=found.level, messages=(*messages, assistant_message(text))))
    return {"case": case.id, "answer": text, "triage": asdict(found), "disclaimer": DISCLAIMER}


def _in_words(reading: Reading) -> str:
    findings, others = (", ".join(names) or "none" for names in (reading.findings, reading.differential))
    verdict = f"Diagnosis: {reading.diagnosis} ({reading.malignancy})."
    return f"{reading.think}\nFindings: {findings}. {verdict} Considered: {others}."


def _told(text: str) -> str:
    """Free text without its reasoning, or the reasoning where there is nothing else."""
    return _THINK.sub("", text, count=1).strip() or _THINK.sub(r"\1", text, count=1).strip()
