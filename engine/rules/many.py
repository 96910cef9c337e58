"""Rules for many customers: trees become polars expressions.

polars keeps SQL's three-valued logic in `&`, `|`, `~` and comparisons. Where it differs is put right here:
division by zero and results that are not finite are NULL, and arithmetic is in double precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub, truediv
from typing import Any, assert_never

import polars as pl

from engine.rules.functions import FUNCTIONS
from engine.rules.like import rust_pattern
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
    Type,
    Value,
    Within,
    type_of,
)

DTYPES: Mapping[Type, Any] = {
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "text": pl.String(),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us", "UTC"),
    "null": pl.Null(),
}
"""The column type that a rule's expression expects of an attribute. NaN must be null before it gets here."""

_OPERATORS = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "=": eq,
    "<>": ne,
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
}


def expression(condition: Node) -> pl.Expr:
    """The condition as a polars expression: true, false or null for each row.

    A branch that no row takes can leave polars with one value in place of a column of them. AND with as many
    TRUE as there are rows changes nothing but the length.
    """
    return _column(condition) & pl.repeat(True, pl.len())


def _column(node: Node) -> pl.Expr:
    match node:
        case Value(value, type_):
            return pl.lit(value, DTYPES[type_])
        case Name(name):
            return pl.col(name)
        case And(parts):
            return reduce(and_, [_column(part) for part in parts])
        case Or(parts):
            return reduce(or_, [_column(part) for part in parts])
        case Not(part):
            return ~_column(part)
        case IsNull(part):
            return _column(part).is_null()
        case IsTruth(part, truth):
            return (_column(part) if truth else ~_column(part)).fill_null(False)
        case Compare(op, left, right):
            return _apply(op, _column(left), _column(right))
        case Within(part, values, null):
            return _within(part, values, null)
        case Like(part, pieces):
            return _column(part).str.contains(rust_pattern(pieces))
        case Arithmetic(op, left, right):
            result = _apply(op, _double(left), _double(right))
            return pl.when(result.is_finite()).then(result)
        case Case(whens, otherwise, type_):
            return _case(whens, otherwise, DTYPES[type_])
        case Coalesce(parts, type_):
            return pl.coalesce([_column(part).cast(DTYPES[type_]) for part in parts])
        case Call(function, parts):
            return FUNCTIONS[function].many(_column(parts[0]))
        case _:
            assert_never(node)


def _apply(op: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    made: pl.Expr = _OPERATORS[op](left, right)
    return made


def _double(node: Node) -> pl.Expr:
    return _column(node).cast(pl.Float64)


def _within(part: Node, values: tuple[object, ...], null: bool) -> pl.Expr:
    kind = type_of(part)
    listed = pl.Series(values, dtype=DTYPES["number" if kind == "integer" else kind])
    subject = _double(part) if kind == "integer" else _column(part)
    found = subject.is_in(listed.implode())
    return pl.when(found).then(True) if null else found


def _case(whens: tuple[tuple[Node, Node], ...], otherwise: Node, dtype: Any) -> pl.Expr:
    chosen = _column(otherwise).cast(dtype)
    for condition, value in reversed(whens):
        chosen = pl.when(_column(condition)).then(_column(value).cast(dtype)).otherwise(chosen)
    return chosen
