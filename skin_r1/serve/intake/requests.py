"""What a client asks, once it is checked: a chat (read by `chat`) or a diagnosis (read by `form`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from skin_r1.serve.engines.engine import Chat
from skin_r1.serve.intake.picture import ImageLimits, from_data_url
from skin_r1.serve.refused import Refused

MAX_IMAGES = 4
MAX_TEXT = 20_000  # characters in all messages together
MAX_HISTORY = 2_000  # characters


@dataclass(frozen=True)
class Upload:
    """A picture as it came: not decoded, not yet checked.

    Attributes:
        data: the file's bytes.
        expected: the format that the sender declared (`JPEG`, `PNG`, `WEBP`).
    """

    data: bytes
    expected: str


@dataclass(frozen=True)
class ChatAsk:
    """A chat request, checked but for its pictures.

    Attributes:
        model: one of the names served.
        messages: OpenAI shape, each content a list of parts; a picture's URL is empty until `filled`.
        images: the pictures in the order of the messages, at most `MAX_IMAGES`.
        max_tokens: longest completion, at most what the operator allows.
        temperature: 0 (greedy) to 2.
        top_p: above 0, at most 1.
        seed: of the sampling.
        stream: whether to answer in server-sent events.
    """

    model: str
    messages: list[dict[str, Any]]
    images: tuple[Upload, ...]
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    stream: bool

    def filled(self, urls: Sequence[str]) -> list[dict[str, Any]]:
        """The messages with the data URLs of the cleaned pictures, in the order of `images`."""
        left = iter(urls)
        return [
            {
                **message,
                "content": [
                    {"type": "image_url", "image_url": {"url": next(left)}} if part["type"] == "image_url" else part
                    for part in message["content"]
                ],
            }
            for message in self.messages
        ]


@dataclass(frozen=True)
class Ask:
    """A diagnose form, checked but for its pictures.

    Attributes:
        images: 1 to `MAX_IMAGES` files; none when `case` is given.
        modality: `clinical`, `dermoscopic` or `histopathology`.
        history: in the person's words, or None.
        age: years, 0 to 120.
        sex: `female` or `male`.
        site: where the lesion is, in words.
        skin_type: Fitzpatrick's, 1 to 6.
        case: id of an earlier answer to talk about; 32 hexadecimal digits.
        question: about that case.
        stream: whether to answer in server-sent events.
        model: one of the names served, or None for the first.
    """

    images: tuple[bytes, ...] = ()
    modality: str = "clinical"
    history: str | None = None
    age: int | None = None
    sex: str | None = None
    site: str | None = None
    skin_type: int | None = None
    case: str | None = None
    question: str | None = None
    stream: bool = False
    model: str | None = None


# Below: what app.py still uses; it goes with the change to `chat` and `form`.
MODALITIES = ("dermoscopic", "clinical", "histopathology")
# A chat template's own marks, written by a user, could fake a picture or another speaker's turn.
_MARKS = re.compile(r"<\|[^|<>]{1,40}\|>|<(?:image|start_of_turn|end_of_turn|start_of_image|end_of_utterance)>")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ImageUrl(_Strict):
    """`image_url` of a part."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImagePart(_Strict):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(_Strict):
    """Some text."""

    type: Literal["text"]
    text: str


class Message(_Strict):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: str | list[Annotated[ImagePart | TextPart, Field(discriminator="type")]]


class StreamOptions(_Strict):
    """Accepted as OpenAI's clients send it; usage is always sent."""

    include_usage: bool = True


class ChatRequest(_Strict):
    """The allowed fields; any other is refused by name, so nothing is silently ignored."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=64)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.0, ge=0.0)
    seed: int = Field(default=0, ge=0, lt=2**31)
    n: Literal[1] = 1
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, max_length=200)  # accepted and dropped


def read_chat(body: bytes, name: str, limits: ImageLimits, max_new_tokens: int) -> tuple[Chat, bool]:
    """A JSON body -> a cleaned request, and whether to stream.

    Raises:
        Refused: 400 unknown or wrong field, 404 unknown model, and what `from_data_url` raises.
    """
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(400, "invalid_request", f"{where or 'body'}: {first['msg']}") from error
    if request.model != name:
        raise Refused(404, "model_not_found", f"this server offers {name!r}, not {request.model[:80]!r}")
    parts = [part for message in request.messages if isinstance(message.content, list) for part in message.content]
    if sum(isinstance(part, ImagePart) for part in parts) > MAX_IMAGES:  # counted before any is decoded
        raise Refused(400, "too_many_images", f"at most {MAX_IMAGES} pictures a request")
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    texts += [message.content for message in request.messages if isinstance(message.content, str)]
    if sum(map(len, texts)) > MAX_TEXT:
        raise Refused(400, "text_too_long", f"at most {MAX_TEXT:,} characters a request")
    for text in texts:
        check_marks(text)
    messages = []
    for message in request.messages:
        content: list[dict[str, Any]] = []
        for part in (
            [TextPart(type="text", text=message.content)] if isinstance(message.content, str) else message.content
        ):
            if isinstance(part, ImagePart):
                url = from_data_url(part.image_url.url, limits).data_url
                content.append({"type": "image_url", "image_url": {"url": url}})
            else:
                content.append({"type": "text", "text": part.text})
        messages.append({"role": message.role, "content": content})
    tokens = request.max_completion_tokens or request.max_tokens or max_new_tokens
    return Chat(messages, min(tokens, max_new_tokens), min(request.temperature, 2.0), request.seed), request.stream


def check_marks(text: str) -> None:
    """Refuse text that holds a chat template's marks.

    Raises:
        Refused: 400.
    """
    if _MARKS.search(text):
        raise Refused(400, "special_token", f"the text holds a control mark: {_MARKS.findall(text)[0]}")


async def read_form(request: Request, body: bytes) -> tuple[bytes, str, str | None]:
    """A multipart body -> picture bytes, modality, history.

    Raises:
        Refused: 400 for another shape.
    """

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refused(415, "not_a_form", "send multipart/form-data with the picture in the field 'image'")
    try:
        form = await Request(request.scope, receive).form(max_files=1, max_fields=4, max_part_size=64 * 1024)
    except (MultiPartException, HTTPException, KeyError, ValueError) as error:
        raise Refused(400, "invalid_form", f"the form cannot be read: {getattr(error, 'detail', error)}") from error
    async with _closing(form):
        strangers = sorted(set(form) - {"image", "modality", "history"})
        if strangers:
            raise Refused(
                400, "invalid_request", f"unknown field {strangers[0][:80]!r}; known: image, modality, history"
            )
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise Refused(400, "no_image", "the picture is missing: send a file in the field 'image'")
        modality = str(form.get("modality") or "clinical")
        if modality not in MODALITIES:
            raise Refused(400, "invalid_request", f"modality: one of {', '.join(MODALITIES)}")
        history = " ".join(str(form.get("history") or "").split()) or None
        if history and len(history) > MAX_HISTORY:
            raise Refused(400, "text_too_long", f"history: at most {MAX_HISTORY:,} characters")
        check_marks(history or "")
        return await image.read(), modality, history


class _closing:
    """Close a form's temporary files."""

    def __init__(self, form: Any) -> None:
        self._form = form

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        await self._form.close()
