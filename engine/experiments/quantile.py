"""Quantiles: the level that a share of the units stays below, with an interval from order statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from engine.experiments.sample import Moments
from policies.base import Floats

_Z = float(norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of n values with its 95 % limits."""

    n: int
    value: float
    low: float
    high: float


def quantile(value: Floats, q: float) -> Quantile:
    """The q-quantile of values of shape (n,), with the order statistics around it as limits.

    Source: Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics", section 4.
    """
    ordered = np.sort(value)
    n = len(ordered)
    reach = _Z * math.sqrt(q * (1 - q) / n)
    at = [min(max(math.ceil(n * share) - 1, 0), n - 1) for share in (q, q - reach, q + reach)]
    return Quantile(n, *(float(ordered[i]) for i in at))


def moments(quantile: Quantile) -> Moments:
    """A quantile as a mean of n units of the same precision, so that `welch` and `relative` read it."""
    error = (quantile.high - quantile.low) / (2 * _Z)
    return Moments(quantile.n, quantile.value, (quantile.n - 1) * error**2)
