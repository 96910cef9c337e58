"""Values that a fact might have instead: what rules ask for, and what is usual among customers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.choose import Live
from engine.context import Levels, Numeric
from engine.domain import AttributeType, Program
from engine.once import once
from engine.program.compiled import arbitration_of, weights_of
from engine.rules.tree import Compare, Name, Node, Value, Within, walk
from engine.screen import Screen
from engine.situation import Situation
from engine.values import types

_STEPS = (-3.0, -2.0, -1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0)
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_TEXTS_AT_MOST = 12
CONTACTS = "recent contacts"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something of a situation that could be otherwise.

    Attributes:
        kind: the type of an attribute or prediction; "consent" and "contacts" for those.
        value: what it is, None if unknown.
        others: what it might be, with how far that is away: 1 is one usual difference between customers.
        digits: a number is told with so many digits after the point.
    """

    name: str
    kind: AttributeType | str
    value: Any
    others: tuple[tuple[Any, float], ...]
    digits: int = 0


def facts(live: Live, situation: Situation) -> list[Fact]:
    """What could be otherwise in a situation: attributes and predictions, consent, and recent contacts."""
    asked = _asked(live.program, live.screen)
    found = [
        _fact(live, name, kind, situation.values.get(name), asked.get(name, frozenset()))
        for name, kind in types(live.program).items()
    ]
    purposes = dict.fromkeys(channel.consent for channel in live.program.channels if channel.consent)
    found += [
        Fact(purpose, "consent", situation.consent.get(purpose), ((True, 1.0),))
        for purpose in purposes
        if situation.consent.get(purpose) is not True
    ]
    if situation.contacts:
        found.append(Fact(CONTACTS, "contacts", situation.contacts, (([], 1.0),)))
    return [one for one in found if one.others]


@once
def _constants(screen: Screen) -> Mapping[str, frozenset[Any]]:
    return _compared([rule.tree for rule in screen.rules])


@once
def _amounts(program: Program) -> Mapping[str, frozenset[Any]]:
    formula = arbitration_of(program)
    written = [*weights_of(program).values(), *([] if formula is None else [formula])]
    return _compared([one.tree for one in written])


def _asked(program: Program, screen: Screen) -> Mapping[str, frozenset[Any]]:
    """The constants that rules, weights and the formula compare each name with."""
    one, other = _constants(screen), _amounts(program)
    return {name: one.get(name, frozenset()) | other.get(name, frozenset()) for name in {*one, *other}}


def _compared(trees: list[Node]) -> Mapping[str, frozenset[Any]]:
    found: dict[str, set[Any]] = {}
    for tree in trees:
        for node in walk(tree):
            for name, value in _pairs(node):
                if value is not None:
                    found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


def _pairs(node: Node) -> Iterator[tuple[str, Any]]:
    match node:
        case Compare(_, Name(name), Value(value)) | Compare(_, Value(value), Name(name)):
            yield name, value
        case Within(Name(name), values):
            yield from ((name, value) for value in values)


def _fact(live: Live, name: str, kind: AttributeType, value: Any, asked: frozenset[Any]) -> Fact:
    if kind == "boolean":
        return Fact(name, kind, value, tuple((one, 1.0) for one in (True, False) if one is not value))
    if kind == "text":
        levels = [*sorted(asked), *_levels(live, name)]
        others = [one for one in dict.fromkeys(levels) if one != value][:_TEXTS_AT_MOST]
        return Fact(name, kind, value, tuple((one, 1.0) for one in others))
    if kind == "timestamp":
        return Fact(name, kind, value, tuple((one, 1.0) for one in _moments(asked)))
    return _number(live, name, kind, value, asked)


def _levels(live: Live, name: str) -> tuple[str, ...]:
    return next(
        (one.levels for one in live.encoding.features if isinstance(one, Levels) and one.name == name), ()
    )


def _moments(asked: frozenset[Any]) -> Iterator[datetime]:
    microsecond = timedelta(microseconds=1)
    for at in sorted(one for one in asked if isinstance(one, datetime)):
        yield from (at - microsecond, at, at + microsecond)


def _number(live: Live, name: str, kind: AttributeType, value: Any, asked: frozenset[Any]) -> Fact:
    """Multiples of the usual difference around the typical value, and both sides of every rule's constant."""
    usual = _usual(live, name, value)
    share = live.program.predictions.get(name, "") != "" and 0.0 <= (value or 0.0) <= 1.0
    grid = list(_SHARES) if share else [usual.center + step * usual.scale for step in _STEPS]
    if not share and value is not None and usual.center >= 0.0 and value >= 0.0:
        grid = [one for one in grid if one >= 0.0]
    numbers: set[float] = {round(one) for one in grid} if kind == "integer" else set(grid)
    for constant in asked:
        if isinstance(constant, int | float) and not isinstance(constant, bool):
            numbers.update(_sides(constant, kind))
    start = usual.center if value is None else float(value)
    far = 1.0 if value is None else 0.0
    others = [(one, far + abs(one - start) / usual.scale) for one in sorted(numbers) if one != value]
    digits = 0 if kind == "integer" else -math.floor(math.log10(usual.scale / 100.0))
    return Fact(name, kind, value, tuple(others), digits)


def _usual(live: Live, name: str, value: Any) -> Numeric:
    """Centre and scale of a number among customers; before the first snapshot, guessed from the value."""
    if live.snapshot_version == 0 or all(one.name != name for one in live.encoding.features):
        size = 0.0 if value is None else float(value)
        return Numeric(name, size, max(abs(size) / 2.0, 0.5))
    return next(one for one in live.encoding.features if isinstance(one, Numeric) and one.name == name)


def _sides(constant: float, kind: AttributeType) -> tuple[float, ...]:
    """A constant and its neighbours, of which one side passes a comparison and the other does not."""
    if kind == "integer":
        return (math.floor(constant), math.floor(constant) + 1, math.ceil(constant) - 1)
    number = float(constant)
    return (math.nextafter(number, -math.inf), number, math.nextafter(number, math.inf))
