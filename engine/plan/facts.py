"""A program as a flat table of facts: two programs mean the same where their facts are equal.

Where things stand in the file is no fact, nor is the order of what has none: attributes, rules, caps. The
order of offers, channels and slots is: ties and draws go by it, and it shows in the order of the actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import Enum
from typing import Any

from engine.domain import Action, Cap, Goal, PolicySpec, Program, RuleText

Path = tuple[str, ...]
ORDER = "order"
_PLACES = {"version", "sha256", "source", "line", "column", "pieces", "owner"}


class Present(Enum):
    """The value of a thing that has facts of its own."""

    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Fact:
    """A value; `usual` where it is what a file that says nothing of it means."""

    value: Any
    usual: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule without its place in the file."""

    intent: str
    text: str


_THERE = Fact(Present.PRESENT, True)


def facts(program: Program) -> dict[Path, Fact]:
    """Everything a program says, by its path: `("offers", "sale", "lever")` -> 1.2."""
    return dict(_of(program, ()))


def _of(thing: Any, path: Path) -> Iterator[tuple[Path, Fact]]:
    for one in fields(thing):
        if one.name not in _PLACES and not (one.name == "name" and path):
            value = getattr(thing, one.name)
            yield from _value(value, (*path, one.name), _is_usual(one, value))


def _value(value: Any, path: Path, usual: bool = False) -> Iterator[tuple[Path, Fact]]:
    if isinstance(value, RuleText):
        yield path, Fact((Condition(value.intent, value.text),))
    elif isinstance(value, Mapping):
        yield path, _THERE
        for name, below in value.items():
            yield from _value(below, (*path, str(name)))
    elif isinstance(value, Goal | PolicySpec):
        yield from _of(value, path)
    elif isinstance(value, tuple):
        yield from _tuple(value, path)
    else:
        yield path, Fact(value, usual)


def _tuple(value: tuple[Any, ...], path: Path) -> Iterator[tuple[Path, Fact]]:
    """Nothing for an empty one; what has a name, a window or an intent is told one by one."""
    match value:
        case (RuleText(), *_):
            for one, count in Counter(Condition(rule.intent, rule.text) for rule in value).items():
                yield (*path, one.intent, one.text), Fact((one,) * count)
        case (Cap(), *_):
            for window in {one.window for one in value}:
                same = sorted(one.count for one in value if one.window == window)
                yield (*path, str(window)), Fact(tuple(Cap(count, window) for count in same))
        case (Action(), *_):
            yield path, Fact(tuple(one.name for one in value))
        case ((str(), _), *_):  # arms: names and shares, in the order that assignment goes by
            yield (*path, ORDER), Fact(tuple(name for name, _ in value))
            yield from (((*path, name), Fact(share)) for name, share in value)
        case (first, *_) if hasattr(first, "name"):
            for one in value:
                yield (*path, one.name), _THERE
                yield from _of(one, (*path, one.name))
        case (_, *_):
            yield path, Fact(tuple(sorted(value, key=repr)))


def _is_usual(one: Field[Any], value: Any) -> bool:
    if one.default is not MISSING:
        return bool(value == one.default)
    return one.default_factory is not MISSING and bool(value == one.default_factory())
