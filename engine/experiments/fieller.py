"""Interval for a ratio of two effects, such as extra revenue per extra cost; it may be unbounded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import norm


@dataclass(frozen=True, slots=True)
class RatioInterval:
    """A ratio and its limits; `low` and `high` are None where the interval has no finite limits."""

    value: float
    low: float | None
    high: float | None


def ratio(
    above: float, below: float, variance: tuple[float, float, float], level: float = 0.95
) -> RatioInterval | None:
    """Ratio ``above / below`` of two correlated estimates; None if `below` is 0.

    Source: Fieller (1954), "Some problems in interval estimation", JRSS B 16.

    Args:
        above, below: the estimates.
        variance: of `above`, of `below`, and their covariance.
        level: of confidence.
    """
    if below == 0:
        return None
    z = float(norm.ppf((1 + level) / 2)) ** 2
    square = below**2 - z * variance[1]
    middle = above * below - z * variance[2]
    inside = middle**2 - square * (above**2 - z * variance[0])
    if square <= 0 or inside < 0:
        return RatioInterval(above / below, None, None)
    reach = math.sqrt(inside)
    return RatioInterval(above / below, (middle - reach) / square, (middle + reach) / square)
