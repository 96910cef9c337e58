"""The default: a shifted gamma interval with half an event in hand.

A sum of weighted rare rewards is a compound Poisson sum. Fay and Feuer invert it with a gamma
distribution, and for the upper limit add one event of the largest weight, since the log may just have
missed it. Three changes carry that to any estimator:

1. The gamma is shifted: it has the terms' own mean, variance, and twice their third central moment. Twice,
   because the variance grows with the mean; to second order this is Hall's skewness correction of
   Student's interval, and with many rows of ordinary rewards it is Student's interval.
2. The event missed is not the largest but one drawn in proportion to its weight, and its surprise in
   proportion to its size, from the whole log: rows on which the target puts little weight still say how
   large a reward can be.
3. Half an event is added, on each side (Jeffreys), in place of a whole one: coverage on average and not at
   worst.

Source: Fay and Feuer (1997), "Confidence intervals for directly standardized rates: a method based on the
gamma distribution"; Hall (1992), "On the removal of skewness by transformation"; Brown, Cai and DasGupta
(2003), "Interval estimation in exponential families" (Jeffreys). The combination is ours:
`benchmarks/coverage.py` measures what it covers.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaincinv, ndtri

from policies.base import Floats
from simulator.interval.base import Evidence, Interval, Spread, spread

EVENT = 0.5  # events added on each side
_NORMAL = 1e-3  # below this skewness the gamma is a normal with Cornish and Fisher's first correction


def gamma(evidence: Evidence, level: float = 0.95) -> Interval:
    """Limits that hold on rare and heavy-tailed rewards, and are the usual ones on ordinary rewards."""
    found = spread(evidence)
    above, below = unseen(evidence, found)
    tail = (1 - level) / 2
    low = _limit(found, -1.0, below, tail)
    high = _limit(found, 1.0, above, 1 - tail)
    return Interval(found.value, min(low, found.value), max(high, found.value), math.sqrt(found.variance))


def unseen(evidence: Evidence, found: Spread) -> tuple[Floats, Floats]:
    """First three moments (3,) of an event the log may have missed, above and below the mean, in units of
    a term.

    An event goes up by a gain above 0 and a surprise above 0, or both below. Rewards that move together
    within a cluster make it larger by the design effect.
    """
    up, down = _moments(evidence.gain), _moments(-evidence.gain)
    more, less = _moments(evidence.surprise), _moments(-evidence.surprise)
    rows = float(np.var(evidence.term)) / len(evidence)
    effect = max(found.variance / rows, 1.0) if evidence.cluster is not None and rows > 0 else 1.0
    size = effect ** np.arange(1, 4)
    return np.maximum(up * more, down * less) * size, np.maximum(up * less, down * more) * size


def _moments(x: Floats) -> Floats:
    """(3,) raw moments of the positive part of x under draws in proportion to x; 0 if there is none."""
    x = np.maximum(x, 0.0)
    total = float(x.sum())
    if total == 0.0:
        return np.zeros(3)
    square = x * x
    return np.array([x @ x, square @ x, square @ square]) / total


def _limit(found: Spread, sign: float, event: Floats, p: float) -> float:
    """Quantile p of the shifted gamma, with the event added on the side of `sign`."""
    n = found.rows
    first, second, third = (EVENT * float(moment) / n**j for j, moment in enumerate(event, start=1))
    mean = found.value + sign * first
    return quantile(mean, found.variance + second, 2 * (found.third + sign * third), p)


def quantile(mean: float, variance: float, third: float, p: float) -> float:
    """Quantile p of the shifted gamma distribution with these central moments (Pearson's type III)."""
    if variance <= 0.0:
        return mean
    sd = math.sqrt(variance)
    skew = third / sd**3
    if abs(skew) < _NORMAL:
        z = float(ndtri(p))
        return mean + sd * (z + skew * (z * z - 1) / 6)
    shape = 4 / skew**2
    standard = (float(gammaincinv(shape, p if skew > 0 else 1 - p)) - shape) / math.sqrt(shape)
    return mean + math.copysign(sd, skew) * standard
