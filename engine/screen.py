"""Rules over many situations.

One compiled function customer by customer for one or two, over whole numbers whose bits are customers for a
few, steps over columns for many; all agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import derived, rules, values
from engine.columns import Column, column
from engine.domain import AttributeType, Program
from engine.hurdles import Hurdles, hurdles
from engine.once import once
from engine.program import rules_of
from engine.rules import Rule, few, many
from policies.base import Mask

ROW_BY_ROW = 64  # up to here a compiled Python function is quicker than steps over columns
_ALONE = 8  # up to here asking customer by customer is quicker than their bits side by side
_TOGETHER = 8192


@dataclass(frozen=True, slots=True)
class Screen:
    """The rules of one program, compiled once."""

    rules: tuple[Rule, ...]
    types: Mapping[str, AttributeType]
    passes: Callable[[Mapping[str, Any]], tuple[bool, ...]]
    hurdles: Hurdles


def screen(program: Program) -> Screen:
    """Compile the rules of a program."""
    compiled = rules_of(program)
    types = {**values.types(program), **derived.types(program)}
    return Screen(tuple(compiled), types, rules.passes(compiled), hurdles(program, compiled))


def passed(screen: Screen, columns: Mapping[str, Sequence[Any]], n: int) -> Mask:
    """(n, r) whether each of n customers passes each of r rules; what is not known does not pass."""
    if _ALONE < n <= few.AT_MOST:
        return _for_few(screen.rules)(columns, n)
    if n <= _ALONE:
        names = list(columns)
        rows = zip(*columns.values(), strict=True) if names else [()] * n
        held = b"".join([bytes(screen.passes(dict(zip(names, row, strict=True)))) for row in rows])
        return np.frombuffer(held, dtype=np.bool_).reshape(n, len(screen.rules))
    return _by_column(screen, columns, n)


def _by_column(screen: Screen, columns: Mapping[str, Sequence[Any]], n: int) -> Mask:
    """In chunks whose columns and masks stay in the processor's cache."""
    used = frozenset[str]().union(*(rule.names for rule in screen.rules))
    every = {name: column(columns[name], screen.types[name]) for name in used}
    test = _for_many(screen.rules)
    parts = [
        test({name: one[at : at + _TOGETHER] for name, one in every.items()}, min(_TOGETHER, n - at))
        for at in range(0, n, _TOGETHER)
    ]
    return np.ascontiguousarray(np.hstack(parts).T)


@once
def _for_few(rules: Sequence[Rule]) -> Callable[[Mapping[str, Sequence[Any]], int], Mask]:
    return few.passes([rule.tree for rule in rules])


@once
def _for_many(rules: Sequence[Rule]) -> Callable[[Mapping[str, Column], int], Mask]:
    return many.passes([rule.tree for rule in rules])
