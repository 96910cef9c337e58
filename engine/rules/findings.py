"""What can be known of a rule without any customer: that it can never hold, or always does.

A condition that compares names with literals is constant between neighbouring literals. So each name is
tried at every literal it meets, between every two, beyond the outermost, and as NULL: a few cases stand for
all. What is not of that form (arithmetic, functions, LIKE, one name against another) is taken as a name of
its own that may be true, false or NULL at will. That can hide a finding and never make a false one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from math import isfinite
from typing import Any, Literal

from engine.rules import one
from engine.rules.lookups import lookup
from engine.rules.rule import Rule, quoted
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
Kind = Literal["never", "always", "always if known"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something true of a rule whoever the customer is. `str(finding)` is the sentence."""

    owner: str
    text: str
    kind: Kind
    names: frozenset[str]

    def __str__(self) -> str:
        known = ", ".join(sorted(self.names))
        means = {
            "never": "can never hold: no customer passes",
            "always": "always holds: it can be left out",
            "always if known": f"holds whenever {known} is known: write IS NOT NULL if that is meant",
        }
        return f"{self.owner}: rule {quoted(self.text)} {means[self.kind]}."


def findings(rule: Rule, levels: Levels | None = None) -> list[Finding]:
    """What is found in one rule; empty for most.

    Args:
        rule: a parsed rule.
        levels: the values a text attribute may take, where declared; it is then taken to have no other.
    """
    kind = _kind(rule.tree, levels or {})
    return [Finding(rule.owner, rule.text, kind, rule.names)] if kind else []


def conflict(rules: Sequence[Rule], levels: Levels | None = None) -> Finding | None:
    """Whether rules that must all hold contradict each other, though each may hold by itself."""
    if len(rules) < 2 or any(_never(_abstract(rule.tree), levels or {}) for rule in rules):
        return None
    together = And(tuple(rule.tree for rule in rules))
    if not _never(_abstract(together), levels or {}):
        return None
    owners = " with ".join(dict.fromkeys(rule.owner for rule in rules))
    return Finding(owners, " AND ".join(f"({rule.text})" for rule in rules), "never", names(together))


def _kind(tree: Node, levels: Levels) -> Kind | None:
    plain = _abstract(tree)
    if _never(plain, levels):
        return "never"
    if _always(plain, levels, unknown=True):
        return "always"
    asks = any(isinstance(node, IsNull) for node in walk(tree))
    return "always if known" if not asks and _always(plain, levels, unknown=False) else None


def _never(node: Node, levels: Levels) -> bool:
    """Whether no case makes it true. AND never holds if those of its parts that share names never do."""
    if isinstance(node, Or):
        return all(_never(part, levels) for part in node.parts)
    if isinstance(node, And) and len(groups := _groups(node.parts)) > 1:
        return any(_never(group, levels) for group in groups)
    cases = _cases(node, levels, unknown=True)
    return cases is not None and not any(cases)


def _always(node: Node, levels: Levels, unknown: bool) -> bool:
    """Whether every case makes the condition true; with `unknown`, the cases in which a name is NULL too."""
    if isinstance(node, And):
        return all(_always(part, levels, unknown) for part in node.parts)
    cases = _cases(node, levels, unknown)
    return cases is not None and all(cases)


def _abstract(node: Node) -> Node:
    """The condition, each part of it that is not about one name and literals made a name led by `?`."""
    match node:
        case And(parts):
            return And(tuple(_abstract(part) for part in parts))
        case Or(parts):
            return Or(tuple(_abstract(part) for part in parts))
        case Not(part):
            return Not(_abstract(part))
        case IsTruth(part, truth):
            return IsTruth(_abstract(part), truth)
        case IsNull(part) if type_of(part) == "boolean":
            return IsNull(_abstract(part))
        case Value() | Name() | IsNull(Name()) | Within(Name()):
            return node
        case Compare(_, Name(), Value()) | Compare(_, Value(), Name()) | Compare(_, Value(), Value()):
            return node
        case _:
            return Name(f"?{node}", "boolean")


def _groups(parts: Sequence[Node]) -> list[Node]:
    """The parts joined where they share a name."""
    groups: list[tuple[frozenset[str], list[Node]]] = []
    for part in parts:
        shared, joined = names(part), [part]
        apart = []
        for others, nodes in groups:
            if others & shared:
                shared, joined = shared | others, nodes + joined
            else:
                apart.append((others, nodes))
        groups = [*apart, (shared, joined)]
    return [And(tuple(nodes)) if len(nodes) > 1 else nodes[0] for _, nodes in groups]


def _cases(node: Node, levels: Levels, unknown: bool) -> Iterator[bool] | None:
    """Whether the condition is true, case by case; None if the cases are too many to try."""
    met: dict[Name, set[Any]] = {one: set() for one in walk(node) if isinstance(one, Name)}
    for name, value in _meetings(node):
        met[name].add(value)
    tried = [_tries(name, values, levels, unknown) for name, values in met.items()]
    if math.prod(map(len, tried)) > MAX_CASES:
        return None
    true, spelt = one.passes([node]), [name.name for name in met]
    return (true(dict(zip(spelt, case, strict=True)))[0] for case in product(*tried))


def _meetings(node: Node) -> Iterator[tuple[Name, Any]]:
    """Each name with each literal it is compared with."""
    for below in walk(node):
        match below:
            case Compare(_, Name() as name, Value(value)) | Compare(_, Value(value), Name() as name):
                yield name, value
            case Within(Name() as name, values):
                yield from ((name, value) for value in values)


def _tries(name: Name, met: Set[Any], levels: Levels, unknown: bool) -> list[Any]:
    """Values that stand for all a name may have."""
    if name.name.startswith("?"):
        return [True, False, None]
    declared = levels.get(name.name)
    known = set(declared) if declared else _within(name, _AROUND[name.type](met))
    return [*known, None] if unknown else list(known)


def _within(name: Name, values: set[Any]) -> set[Any]:
    """The values that a lookup may give; those of any other name as they are."""
    found = lookup(name.name)
    if found is None or name.type == "timestamp":
        return values
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
