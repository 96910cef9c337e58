"""Planning: the power of a comparison, the smallest effect it would see, and the size it needs.

Source: Cohen (1988), "Statistical power analysis", with the exact noncentral t distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import nct, norm, t


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison of two arms to come.

    Attributes:
        variance: of the metric per unit, in either arm (after covariate adjustment, if any).
        ratio: treatment units per control unit.
        alpha: two-sided (or one-sided) error.
        sides: 2, or 1 for a one-sided test upwards.
    """

    variance: float
    ratio: float = 1.0
    alpha: float = 0.05
    sides: int = 2


def power(plan: Plan, effect: float, total: float) -> float:
    """Chance that the comparison of `total` units in both arms finds `effect`."""
    control = total / (1 + plan.ratio)
    df = max(total - 2, 1e-3)
    shift = effect / math.sqrt(plan.variance / control + plan.variance / (control * plan.ratio))
    edge = float(t.ppf(1 - plan.alpha / plan.sides, df))
    found = _above(edge, df, shift)
    return found if plan.sides == 1 else found + _above(edge, df, -shift)


def _above(edge: float, df: float, shift: float) -> float:
    """Chance of a noncentral t above `edge`; normal where scipy's series fails, which takes many units."""
    found = float(nct.sf(edge, df, shift))
    return float(norm.sf(edge - shift)) if math.isnan(found) else found


def detectable(plan: Plan, total: float, power_wanted: float = 0.8) -> float:
    """The smallest effect that `total` units find with the wanted power."""
    unit = math.sqrt(plan.variance * (1 + plan.ratio) ** 2 / (plan.ratio * total))
    high = unit
    while power(plan, high, total) < power_wanted:
        high *= 2
    return float(
        brentq(lambda effect: power(plan, effect, total) - power_wanted, 0.0, high, xtol=1e-14 * unit)
    )


def size(plan: Plan, effect: float, power_wanted: float = 0.8) -> int:
    """Total units of both arms that find `effect` with the wanted power; 4, two in each, at the least."""
    least, high = 4.0, 8.0
    if power(plan, effect, least) >= power_wanted:
        return int(least)
    while power(plan, effect, high) < power_wanted:
        high *= 2
    root = brentq(lambda total: power(plan, effect, total) - power_wanted, least, high, xtol=1e-6)
    return math.ceil(float(root))
