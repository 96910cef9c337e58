"""What is at stake: how many rows speak, how widely rewards spread, how far the predictions are apart.

Exploration is measured against these, so that no setting of it has a unit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from policies.base import Floats, Mask
from policies.kernel import kernel


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
    rows, spread, half = np.empty(len(mask)), np.empty(len(mask)), np.empty(len(mask))
    _stakes(
        np.ascontiguousarray(mask),
        np.ascontiguousarray(prior, dtype=np.float64),
        trust,
        n,
        about,
        rows,
        spread,
        half,
    )
    return rows, spread, half


@kernel("void(b1[:,::1], f8[:,::1], f8, f8, f8, f8[::1], f8[::1], f8[::1])", writes=3)
def _stakes(
    mask: Mask,
    prior: Floats,
    trust: float,
    learnt: float,
    about: float,
    rows: Floats,
    spread: Floats,
    half: Floats,
) -> None:
    n, k = mask.shape
    above, below = np.empty(k), np.empty(k)
    for i in range(n):
        for j in range(k):
            above[j] = prior[i, j] if mask[i, j] else -np.inf
            below[j] = prior[i, j] if mask[i, j] else np.inf
        high, low = -np.inf, np.inf
        for j in range(k):
            high = above[j] if above[j] > high else high
            low = below[j] if below[j] < low else low
        half[i] = (high - low) / 2.0
        worth = trust if half[i] > 0.0 else 0.0
        rows[i] = learnt + worth
        spread[i] = np.sqrt((about + worth * half[i] * half[i]) / max(rows[i], 1.0))
