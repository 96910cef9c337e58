"""`/docs`: the server's own documentation on one page that loads nothing from anywhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from engine.api.openapi import document
from engine.api.problem import KINDS

_TEMPLATE = Path(__file__).with_name("docs.html.j2")
EXAMPLE_VALUES = {"id": "c_1042", "model": "churn", "name": "hillstrom"}


@cache
def page() -> str:
    """The page, rendered from the OpenAPI document."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    told = document()
    operations = [
        {**one, "method": method.upper(), "path": path, "curl": curl(method, path, one)}
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    ]
    schemas = [_shown(name, schema) for name, schema in sorted(told["components"]["schemas"].items())]
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(info=told["info"], operations=operations, schemas=schemas, problems=KINDS)


def curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """A command that can be pasted into a terminal beside the server."""
    words = ["curl", "-s", "-X", method.upper(), f"http://127.0.0.1:8000{path.format(**EXAMPLE_VALUES)}"]
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(example)]
    return shlex.join(words)


def _shown(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    required = schema.get("required", [])
    fields = [
        {
            "name": field,
            "type": in_words(shape),
            "required": field in required,
            "about": shape.get("description", ""),
        }
        for field, shape in schema.get("properties", {}).items()
    ]
    return {"name": name, "about": schema.get("description", ""), "fields": fields}


def in_words(shape: Mapping[str, Any]) -> str:
    """A JSON schema in a few words: "text", "number or null", "list of Rival"."""
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    if "anyOf" in shape:
        return " or ".join(in_words(one) for one in shape["anyOf"])
    kind = str(shape.get("type", "anything"))
    if kind == "array":
        return f"list of {in_words(shape.get('items', {}))}"
    if kind == "object":
        values = shape.get("additionalProperties", {})
        return f"object of {in_words(values)}" if isinstance(values, dict) and values else "object"
    return str(shape.get("format", {"string": "text"}.get(kind, kind)))
