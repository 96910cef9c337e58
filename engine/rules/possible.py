"""What a part of a rule may come to, whoever the customer is, found without trying customers.

A number is followed as the interval it stays in, a text as the few texts it can be, or as one that `LOWER` or
`UPPER` made. What is found is never too narrow: an outcome that is left out does not occur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product

from engine.rules.lookups import lookup
from engine.rules.spans import (
    BOTH,
    EXACT,
    FALSE,
    LARGEST,
    NOTHING,
    NULL,
    RANGES,
    SAME,
    TRUE,
    Span,
    Truths,
    called,
    computed,
    either,
    known,
    like,
    texts,
    within,
)
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
    type_of,
)


def outcomes(node: Node, unknown: bool) -> Truths:
    """True, False and None (NULL): those a condition may come to.

    Args:
        unknown: whether the names in it may be NULL.
    """
    match node:
        case Value(value):
            return frozenset({None if value is None else bool(value)})
        case And(parts) | Or(parts):
            each = [outcomes(part, unknown) for part in parts]
            join = _and if isinstance(node, And) else _or
            return reduce(lambda some, more: frozenset(join(*pair) for pair in product(some, more)), each)
        case Not(part):
            return frozenset(None if one is None else not one for one in outcomes(part, unknown))
        case IsTruth(part, truth):
            return frozenset(one is truth for one in outcomes(part, unknown))
        case IsNull(part):
            return _is_null(part, unknown)
        case Compare(op, left, right):
            if type_of(left) == "boolean":
                pairs = product(outcomes(left, unknown), outcomes(right, unknown))
                return frozenset(
                    None if None in pair else (len({*pair}) == 1) is (op == "=") for pair in pairs
                )
            return _compared(op, left, right, unknown)
        case Within(part, values, null):
            return within(span(part, unknown), values, null)
        case Like(part, pieces):
            return like(span(part, unknown), pieces)
        case Case():
            return frozenset().union(*(outcomes(one, unknown) for one in _branches(node, unknown)))
        case Coalesce(parts):
            return _first_known(parts, unknown)
        case _:
            return BOTH | NULL if unknown else BOTH


def span(node: Node, unknown: bool) -> Span:
    """What a node that is no condition may evaluate to."""
    match node:
        case Value(value):
            return NOTHING if value is None else known(value)
        case Name(name, kind):
            found, ends = lookup(name), EXACT if kind == "integer" else LARGEST
            low, high = (found.low, found.high) if found else (-ends, ends)
            return Span(unknown, low=max(low, -ends), high=min(high, ends))
        case Arithmetic(op, left, right):
            return computed(op, span(left, unknown), span(right, unknown))
        case Call(function, (part,)):
            return called(function, span(part, unknown))
        case Case():
            return reduce(either, (span(one, unknown) for one in _branches(node, unknown)))
        case Coalesce(parts):
            return _first_span(parts, unknown)
        case _:
            return Span(unknown)


def _and(one: bool | None, other: bool | None) -> bool | None:
    return False if one is False or other is False else None if None in (one, other) else True


def _or(one: bool | None, other: bool | None) -> bool | None:
    return True if one is True or other is True else None if None in (one, other) else False


def _is_null(part: Node, unknown: bool) -> Truths:
    if type_of(part) == "boolean":
        return frozenset(one is None for one in outcomes(part, unknown))
    found = span(part, unknown)
    return frozenset([True] * found.null + [False] * found.known)


def _branches(node: Case, unknown: bool) -> list[Node]:
    """What it may evaluate to, without the branches that are never reached."""
    found: list[Node] = []
    for when, then in node.whens:
        truths = outcomes(when, unknown)
        found += [then] * (True in truths)
        if truths == {True}:
            return found
    return [*found, node.otherwise]


def _first_known(parts: Sequence[Node], unknown: bool) -> Truths:
    found: Truths = frozenset()
    for part in parts:
        each = outcomes(part, unknown)
        found |= each - NULL
        if None not in each:
            return found
    return found | NULL


def _first_span(parts: Sequence[Node], unknown: bool) -> Span:
    found: Span | None = None
    for part in parts:
        each = span(part, unknown)
        if each.known:
            found = either(found, replace(each, null=False)) if found else replace(each, null=False)
        if found and not each.null:
            return found
    return replace(found, null=True) if found else NOTHING


def _compared(op: str, left: Node, right: Node, unknown: bool) -> Truths:
    one, other = span(left, unknown), span(right, unknown)
    null = NULL if one.null or other.null else frozenset()
    if not (one.known and other.known):
        return NULL
    if type_of(left) in ("number", "integer"):
        found = RANGES[op](one, other) & _shifted(op, left, right)
    else:
        found = texts(op, one, other)
        if left == right:
            found &= SAME[op]
    return found | null


_MORE: Mapping[str, Truths] = {">=": TRUE, "<": FALSE}
_LESS: Mapping[str, Truths] = {"<=": TRUE, ">": FALSE}


def _shifted(op: str, left: Node, right: Node) -> Truths:
    """What follows if both sides are the same but for a number added: rounding keeps the order."""
    (one, more), (other, less) = _shift(left), _shift(right)
    if one != other:
        return BOTH
    if more == less:
        return SAME[op]
    return (_MORE if more > less else _LESS).get(op, BOTH)


def _shift(node: Node) -> tuple[Node, float]:
    match node:
        case Arithmetic("+", below, Value(int() | float() as value)):
            return below, float(value)
        case Arithmetic("+", Value(int() | float() as value), below):
            return below, float(value)
        case Arithmetic("-", below, Value(int() | float() as value)):
            return below, -float(value)
    return node, 0.0
