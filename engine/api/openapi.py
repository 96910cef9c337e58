"""The OpenAPI document, written from the very types that decode and encode."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

import msgspec

from engine.api.messages import KINDS as MESSAGES
from engine.api.messages import add_messages
from engine.api.operations import OPERATIONS, Operation
from engine.api.problem import KINDS, MEDIA_TYPE, Problem
from engine.api.release import release
from engine.values import ID_SCHEMA

_PARAMETER = re.compile(r"{(\w+)}")
_ID = {"type": "string", **ID_SCHEMA}
_ABOUT = "The next best action for every customer, learnt, explained, and proven with holdouts."


def document() -> dict[str, Any]:
    """The whole document (OpenAPI 3.1)."""
    spoken = [Problem, *(t for one in OPERATIONS for t in (one.body, one.answer) if t not in (None, str))]
    schemas, components = msgspec.json.schema_components(spoken, ref_template="#/components/schemas/{name}")
    components["Change"]["properties"]["zone"] = {"enum": [None, *sorted(available_timezones())]}
    components["OutcomeEvent"]["required"].remove("type")  # taken, but not asked for where it is the only one
    add_messages(components)
    schema = dict(zip(map(str, spoken), schemas, strict=True))
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one, schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "nextbest", "version": release(), "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(one: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    summary, _, _ = one.says.partition(". ")
    told: dict[str, Any] = {
        "operationId": f"{one.method}{re.sub(r'[^a-z]+', '_', one.path)}".rstrip("_"),
        "summary": summary.rstrip("."),
        "description": one.says,
        "parameters": _parameters(one),
        "responses": _responses(one, schema),
    }
    if one.body is not None:
        message = MESSAGES.get(one.path)
        body = schema[str(one.body)] if message is None else {"$ref": f"#/components/schemas/{message}"}
        content = {"schema": body, "example": one.example}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def _parameters(one: Operation) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": _ID} for name in _PARAMETER.findall(one.path)
    ]
    header = [
        {"name": name, "in": "header", "required": False, "description": about, "schema": _ID}
        for name, about in one.header.items()
    ]
    query = [
        {"name": name, "in": "query", "required": False, "description": about, "schema": _ID}
        for name, about in one.query.items()
    ]
    return path + header + query


def _responses(one: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if one.answer is None:
        responses["204"] = {"description": "Done."}
    elif one.answer is str:
        responses["200"] = {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    else:
        content = {"application/json": {"schema": schema[str(one.answer)]}}
        responses["200"] = {"description": "The answer.", "content": content}
    for kind in one.problems:
        status, title = KINDS[kind]
        known = responses.setdefault(str(status), {"description": title, "content": _problem(schema)})
        if title not in known["description"]:
            known["description"] += f"; or: {title}"
    return responses


def _problem(schema: dict[str, Any]) -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": schema[str(Problem)]}}
