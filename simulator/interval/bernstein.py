"""The empirical Bernstein interval."""

from __future__ import annotations

import math

from simulator.interval.base import Evidence, Interval, spread


def bernstein(evidence: Evidence, width: float, level: float = 0.95) -> Interval:
    """Limits that hold for every n, if every term surely lies in a range of this `width`; wide for that.

    Source: Maurer and Pontil (2009), "Empirical Bernstein Bounds and Sample Variance Penalization",
        theorem 4, both sides; units that are clusters count with their sums.
    """
    found = spread(evidence)
    log = math.log(4 / (1 - level))
    largest = width * found.rows / found.units
    half = math.sqrt(2 * found.variance * log) + 7 * largest * log / (3 * (found.units - 1))
    return Interval(found.value, found.value - half, found.value + half, math.sqrt(found.variance))
