"""How the scores of one model version spread: counts on a fixed grid, which add up whatever the order.

A version may arrive in many pieces. Counts on buckets of equal relative width merge exactly and give every
quantile to 0.1 % of its size, as in Masson, Rim & Lee (2019), "DDSketch: a fast and fully-mergeable quantile
sketch with relative-error guarantees", PVLDB 12(12). Mean and squares merge as in Chan, Golub & LeVeque
(1979), "Updating formulae and a pairwise algorithm for computing sample variances".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.base import Floats, Ints

SMALLEST = 1e-9  # what is nearer to 0 is 0
_STEP = math.log(1.002)
_FIRST = math.ceil(math.log(SMALLEST) / _STEP)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Distribution:
    """n scores.

    Attributes:
        mean: their mean, exact.
        squares: sum of squared deviations from it.
        least, most: the extremes, exact.
        counts: scores by bucket, see `bucket`; {} where only the moments are known.
    """

    n: int
    mean: float
    squares: float
    least: float
    most: float
    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def sd(self) -> float | None:
        """Standard deviation, None of a single score."""
        return math.sqrt(max(self.squares, 0.0) / (self.n - 1)) if self.n > 1 else None

    @property
    def whole(self) -> bool:
        """Whether every score stands in `counts`."""
        return sum(self.counts.values()) == self.n


def distribution(scores: Sequence[float]) -> Distribution:
    """The distribution of n >= 1 finite scores."""
    score = np.asarray(scores, dtype=np.float64)
    mean = float(score.mean())
    keys, counts = np.unique(bucket(score), return_counts=True)
    return Distribution(
        len(score),
        mean,
        float(((score - mean) ** 2).sum()),
        float(score.min()),
        float(score.max()),
        dict(zip(keys.tolist(), counts.tolist(), strict=True)),
    )


def bucket(score: Floats) -> Ints:
    """(n,) bucket of each score: whole numbers that grow with the score, 0 for what is as good as 0."""
    size = np.abs(score)
    far = np.ceil(np.log(np.maximum(size, SMALLEST)) / _STEP).astype(np.int64) - _FIRST + 1
    return np.where(size < SMALLEST, 0, np.sign(score).astype(np.int64) * far)


def merged(one: Distribution, other: Distribution) -> Distribution:
    """The distribution of the scores of both."""
    n, apart = one.n + other.n, other.mean - one.mean
    counts = dict(one.counts)
    for key, count in other.counts.items():
        counts[key] = counts.get(key, 0) + count
    return Distribution(
        n,
        one.mean + apart * other.n / n,
        one.squares + other.squares + apart * apart * one.n * other.n / n,
        min(one.least, other.least),
        max(one.most, other.most),
        counts,
    )


def quantile(found: Distribution, share: float) -> float | None:
    """The score below which that share lies, to 0.1 % of its size; None where no counts are kept."""
    if not found.whole:
        return None
    return min(max(_middle(quantile_bucket(found, share)), found.least), found.most)


def quantile_bucket(found: Distribution, share: float) -> int:
    """The bucket of the smallest score that at least that share of the scores does not exceed."""
    passed, wanted = 0, max(1, math.ceil(share * found.n - 1e-9))
    for key in sorted(found.counts):
        passed += found.counts[key]
        if passed >= wanted:
            return key
    raise AssertionError("the counts of a whole distribution reach n")


def _middle(key: int) -> float:
    """The middle of a bucket, in relative terms."""
    if key == 0:
        return 0.0
    return math.copysign(math.exp((abs(key) + _FIRST - 1 - 0.5) * _STEP), key)
