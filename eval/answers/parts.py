"""The parts of a completion: reasoning, tagged answers, JSON objects, and the text that is left."""

import ast
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LONGEST = 16_000
"""Characters that are read; of a longer text the first and the last half of them, where answers stand."""

_HIDDEN = re.compile("[\u00ad\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]")
_SIGNS = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-", "\u2010": "-", "\r": "\n"}
)
_IN_FULL = {
    "w/": "with ", "w/o": "without", "c/w": "consistent with", "2/2": "due to", "2\u00b0": "due to", "d/t": "due to",
    "s/o": "suspicious of", "s/p": "status post", "i/s/o": "in the setting of", "b/c": "because", "r/o": "rule out",
}  # fmt: skip
_SHORTHAND = re.compile(
    r"(?<![\w/])(?:i/s/o|w/o(?!\w)|[cdsr]/[wtop](?![\w/])|2/2(?![\w/])|b/c(?!\w)|w/|2\u00b0(?!\w))", re.IGNORECASE
)
_WORDS = r"think(?:ing)?|thoughts?|reasoning|analysis|rationale|scratchpad|reflection"
_OPEN = re.compile(rf"<(?:{_WORDS})>|\[THINK\]|<\|begin_of_thought\|>|\u25c1think\u25b7|<unused94>", re.IGNORECASE)
_CLOSE = re.compile(
    rf"</(?:{_WORDS})>|\[/THINK\]|<\|end_of_thought\|>|\u25c1/think\u25b7|<unused95>|<\|channel\|>final<\|message\|>",
    re.IGNORECASE,
)
_ANSWER_TAG = re.compile(r"<(/?)(?:final_?answer|answer|diagnosis|solution)>", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-z_|]{2,24}>|<\|[a-z_]{1,24}\|>", re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|textbf|boxed)\s*\{|[{}$]")
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*$", re.MULTILINE)
_KEY = re.compile(r"[{,]?[ \t]*[\"']([A-Za-z][\w -]{1,40})[\"']\s*:\s*")
_TRIES = 12  # openings of an object that are tried: nested brackets would cost their length squared


@dataclass(frozen=True)
class Parts:
    """A completion taken apart.

    Attributes:
        reasoning: what stands between think tags, or before a lone closing one.
        answer: what is left for prose; JSON objects and tags are cut out.
        tagged: the contents of `<answer>` tags and `\\boxed{}`, in order.
        objects: JSON or Python objects of the answer, in order; lists of objects too.
        unfinished: the reasoning was opened and never closed.
    """

    reasoning: str
    answer: str
    tagged: tuple[str, ...]
    objects: tuple[Any, ...]
    unfinished: bool


@lru_cache(maxsize=1024)
def take_apart(text: str) -> Parts:
    """Split a completion; never raises, whatever the text."""
    reasoning, answer, unfinished = _reasoning(cleaned(text))
    tagged = list(dict.fromkeys((*_in_tags(answer), *_boxed(answer))))[-_TRIES:]
    objects, rest = _objects(_FENCE.sub("", answer))
    rest = _KEY.sub(r"\n\1: ", rest) if '":' in rest or "':" in rest else rest  # what is left of broken JSON
    return Parts(reasoning, _TAGS.sub("\n", rest), tuple(tagged), tuple(objects), unfinished)


def cleaned(text: str) -> str:
    """The text in one form of its letters, without what nobody sees, and not longer than `LONGEST`."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n\n{text[-LONGEST // 2 :]}"
    plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", text)).translate(_SIGNS)
    return (
        _SHORTHAND.sub(lambda found: _IN_FULL.get(found[0].lower(), found[0]), plain)
        if "/" in plain or "\u00b0" in plain
        else plain
    )


def _reasoning(text: str) -> tuple[str, str, bool]:
    closes = list(_CLOSE.finditer(text))
    if closes:
        before = _OPEN.sub("", _CLOSE.sub("\n", text[: closes[-1].start()]))
        opened = _OPEN.search(text, closes[-1].end())
        end = opened.start() if opened else len(text)
        return before.strip(), text[closes[-1].end() : end], opened is not None
    if opened := _OPEN.search(text):
        return text[opened.end() :].strip(), text[: opened.start()], True
    return "", text, False


def _in_tags(text: str) -> Iterator[str]:
    start = None
    for tag in _ANSWER_TAG.finditer(text):
        if not tag[1]:
            start = tag.end()
        elif start is not None:
            yield text[start : tag.start()].strip()
            start = None
    if start is not None:
        yield text[start:].strip()


def _boxed(text: str) -> Iterator[str]:
    for found in list(_BOXED.finditer(text))[-_TRIES:]:
        depth, at = 1, found.end()
        while at < min(len(text), found.end() + 300) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield _LATEX.sub("", text[found.end() : at - 1 if not depth else at]).strip()


def _objects(text: str) -> tuple[list[Any], str]:
    out: list[Any] = []
    kept: list[str] = []
    at = start = tries = 0
    while tries < _TRIES and (opened := _OPENING.search(text, at)):
        tries += 1
        value, end = _decode(text, opened.start())
        if end:
            out.append(value)
            kept.append(text[start : opened.start()])
            at = start = end
        else:
            at = opened.end()
    return out, "\n".join((*kept, text[start:]))


_OPENING = re.compile(r"\{\s*(?=[\"'])|\[\s*(?=\{)")


def _decode(text: str, start: int) -> tuple[Any, int]:
    """The object that begins at `start` and where it ends; (None, 0) where there is none."""
    try:
        return json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    depth, quote, end = 0, "", start
    for end in range(start, min(len(text), start + 4000)):
        sign = text[end]
        if quote:
            quote = "" if sign == quote and text[end - 1] != "\\" else quote
        elif sign == '"' or (sign == "'" and not text[end - 1].isalpha()):
            quote = sign
        elif sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if not depth:
                break
    try:
        return ast.literal_eval(text[start : end + 1]), end + 1
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None, 0
