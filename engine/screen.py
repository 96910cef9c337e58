"""Rules over many situations.

One compiled function row by row for a few customers, polars for many; both agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import rules, values
from engine.domain import AttributeType, Program
from engine.hurdles import Hurdles, hurdles
from engine.program import rules_of
from engine.rules import Rule
from policies.base import Mask

ROW_BY_ROW = 64  # up to here a compiled Python function is quicker than a polars frame


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
    return Screen(tuple(compiled), values.types(program), rules.passes(compiled), hurdles(program, compiled))


def passed(screen: Screen, columns: Mapping[str, Sequence[Any]], n: int) -> Mask:
    """(n, r) whether each of n customers passes each of r rules; what is not known does not pass."""
    if n <= ROW_BY_ROW:
        names = list(columns)
        rows = zip(*columns.values(), strict=True) if names else [()] * n
        held = b"".join([bytes(screen.passes(dict(zip(names, row, strict=True)))) for row in rows])
        return np.frombuffer(held, dtype=np.bool_).reshape(n, len(screen.rules))
    return _by_column(screen, columns, n)


def _by_column(screen: Screen, columns: Mapping[str, Sequence[Any]], n: int) -> Mask:
    import polars as pl

    from engine.rules.many import DTYPES

    used = frozenset[str]().union(*(rule.names for rule in screen.rules))
    frame = pl.DataFrame({name: pl.Series(columns[name], dtype=DTYPES[screen.types[name]]) for name in used})
    if not used:
        frame = pl.DataFrame({"row": np.arange(n)})
    held = frame.select(
        rule.expression().fill_null(False).cast(pl.Boolean).alias(str(j))
        for j, rule in enumerate(screen.rules)
    )
    return np.stack([np.broadcast_to(held[str(j)].to_numpy(), n) for j in range(len(screen.rules))], axis=1)
