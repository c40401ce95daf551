"""What a teacher is asked and what comes back; shared by the endpoint's client and by vLLM offline."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        id: the caller's name for it; it is never sent and no part of the cache's key.
        messages: of a chat completion, images as data URLs.
        seed: instead of the settings' seed; another seed is another question.
    """

    id: str
    messages: list[dict[str, Any]]
    seed: int | None = None


@dataclass(frozen=True)
class Reply:
    """What became of a request: `text`, or None and a `reason` that begins with `teacher: ` and the kind of failure."""

    id: str
    text: str | None
    reason: str
    cached: bool


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
    """

    timeout: float = 300.0
    deadline: float = 1800.0
    attempts: int = 6
    backoff: float = 0.5
    longest_backoff: float = 60.0
    hopeless: int = 20


PATIENT = Limits()


def body_of(request: Request, settings: Settings) -> dict[str, Any]:
    """The chat completion request as it is sent."""
    return {
        "model": settings.model,
        "messages": request.messages,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "seed": settings.seed if request.seed is None else request.seed,
    }
