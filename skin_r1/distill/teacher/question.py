"""What a teacher is asked and what comes back; shared by the endpoint's client and by vLLM offline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        id: the caller's name for it; it is never sent and no part of the cache's key.
        messages: of a chat completion, images as data URLs.
        seed: instead of the settings' seed; another seed is another question.
        schema: JSON schema that an endpoint holds the answer to (`response_format` of the chat completions API); part of
            the question. vLLM offline is never given one.
    """

    id: str
    messages: list[dict[str, Any]]
    seed: int | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Reply:
    """What became of a request: `text`, or None and a `reason`: who was asked, the kind of failure and what was said.

    `partial` is what was written of an answer that was cut off.
    """

    id: str
    text: str | None
    reason: str
    cached: bool
    partial: str = ""


class Settings(Protocol):
    """What a teacher needs of a recipe; an empty `base_url` is `OPENAI_BASE_URL` or OpenAI itself."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def base_url(self) -> str: ...  # noqa: D102
    @property
    def concurrency(self) -> int: ...  # noqa: D102
    @property
    def temperature(self) -> float: ...  # noqa: D102
    @property
    def max_tokens(self) -> int: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Limits:
    """How patient to be.

    Attributes:
        timeout: seconds for one attempt, from sending to the last byte.
        deadline: seconds for one request with all its attempts and waits, from its first sending.
        attempts: at one request; those that the endpoint refused by 429 do not count, the deadline ends them.
        backoff, longest_backoff: seconds before the second attempt, doubled each time up to the longest.
        hopeless: requests that fail one after another before the run is given up.
        as_written: what the model wrote is the answer, as evaluation needs it: reasoning that a server split off comes back
            in think tags, and answers cut off or refused say nothing against the endpoint.
    """

    timeout: float = 300.0
    deadline: float = 1800.0
    attempts: int = 6
    backoff: float = 0.5
    longest_backoff: float = 60.0
    hopeless: int = 20
    as_written: bool = False


PATIENT = Limits()


def body_of(request: Request, settings: Settings) -> dict[str, Any]:
    """The chat completion request as it is sent."""
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": request.messages,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": settings.seed if request.seed is None else request.seed,
    }
    if request.schema is not None:
        form = {"name": "answer", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body
