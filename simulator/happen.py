"""What happens in a world after a decision: sampled outcomes under common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from engine.arbitrate import cost
from engine.domain import Action, Program
from policies.base import Floats, Ints, Mask
from simulator.luck import uniform
from simulator.world import Customers, Law, State, World, advance

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """m outcomes that follow n decisions of one day, of each law in turn.

    Attributes:
        row: (m,) whose decision they follow.
        law: (m,) the law they came about by; (customer, day, law) names an outcome.
        kind: (m,) as the program's goal names it.
        days: (m,) since the decision; some come after the goal's window.
        value: (m,) money, 0 for kinds without.
    """

    row: Ints
    law: NDArray[np.str_]
    kind: NDArray[np.str_]
    days: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Mask) -> Outcomes:
        """Some of them."""
        return Outcomes(self.row[rows], self.law[rows], self.kind[rows], self.days[rows], self.value[rows])

    def per_customer(self, kind: str, n: int) -> Ints:
        """(n,) number of outcomes of a kind that follow each decision, in time or not."""
        return np.bincount(self.row[self.kind == kind], minlength=n)


def outcomes(
    world: World, customers: Customers, state: State, day: int, actions: Sequence[Action], action: Ints
) -> Outcomes:
    """What follows from giving customer i the action ``actions[action[i]]`` on a day.

    Every number is a function of (seed, customer, day, law) and of the customer's own action and state. Two
    actions for one customer share their luck: what is likelier under the second happens under the second
    whenever it happens under the first.
    """
    laws = world.laws(customers, state, day, world.choice(actions).of(action))
    happened: dict[str, Mask] = {}
    origin: dict[str, str] = {}
    found = []
    for law in laws:
        origin[law.name] = origin.get(law.cause, law.name)
        occurs = uniform(customers.seed, law.name, customers.index, day) < _column(law.chance, len(customers))
        happened[law.name] = occurs & happened[law.cause] if law.cause else occurs
        found.append(_follow(law, origin[law.name], np.flatnonzero(happened[law.name]), customers, day))
    return _join(found)


def reported(world: World, found: Outcomes) -> Outcomes:
    """The outcomes of which anybody will ever be told."""
    return found.take(~np.isin(found.law, world.unreported))


def after(world: World, state: State, actions: Sequence[Action], action: Ints, found: Outcomes) -> State:
    """The state on the morning after customer i was given ``actions[action[i]]`` and `found` followed."""
    n = len(action)
    left = found.per_customer(world.ends, n) > 0
    return advance(world, state, world.choice(actions).of(action), found.per_customer(world.sells, n), left)


def _follow(law: Law, origin: str, row: Ints, customers: Customers, day: int) -> Outcomes:
    """The outcomes of one law, for the rows in which it happens."""
    n, index = len(customers), customers.index[row]
    wait = -law.delay * np.log1p(-uniform(customers.seed, f"delay of {origin}", index, day))
    value = np.zeros(len(row))
    if law.shape is not None:
        luck = uniform(customers.seed, f"size of {law.name}", index, day)
        value = _column(law.size, n)[row] * law.shape.quantile(luck) / law.shape.mean
    name, kind = np.full(len(row), law.name), np.full(len(row), law.kind)
    return Outcomes(row, name, kind, _column(law.start, n)[row] + wait, value)


def _column(number: Floats | float, n: int) -> Floats:
    return np.broadcast_to(number, (n, 1))[:, 0]


def _join(parts: Sequence[Outcomes]) -> Outcomes:
    return Outcomes(
        np.concatenate([p.row for p in parts]),
        np.concatenate([p.law for p in parts]),
        np.concatenate([p.kind for p in parts]),
        np.concatenate([p.days for p in parts]),
        np.concatenate([p.value for p in parts]),
    )


def earned(program: Program, action: Ints, outcomes: Outcomes) -> Floats:
    """(n,) net reward of each decision: its outcomes in the goal's window, less the cost of the action."""
    counted = worth(program, outcomes) * (outcomes.days < program.goal.window / _DAY)
    return np.bincount(outcomes.row, weights=counted, minlength=len(action)) - cost(program)[action]


def worth(program: Program, outcomes: Outcomes) -> Floats:
    """(m,) what each outcome is worth under the goal, whenever it comes."""
    found = np.zeros(len(outcomes))
    for kind, weight in program.goal.outcomes.items():
        of_kind = outcomes.kind == kind
        found[of_kind] = weight.amount + weight.share * outcomes.value[of_kind]
    return found
