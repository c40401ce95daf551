"""What a client asks, once it is checked: a chat (read by `chat`) or a diagnosis (read by `form`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
