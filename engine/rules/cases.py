"""A few cases that stand for all customers, as far as a condition can tell them apart.

A condition that compares names with literals is constant between neighbouring literals. So each name is tried
at every literal it meets, between every two, beyond the outermost, and as NULL. A part of another form is
worked out where all of the names in it are known exactly; elsewhere it may come to whatever
`engine.rules.possible` leaves open. That can hide a finding and never make a false one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from math import isfinite
from typing import Any

from engine.rules import one
from engine.rules.lookups import lookup
from engine.rules.possible import outcomes
from engine.rules.tree import (
    And,
    Compare,
    IsNull,
    IsTruth,
    Name,
    Node,
    Not,
    Or,
    Type,
    Value,
    Within,
    names,
    type_of,
    walk,
)

MAX_CASES = 20_000
Levels = Mapping[str, Sequence[str]]
Assigned = dict[str, Any]


def cases(node: Node, levels: Levels, unknown: bool) -> Iterator[bool] | None:
    """Whether the condition is true, case by case; None if the cases are too many to try.

    Args:
        levels: all values of a text attribute, where they are declared.
        unknown: whether names may be NULL.
    """
    plain = _Plain()
    tree = plain.read(node)
    choices = [*_named(tree, plain, levels, unknown), *_free(plain, unknown)]
    if math.prod(map(len, choices)) > MAX_CASES:
        return None
    true = one.passes([tree])
    return (true(_merged(case))[0] for case in product(*choices))


def _merged(case: Sequence[Assigned]) -> Assigned:
    return {name: value for assigned in case for name, value in assigned.items()}


@dataclass(slots=True)
class _Plain:
    """Reads a condition as comparisons of names with literals; other parts become names of their own.

    Attributes:
        parts: those parts, by the names they got.
    """

    parts: dict[str, Node] = field(default_factory=dict)

    def read(self, node: Node) -> Node:
        match node:
            case And(parts):
                return And(tuple(self.read(part) for part in parts))
            case Or(parts):
                return Or(tuple(self.read(part) for part in parts))
            case Not(part):
                return Not(self.read(part))
            case IsTruth(part, truth):
                return IsTruth(self.read(part), truth)
            case IsNull(part) if type_of(part) == "boolean":
                return IsNull(self.read(part))
            case Value() | Name() | IsNull(Name()) | Within(Name()):
                return node
            case Compare(_, Name(), Value()) | Compare(_, Value(), Name()) | Compare(_, Value(), Value()):
                return node
        name = f"?{node}"
        self.parts[name] = node
        return Name(name, "boolean")

    def about(self, name: str) -> dict[str, Node]:
        """The parts that read this name and no other."""
        return {spelt: part for spelt, part in self.parts.items() if names(part) == {name}}


def _named(tree: Node, plain: _Plain, levels: Levels, unknown: bool) -> Iterator[list[Assigned]]:
    """For each name: its values, and beside each what the parts that read only this name come to."""
    met: dict[Name, set[Any]] = {}
    for below in (tree, *plain.parts.values()):
        for found in walk(below):
            if isinstance(found, Name) and found.name not in plain.parts:
                met.setdefault(found, set())
    for name, value in _meetings(tree):
        met[name].add(value)
    for name, values in met.items():
        yield _assigned(name, plain.about(name.name), values, levels, unknown)


def _assigned(
    name: Name, parts: Mapping[str, Node], met: Set[Any], levels: Levels, unknown: bool
) -> list[Assigned]:
    declared = levels.get(name.name)
    exact = set(declared) if declared else {True, False} if name.type == "boolean" else met
    near = set() if declared or name.type == "boolean" else _AROUND[name.type](met) - met
    sure = [*_within(name, exact), None] if unknown else list(_within(name, exact))
    held = {spelt: one.holds(part) for spelt, part in parts.items()}
    found = [{name.name: x, **{spelt: f({name.name: x}) for spelt, f in held.items()}} for x in sure]
    open_ = [sorted(outcomes(part, unknown=False), key=str) for part in parts.values()]
    for value in _within(name, near):
        found += [{name.name: value, **dict(zip(parts, truths, strict=True))} for truths in product(*open_)]
    return found


def _free(plain: _Plain, unknown: bool) -> Iterator[list[Assigned]]:
    """For each part that reads several names, or none: what it may come to."""
    for spelt, part in plain.parts.items():
        if len(names(part)) != 1:
            yield [{spelt: truth} for truth in outcomes(part, unknown)]


def _meetings(node: Node) -> Iterator[tuple[Name, Any]]:
    """Each name with each literal it is compared with."""
    for below in walk(node):
        match below:
            case Compare(_, Name() as name, Value(value)) | Compare(_, Value(value), Name() as name):
                if value is not None:
                    yield name, value
            case Within(Name() as name, values):
                yield from ((name, value) for value in values)


def _within(name: Name, values: Set[Any]) -> set[Any]:
    """The values that a lookup may give; those of any other name as they are."""
    found = lookup(name.name)
    if found is None or name.type == "timestamp":
        return set(values)
    ends = {int(end) if name.type == "integer" else end for end in (found.low, found.high) if isfinite(end)}
    return {value for value in values | ends if found.low <= value <= found.high}


def _around_numbers(met: Set[Any]) -> set[Any]:
    near = (math.nextafter(value, end) for value in met for end in (-math.inf, math.inf))
    return {0.0, *map(float, met), *filter(isfinite, near)}


def _around_integers(met: Set[Any]) -> set[Any]:
    return {0, *(whole + step for value in met for whole in (math.floor(value),) for step in (-1, 0, 1, 2))}


def _around_texts(met: Set[Any]) -> set[Any]:
    return {"", *met, *(value + "\0" for value in met)}


def _around_instants(met: Set[Any]) -> set[Any]:
    step = timedelta(microseconds=1)
    earlier = {value - step for value in met if value > _FIRST}
    return {_FIRST, *met, *earlier, *(value + step for value in met if value < _LAST)}


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_AROUND: Mapping[Type, Callable[[Set[Any]], set[Any]]] = {
    "number": _around_numbers,
    "integer": _around_integers,
    "text": _around_texts,
    "boolean": lambda met: {True, False},
    "timestamp": _around_instants,
}
