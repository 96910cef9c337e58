"""Parts of a tree that read no name, worked out once."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from engine.rules import one
from engine.rules.tree import (
    And,
    Arithmetic,
    Call,
    Case,
    Coalesce,
    Compare,
    IsNull,
    IsTruth,
    Like,
    Name,
    Node,
    Not,
    Or,
    Value,
    Within,
    names,
    type_of,
)


def fold(node: Node) -> Node:
    """The tree with every part that reads no name as its value."""
    if isinstance(node, Value):
        return node
    if not names(node):
        return Value(one.holds(node)({}), type_of(node))
    match node:
        case And(parts) | Or(parts) | Coalesce(parts) | Call(_, parts):
            return replace(node, parts=tuple(fold(part) for part in parts))
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return replace(node, left=fold(left), right=fold(right))
        case Case(whens, otherwise):
            folded = tuple((fold(condition), fold(value)) for condition, value in whens)
            return replace(node, whens=folded, otherwise=fold(otherwise))
        case Not(part) | IsNull(part) | IsTruth(part) | Within(part) | Like(part):
            return replace(node, part=fold(part))
        case Name():
            return node
        case _:
            assert_never(node)
