"""A cluster bootstrap by hashed buckets."""

from __future__ import annotations

import numpy as np

from policies.base import Floats
from simulator.interval.base import Evidence, Interval, spread

BUCKETS = 1024


def bootstrap(
    evidence: Evidence, rng: np.random.Generator, level: float = 0.95, resamples: int = 1000
) -> Interval:
    """Percentile limits from resampled buckets of units.

    Units are dealt into at most 1,024 buckets, and buckets are resampled, so the work after one pass over the
    rows does not depend on their number. Covers too seldom where few rows carry the reward.

    Source: Efron (1979), "Bootstrap Methods: Another Look at the Jackknife"; Chamandy, Muralidharan, Najmi
        and Naidu (2012), "Estimating Uncertainty for Massive Data Streams" (resampling by shards).
    """
    found = spread(evidence)
    sums, sizes = _buckets(evidence, rng)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples).astype(np.float64)
    mean = (drawn @ sums) / (drawn @ sizes)
    low, high = np.quantile(mean, [(1 - level) / 2, (1 + level) / 2])
    return Interval(found.value, float(low), float(high), float(mean.std(ddof=1)))


def _buckets(evidence: Evidence, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Sum of the terms and number of rows of each bucket that is not empty."""
    n = len(evidence)
    unit = np.arange(n) if evidence.cluster is None else evidence.cluster
    bucket = rng.integers(BUCKETS, size=int(unit.max()) + 1)[unit]
    sizes = np.bincount(bucket, minlength=BUCKETS)
    sums = np.bincount(bucket, evidence.term, BUCKETS)
    return sums[sizes > 0].astype(np.float64), sizes[sizes > 0].astype(np.float64)
