"""Rules over situations: the same execution for one and for a million (`engine.rules.bits`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine import derived, values
from engine.domain import Program
from engine.hurdles import Hurdles, hurdles
from engine.program import rules_of
from engine.rules import Rule, bits
from policies.base import Mask


@dataclass(frozen=True, slots=True)
class Screen:
    """The rules of one program, compiled once.

    Attributes:
        passes: `passes(columns, n)`: (n, r) whether each of n customers passes each of r rules; what is not
            known does not pass.
    """

    rules: tuple[Rule, ...]
    passes: Callable[[Mapping[str, Sequence[Any]], int], Mask]
    hurdles: Hurdles


def screen(program: Program) -> Screen:
    """Compile the rules of a program."""
    compiled = rules_of(program)
    kinds = {**values.types(program), **derived.types(program)}
    passes = bits.passes([rule.tree for rule in compiled], kinds)
    return Screen(tuple(compiled), passes, hurdles(program, compiled))
