"""What the model is asked: the training prompt, with the pictures before the text as in training.

The form's fields are worded as the training corpora word them (`skin_r1.history`). What a person wrote freely comes after
them in quotes of its own, on one line, so that a reader, and a model that knows quotes, sees where it ends. That is no
lock: no prompt keeps a model from following a text. Triage, schema and abstention are therefore code that never asks it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skin_r1.history import history_text
from skin_r1.reading import messages_for

if TYPE_CHECKING:
    from skin_r1.serve.intake.picture import Picture
    from skin_r1.serve.intake.requests import Ask

_QUOTES = str.maketrans(dict.fromkeys('"“”„‟«»', "'"))


def history_of(ask: "Ask") -> str | None:
    """The history sentence of the prompt, or None. The skin type is the one field that no training corpus words."""
    composed = history_text(
        age=ask.age,
        sex=ask.sex,
        site=one_line(ask.site).lower() if ask.site else None,
        background=(f"skin type {ask.skin_type}",) if ask.skin_type else (),
    )
    told = f'In the person\'s words: "{one_line(ask.history)}".' if ask.history else None
    return " ".join(filter(None, (composed, told))) or None


def case_messages(ask: "Ask", pictures: Sequence["Picture"]) -> list[dict[str, Any]]:
    """One user message of OpenAI's shape: each picture, then the prompt."""
    text = messages_for({"modality": ask.modality, "history": history_of(ask)})[0]["content"]
    return [user_message(text, pictures)]


def user_message(text: str, pictures: Sequence["Picture"] = ()) -> dict[str, Any]:
    """A user's turn: pictures first."""
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": each.data_url}} for each in pictures]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def assistant_message(text: str) -> dict[str, Any]:
    """The model's turn."""
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def one_line(text: str) -> str:
    """The text without line breaks and control characters, its double quotes single: it cannot close ours."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.translate(_QUOTES).split())
