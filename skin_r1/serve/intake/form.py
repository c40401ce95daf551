"""The form of `POST /v1/diagnose`: pictures and what is known about the person, or a question about an earlier case."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal

from fastapi import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from skin_r1.serve.intake.chat import wrong_field
from skin_r1.serve.intake.marks import check_marks
from skin_r1.serve.intake.requests import MAX_HISTORY, MAX_IMAGES, Ask
from skin_r1.serve.refused import Refused

MAX_FIELD = 16 * 2**10  # bytes of a field's text: MAX_HISTORY characters of 4 bytes, and some room
_PIECE = 2**16


def _one_line(text: str) -> str | None:
    """Runs of blanks and line ends -> one blank; nothing -> None."""
    return " ".join(text.split()) or None


def _no_marks(text: str | None) -> str | None:
    check_marks(text or "")
    return text


_CLEAN = (BeforeValidator(_one_line), AfterValidator(_no_marks))
_Words = Annotated[Annotated[str, Field(max_length=MAX_HISTORY)] | None, *_CLEAN]
_Site = Annotated[Annotated[str, Field(max_length=100)] | None, *_CLEAN]


class Form(BaseModel):
    """The fields beside the pictures; an empty one counts as missing. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")

    modality: Literal["clinical", "dermoscopic", "histopathology"] = "clinical"
    history: _Words = None
    age: Annotated[int | None, Field(ge=0, le=120, description="years")] = None
    sex: Literal["female", "male"] | None = None
    site: _Site = None
    skin_type: Annotated[int | None, Field(ge=1, le=6, description="Fitzpatrick's skin type")] = None
    case: Annotated[str | None, Field(pattern="^[0-9a-f]{32}$", description="id of an earlier answer")] = None
    question: _Words = None
    stream: bool = False
    model: Annotated[str | None, Field(max_length=200)] = None


class _Parser(MultiPartParser):
    spool_max_size = 2**31  # in memory: a picture of a person must not lie in a temporary file
    ended = False

    def on_end(self) -> None:
        self.ended = True


async def read_form(request: Request, body: bytes, names: Sequence[str]) -> Ask:
    """A multipart body -> what is asked.

    Args:
        request: its headers are read.
        body: the whole body, already bounded.
        names: of the models served.

    Raises:
        Refused: 400 for a mistake in a field, naming the field and what is allowed; 404 unknown model; 415 not a form.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, "not_a_form", "send multipart/form-data with the picture in the field 'image'")
    fields, images = await _read_parts(request, body)
    try:
        form = Form.model_validate(fields)
    except ValidationError as error:
        raise wrong_field(error, Form) from None
    if form.model is not None and form.model not in names:
        raise Refused(404, "model_not_found", f"model: this server offers {', '.join(names)}, not {form.model[:80]!r}")
    if form.case is None and form.question is not None:
        raise Refused(400, "invalid_request", "question: only with the field case, the id of an earlier answer")
    if form.case is not None and form.question is None:
        raise Refused(400, "invalid_request", "question: it is missing; with the field case it is needed")
    if form.case is not None and (beside := form.model_fields_set - {"case", "question", "stream"}):
        raise Refused(400, "invalid_request", f"{min(beside)}: not with the field case, which has its own")
    if form.case is not None and images:
        raise Refused(400, "invalid_request", "image: not with the field case, which has its pictures")
    if form.case is None and not images:
        raise Refused(400, "no_image", "image: the picture is missing; send a file in the field 'image'")
    return Ask(images=images, **form.model_dump())


async def _read_parts(request: Request, body: bytes) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """Texts by name, and the pictures in their order. Part headers are bounded by python-multipart: 8 of 4 kB."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), _PIECE):
            yield body[start : start + _PIECE]
            await asyncio.sleep(0)  # other requests go on meanwhile: the parser itself never waits

    parser = _Parser(
        request.headers,
        pieces(),
        max_files=MAX_IMAGES,
        max_fields=len(Form.model_fields),
        max_part_size=MAX_FIELD,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(400, "invalid_form", f"the form cannot be read: {error.message}") from None
    except (FormParserError, KeyError, ValueError):
        raise Refused(400, "invalid_form", "the form cannot be read") from None
    if not parser.ended:
        raise Refused(400, "invalid_form", "the form is cut short: its last boundary is missing")
    fields: dict[str, str] = {}
    images: list[bytes] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise Refused(400, "invalid_request", f"{name[:80]!r}: files go into the field 'image'")
            images.append(await value.read())
        elif name == "image":
            raise Refused(400, "no_image", "image: send a file, not text")
        elif name in fields:
            raise Refused(400, "invalid_request", f"{name[:80]}: more than once")
        elif value:
            fields[name] = value
    await form.close()
    return fields, tuple(images)
