"""The customers a plan is reckoned on: all of them, or a simple random sample that is the same every time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from itertools import count

from engine.assign import unit_hash

SALT = "plan"


@dataclass(frozen=True, slots=True)
class Sample:
    """`ids` of so many customers, of so many there are."""

    ids: tuple[str, ...]
    population: int

    @property
    def error(self) -> float:
        """How far a share of the sample may be from that of all, 19 times in 20, at the most.

        0 where all are looked at. Simple random sampling without replacement (Cochran, Sampling Techniques,
        1977, eq. 3.8), at a share of one half.
        """
        n, N = len(self.ids), self.population
        return 1.96 * math.sqrt(0.25 / n * (N - n) / (N - 1)) if 0 < n < N else 0.0


def sample(ids: Iterable[str], size: int) -> Sample:
    """Those whose hash is lowest: every set of that size is as likely as any other. A size of 0 takes all."""
    numbers = count()
    met = (one for one, _ in zip(ids, numbers, strict=False))
    if size:
        lowest = nsmallest(size, ((unit_hash(SALT, one), one) for one in met))
        chosen = sorted(one for _, one in lowest)
    else:
        chosen = list(met)
    return Sample(tuple(chosen), next(numbers))
