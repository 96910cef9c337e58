from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route

from engine.api.operations import OPERATIONS
from engine.api.problem import KINDS
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
