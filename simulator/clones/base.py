"""What a clone of a vendor's policy is told, and what it answers.

A clone does what public documents say the product does, and where they are silent what is said in
the clone's own text. It is a baseline for simulations, no product, and no claim about how well one works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.domain import ArmName, Program
from policies.base import Actions, Floats, Ints, Mask

LABEL = "documented-behaviour clone"
TAUGHT: tuple[ArmName, ...] = ("policy", "random", "bau")  # of which a clone hears, as they teach nextbest


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a clone works.

    Attributes:
        program: the world's.
        response: the kind of outcome that says a contact was taken up at once, such as a click.
        steady: (d,) columns of the contexts that never change for a customer.
        seed: of the clone's own chance.
    """

    program: Program
    response: str
    steady: Mask
    seed: int


@dataclass(frozen=True, slots=True)
class Sent:
    """m decisions of one morning, of the arms that teach.

    Attributes:
        day: of the decision.
        customer: (m,) rows of the customers.
        X: (m, d) contexts.
        action: (m,) what was done.
        propensity: (m,) its probability.
    """

    day: int
    customer: Ints
    X: Floats
    action: Ints
    propensity: Floats


@dataclass(frozen=True, slots=True)
class Heard:
    """m outcomes that arrived since yesterday morning.

    Attributes:
        day: (m,) of the decision that each follows.
        customer: (m,) rows of the customers.
        kind: (m,) of the outcome.
        after: (m,) days from the decision to the outcome.
        worth: (m,) money under the program's goal.
    """

    day: Ints
    customer: Ints
    kind: NDArray[np.str_]
    after: Floats
    worth: Floats

    def take(self, rows: Mask) -> Heard:
        """Some of them."""
        return Heard(self.day[rows], self.customer[rows], self.kind[rows], self.after[rows], self.worth[rows])


class Clone(Protocol):
    """A vendor's policy: chooses, is told what was sent, hears what came of it."""

    behaviour: str

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        ...

    def sent(self, sent: Sent) -> None:
        """What was decided this morning."""
        ...

    def hear(self, day: int, heard: Heard) -> None:
        """What arrived by the morning of a day, before its decisions; it learns now."""
        ...


class Ledger:
    """Which action each customer was given on each of the last days: what an outcome is counted for."""

    def __init__(self, days: int = 40) -> None:
        self._days = days
        self._sent: dict[int, dict[int, int]] = {}

    def note(self, sent: Sent) -> None:
        """Write a morning down, and forget the one that lies too far back."""
        self._sent[sent.day] = dict(zip(sent.customer.tolist(), range(len(sent.action)), strict=True))
        self._sent.pop(sent.day - self._days, None)

    def places(self, heard: Heard) -> list[tuple[int, int, int]]:
        """Of each outcome that follows a decision known here: its place, the day, the row of that `Sent`."""
        pairs = zip(heard.day.tolist(), heard.customer.tolist(), strict=True)
        found = ((i, day, self._sent.get(day, {}).get(who)) for i, (day, who) in enumerate(pairs))
        return [(i, day, row) for i, day, row in found if row is not None]


class Counts:
    """How often each action was sent, and how often an outcome of certain kinds followed."""

    def __init__(self, actions: int) -> None:
        self.sent = np.zeros(actions)
        self.followed = np.zeros(actions)
        self._ledger = Ledger()
        self._action: dict[int, Ints] = {}

    def note(self, sent: Sent) -> None:
        """Count what was sent."""
        self.sent += np.bincount(sent.action, minlength=len(self.sent))
        self._ledger.note(sent)
        self._action[sent.day] = sent.action

    def hear(self, heard: Heard) -> None:
        """Count what followed; give only the outcomes that count."""
        for _, day, row in self._ledger.places(heard):
            self.followed[self._action[day][row]] += 1


def likeliest(draws: Floats, mask: Mask) -> Floats:
    """(n, k) how often each feasible action is the best of the draws (m, k), the same for every row.

    no_action, the first, is best only where nothing else is feasible, unless its draws say so.
    """
    different, of = np.unique(mask, axis=0, return_inverse=True)
    pmf = np.zeros(different.shape)
    for i, feasible in enumerate(different):
        best = np.argmax(np.where(feasible, draws, -np.inf), axis=1)
        pmf[i] = np.bincount(best, minlength=len(feasible)) / len(draws)
    return np.asarray(pmf[of.ravel()])
