"""A rule as a typed tree: what the SQL text means, free of how it was written.

Truth has three values, as in SQL: true, false and NULL, not known. Only true lets a customer through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

Type = Literal["number", "integer", "text", "boolean", "timestamp", "null"]
Comparison = Literal["<", "<=", ">", ">=", "=", "<>"]
Operator = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Value:
    """A literal; `value` is None for NULL."""

    value: object
    type: Type


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute or a prediction of the customer."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`; NULL if either side is."""

    op: Comparison
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class And:
    """False if any part is false, else NULL if any is NULL."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True if any part is true, else NULL if any is NULL."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class IsNull:
    part: Node


@dataclass(frozen=True, slots=True)
class IsTruth:
    """`part IS TRUE` or `part IS FALSE`; never NULL itself."""

    part: Node
    truth: bool


@dataclass(frozen=True, slots=True)
class Within:
    """`part IN (values)`. `null`: NULL stands in the list, so what is not found is NULL, not false."""

    part: Node
    values: tuple[object, ...]
    null: bool


@dataclass(frozen=True, slots=True)
class Like:
    """`part` matches `pieces`: a character as it stands, None for `%` (any run), "" for `_` (any one)."""

    part: Node
    pieces: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """In double precision. NULL if a side is, on division by zero, and where the result is not finite."""

    op: Operator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Case:
    """The value beside the first condition that is true, else `otherwise`."""

    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first part that is not NULL."""

    parts: tuple[Node, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `engine.rules.functions`; NULL if any part is."""

    function: str
    parts: tuple[Node, ...]
    type: Type


Node = (
    Value
    | Name
    | Compare
    | And
    | Or
    | Not
    | IsNull
    | IsTruth
    | Within
    | Like
    | Arithmetic
    | Case
    | Coalesce
    | Call
)


def type_of(node: Node) -> Type:
    """The type of what `node` evaluates to."""
    if isinstance(node, Value | Name | Case | Coalesce | Call):
        return node.type
    return "number" if isinstance(node, Arithmetic) else "boolean"


def children(node: Node) -> Iterator[Node]:
    """The nodes right below `node`, from left to right."""
    if isinstance(node, Case):
        yield from (one for pair in node.whens for one in pair)
        yield node.otherwise
        return
    kind: type = type(node)
    for name in _below(kind):
        below = getattr(node, name)
        yield from below if name == "parts" else (below,)


@cache
def _below(kind: type) -> tuple[str, ...]:
    """The fields of a kind of node that hold others."""
    return tuple(one.name for one in fields(kind) if one.name in ("parts", "part", "left", "right"))


def walk(node: Node) -> Iterator[Node]:
    """`node` and every node below it."""
    yield node
    for below in children(node):
        yield from walk(below)


def names(node: Node) -> frozenset[str]:
    """The attributes and predictions a tree reads."""
    return frozenset(one.name for one in walk(node) if isinstance(one, Name))


def depth(node: Node) -> int:
    """How many nodes stand one below the other."""
    return 1 + max((depth(below) for below in children(node)), default=0)
