"""What choices could draw on one period of a budget, and what they ask of it on average.

`here` (n, m) says which contacts fall into the period.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.budget.pace import Demand
from engine.budget.tariff import MICRO, Tariff
from engine.choose import Choices
from engine.store.rows import DecisionRow
from policies.base import Floats, Ints, Mask

Decided = tuple[Choices, Sequence[DecisionRow]]


def worst(tariff: Tariff, choices: Choices, here: Mask) -> Ints:
    """(n,) the most millionths that any feasible action would draw."""
    possible = choices.feasible.mask[:, tariff.members] & here
    most: Ints = np.where(possible, tariff.units, 0).max(axis=1)
    return most


def expected(tariff: Tariff, pmf: Floats, here: Mask, served: Floats) -> float:
    """Units that choices with those probabilities use on average; `served` (n,) weighs the rows."""
    each = np.where(here, pmf[:, tariff.members], 0.0) * (tariff.units / MICRO)
    return float(each.sum(axis=1) @ served)


def demand(tariff: Tariff, start_us: int, price: float, groups: Sequence[Decided]) -> Demand:
    """What groups of decisions asked of the period that starts then, at that price."""
    gains, wants, use = [np.zeros(0)], [np.zeros(0)], 0.0
    for choices, rows in groups:
        here = tariff.starts(choices.feasible.send_us[:, tariff.members]) == start_us
        served = np.array([row.withheld is None for row in rows], dtype=np.float64)
        use += expected(tariff, choices.pmf, here, served)
        lead, units = _lead(tariff, choices, here)
        gain = price + lead / units
        wanting = (gain > 0.0) & np.array([row.arm == "policy" for row in rows])
        gains.append(gain[wanting])
        wants.append(units[wanting])
    gain, units = np.concatenate(gains), np.concatenate(wants)
    sold = float(units[gain > price].sum())
    return Demand(sum(len(rows) for _, rows in groups), gain, units, use, sold)


def _lead(tariff: Tariff, choices: Choices, here: Mask) -> tuple[Floats, Floats]:
    """(n,) money by which the best contact of the period leads all other actions, and the units it uses."""
    feasible, n = choices.feasible.mask, np.arange(len(here))
    worth = choices.value if choices.charge is None else choices.value - choices.charge
    offered = np.where(feasible[:, tariff.members] & here, worth[:, tariff.members], -np.inf)
    best = np.argmax(offered, axis=1)
    others = feasible.copy()
    others[:, tariff.members] &= ~here
    return offered[n, best] - np.where(others, worth, -np.inf).max(axis=1), tariff.units[best] / MICRO
