"""Adversarial: the shoppers of retail, and much that makes a log lie.

Robots click whatever is sent. Purchases by telephone are seldom told. A quarter of the told ones come after
the window. Business as usual contacts those who would have bought anyway. On day 30 two kinds of customers
change places.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from policies.base import Ints
from simulator.world import Choice, Customers, Law, State
from simulator.worlds import shoppers
from simulator.worlds.parts import Luck, one
from simulator.worlds.retail import RETAIL
from simulator.worlds.retail import laws as retail
from simulator.worlds.shoppers import BARGAIN, BRAND

SHIFT = 30  # the day on which taste changes
_LOST = 0.6  # share of the purchases of those who buy by telephone that nobody is told
_UNASKED = 4.0  # times as many unasked purchases as in retail


def people(seed: int, index: Ints) -> Customers:
    """Shoppers, of whom some are robots."""
    made = shoppers.people(seed, index)
    robot = (Luck(seed, index).uniform("robot") < 0.08).astype(np.float64)
    return replace(made, latent={**made.latent, "robot": robot})


def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
    """The laws of retail, for those who are no robots; with clicks that mean nothing and purchases untold."""
    robot, real = one(customers.latent["robot"]), 1 - one(customers.latent["robot"])
    seen, click, purchase, organic, leaves = retail(_shifted(customers, day), state, day, choice)
    lost = np.where(one(customers.attributes["bought_by"]) == "Phone", _LOST, 0.0)
    bought, reached = purchase.chance * real, np.where(choice.contact & ~one(state.left), robot, 0.0)
    return (
        replace(seen, chance=np.maximum(seen.chance, reached)),
        replace(click, chance=np.maximum(click.chance, 0.97 * robot)),
        replace(purchase, chance=bought * (1 - lost), delay=5.0),
        replace(purchase, name="by phone", chance=bought * lost, delay=5.0),
        replace(organic, chance=np.minimum(_UNASKED * organic.chance, 1.0) * real),
        replace(leaves, chance=leaves.chance * real),
    )


def _shifted(customers: Customers, day: int) -> Customers:
    """From the day of the shift on, bargain hunters love the brand and brand lovers hunt bargains."""
    if day < SHIFT:
        return customers
    kind = customers.latent["type"]
    swapped = np.where(kind == BARGAIN, BRAND, np.where(kind == BRAND, BARGAIN, kind))
    return replace(customers, latent={**customers.latent, "type": swapped})


ADVERSARIAL = replace(
    RETAIL,
    name="adversarial",
    title="Retail with robots, untold and late purchases, a biased rule of thumb and a change of taste",
    people=people,
    laws=laws,
    unreported=("by phone",),
)
