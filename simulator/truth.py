"""What is true in a world: the expected net reward of every action, and what follows from it exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from engine.arbitrate import cost
from engine.domain import Program
from policies.base import Floats, Ints, Mask
from simulator.world import Customers, Law, State, World

_ROWS = 4096  # customers at a time: the arrays of so many stay in the processor's cache
_DAY = timedelta(days=1)


def response(world: World, program: Program, customers: Customers, state: State, day: int) -> Floats:
    """(n, k) expected net reward of every action of the program today, under its goal and costs.

    Counts the outcomes of today's decision that come within the goal's window of it. What the contact does to
    later days (fatigue, a lost subscriber) is in their state, and here only as far as the goal prices it.
    """
    choice = world.choice(program.actions)
    net = np.empty((len(customers), len(program.actions)))
    for rows in _blocks(len(customers)):
        laws = world.laws(customers.take(rows), state.take(rows), day, choice)
        net[rows] = gross(laws, program)
    return net - cost(program)


def count(world: World, program: Program, customers: Customers, state: State, day: int, kind: str) -> Floats:
    """(n, k) expected number of outcomes of a kind within the goal's window of each action."""
    choice = world.choice(program.actions)
    number = np.zeros((len(customers), len(program.actions)))
    for rows in _blocks(len(customers)):
        laws = world.laws(customers.take(rows), state.take(rows), day, choice)
        happens = chances(laws)
        for law in laws:
            if law.kind == kind:
                number[rows] += happens[law.name] * in_time(law, program)
    return number


def gross(laws: Sequence[Law], program: Program) -> Floats:
    """(n, k) expected worth of the outcomes under the goal, before the cost of the action."""
    happens = chances(laws)
    worth: Floats = np.zeros(())
    for law in laws:
        weight = program.goal.outcomes.get(law.kind)
        if weight is not None:
            worth = worth + happens[law.name] * in_time(law, program) * (
                weight.amount + weight.share * law.size
            )
    return worth


def chances(laws: Sequence[Law]) -> dict[str, Floats]:
    """(n, k) chance that each law happens, its causes included."""
    happens: dict[str, Floats] = {}
    for law in laws:
        happens[law.name] = law.chance * happens[law.cause] if law.cause else law.chance
    return happens


def in_time(law: Law, program: Program) -> Floats:
    """Chance that the law's outcome, if it happens, comes within the goal's window of the decision."""
    left = np.maximum(program.goal.window / _DAY - np.asarray(law.start), 0.0)
    return -np.expm1(-left / law.delay)


def true_value(response: Floats, pmf: Floats) -> Floats:
    """(n,) exact expected net reward of a policy's pmf, from the (n, k) response and the (n, k) pmf."""
    value: Floats = np.einsum("nk,nk->n", response, pmf)
    return value


def best(response: Floats, mask: Mask) -> Ints:
    """(n,) the feasible action with the largest expected net reward today: the greedy one-step optimum.

    It does not plan: an action that is worth sparing today for a better one tomorrow is not spared.
    """
    action: Ints = np.argmax(np.where(mask, response, -np.inf), axis=1)
    return action


def regret(response: Floats, mask: Mask, pmf: Floats) -> Floats:
    """(n,) what a pmf falls short of the greedy one-step optimum, 0 or more if it honours the mask."""
    rows = np.arange(len(response))
    return response[rows, best(response, mask)] - true_value(response, pmf)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS))
