"""One picture -> one reading. What does not parse is asked once more; then the server abstains. It never makes one up."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skin_r1.manifest import versions
from skin_r1.ontology import load_ontology
from skin_r1.reading import PROMPT, ParseFailure, Reading, messages_for, parse
from skin_r1.serve.answer.triage import triage
from skin_r1.serve.engines.engine import Chat, Engine
from skin_r1.serve.intake.picture import Picture

DISCLAIMER = "Research use only: not a medical device, not a diagnosis. Do not use it for decisions about care."
# Greedy first. Greedy again would say the same, so the one retry samples.
ATTEMPTS = ((0.0, 0), (0.7, 1))  # temperature, seed


def version_table(name: str) -> dict[str, str]:
    """What made the answer."""
    import hashlib

    table = versions()
    table |= {"model": name, "ontology": load_ontology().version}
    table["prompt"] = hashlib.sha256(PROMPT.encode()).hexdigest()[:12]
    return table


async def diagnose(
    engine: Engine, picture: Picture, modality: str, history: str | None, max_new_tokens: int
) -> dict[str, Any]:
    """Ask, parse, ask once more, else abstain; then apply the red-flag rules.

    Returns:
        The answer of `POST /v1/diagnose` but for its versions.
    """
    outcome: Reading | ParseFailure = ParseFailure("not asked", "")
    attempts = 0
    for temperature, seed in ATTEMPTS:
        attempts += 1
        chat = Chat(_prompt(picture, modality, history), max_new_tokens, temperature, seed)
        choice = (await engine.complete(chat))["choices"][0]
        outcome = parse(choice["message"])
        if isinstance(outcome, Reading):
            break
    answer = _answer(outcome)
    found = triage(history, outcome if isinstance(outcome, Reading) else None)
    return {**answer, "attempts": attempts, "triage": asdict(found), "disclaimer": DISCLAIMER}


def _prompt(picture: Picture, modality: str, history: str | None) -> list[dict[str, Any]]:
    """The training prompt in OpenAI's shape: the picture first, as in training."""
    row: Mapping[str, Any] = {"modality": modality, "history": history}
    text = messages_for(row)[0]["content"]
    parts = [{"type": "image_url", "image_url": {"url": picture.data_url}}, {"type": "text", "text": text}]
    return [{"role": "user", "content": parts}]


def _answer(outcome: Reading | ParseFailure) -> dict[str, Any]:
    if isinstance(outcome, ParseFailure):
        return {
            "abstained": True,
            "reason": f"the model gave no readable answer: {outcome.reason}",
            "findings": [],
            "differential": [],
            "diagnosis": None,
            "malignancy": None,
            "rationale": None,
            "resolved": None,
        }
    slug = outcome.diagnosis_slug
    return {
        "abstained": False,
        "reason": None,
        "findings": list(outcome.findings),
        "differential": list(outcome.differential),
        "diagnosis": outcome.diagnosis,
        "malignancy": outcome.malignancy,
        "rationale": outcome.think,
        "resolved": {
            "diagnosis": slug,
            "path": list(load_ontology().path(slug)) if slug else [],
            "findings": list(outcome.finding_slugs),
            "differential": list(outcome.differential_slugs),
        },
    }
