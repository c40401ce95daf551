"""The prompt, and what a model said.

A completion is free reasoning between `<think>` tags followed by one JSON object, so
that a server can constrain the answer by a schema while the reasoning stays free. `parse` is strict on purpose: the
same reader serves rewards, evaluation and serving, and a reward that forgives is a reward that is gamed.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast, get_args

from skin_r1.concepts import concept_slug, load_concepts
from skin_r1.ontology import Malignancy, load_ontology

MALIGNANCIES: tuple[str, ...] = get_args(Malignancy)
KEYS = ("findings", "differential", "diagnosis", "malignancy")
MAX_FINDINGS = 32
MAX_DIFFERENTIAL = 8
MAX_NAME = 120
MAX_TEXT = 12_000  # characters; anything longer is not an answer, and rewards must stay fast

# Sentences without inner punctuation: the embedded model's tokenizer (skin_r1/tiny.py) then reads each as one token,
# which halves the cost of its training steps; other models do not mind.
PROMPT = (
    "This is a {modality} image of a patient's skin.{history}\n"
    "First reason inside think tags about what you see and what it suggests and what else it could be and why that is "
    "less likely. Then answer with one JSON object that holds findings as a list of what is seen and differential as a "
    "list of other diagnoses with the most likely first and diagnosis as one name and malignancy as one of benign or "
    "premalignant or malignant or non-neoplastic or indeterminate."
)

_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "findings": {"type": "array", "items": _NAME, "maxItems": MAX_FINDINGS},
        "differential": {"type": "array", "items": _NAME, "maxItems": MAX_DIFFERENTIAL},
        "diagnosis": _NAME,
        "malignancy": {"type": "string", "enum": list(MALIGNANCIES)},
    },
    "required": list(KEYS),
    "additionalProperties": False,
}

_SHAPE = re.compile(r"\s*<think>(?P<think>[^<]*+(?:<[^<]*+)*?)</think>\s*(?P<answer>\{.*\})\s*", re.DOTALL)
_TAG = re.compile(r"</?think>", re.IGNORECASE)
_REASONING = ("reasoning", "reasoning_content", "thinking")  # where servers put it
# A name in words: signs that ask, deny, or join two names ("?", "\u00ac", "/", ",") make it another text.
_PLAIN = re.compile(r"[^\W_]+(?:(?:[ -]|['’] ?)[^\W_]+)*['’]?")


@dataclass(frozen=True)
class Reading:
    """What a model said.

    Attributes:
        think: the reasoning text, without its tags.
        findings, differential: names as written.
        finding_slugs, differential_slugs: the same in order, as slugs of our vocabularies; None where a name is unknown.
        diagnosis, diagnosis_slug: the one diagnosis, as written and resolved (None when unknown to the ontology).
        malignancy: one of `MALIGNANCIES`.
    """

    think: str
    findings: tuple[str, ...]
    finding_slugs: tuple[str | None, ...]
    differential: tuple[str, ...]
    differential_slugs: tuple[str | None, ...]
    diagnosis: str
    diagnosis_slug: str | None
    malignancy: str


@dataclass(frozen=True)
class ParseFailure:
    """Why a text is not an answer; it scores 0 everywhere."""

    reason: str
    text: str


def messages_for(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The chat prompt of a Case row; the image travels in the `images` column and TRL places it before the text."""
    history = f" History: {row['history']}" if row.get("history") else ""
    return [{"role": "user", "content": PROMPT.format(modality=row["modality"], history=history)}]


def render(think: str, findings: Sequence[str], differential: Sequence[str], diagnosis: str, malignancy: str) -> str:
    """The completion that `parse` reads back to the same values."""
    answer = {
        "findings": list(findings),
        "differential": list(differential),
        "diagnosis": diagnosis,
        "malignancy": malignancy,
    }
    return f"<think>{think}</think>\n{json.dumps(answer, ensure_ascii=False)}"


