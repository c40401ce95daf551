"""The OpenAPI document says what the gateway does."""

import pytest
from jsonschema import Draft202012Validator, ValidationError

from skin_r1.serve.intake.chat import ChatRequest
from skin_r1.serve.intake.form import Form
from skin_r1.serve.openapi import document
from skin_r1.serve.refused import Refused

DOCUMENT = document("1.0", ["base", "derm-lora"])
SCHEMAS = DOCUMENT["components"]["schemas"]


def validator(name):
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})


def test_every_schema_is_one_and_every_reference_is_there():
    import json
    import re

    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)):
        assert name in SCHEMAS


def test_the_documents_fields_are_those_that_are_read():
    assert set(SCHEMAS["ChatRequest"]["properties"]) == set(ChatRequest.model_fields)
    assert set(SCHEMAS["Form"]["properties"]) == {"image", *Form.model_fields}
    assert SCHEMAS["ChatRequest"]["additionalProperties"] is False and SCHEMAS["Form"]["additionalProperties"] is False
    assert SCHEMAS["Form"]["properties"]["model"]["enum"] == ["base", "derm-lora"]
    assert "null" not in str(SCHEMAS["Form"]["properties"])


@pytest.mark.parametrize(
    "fields, right",
    [
        ({}, True),
        ({"temperature": 0.5, "n": 1, "stream": True}, True),
        ({"n": 2}, False),
        ({"tools": []}, False),
        ({"messages": []}, False),
        ({"model": "gpt"}, False),
        ({"top_p": 0}, False),
    ],
)
def test_the_schema_and_the_server_agree_on_chat_requests(fields, right):
    request = {"model": "base", "messages": [{"role": "user", "content": "hello"}], **fields}
    if right:
        validator("ChatRequest").validate(request)
    else:
        with pytest.raises(ValidationError):
            validator("ChatRequest").validate(request)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 431, 500, 503])
def test_refusals_have_the_shape_of_the_document(status):
    import json

    response = Refused(status, "some_code", "what is wrong", retry_after=3 if status == 429 else None).response()
    validator("Error").validate(json.loads(response.body))
    assert response.headers.get("retry-after") == ("3" if status == 429 else None)
    assert (response.headers.get("connection") == "close") == (status in (408, 413))
    assert str(status) in DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]


def test_schemathesis_can_use_the_document():
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operations = {operation.ok().label for operation in schema.get_all_operations()}
    assert operations == {
        "POST /v1/chat/completions", "POST /v1/diagnose", "GET /v1/models", "GET /healthz", "GET /readyz", "GET /metrics",
    }  # fmt: skip
