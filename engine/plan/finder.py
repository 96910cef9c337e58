"""The value finder: for customers left with nothing, the one hurdle without which there would be something.

A hurdle counts for a customer if the program without that line, and with every other, would let an action
through. One customer may count for several hurdles, or for none: then two or more stand in the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from engine.arbitrate import prior
from engine.domain import Program
from engine.feasible import feasible
from engine.plan.relax import Relaxed, relaxations
from engine.screen import Screen, screen
from engine.situation import Situations
from policies.base import Floats, Mask


class Hurdle(msgspec.Struct, frozen=True):
    """What a hurdle alone keeps from how many customers, and the value predicted of it.

    `value` is the sum of what the best action set free is predicted to earn each of them, less its cost; None
    where the program has no prediction of a response.
    """

    stage: str
    hurdle: str
    customers: int
    value: float | None


@dataclass(slots=True)
class _Count:
    relaxed: Relaxed
    screen: Screen
    customers: int = 0
    value: float = 0.0


class Finder:
    """Counts, over any number of calls of `add`, what each hurdle of a program alone keeps from customers.

    Attributes:
        nothing: customers left with nothing.
        freed: those of them whom the removal of a single hurdle would free.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._counts = [_Count(one, screen(one.program)) for one in relaxations(program)]
        self._predicted = any(program.predictions.values())
        self.nothing = 0
        self.freed = 0

    def add(self, left: Situations) -> None:
        """Take in customers who are left with nothing."""
        value = prior(self._program, left)
        freed = np.zeros(len(left), dtype=np.bool_)
        for count in self._counts:
            mask = feasible(count.relaxed.program, count.screen, left).mask[:, 1:]
            own = mask.any(axis=1)
            count.customers += int(own.sum())
            count.value += _best(value[:, list(count.relaxed.columns[1:])], mask)
            freed |= own
        self.nothing += len(left)
        self.freed += int(freed.sum())

    def hurdles(self) -> list[Hurdle]:
        """Those that alone keep something from anyone, the one that concerns most customers first."""
        found = [
            Hurdle(
                one.relaxed.stage, one.relaxed.hurdle, one.customers, one.value if self._predicted else None
            )
            for one in self._counts
            if one.customers
        ]
        return sorted(found, key=lambda one: (-one.customers, -(one.value or 0.0)))


def _best(value: Floats, mask: Mask) -> float:
    """The best of what is set free, summed; nobody has to send what costs more than it earns."""
    return float(np.where(mask, value, 0.0).max(axis=1, initial=0.0).sum())