def message_text(message: str | Mapping[str, Any]) -> str:
    """The whole text of a chat message, also where a server or a chat template has split the reasoning off."""
    if isinstance(message, str):
        return message
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        content = "".join(text for text in parts if isinstance(text, str))
    content = content if isinstance(content, str) else ""
    given = {text for key in _REASONING if isinstance(text := message.get(key), str) and text}
    if len(given) > 1:
        return ""  # two reasonings, and no telling which one led to the answer
    return f"<think>{given.pop()}</think>\n{content}" if given else content


def parse(message: str | Mapping[str, Any]) -> Reading | ParseFailure:
    """Read one completion, strictly: one `<think>` block, then one JSON object with exactly the known keys.

    Args:
        message: the completion's text, or a chat message of the OpenAI or TRL shape.

    Returns:
        The reading, or a `ParseFailure` that says why. Never raises on any text.
    """
    text = message_text(message)
    if len(text) > MAX_TEXT:
        return ParseFailure(f"longer than {MAX_TEXT} characters", text[:200])
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return ParseFailure("not one <think>...</think> followed by one JSON object", text)
    think = shape["think"].strip()
    if not think:
        return ParseFailure("the reasoning is empty", text)
    if _TAG.search(think) or _TAG.search(shape["answer"]):
        return ParseFailure("more than one <think> block", text)
    try:
        answer = _JSON.decode(shape["answer"])
    except (ValueError, RecursionError) as error:
        return ParseFailure(f"the answer is not one JSON object: {error}", text)
    reason = _fault(answer)
    if reason:
        return ParseFailure(reason, text)
    findings = tuple(cast(list[str], answer["findings"]))
    differential = tuple(cast(list[str], answer["differential"]))
    return Reading(
        think=think,
        findings=findings,
        finding_slugs=tuple(_finding(name) for name in findings),
        differential=differential,
        differential_slugs=tuple(_diagnosis(name) for name in differential),
        diagnosis=answer["diagnosis"],
        diagnosis_slug=_diagnosis(answer["diagnosis"]),
        malignancy=answer["malignancy"],
    )


@lru_cache(maxsize=1 << 14)
def _diagnosis(name: str) -> str | None:
    text = _one_name(name)
    return load_ontology().lookup(text) if text else None


@lru_cache(maxsize=1 << 14)
def _finding(name: str) -> str | None:
    text = _one_name(name)
    return concept_slug(text) if text else None


def _one_name(name: str) -> str | None:
    """The name, if it is written plainly or letter for letter as in our vocabularies; else None.

    Lookups drop every sign, which suits labels of data sets; an answer could hide behind it that it asks ("melanoma?"),
    denies, or names two at once ("acne/rosacea" is no rosacea). Letters that only look alike (full-width, mathematical)
    are refused as well.
    """
    text = unicodedata.normalize("NFC", name.strip())
    plain = _PLAIN.fullmatch(text) is not None and unicodedata.is_normalized("NFKC", text)
    return text if plain or text.casefold() in _odd_names() else None


@cache
def _odd_names() -> frozenset[str]:
    nodes = [(node.name, *node.synonyms) for node in load_ontology().nodes.values()]
    concepts = [(concept.name, *concept.synonyms) for concept in load_concepts().values()]
    names = (text.casefold() for each in (*nodes, *concepts) for text in each)
    return frozenset(text for text in names if not _PLAIN.fullmatch(text))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key occurs twice")
    return dict(pairs)


_JSON = json.JSONDecoder(object_pairs_hook=_unique)


def _fault(answer: dict[str, Any]) -> str | None:
    """The first way in which the object departs from `SCHEMA`, or None.

    Written out instead of using a schema validator: it runs for every completion of a training step.
    """
    if set(answer) != set(KEYS):
        return f"the keys are {sorted(answer)}, not {sorted(KEYS)}"
    for key, limit in (("findings", MAX_FINDINGS), ("differential", MAX_DIFFERENTIAL)):
        names = answer[key]
        if not isinstance(names, list) or not all(_is_name(name) for name in names):
            return f"{key} is not a list of names"
        if len(names) > limit:
            return f"{key} has more than {limit} names"
    if not _is_name(answer["diagnosis"]):
        return "diagnosis is not one name"
    if answer["malignancy"] not in MALIGNANCIES:
        return f"malignancy is not one of {', '.join(MALIGNANCIES)}"
    return None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_NAME and value.strip() != ""
