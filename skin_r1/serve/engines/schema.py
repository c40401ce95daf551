"""The answer as a grammar: free reasoning between think tags, then one JSON object of our schema.

The whole completion is bound by one xgrammar structural tag (https://xgrammar.mlc.ai/docs/tutorials/structural_tag.html),
in a single request. The reasoning parsers of vLLM would only do for models that have `</think>` as one token, which
Qwen2.5-VL and MedGemma have not; and a reasoning that never ends would leave no room for the answer: here it ends in time.
"""

from collections.abc import Mapping
from typing import Any

from skin_r1.reading import MAX_NAME, SCHEMA

ANSWER_TOKENS = 256  # kept for the JSON object: 20 names of 10 tokens and the signs between them
# A name: no control signs, no quotes, backslashes or tags, no space in front. One rule for all places, or compiling takes
# four times as long (with 150,000 tokens 22 s instead of 5 s on two busy CPU cores).
_NAME = r'^[^\s"\\<\x00-\x1f][^"\\<\x00-\x1f]' + f"{{0,{MAX_NAME - 1}}}$"


def answer_schema() -> dict[str, Any]:
    """JSON schema of what follows `</think>`; each text of it is one that `skin_r1.reading.parse` accepts.

    Names are free text, not a list of our vocabulary: a model that means something else should say so and be seen to.
    """
    name = {"$ref": "#/$defs/name"}
    lists = {key: {**SCHEMA["properties"][key], "items": name} for key in ("findings", "differential")}
    return {
        **SCHEMA,
        "$defs": {"name": {"type": "string", "pattern": _NAME}},
        "properties": {**SCHEMA["properties"], **lists, "diagnosis": name},
    }


def structural_tag(schema: Mapping[str, Any], max_tokens: int) -> dict[str, Any]:
    """`response_format` of a request whose completion has `max_tokens` at most.

    The reasoning may take all but `ANSWER_TOKENS` of them, and no more than all but half.
    """
    thinking = max(1, max_tokens - min(ANSWER_TOKENS, max_tokens // 2))
    first = {"type": "regex", "pattern": r"\n?[^\s<]"}  # an empty reasoning is none
    rest = {"type": "any_text", "excludes": ["<think>", "</think>"], "max_tokens": thinking}
    think = {"type": "tag", "begin": "<think>", "content": _sequence(first, rest), "end": "</think>"}
    answer = {"type": "json_schema", "json_schema": dict(schema), "max_whitespace_cnt": 1}
    return {"type": "structural_tag", "format": _sequence(think, {"type": "regex", "pattern": r"\n?"}, answer)}


def _sequence(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "sequence", "elements": list(elements)}
