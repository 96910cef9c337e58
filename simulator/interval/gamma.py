"""The default: a shifted gamma interval with one event in hand.

A sum of weighted rare rewards is a compound Poisson sum. Fay and Feuer invert it with a gamma
distribution, and for the upper limit add one event of the largest weight, since the log may just have
missed it. Three changes carry that to any estimator and any reward:

1. The gamma is shifted: it has the terms' own mean, variance, and twice their third central moment. Twice,
   because the variance grows with the mean; to second order this is Hall's skewness correction of
   Student's interval, and with many rows of ordinary rewards it is Student's interval.
2. The event that may have been missed is looked for in the whole log: rows on which the target puts little
   weight still say how large a reward can be. Its gain is drawn in proportion to the gains, for all of them
   are known; its surprise in proportion to the square of the surprises, for the largest ones are unseen.
3. It is added to mean and variance, upwards for the upper and downwards for the lower limit. In the variance
   it counts 1.25 times: the least with which rewards of 5 % keep their coverage on 1,000 rows.

With one reward in a hundred rows or less, the upper limit then exceeds Student's by what honesty costs; on
Hillstrom's visits the two intervals differ by less than 1 % of their width.

Source: Fay and Feuer (1997), "Confidence intervals for directly standardized rates: a method based on the
gamma distribution"; Hall (1992), "On the removal of skewness by transformation". The combination is ours:
`benchmarks/coverage.py` measures what it covers.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaincinv, ndtri

from policies.base import Floats
from simulator.interval.base import Evidence, Interval, Spread, spread

SPARE = 1.25  # how often the event counts in the variance
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
    """First two moments (2,) of an event the log may have missed, above and below the mean.

    An event goes up by a gain above 0 and a surprise above 0, or both below. Rewards that move together
    within a cluster make it larger by the design effect.
    """
    up, down = _moments(evidence.gain, 1), _moments(-evidence.gain, 1)
    more, less = _moments(evidence.surprise, 2), _moments(-evidence.surprise, 2)
    size = _design_effect(evidence, found) ** np.arange(1, 3)
    return np.maximum(up * more, down * less) * size, np.maximum(up * less, down * more) * size


def _design_effect(evidence: Evidence, found: Spread) -> float:
    """How much larger the variance is than that of independent rows, at least 1."""
    rows = float(np.var(evidence.term)) / len(evidence)
    if evidence.cluster is None or rows == 0.0:
        return 1.0
    return max(found.variance * (found.units - 1) / found.units / rows, 1.0)


def _moments(x: Floats, power: int) -> Floats:
    """(2,) mean and mean square of the positive part of x, drawn by its `power`; 0 without any."""
    x = np.maximum(x, 0.0)
    square = x * x
    sums = [float(x.sum()), float(x @ x), float(square @ x), float(square @ square)]
    total, first, second = sums[power - 1 : power + 2]
    return np.array([first, second]) / total if total > 0 else np.zeros(2)


def _limit(found: Spread, sign: float, event: Floats, p: float) -> float:
    """Quantile p of the shifted gamma, with the event added on the side of `sign`."""
    mean = found.value + sign * float(event[0]) / found.rows
    return quantile(mean, found.variance + SPARE * float(event[1]) / found.rows**2, 2 * found.third, p)


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
