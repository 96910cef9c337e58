"""Types in words, and texts that are points in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from engine.rules.grammar import Fault, offset
from engine.rules.tree import Node, Type, Value, type_of

ARTICLE: Mapping[Type, str] = {
    "number": "a number",
    "integer": "a number",
    "text": "a text",
    "boolean": "true or false",
    "timestamp": "a point in time",
    "null": "NULL",
}


def timed(node: Node, other: Node, sql: exp.Expr) -> Node:
    """A text literal beside a point in time is a point in time."""
    if type_of(other) == "timestamp" and isinstance(node, Value) and node.type == "text":
        return instant(sql.unnest())
    return node


def instant(sql: exp.Expr) -> Value:
    """A text literal as a point in time, in UTC where it names no zone."""
    try:
        at = datetime.fromisoformat(sql.this)
    except ValueError:
        raise Fault(
            f"'{sql.this}' is no date or time; write '2026-11-24' or '2026-11-24 08:00+01:00'", offset(sql)
        ) from None
    return Value((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), "timestamp")


def kind_of(node: Node) -> str:
    """What a node compares with: its type, integers and numbers being one."""
    kind = type_of(node)
    return "number" if kind == "integer" else kind


def a(node: Node) -> str:
    """The type in words, with its article."""
    return ARTICLE[type_of(node)]
