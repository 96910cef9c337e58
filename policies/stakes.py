"""What is at stake: how many rows speak, how widely rewards spread, how far the predictions are apart.

Exploration is measured against these, so that no setting of it has a unit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from policies import rowwise
from policies.base import Floats, Mask


def totals(sums: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """Rows learnt, and their squared deviations from the mean as if one more row of 0 had been seen.

    Args:
        sums: rows, sum of rewards and sum of squared rewards of every action, always in the same order.
    """
    n, total, square = map(sum, zip(*sums, (0.0, 0.0, 0.0), strict=True))
    return n, max(square - total * total / (n + 1.0), 0.0)


def stakes(mask: Mask, prior: Floats, trust: float, n: float, about: float) -> tuple[Floats, Floats, Floats]:
    """Rows of evidence, spread of the reward, and half the range of the predictions, each (n,).

    Args:
        mask: (n, k) feasible actions.
        prior: (n, k) predicted rewards.
        trust: how many rows predictions count as where they differ, in rows of context they speak of.
        n: rows learnt.
        about: their squared deviations.
    """
    half = np.empty(len(mask))
    rowwise.half_ranges(np.ascontiguousarray(mask), np.ascontiguousarray(prior, dtype=np.float64), half)
    worth = np.where(half > 0.0, trust, 0.0)
    rows = n + worth
    return rows, np.sqrt((about + worth * half * half) / np.maximum(rows, 1.0)), half
