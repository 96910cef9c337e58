"""What an interval is made from, and what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from policies.base import Floats, Ints
from simulator.exact import total


@dataclass(frozen=True, slots=True)
class Interval:
    """A value, its standard error and the limits between which it lies."""

    value: float
    low: float
    high: float
    se: float


def within(interval: Interval, least: float, most: float) -> Interval:
    """The interval cut to what a mean reward can be; it still holds its value, were that outside."""
    low = max(interval.low, min(least, interval.value))
    high = min(interval.high, max(most, interval.value))
    return Interval(interval.value, low, high, interval.se)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows behind one estimate or one difference of two.

    Attributes:
        term: (n,) per-row terms; their mean is the estimate.
        gain: (n,) how strongly the row's reward enters its term: the weight; negative in a difference.
        surprise: (n,) reward less its prediction.
        cluster: (n,) dense codes of the units that are independent, or None if rows are.
    """

    term: Floats
    gain: Floats
    surprise: Floats
    cluster: Ints | None = None

    def __len__(self) -> int:
        return len(self.term)


@dataclass(frozen=True, slots=True)
class Spread:
    """The estimate over n rows of `units` independent units, with variance and third central moment of its
    error.
    """

    value: float
    variance: float
    third: float
    units: int
    rows: int


def spread(evidence: Evidence) -> Spread:
    """Moments of the mean of the terms, by unit.

    The third moment is the sample's own; few units make it noisy, never biased by more than O(1/units).
    """
    n = len(evidence)
    value = total(evidence.term) / n
    part: Floats = evidence.term - value
    if evidence.cluster is not None:
        part = np.bincount(evidence.cluster, weights=part).astype(np.float64)
    units = len(part)
    correction = units / (units - 1) if units > 1 else math.nan
    return Spread(value, float(part @ part) / n**2 * correction, float((part * part) @ part) / n**3, units, n)
