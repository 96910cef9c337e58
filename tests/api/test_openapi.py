from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route

from engine.api.operations import OPERATIONS
from engine.api.problem import KINDS
from engine.segment import TIME_PATTERN
from engine.values import ID_SCHEMA, is_id
from tests.api.client import Client

NOT_OURS = {"/docs", "/openapi.json"}


def test_every_route_of_the_application_is_documented_and_nothing_else_is(client: Client) -> None:
    mounted = {
        (method.lower(), route.path)
        for route in routes(client.app.routes)
        if route.path not in NOT_OURS
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert mounted == {(one.method, one.path) for one in OPERATIONS}


def routes(found: Any) -> list[Any]:
    """Routes, those of included routers too."""
    flat: list[Any] = []
    for one in found:
        if isinstance(one, Route | APIRoute):
            flat.append(one)
        else:
            flat += routes(one.original_router.routes)
    return flat


def test_every_reference_of_the_document_can_be_followed(client: Client) -> None:
    told = client.get("/openapi.json")
    schemas = told.json()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", told.text)) <= set(schemas)


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.example], ids=lambda one: str(one.path))
def test_the_examples_can_be_sent_as_they_stand(client: Client, one: Any) -> None:
    path = one.path.format(id="c_1042", model="churn")
    answer = client.ask(one.method.upper(), path, one.example)
    assert answer.status_code in (200, 404), answer.text  # 404: the example's program is not in this store


def test_the_documentation_loads_nothing_from_anywhere(client: Client) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert set(re.findall(r"(?:src|href)=[\"']?([^\"'> ]*)", answer.text)) == {"/openapi.json"}
    assert not re.findall(r"@import|url\(", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_documentation_shows_every_operation_with_a_command_and_every_problem(client: Client) -> None:
    text = client.get("/docs").text
    for one in OPERATIONS:
        assert f"<code>{one.path}</code>" in text
        assert f"-X {one.method.upper()}" in text
    for kind in KINDS:
        assert f'id="{kind}"' in text


def test_the_body_of_every_answer_is_as_documented(client: Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Decision"]["properties"]) >= {"id", "action", "arm", "propensity", "fallback"}
    assert schemas["Question"]["required"] == ["customer", "program"]
    assert schemas["Question"]["additionalProperties"] is False


@given(st.text(max_size=140))
def test_the_document_says_exactly_which_ids_are_taken(text: str) -> None:
    length = ID_SCHEMA["minLength"] <= len(text) <= ID_SCHEMA["maxLength"]
    assert is_id(text) == (length and re.fullmatch(ID_SCHEMA["pattern"], text) is not None)


MESSAGES: dict[str, dict[str, Any]] = {
    "/v1/track": {"userId": "c1", "event": "Order Completed"},
    "/v1/identify": {"anonymousId": 7, "traits": {"address": {"city": "Oslo"}, "tags": ["a"]}},
    "/v1/alias": {"userId": "c2", "previousId": "anonymous-2"},
}


@pytest.mark.parametrize("path", MESSAGES)
def test_a_message_must_hold_what_the_document_says_and_no_more(client: Client, path: str) -> None:
    document, whole = client.get("/openapi.json").json(), MESSAGES[path]
    name = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][name.rpartition("/")[2]]
    who = [one["required"] for one in schema.get("anyOf", ())]
    asked = {*schema.get("required", ()), *(who and ["userId", "anonymousId"])}
    assert asked >= whole.keys() - {"traits"}
    assert client.ask("POST", path, whole).status_code == 200
    for field in asked & whole.keys():
        for lacking in ({**whole, field: None}, {k: v for k, v in whole.items() if k != field}):
            assert client.ask("POST", path, lacking).status_code == 422
            item = {**lacking, "type": path.rpartition("/")[2]}
            assert client.ask("POST", "/v1/batch", {"batch": [item]}).status_code == 422
    silent = {"batch": [{"type": "page"}, {**whole, "type": path.rpartition("/")[2], "spam": None}]}
    assert client.ask("POST", "/v1/batch", silent).status_code == 200
    assert client.ask("POST", "/v1/batch", {"batch": [whole]}).status_code == 422


@given(st.datetimes())
def test_the_pattern_of_times_takes_days_that_there_are(at: datetime) -> None:
    known = 1970 <= at.year <= 2199 and (at.month, at.day) != (2, 29)
    assert (re.search(TIME_PATTERN, at.isoformat()) is not None) == known
    assert re.search(TIME_PATTERN, f"{max(at.year, 1970):04}-04-31T00:00:00") is None
