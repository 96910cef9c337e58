"""What a number, text or moment may be, whoever the customer is: intervals and short lists."""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

from engine.rules.functions import FUNCTIONS
from engine.rules.like import Pieces, python_pattern

Truths = frozenset[bool | None]
EXACT = float(2**53)  # integers up to here are exact, and others are refused where they come in
LARGEST = sys.float_info.max
_MANY = 64  # texts that are followed one by one
BOTH: Truths = frozenset({True, False})
TRUE: Truths = frozenset({True})
FALSE: Truths = frozenset({False})
NULL: Truths = frozenset({None})


@dataclass(frozen=True, slots=True)
class Span:
    """What a number, text or moment may be.

    Attributes:
        null, known: whether it may be NULL, and whether it may be anything else.
        low, high: what a number stays between.
        only: all it can be, where that is a list; None if it may be anything.
        case: what `LOWER` or `UPPER` leaves as it is.
    """

    null: bool
    known: bool = True
    low: float = -LARGEST
    high: float = LARGEST
    only: frozenset[Any] | None = None
    case: Literal["", "LOWER", "UPPER"] = ""


NOTHING = Span(null=True, known=False)


def known(value: object) -> Span:
    """A literal that is not NULL."""
    if isinstance(value, int | float):
        return Span(False, low=float(value), high=float(value))
    return Span(False, only=frozenset({value}))


def _ordered(one: Span, other: Span) -> Truths:
    """Whether one < other."""
    return frozenset([True] * (one.low < other.high) + [False] * (one.high >= other.low))


def _equal(one: Span, other: Span) -> Truths:
    meet = one.low <= other.high and other.low <= one.high
    single = one.low == one.high == other.low == other.high
    return frozenset([True] * meet + [False] * (not single))


def _not(found: Truths) -> Truths:
    return frozenset(not one for one in found)


RANGES: Mapping[str, Callable[[Span, Span], Truths]] = {
    "<": _ordered,
    ">": lambda one, other: _ordered(other, one),
    ">=": lambda one, other: _not(_ordered(one, other)),
    "<=": lambda one, other: _not(_ordered(other, one)),
    "=": _equal,
    "<>": lambda one, other: _not(_equal(one, other)),
}
SAME: Mapping[str, Truths] = {"=": TRUE, "<=": TRUE, ">=": TRUE, "<>": FALSE, "<": FALSE, ">": FALSE}
_SAYS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}


def texts(op: str, one: Span, other: Span) -> Truths:
    if one.only is not None and other.only is not None:
        if len(one.only) * len(other.only) > _MANY**2:
            return BOTH
        return frozenset(_SAYS[op](*pair) for pair in product(one.only, other.only))
    if op in ("=", "<>") and (_strange(one, other) or _strange(other, one)):
        return FALSE if op == "=" else TRUE
    return BOTH


def _strange(made: Span, other: Span) -> bool:
    """Whether the other can only be texts that `LOWER` or `UPPER` never gives."""
    if not made.case or other.only is None:
        return False
    return all(FUNCTIONS[made.case].one(text) != text for text in other.only)


def within(part: Span, values: Sequence[object], null: bool) -> Truths:
    if not part.known:
        return NULL
    each: list[Truths] = []
    for value in values:
        listed = known(value)
        each.append(texts("=", part, listed) if listed.only is not None else _equal(part, listed))
    found: Truths = frozenset([True] * any(True in one for one in each))
    found |= frozenset({None if null else False}) if TRUE not in each else frozenset()
    return found | (NULL if part.null else frozenset())


def like(part: Span, pieces: Pieces) -> Truths:
    null = NULL if part.null else frozenset()
    if not part.known:
        return NULL
    if part.only is not None:
        pattern = re.compile(python_pattern(pieces), re.DOTALL)
        return frozenset(bool(pattern.fullmatch(text)) for text in part.only) | null
    return (TRUE if pieces and set(pieces) == {None} else BOTH) | null


def computed(op: str, one: Span, other: Span) -> Span:
    null = one.null or other.null
    if not (one.known and other.known):
        return NOTHING
    if op == "/" and other.low <= 0 <= other.high:
        return Span(null=True)
    ends = [_END[op](x, y) for x, y in product((one.low, one.high), (other.low, other.high))]
    beyond = not all(map(math.isfinite, ends))  # NULL where a result is not finite
    return Span(null or beyond, low=max(min(ends), -LARGEST), high=min(max(ends), LARGEST))


_END: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def called(function: str, part: Span) -> Span:
    if not part.known:
        return part
    call = FUNCTIONS[function].one
    if function == "LENGTH":
        sizes = [len(text) for text in part.only] if part.only is not None else [0.0, EXACT]
        return Span(part.null, low=min(sizes), high=max(sizes))
    if function in ("LOWER", "UPPER"):
        if part.only is not None:
            return replace(part, only=frozenset(map(call, part.only)))
        return Span(part.null, case="LOWER" if function == "LOWER" else "UPPER")
    low, high = float(call(part.low)), float(call(part.high))
    if function == "ABS":
        low, high = (0.0 if part.low < 0 < part.high else min(low, high)), max(low, high)
    return replace(part, low=low, high=high)


def either(one: Span, other: Span) -> Span:
    null = one.null or other.null
    if not (one.known and other.known):
        return replace(one if one.known else other, null=null)
    only = one.only | other.only if one.only is not None and other.only is not None else None
    case = one.case if one.case == other.case else ""
    low, high = min(one.low, other.low), max(one.high, other.high)
    return Span(null, True, low, high, only, case)
