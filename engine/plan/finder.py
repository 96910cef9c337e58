"""The value finder: for customers left with nothing, the one hurdle without which there would be something.

A hurdle counts for a customer if the program without that line, and with every other, would let an action
through. One customer may count for several hurdles, or for none: then two or more stand in the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from engine.arbitrate import prior
from engine.domain import Program
from engine.feasible import Feasible, feasible
from engine.hurdles import Reason, hurdles
from engine.plan.reach import without
from engine.plan.relax import Relaxed, relaxations, rule_texts
from engine.screen import Screen, screen
from engine.situation import Situation, Situations, columns
from policies.base import Floats, Ints, Mask


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
        whole = screen(program)
        self._counts = [_Count(one, _screen(one.program, whole)) for one in relaxations(program)]
        self._predicted = any(program.predictions.values())
        self.nothing = 0
        self.freed = 0

    def add(self, people: Sequence[Situation], made: Feasible) -> None:
        """Take in customers, with what is feasible for them, and look at those left with nothing."""
        left = np.flatnonzero(without(made))
        value = prior(self._program, self._columns(people, left))
        freed = np.zeros(len(people), dtype=np.bool_)
        for count in self._counts:
            concerned = left[_may_free(count.relaxed, made, left)]
            if not len(concerned):
                continue
            given = self._columns(people, concerned)
            mask = feasible(count.relaxed.program, count.screen, given).mask[:, 1:]
            own, earned = mask.any(axis=1), value[np.searchsorted(left, concerned)]
            count.customers += int(own.sum())
            count.value += _best(earned[:, list(count.relaxed.columns[1:])], mask)
            freed[concerned[own]] = True
        self.nothing += len(left)
        self.freed += int(freed.sum())

    def _columns(self, people: Sequence[Situation], rows: Ints) -> Situations:
        return columns(self._program, [people[i] for i in rows.tolist()])

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


def _screen(relaxed: Program, whole: Screen) -> Screen:
    """The screen of a program with some of the rules of another, which are not read again."""
    known = {(rule.owner, rule.intent, rule.text): j for j, rule in enumerate(whole.rules)}
    kept = [known[one.owner, one.intent, one.text] for one in rule_texts(relaxed)]
    rules = tuple(whole.rules[j] for j in kept)

    def passes(columns: Mapping[str, Sequence[Any]], n: int) -> Mask:
        return np.take(whole.passes(columns, n), kept, axis=1)

    return Screen(rules, passes, hurdles(relaxed, rules))


def _may_free(relaxed: Relaxed, made: Feasible, left: Ints) -> Mask:
    """Which of those left with nothing a hurdle may stand before alone: it is then the first in some way.

    All of them, where the funnel has no reason of just these words.
    """
    reason = Reason(relaxed.stage, relaxed.hurdle)
    if reason not in made.reasons:
        return np.ones(len(left), dtype=np.bool_)
    number = made.reasons.index(reason) + 1
    blame = made.blame[left][:, np.array(relaxed.columns)]
    return np.asarray((blame == number).any(axis=1))


def _best(value: Floats, mask: Mask) -> float:
    """The best of what is set free, summed; nobody has to send what costs more than it earns."""
    return float(np.where(mask, value, 0.0).max(axis=1, initial=0.0).sum())
