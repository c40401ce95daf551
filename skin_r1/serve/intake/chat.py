"""The chat request: OpenAI's fields that this server honours, and no other."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skin_r1.serve.guard.json_size import check_json
from skin_r1.serve.intake.marks import check_marks
from skin_r1.serve.intake.picture import ImageLimits, read_data_url
from skin_r1.serve.intake.requests import MAX_IMAGES, MAX_TEXT, ChatAsk, Upload
from skin_r1.serve.refused import Refused

MAX_TEMPERATURE = 2.0
MIN_TEMPERATURE = 0.01  # a smaller one means greedy: logits divided by it overflow, which no engine stands


class _Strict(BaseModel):
    # NaN and infinity are no JSON, but pydantic's parser takes them.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ImageUrl(_Strict):
    """`image_url` of a part: a `data:image/...;base64,` URL; nothing is ever fetched."""

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
    """One turn. Clients may send an assistant's `reasoning` back: it is counted and dropped, as chat templates do."""

    role: Literal["system", "user", "assistant"]
    content: str | Annotated[list[Annotated[ImagePart | TextPart, Field(discriminator="type")]], Field(max_length=32)]
    reasoning: str | None = None
    reasoning_content: str | None = None


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
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int = Field(default=0, ge=0, lt=2**31)
    n: Literal[1] = 1
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, max_length=200)  # accepted and dropped


def read_chat(body: bytes, names: Sequence[str], limits: ImageLimits, max_new_tokens: int) -> ChatAsk:
    """A JSON body -> what is asked. `max_tokens` and `temperature` are clamped.

    Args:
        body: the whole body; costly JSON is refused before it is parsed.
        names: of the models served.
        limits: of a picture; its bytes count here, its pixels when it is decoded.
        max_new_tokens: longest answer.

    Raises:
        Refused: 400 unknown or wrong field, too many pictures or too much text, a control mark; 404 unknown model; and
            what `check_json` and `read_data_url` raise.
    """
    check_json(body)
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise wrong_field(error, ChatRequest) from None
    if request.model not in names:
        raise Refused(404, "model_not_found", f"this server offers {', '.join(names)}, not {request.model[:80]!r}")
    contents = [_parts(message) for message in request.messages]
    pictures = [part for parts in contents for part in parts if isinstance(part, ImagePart)]
    if len(pictures) > MAX_IMAGES:  # counted before any is decoded
        raise Refused(400, "too_many_images", f"at most {MAX_IMAGES} pictures a request")
    _check_texts(request.messages, contents)
    tokens = request.max_completion_tokens or request.max_tokens or max_new_tokens
    return ChatAsk(
        model=request.model,
        messages=[
            {"role": message.role, "content": [_plain_part(part) for part in parts]}
            for message, parts in zip(request.messages, contents, strict=True)
        ],
        images=tuple(Upload(*read_data_url(part.image_url.url, limits)) for part in pictures),
        max_tokens=min(tokens, max_new_tokens),
        temperature=min(request.temperature, MAX_TEMPERATURE) if request.temperature >= MIN_TEMPERATURE else 0.0,
        top_p=request.top_p,
        seed=request.seed,
        stream=request.stream,
    )


def wrong_field(error: ValidationError, model: type[BaseModel]) -> Refused:
    """The first mistake as a refusal: which field, and what is allowed."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:80] or "body"
    message = f"{where}: {first['msg']}"
    if first["type"] == "extra_forbidden":
        message = f"{where}: this server does not know the field"
        if len(first["loc"]) == 1:
            message += f"; allowed: {', '.join(model.model_fields)}"
    return Refused(400, "invalid_request", message)


def _parts(message: Message) -> Sequence[ImagePart | TextPart]:
    return [TextPart(type="text", text=message.content)] if isinstance(message.content, str) else message.content


def _plain_part(part: ImagePart | TextPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": ""}}


def _check_texts(messages: Sequence[Message], contents: Sequence[Sequence[ImagePart | TextPart]]) -> None:
    """The amount of text, and marks in it.

    Raises:
        Refused: 400.
    """
    # Templates put the parts of a turn one behind the other: a mark could be split over two of them.
    texts = ["".join(part.text for part in parts if isinstance(part, TextPart)) for parts in contents]
    thoughts = [(message.reasoning or "") + (message.reasoning_content or "") for message in messages]
    if sum(map(len, texts)) + sum(map(len, thoughts)) > MAX_TEXT:
        raise Refused(400, "text_too_long", f"at most {MAX_TEXT:,} characters a request")
    for message, text, thought in zip(messages, texts, thoughts, strict=True):
        if thought and message.role != "assistant":
            raise Refused(400, "invalid_request", "reasoning: only a message of the assistant may have it")
        # An assistant's turn is sent back as it was given, and that has its reasoning in these two marks.
        check_marks(re.sub(r"</?think>", "", text) if message.role == "assistant" else text)
