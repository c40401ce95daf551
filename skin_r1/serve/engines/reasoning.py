"""Reasoning apart from answer, in whole messages and in streams, whatever the model's tokens are.

What a completion opens with `<think>` and closes with `</think>` goes to `reasoning`, the field that vLLM uses. Servers can
only do that for models whose tokenizer has the tags as tokens of their own.
"""

import json
from collections.abc import Iterator
from typing import Any

_OPEN, _CLOSE = "<think>", "</think>"


def split_message(message: dict[str, Any]) -> dict[str, Any]:
    """A chat message with its reasoning apart; unchanged where it has none, or where the server has split it off.

    Without `</think>` all is reasoning and the content is empty: an answer was never begun.
    """
    text = message.get("content")
    if message.get("reasoning") or not isinstance(text, str) or not text.lstrip().startswith(_OPEN):
        return message
    reasoning, _, content = text.lstrip().removeprefix(_OPEN).partition(_CLOSE)
    return {**message, "reasoning": reasoning, "content": content.lstrip("\n")}


def chunks_of(events: bytes) -> Iterator[dict[str, Any]]:
    """Whole server-sent events -> their JSON, without comments and [DONE]."""
    for line in events.splitlines():
        if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
            yield json.loads(line[5:])


def event(chunk: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class Splitter:
    """Moves the reasoning of one stream into `delta.reasoning`.

    Once the answer has begun, events pass untouched and undecoded: a stream without reasoning costs nothing.
    """

    def __init__(self) -> None:
        self._mode = "start"  # then "thinking" (optional), "gap" (line breaks after the tag), "answer"
        self._held = ""  # text that may be the beginning of a tag

    def feed(self, events: bytes) -> bytes:
        """Whole events in, whole events out; none may come out while a tag is half written."""
        if self._mode == "answer":
            return events
        return b"".join(event(chunk) for each in chunks_of(events) for chunk in self._chunks(each))

    def _chunks(self, chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for choice in chunk.get("choices", ()):
            delta = choice["delta"]
            if delta.get("reasoning"):
                self._mode = "answer"  # the server splits itself
            last = choice.get("finish_reason") is not None
            parts = self._parts(delta.pop("content", None) or "", last)
            head = {**chunk, "usage": None} if "usage" in chunk else chunk
            for key, text in parts[:-1]:
                yield {**head, "choices": [{**choice, "delta": {**delta, key: text}, "finish_reason": None}]}
                delta = {}
            choice["delta"] = {**delta, **dict(parts[-1:])}
            if not (choice["delta"] or last):
                return  # all of it is held back
        yield chunk

    def _parts(self, text: str, last: bool) -> list[tuple[str, str]]:
        """(field, text) of what can be told by now."""
        text, self._held = self._held + text, ""
        found: list[tuple[str, str]] = []
        if self._mode == "start":
            seen = text.lstrip()
            if not last and len(seen) < len(_OPEN) and _OPEN.startswith(seen):
                self._held = text
                return found
            self._mode = "thinking" if seen.startswith(_OPEN) else "answer"
            text = seen.removeprefix(_OPEN) if self._mode == "thinking" else text
        if self._mode == "thinking":
            thought, tag, text = text.partition(_CLOSE)
            if tag:
                self._mode = "gap"
            elif not last:
                tail = next((n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0)
                thought, self._held = thought[: len(thought) - tail], thought[len(thought) - tail :]
            if thought:
                found.append(("reasoning", thought))
        if self._mode == "gap":
            text = text.lstrip("\n")
            self._mode = "answer" if text else "gap"
        if text:
            found.append(("content", text))
        return found
