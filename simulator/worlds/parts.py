"""What worlds are made of: luck by stream, curves that level off, consent, and where the hours lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from policies.base import Floats, Ints, Mask
from simulator.luck import uniform
from simulator.world import Choice, Law, State

ZONES = {"NO": "Europe/Oslo", "SE": "Europe/Stockholm", "DK": "Europe/Copenhagen", "FI": "Europe/Helsinki"}
NOW, TONIGHT = 0, 10 / 24  # days from a morning's decision to the slot


@dataclass(frozen=True, slots=True)
class Luck:
    """What customers are born with: one independent number a stream and customer.

    Attributes:
        seed: of the world.
        index: (n,) numbers of the customers.
    """

    seed: int
    index: Ints

    def uniform(self, stream: str) -> Floats:
        """(n,) in [0, 1)."""
        return uniform(self.seed, stream, self.index)

    def normal(self, stream: str) -> Floats:
        """(n,) standard normal."""
        found: Floats = ndtri(np.maximum(self.uniform(stream), 1e-16))
        return found

    def wait(self, stream: str) -> Floats:
        """(n,) exponential with mean 1."""
        found: Floats = -np.log1p(-self.uniform(stream))
        return found

    def level(self, levels: tuple[str, ...], shares: tuple[float, ...], stream: str) -> NDArray[np.str_]:
        """(n,) one of the levels, by their shares."""
        return np.array(levels)[np.searchsorted(np.cumsum(shares)[:-1], self.uniform(stream), side="right")]


def hill(x: Floats, half: float) -> Floats:
    """Saturation: 0 at 0, 1/2 where the square of x is `half`, 1 far beyond."""
    return x**2 / (x**2 + half)


def one(column: NDArray[Any]) -> NDArray[Any]:
    """(n,) as (n, 1), to broadcast over actions."""
    return column[:, None]


def rows(state: State) -> Ints:
    """(n, 1) row numbers, to look up a customer's own number of each action's offer."""
    return np.arange(len(state.fatigue))[:, None]


def start(choice: Choice) -> Floats:
    """Days from the decision to the contact; 0 where nothing is sent."""
    return np.where(choice.contact & (choice.slot == 1), TONIGHT, NOW)


def noticed(choice: Choice, state: State, reach: Floats, tired: float = 0.25) -> Floats:
    """(n, k) chance to notice the contact: `reach`, less by fatigue, 0 where nothing can be seen."""
    there: Mask = choice.contact & ~one(state.left)
    seen: Floats = np.where(there, reach * np.exp(-tired * one(state.fatigue)), 0.0)
    return seen


def seen(chance: Floats, choice: Choice) -> Law:
    """The law by which contacts are noticed: within hours of the slot."""
    return Law("seen", "seen", chance, delay=0.08, start=start(choice))
