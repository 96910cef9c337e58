"""Student's interval."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from simulator.interval.base import Evidence, Interval, spread


def student(evidence: Evidence, level: float = 0.95) -> Interval:
    """Value +- t * standard error, with one degree of freedom less than there are units.

    Right for many rows of ordinary rewards; covers too seldom where few rows carry the reward.

    Source: Student (1908), "The Probable Error of a Mean", with the delta method for ratios and Liang and
        Zeger (1986) for clusters.
    """
    found = spread(evidence)
    se = math.sqrt(found.variance)
    half = float(stdtrit(found.units - 1, (1 + level) / 2)) * se
    return Interval(found.value, found.value - half, found.value + half, se)
