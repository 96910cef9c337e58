"""Quantiles: the level that a share of the units stays below, with an interval from order statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from engine.experiments.sample import Moments
from policies.base import Floats

_Z = float(norm.ppf(0.975))
_SAMPLED = 10_000  # values that tell where the largest begin


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


def upper(value: pl.Series, q: float) -> float:
    """The smallest value that at least the share q of the n values' gaps lie below: rank ceil(q (n - 1)).

    Found among the largest alone, which a sample tells well enough where q is near 1.
    """
    n = len(value)
    above = n - 1 - math.ceil(q * (n - 1))
    guess = value.gather_every(max(n // _SAMPLED, 1)).quantile(max(2 * q - 1, 0.0), "lower")
    tail = value.filter(value >= guess)
    among = (tail if len(tail) > above else value).to_numpy()
    rank = len(among) - 1 - above
    return float(np.partition(among, rank)[rank])


def moments(quantile: Quantile) -> Moments:
    """A quantile as a mean of n units of the same precision, so that `welch` and `relative` read it."""
    error = (quantile.high - quantile.low) / (2 * _Z)
    return Moments(quantile.n, quantile.value, (quantile.n - 1) * error**2)
