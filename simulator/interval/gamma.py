"""The default: a shifted gamma interval that reckons with rewards the log may just have missed.

A sum of weighted rare rewards is a compound Poisson sum. Fay and Feuer invert it with a gamma
distribution, and for the upper limit add one event of the largest weight, since the log may just have
missed it. Four changes carry that to any estimator and any reward:

1. The gamma is shifted: it has the terms' own mean, variance, and twice their third central moment. Twice,
   because the variance grows with the mean; to second order this is Hall's skewness correction of
   Student's interval, and with many rows of ordinary rewards it is Student's interval.
2. What carries the variance are the jumps, gain times surprise, of a few rows. A log in which the heavy rows
   happened to earn nothing has a low value and, since the same jumps are missing there, far too small a
   variance. But all its gains are known, and all its surprises. Were they unrelated, the moments of jumps
   would be products of moments over the whole log, which hardly vary. Towards the limit's own side, second
   and third moment are therefore drawn to these products, which count as much as `TRUST` rows that jumped:
   much where few rows bear the result, nothing where many do.
3. One more jump is added, upwards for the upper and downwards for the lower limit: all of it to the variance;
   to the mean all where jumps are alike (Garwood's limit of a count, which Fay and Feuer's is then), and
   nearly half where they are of all sizes (Lancaster's mid-P, since their sum has no steps then). Its gain
   is the mean of gains in proportion to themselves, its surprise of surprises in proportion to their
   square, for the largest ones are unseen.
4. Where many rows jump to both sides, little but the sample's own variance stands behind the limits. With
   gains of all sizes it is then told `CAUTION` larger, which lifts coverage by half a point from just below
   the level to just above it; where gains are alike, not at all.

Source: Fay and Feuer (1997), "Confidence intervals for directly standardized rates: a method based on the
gamma distribution"; Garwood (1936), "Fiducial limits for the Poisson distribution"; Lancaster (1961),
"Significance tests in discrete distributions"; Hall (1992), "On the removal of skewness by transformation".
The combination is ours: `benchmarks/coverage.py` measures what it covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtri

from policies.base import Floats
from simulator.interval.base import Evidence, Interval, Spread, spread

TRUST = 48.0  # how many rows that jumped the products of moments count as
LEAST = 0.05  # of the variance seen, what is left of it at least
CAUTION = 0.08  # of the variance, added where rows that jump are many and gains of all sizes
_NORMAL = 1e-3  # below this skewness the gamma is a normal with Cornish and Fisher's first correction


@dataclass(frozen=True, slots=True)
class Jumps:
    """Jumps to one side, as parts of the estimate.

    Attributes:
        second, third: what is added to these moments when they are drawn to the products.
        missed: size of a jump that the log may have missed.
        share: of it, in the mean: 1 where gains are alike, nearly 1/2 where they are of all sizes.
        count: effective number of rows that jumped.
    """

    second: float
    third: float
    missed: float
    share: float
    count: float


def gamma(evidence: Evidence, level: float = 0.95) -> Interval:
    """Limits that hold on rare and heavy-tailed rewards, and are the usual ones on ordinary rewards."""
    found = spread(evidence)
    below, above = jumps(evidence, found)
    tail = (1 - level) / 2
    few = min(below.count, above.count)
    low = _limit(found, -1.0, below, few, tail)
    high = _limit(found, 1.0, above, few, 1 - tail)
    return Interval(found.value, min(low, found.value), max(high, found.value), math.sqrt(found.variance))


def jumps(evidence: Evidence, found: Spread) -> tuple[Jumps, Jumps]:
    """Jumps below and above the mean.

    A row goes up by a gain above 0 and a surprise above 0, or both below. Rewards that move together
    within a cluster make jumps larger by the design effect.
    """
    gain, surprise = evidence.gain, evidence.surprise
    more, less, good, bad = (_powers(x) for x in (gain, -gain, surprise, -surprise))
    size, product = _design_effect(evidence, found) / found.rows, gain * surprise
    below = _side(_powers(-product), ((more, bad), (less, good)), size, found.rows)
    above = _side(_powers(product), ((more, good), (less, bad)), size, found.rows)
    return below, above


def _side(seen: Floats, pairs: Sequence[tuple[Floats, Floats]], size: float, rows: int) -> Jumps:
    """Jumps to one side.

    Args:
        seen: (3,) sums of the first three powers of those seen.
        pairs: the same of the gains and of the surprises that lead to this side.
        size: of a jump in the estimate, for each unit of gain times surprise.
        rows: of the log.
    """
    missed = size * max(_over(gain[1], gain[0]) * _over(it[2], it[1]) for gain, it in pairs)
    alike = max(_over(gain[1] ** 2, gain[0] * gain[2]) for gain, _ in pairs)
    share = (1.0 + alike**2) / 2
    if seen[1] <= 0.0:
        return Jumps(0.0, 0.0, missed, share, 0.0)
    product = np.sum([gain * it for gain, it in pairs], axis=0)
    count = float(seen[0] ** 2 / seen[1]) / (size * rows)
    second, third = TRUST / (TRUST + count) * (seen[0] * product / product[0] - seen)[1:]
    return Jumps(float(second) * size / rows, float(third) * size**2 / rows, missed, share, count)


def _powers(x: Floats) -> Floats:
    """(3,) sums of the first three powers of what is above 0."""
    x = np.maximum(x, 0.0)
    square = x * x
    return np.array([x.sum(), square.sum(), square @ x])


def _over(one: float, other: float) -> float:
    return float(one / other) if other > 0 else 0.0


def _design_effect(evidence: Evidence, found: Spread) -> float:
    """How much larger the variance is than that of independent rows, at least 1."""
    rows = float(np.var(evidence.term)) / len(evidence)
    if evidence.cluster is None or rows == 0.0:
        return 1.0
    return max(found.variance * (found.units - 1) / found.units / rows, 1.0)


def _limit(found: Spread, sign: float, jumps: Jumps, few: float, p: float) -> float:
    """Quantile p of the shifted gamma, with the jumps on the side of `sign`; `few` jumped to either side."""
    mean = found.value + sign * jumps.share * jumps.missed
    caution = 1 + CAUTION * few / (TRUST + few) * 2 * (1 - jumps.share)
    seen = max(found.variance * caution + jumps.second, LEAST * found.variance)
    return quantile(mean, seen + jumps.missed**2, 2 * (found.third + sign * jumps.third), p)


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
