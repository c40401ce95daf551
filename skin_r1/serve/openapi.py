"""The gateway's OpenAPI 3.1 document, made of the models that check the requests."""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from skin_r1.serve.intake.chat import ChatRequest
from skin_r1.serve.intake.form import Form
from skin_r1.serve.intake.requests import MAX_IMAGES

Schema = dict[str, Any]
ERRORS = {
    400: "the request is wrong; the message says what is allowed",
    401: "no valid key",
    403: "another site's page or host name, or a key that is not good for this",
    404: "no such model or case",
    408: "the body came too slowly",
    413: "too many bytes or pixels",
    415: "not a form, or not a picture",
    422: "the picture is damaged, empty, too small or of an odd shape",
    429: "too many requests; Retry-After says when to come again",
    431: "too many headers",
    500: "our mistake",
    502: "the engine failed",
    503: "not ready, or no audit line could be written",
    504: "the engine took too long",
}
_ALWAYS = (400, 403, 431, 500)
_KEYED = (401, 404, 429)
_WORK = (*_KEYED, 408, 413, 415, 422, 502, 503, 504)
_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_SHARE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}


def document(version: str, model_names: Sequence[str]) -> Schema:
    """The whole document.

    Args:
        version: of this package.
        model_names: of the models served; the fields `model` allow these.
    """
    _, made = models_json_schema(
        [(ChatRequest, "validation"), (Form, "validation")], ref_template=_ref("{model}")["$ref"]
    )
    schemas = made["$defs"]
    form = schemas["Form"]
    form["properties"] = {name: _without_null(schema) for name, schema in form["properties"].items()}
    picture = {"type": "string", "format": "binary"}
    form["properties"]["image"] = {"type": "array", "items": picture, "minItems": 1, "maxItems": MAX_IMAGES}
    for model in (form, schemas["ChatRequest"]):
        model["properties"]["model"] = {"type": "string", "enum": list(model_names)}
    about_case = {"case", "question", "stream"}
    form["oneOf"] = [
        {"required": ["image"], "properties": {"case": False, "question": False}},
        {
            "required": ["case", "question"],
            "properties": dict.fromkeys(sorted(form["properties"].keys() - about_case), False),
        },
    ]
    stream: Schema = {"text/event-stream": {"schema": {}}}  # one schema is for the whole stream, which is no JSON
    answers = {"oneOf": [_ref("Answer"), _ref("FollowUp")]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Skin-R1",
            "version": version,
            "description": "Research use only: not a medical device.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/chat/completions": {
                "post": {
                    "operationId": "chat",
                    "summary": "Chat in OpenAI's shape; pictures as data URLs",
                    "requestBody": _body("application/json", _ref("ChatRequest")),
                    "responses": _responses(_ref("ChatCompletion"), _WORK, stream),
                }
            },
            "/v1/diagnose": {
                "post": {
                    "operationId": "diagnose",
                    "summary": "Read pictures, or answer a question about an earlier case",
                    "requestBody": _body("multipart/form-data", _ref("Form")),
                    "responses": _responses(answers, _WORK, stream),
                }
            },
            "/v1/models": {
                "get": {
                    "operationId": "models",
                    "summary": "The models served",
                    "responses": _responses(_ref("Models"), (401, 429)),
                }
            },
            "/healthz": _open("alive", _object(status={"const": "alive"})),
            "/readyz": _open("ready", _object(["reason", "model"], status=_TEXT, reason=_TEXT, model=_TEXT), 503),
            "/metrics": {
                "get": {
                    "operationId": "metrics",
                    "summary": "Prometheus metrics; the key needs the scope metrics",
                    "responses": {
                        **_responses({}, (401, 429)),
                        "200": {"description": "metrics", "content": {"text/plain": {"schema": _TEXT}}},
                    },
                }
            },
        },
        "components": {
            "schemas": {**schemas, **_answers()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _answers() -> dict[str, Schema]:
    named = _object(name=_TEXT, slug=_MAYBE_TEXT)
    spans = _array(_array({"type": "integer", "minimum": 0}, minItems=2, maxItems=2))
    triage = _object(level={"enum": ["routine", "soon", "urgent", "emergency"]}, advice=_TEXT, flags=_array({}))
    confidence = _object(
        value=_SHARE,
        method={"enum": ["agreement", None]},
        calibrated={"type": "boolean"},
        samples={"type": "integer", "minimum": 0},
        prediction_set={"type": ["array", "null"], "items": _TEXT},
    )
    advice = _object(code=_TEXT, level={"enum": ["warn", "refuse"]}, message=_TEXT)
    common: Schema = {
        "id": _TEXT,
        "case": _MAYBE_TEXT,
        "triage": triage,
        "disclaimer": _TEXT,
        "versions": {"type": "object"},
    }
    return {
        "Error": _object(error=_object(message=_TEXT, type=_TEXT, code=_TEXT)),
        "Models": _object(object={"const": "list"}, data=_array(_object(id=_TEXT, object={"const": "model"}))),
        "ChatCompletion": _object(
            id=_TEXT,
            object={"const": "chat.completion"},
            created={"type": "integer"},
            model=_TEXT,
            choices=_array(_object(index={"type": "integer"}, message={"type": "object"}, finish_reason=_MAYBE_TEXT)),
            disclaimer=_TEXT,
        ),
        "FollowUp": {**_object(answer=_TEXT, **common), "not": {"required": ["abstained"]}},
        "Answer": _object(
            **common,
            abstained={"type": "boolean"},
            reason=_MAYBE_TEXT,
            reason_code=_MAYBE_TEXT,
            findings=_array({**named, "properties": {**named["properties"], "said": spans}}),
            differential=_array(_object(name=_TEXT, slug=_MAYBE_TEXT, probability=_SHARE, malignancy=_MAYBE_TEXT)),
            diagnosis=_MAYBE_TEXT,
            malignancy=_MAYBE_TEXT,
            rationale=_MAYBE_TEXT,
            confidence=confidence,
            image_quality=_array(_array(advice)),
            resolved={"type": ["object", "null"]},
            attempts={"type": "integer", "minimum": 0},
        ),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(optional: Sequence[str] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _array(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def _without_null(schema: Schema) -> Schema:
    """A form has no null: what may be left out is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kinds[0], **rest} if kinds else schema


def _body(kind: str, schema: Schema) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema}}}


def _responses(good: Schema, statuses: Sequence[int], more: Schema | None = None) -> Schema:
    error = {"application/json": {"schema": _ref("Error")}}
    wait = {"Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}}
    made: Schema = {
        "200": {"description": "the answer", "content": {"application/json": {"schema": good}, **(more or {})}}
    }
    for status in sorted({*_ALWAYS, *statuses}):
        made[str(status)] = {"description": ERRORS[status], "content": error}
        if status == 429:
            made[str(status)]["headers"] = wait
    return made


def _open(name: str, schema: Schema, *statuses: int) -> Schema:
    """A route without a key; its other statuses have the same shape."""
    responses = _responses(schema, ())
    for status in statuses:
        responses[str(status)] = {**responses["200"], "description": "not " + name}
    return {
        "get": {
            "operationId": name,
            "summary": f"Whether the server is {name}",
            "responses": responses,
            "security": [],
        }
    }
