"""One line of a predictions file: its keys and their values, refused with the place when they are not what they say."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any

from skin_r1.errors import UserError, problem

LONGEST_SHOWN = 200  # characters of a wrong value in a message: the value may be the whole file


def read_line(raw: bytes, path: Path, row: int) -> dict[str, Any]:
    """The attributes of an `eval.predictions.Prediction`; those that are absent have no key.

    Raises:
        UserError: another encoding than UTF-8, bad JSON, a key that is missing, unknown, wrong or there twice, or a name that
            is not in the ontology where a slug is due.
    """
    line = _decoded(raw, path, row)

    def wrong(what: str, column: str | None, found: Any, allowed: Any) -> UserError:
        return problem(what, file=path, row=row, column=column, found=_shown(found), allowed=allowed)

    if not isinstance(line, dict):
        raise wrong("a prediction is a JSON object", None, line, KEYS)
    for key, value in line.items():
        if key not in KEYS:
            raise problem("unknown key in a prediction", file=path, row=row, found=key[:LONGEST_SHOWN], allowed=KEYS)
        is_right, what, allowed = _IS[key]
        if not is_right(value) and (value is not None or key in NEEDED):
            raise wrong(f"{key} {what}", key, value, allowed)
    for key in NEEDED:
        if key not in line:
            raise wrong(f"a prediction without {key}", key, sorted(line), NEEDED)
    if line.get("task") in ("choice", "concepts") and not line.get("options"):
        raise wrong(f"{line['task']} without options", "options", None, "what was shown to choose from, in that order")
    for key, names, known in _slugs(line):
        if strangers := [name for name in names if name not in known]:
            raise wrong(f"{key} holds what is no slug; see `skin-r1 data resolve`", key, strangers[0], "slugs")
    return {key: _cleaned(value) for key, value in line.items()}


def _decoded(raw: bytes, path: Path, row: int) -> Any:
    try:
        # A byte order mark is no mistake of the model's; json refuses it, so drop it from the first line.
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except UnicodeDecodeError as error:
        before = raw[: error.start][-40:].decode("utf-8", "replace")
        raise problem(
            "not UTF-8",
            file=path,
            row=row,
            found=f"byte 0x{raw[error.start]:02x} after {before!r}",
            allowed="UTF-8 in every line",
            next_step="save the file as UTF-8; files of several encodings were glued together, perhaps",
        ) from None
    except (ValueError, RecursionError) as error:
        raise problem(
            f"not a line of JSON: {error}",
            file=path,
            row=row,
            found=raw[:80].decode("utf-8", "replace"),
            allowed='{"case_id": "...", "completion": "..."}',
            next_step="was the run killed here? `skin-r1 eval run` drops a truncated line and resumes",
        ) from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a key that stands twice json keeps the last, and nobody would see which answer was scored."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key stands twice in one object, {_shown([key for key, _ in pairs])}")
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _slugs(line: dict[str, Any]) -> Iterator[tuple[str, Any, Set[str]]]:
    """Each key that holds slugs, what it holds, and what it may."""
    from skin_r1.concepts import load_concepts
    from skin_r1.ontology import load_ontology

    for key in ("label_scores", "label_means"):
        yield key, line.get(key) or (), load_ontology().nodes.keys()
    if line.get("task") in ("choice", "hierarchy"):
        yield "options", line.get("options") or (), load_ontology().nodes.keys()
    if line.get("task") == "concepts":
        yield "options", line["options"], load_concepts().keys()


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(text) for text in value]
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """Without lone surrogates: JSON can spell them (`\\ud800`), and no file can hold them."""
    return text.encode("utf-8", "replace").decode()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_log_probabilities(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_log_probability, value.values()))


def _is_log_probability(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (
        value == -math.inf or -sys.float_info.max <= value <= 1e-6
    )  # a bit of rounding; neither NaN nor a huge integer


_TEXT = _is_text, "is a string", "a string"
_TEXTS = _is_texts, "is a list of strings", '["...", ...]'
_SCORES = _is_log_probabilities, "maps slugs to log-probabilities", '{"melanoma": -0.1, ...}, each at most 0'
# Key -> whether a value is right, what it is, and what is allowed; in the order of `Prediction`.
_IS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "case_id": _TEXT,
    "completion": _TEXT,
    "model": _TEXT,
    "label_scores": _SCORES,
    "label_means": _SCORES,
    "task": _TEXT,
    "options": _TEXTS,
    "samples": _TEXTS,
    "failure": _TEXT,
}
KEYS = tuple(_IS)
NEEDED = KEYS[:2]
