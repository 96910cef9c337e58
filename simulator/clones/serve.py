"""A clone put where a program's own policy would serve: the engine asks it, and it hears what is stored.

Mask, arms, draw, log and constraints are the engine's as ever; only the probabilities are the clone's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from engine import context
from engine.choose import Live
from engine.context import Encoding
from engine.domain import PolicySpec, Program
from engine.live import Lives
from policies.base import Actions, Feedback, Floats, Mask, check
from policies.state import State
from simulator.clones import clone
from simulator.clones.base import TAUGHT, Clone, Heard, Sent, Setting
from simulator.happen import Outcomes, worth
from simulator.season import Decisions
from simulator.world import Customers, World

_DAYS = 60  # over which what a request says of the moment is looked at, to standardise it


class _Serving:
    """A clone as the engine asks a policy; it is taught by `Served`, not by the engine."""

    def __init__(self, name: str, clone: Clone) -> None:
        self.kind, self._clone = name, clone
        self.settings: Mapping[str, Any] = {}

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return self._clone.pmf(X, actions, mask, prior)

    def learn(self, feedback: Feedback) -> None:
        """Check the feedback. Raises `FeedbackError`."""
        check(feedback)

    def state(self) -> State:
        """Nothing that a snapshot could keep."""
        return State({}, {})

    def restore(self, state: State) -> None:
        """Nothing to restore."""


class Served(Lives):
    """The program with a clone for its policy.

    Args:
        name: of the clone, as ``clone:pega``.
        seed: of its chance.
    """

    def __init__(self, name: str, world: World, program: Program, customers: Customers, seed: int) -> None:
        super().__init__()
        self._encoding = _encoding(world, program, customers)
        changing = {*self._encoding.history, *world.moment(0)}
        steady = np.array([column not in changing for column in self._encoding.columns])
        made = clone(name)(Setting(program, world.responds, steady, seed))
        self._clone, self._serving = made, _Serving(name, made)
        self._program = program
        self._post: dict[int, list[Heard]] = {}
        self._dressed: tuple[Live, Live] | None = None

    def get(self, connection: Connection, name: str) -> Live:
        """The program as it stands, served by the clone."""
        found = super().get(connection, name)
        if self._dressed is None or self._dressed[0] is not found:
            program = replace(found.program, policy=PolicySpec(self._serving.kind))
            live = replace(found, program=program, encoding=self._encoding, policy=self._serving)
            self._dressed = found, live
        return self._dressed[1]

    def morning(self, day: int) -> None:
        """The clone hears what has arrived."""
        parts = self._post.pop(day, [])
        if parts:
            columns = ("day", "customer", "kind", "after", "worth")
            heard = Heard(*(np.concatenate([getattr(one, name) for one in parts]) for name in columns))
            self._clone.hear(day, heard)

    def evening(self, made: Decisions, told: Outcomes) -> None:
        """The clone is told what was sent; what will follow is put in the post."""
        met = made.met.only(np.flatnonzero(np.isin(made.arm, TAUGHT)))
        own = met.row
        self._clone.sent(Sent(made.day, own, met.X, made.action[own], made.propensity[own]))
        day = np.full(len(told), made.day)
        heard = Heard(day, told.row, told.kind, told.days, worth(self._program, told))
        arrives = made.day + np.maximum(np.ceil(told.days).astype(np.int64), 1)
        for morning in np.unique(arrives).tolist():
            self._post.setdefault(morning, []).append(heard.take(arrives == morning))


def _encoding(world: World, program: Program, customers: Customers) -> Encoding:
    """Contexts standardised on the customers of the first morning and the moments of two months."""
    moments = [world.moment(day) for day in range(_DAYS)]
    values = {name: [one[name] for one in moments] for name in moments[0]}
    return context.fit(program, values | {name: one.tolist() for name, one in customers.attributes.items()})
