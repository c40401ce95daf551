"""Answers as JSON objects of any shape: which of their keys hold the diagnosis, its rivals, its malignancy, its findings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.answers.codes import read_code
from eval.answers.labels import Kind, kind_of_label
from eval.answers.phrases import read_value
from eval.answers.said import malignancy_of

_NAMES = frozenset("name label value text title term diagnosis disease condition class prediction".split())
_SHARES = frozenset("probability confidence score likelihood prob p percent percentage".split())
_REPLIES = frozenset("response output text content message completion reply generated_text caption".split())
_PLACE = re.compile(r"(?:top|rank|choice|diagnosis|dx|prediction|candidate)?[ _-]?\d{1,2}", re.IGNORECASE)
_SHORT = 80  # characters of a value that is a name
_DEPTH = 6  # levels that are looked into
_Entry = tuple[Kind, str, float | None]


@dataclass(frozen=True)
class Record:
    """What an object holds; names as written.

    Attributes:
        diagnosis: values of the keys that announce the diagnosis; where one announces a final one, only that.
        ranked: names of a list of candidates, the likeliest first.
        differential: slugs of the other diagnoses, in order.
        malignancy: said, or None.
        findings: names of findings.
    """

    diagnosis: tuple[str, ...]
    ranked: tuple[str, ...]
    differential: tuple[str, ...]
    malignancy: str | None
    findings: tuple[str, ...]


def record(value: Any) -> Record:
    """Read a decoded object, or a list of them."""
    entries = list(_entries(value, "ranked" if isinstance(value, list) else None, 0))
    of = {kind: [(name, share) for kind_, name, share in entries if kind_ == kind] for kind, _, _ in entries}
    ranked = of.get("ranked", [])
    if ranked and all(share is not None for _, share in ranked):
        ranked = sorted(ranked, key=lambda pair: -(pair[1] or 0.0))
        tied = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        ranked = [] if tied and not of.get("final") else ranked
    main = [name for name, _ in of.get("final") or of.get("main", [])]
    if not main and not ranked and isinstance(value, Mapping):
        main = [
            each
            for key, each in value.items()
            if (str(key).casefold() in _REPLIES or (len(value) == 1 and not kind_of_label(str(key))))
            and isinstance(each, str)
        ]
    if not main and not ranked and isinstance(value, Mapping):
        main = [each for each in value.values() if isinstance(each, str) and read_code(each)]
        odd = [each for key, each in value.items() if isinstance(each, str) and not kind_of_label(str(key))]
        named = [each for each in odd if len(each) < _SHORT and read_value(each).why == "a name"]
        main = main or (named if len(named) == 1 else [])  # {"so_it_is": "impetigo"}
    others = [name for name, _ in ranked if main or name != ranked[0][0]]
    others += [
        part
        for name, _ in of.get("differential", [])
        for part in ([name] if read_value(name).slug else re.split("[,;]", name))
    ]
    slugs = (read_value(name).slug for name in others[:40])
    said = (malignancy_of(name) for name in (*[name for name, _ in of.get("malignancy", [])], *main))
    return Record(
        tuple(main),
        tuple(name for name, _ in ranked),
        tuple(dict.fromkeys(slug for slug in slugs if slug)),
        next((each for each in said if each), None),
        tuple(part.strip() for name, _ in of.get("findings", []) for part in re.split("[,;]", name)),
    )


def _entries(value: Any, kind: Kind | None, depth: int) -> Iterator[_Entry]:
    """(kind, name, share) of every string below `value`, which stands under a key of `kind`."""
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        if kind is not None and value.strip():
            yield kind, value, None
    elif isinstance(value, bool):
        if kind == "malignancy":
            yield kind, "malignant" if value else "not malignant", None
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, kind, depth)
    elif isinstance(value, Sequence | set):
        for each in list(value)[:64]:
            yield from _entries(each, kind, depth + 1)


def _of_mapping(value: Mapping[Any, Any], kind: Kind | None, depth: int) -> Iterator[_Entry]:
    numbers = {str(key): share for key, each in value.items() if (share := _number(each)) is not None}
    if len(numbers) == len(value) > 1 and any(read_value(key).slug for key in numbers):
        for name, share in numbers.items():  # {"melanoma": 0.7, "nevus": 0.3}
            yield kind if kind == "differential" else "ranked", name, share
        return
    if len(value) > 1 and all(_PLACE.fullmatch(str(key)) for key in value):
        for key in sorted(value, key=lambda key: int(re.sub(r"\D", "", str(key)))):  # {"top1": ..., "top2": ...}
            yield from _entries(value[key], "ranked", depth + 1)
        return
    own = next((share for key, share in numbers.items() if key.casefold() in _SHARES), None)
    for key, each in value.items():
        word = str(key).casefold()
        below = kind if kind is not None and word in _NAMES else kind_of_label(str(key)) or kind
        if below == "main" and kind in ("ranked", "differential"):
            below = kind  # {"ddx": [{"dx": ...}]}
        if below == "main" and isinstance(each, list) and len(each) > 1 and all(isinstance(e, Mapping) for e in each):
            below = "ranked"
        for found in _entries(each, below, depth + 1):
            yield (found[0], found[1], own) if found[2] is None and (word in _NAMES or below == kind) else found


def _number(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,3}(?:\.\d+)?\s*%\s*", value):
        return float(value.strip(" %")) / 100
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
