"""The shadow price of a budget, found anew after every group so that it lasts to the end of its period.

The price is the one at which the demand seen so far would use what is left evenly over the decisions still to
come, by the rate at which they arrived: the dual of the allocation problem, solved again with what is left,
with the customers seen standing for those to come. Demand is kept as a sketch: how much is wanted at which
gain per unit, in steps of 9 %, the last 10,000 decisions counting most.

Sources: Li and Ye (2022), "Online Linear Programming: Dual Convergence, New Algorithms, and Regret Bounds",
    algorithm 3, the action-history-dependent one. Balseiro and Gur (2019), "Learning in Repeated Auctions
    with Budgets", for pacing by a multiplier. Masson, Rim and Lee (2019), "DDSketch: A Fast and
    Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", section 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from policies.base import Floats

_REMEMBERED = 10_000  # decisions; those before fade, so that the price follows a world that changes
_STEPS = 8  # of the sketch, from a gain to twice as much
_LEAST, _MOST = 2.0**-60, 2.0**60  # gains beyond count as these
_FADED = 1e-9  # of the decisions seen: less is forgotten


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of the demand for a budget.

    Attributes:
        price: money per unit.
        seen: decisions in the sketch, older ones fading.
        wanted: units wanted by the step of their gain.
        extra: units a decision uses whatever the price: by exploring, and in the arms that go by no price.
        count: decisions that arrived, older ones fading with time.
        since_us: when the first arrived.
        at_us: when the last arrived.
    """

    price: float = 0.0
    seen: float = 0.0
    wanted: Mapping[int, float] = field(default_factory=dict)
    extra: float = 0.0
    count: float = 0.0
    since_us: int | None = None
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """What n decisions asked of one period of a budget.

    Attributes:
        gain: (m,) money per unit that those who want some would gain above the next best thing.
        units: (m,) how much each of them wants.
        use: units all n were expected to use.
        sold: units wanted at more than the price.
    """

    n: int
    gain: Floats
    units: Floats
    use: float
    sold: float


def arrived(pace: Pace, n: int, at_us: int, memory_us: int) -> Pace:
    """The pace after n more decisions; those `memory_us` ago count for 1 / e."""
    since = at_us if pace.since_us is None else min(pace.since_us, at_us)
    gone = max(at_us - pace.at_us, 0) if pace.since_us is not None else 0
    count = pace.count * math.exp(-gone / memory_us) + n
    return replace(pace, count=count, since_us=since, at_us=max(pace.at_us, at_us))


def to_come(pace: Pace, until_us: int, memory_us: int) -> float | None:
    """Decisions expected until then; None before a rate can be told."""
    if pace.since_us is None or pace.at_us <= pace.since_us:
        return None
    observed_us = memory_us * -math.expm1((pace.since_us - pace.at_us) / memory_us)
    return pace.count / observed_us * max(until_us - pace.at_us, 0)


def met(pace: Pace, demand: Demand) -> Pace:
    """The pace with a group's demand in its sketch."""
    kept = math.exp(-demand.n / _REMEMBERED)
    seen = pace.seen * kept + demand.n
    wanted = {step: units * kept for step, units in pace.wanted.items() if units > _FADED * seen}
    steps = np.floor(_STEPS * np.log2(np.clip(demand.gain, _LEAST, _MOST))).astype(np.int64)
    for step, units in zip(steps.tolist(), demand.units.tolist(), strict=True):
        wanted[step] = wanted.get(step, 0.0) + units
    share = demand.n / seen
    extra = (1.0 - share) * pace.extra + (demand.use - demand.sold) / seen
    return replace(pace, seen=seen, wanted=wanted, extra=extra)


def priced(pace: Pace, left: float, coming: float) -> Pace:
    """The pace with the price at which `left` units last for `coming` decisions; 0 if they do anyway."""
    most = max(0.0, left / max(coming, 1.0) - pace.extra) * pace.seen
    for step in sorted(pace.wanted, reverse=True):
        units = pace.wanted[step]
        if units > most:
            return replace(pace, price=2.0 ** ((step + 1 - most / units) / _STEPS))
        most -= units
    return replace(pace, price=0.0)
