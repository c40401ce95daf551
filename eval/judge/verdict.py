"""Reading a verdict: strictly, because a number fished out of prose may be one that the graded text put there."""

import json
import re
from typing import Any

from eval.judge.question import Form, Verdict

_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)  # of a judge whose server does not split them off
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


def read_verdict(text: str, form: Form) -> Verdict:
    """The verdict that a text is: one JSON object, alone or in a code fence, after the judge's own thoughts if any.

    Unscored, with the reason, are: `not JSON`, `no rationale`, `no verdict` (the key is missing), `no such level`
    (7, 4.5, "4", "N/A") and `cannot judge` (null).
    """
    body = _THOUGHTS.sub("", text, count=1) if text.lstrip().startswith("<think>") else text
    fenced = _FENCE.fullmatch(body)
    try:
        answer = json.loads(fenced[1] if fenced else body, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return Verdict(None, "not JSON", text)
    if not isinstance(answer, dict):
        return Verdict(None, "not JSON", text)
    if form.key not in answer:
        return Verdict(None, "no verdict", text)
    value = answer[form.key]
    if value is None:
        return Verdict(None, "cannot judge", text)
    if not any(type(value) is type(level) and value == level for level in form.allowed):  # True is no 1, 4.0 is no 4
        return Verdict(None, "no such level", text)
    if not isinstance(answer.get("rationale"), str) or not answer["rationale"].strip():
        return Verdict(None, "no rationale", text)
    return Verdict(value, "", text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)
