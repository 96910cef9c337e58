"""A day in a world, ready to ask about: what the tests of the worlds share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Program
from engine.program import loads
from simulator.world import Customers, State, World
from simulator.worlds import WORLDS, world

NAMES = sorted(WORLDS)


@dataclass(frozen=True, slots=True)
class Season:
    """n customers of a world who have been contacted before, and the program that decides for them."""

    world: World
    program: Program
    customers: Customers
    state: State

    def __len__(self) -> int:
        return len(self.customers)

    def take(self, rows: slice | NDArray[np.int64]) -> Season:
        return Season(self.world, self.program, self.customers.take(rows), self.state.take(rows))


def season(name: str, n: int, seed: int = 7) -> Season:
    """n customers with a past: some tired, some sated, a few gone."""
    here = world(name)
    chance = np.random.default_rng(seed)
    offers = len(here.offers)
    past = State(
        chance.exponential(1.0, n),
        chance.exponential(0.5, (n, offers)),
        chance.exponential(0.2, n),
        chance.random(n) < 0.05,
    )
    program = loads(here.program().encode(), f"{name}.yaml")
    return Season(here, program, here.customers(n, seed), past)
